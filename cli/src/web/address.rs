//! How keys stand in addresses: `/key/<database>/<name>`.
//!
//! A name may be any bytes. What is no letter, digit, `-` or `_` is percent-encoded, so that a slash is no border between parts. Three kinds
//! of names would not arrive: browsers take `.` and `..` for steps, encoded or not, an empty part is none, and a very long address is
//! refused on its way. So the first three have a `~` before them, which no encoded name begins with, and of a long name the address
//! has a digest.

use super::trouble::Trouble;
use super::visit::Visit;
use super::App;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::{percent_decode_str, percent_encode, AsciiSet, NON_ALPHANUMERIC};
use sha2::{Digest, Sha256};

/// What is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// A name of which the address would be longer has its digest there. Proxies take some thousand bytes.
const LONGEST: usize = 2000;

/// What the digest of a long name has before it.
const DIGEST: &str = "~sha256-";

/// The part of an address that a name is.
pub fn part(name: &[u8]) -> String {
    match name {
        b"" | b"." | b".." => return format!("~{}", String::from_utf8_lossy(name)),
        _ => {}
    }
    let part = percent_encode(name, ENCODED).to_string();
    if part.len() <= LONGEST {
        return part;
    }
    let digest = Sha256::digest(name);
    digest.iter().fold(DIGEST.to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// The address of a key, without the base path. Pages below it go on with `/…`.
pub fn key(db: u32, name: &[u8]) -> String {
    format!("/key/{db}/{}", part(name))
}

/// The key that an address names: an argument of the handler of a route that begins with `/key/{db}/{name}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAt {
    pub db: u32,
    pub name: Vec<u8>,
}

impl KeyAt {
    /// The part of the address of a page that is so many parts behind the name. (axum's own `Path` takes a name that is text only.)
    pub fn behind(visit: &Visit, place: usize) -> &str {
        visit.path.split('/').nth(4 + place).unwrap_or_default()
    }

    /// Its address, without the base path.
    pub fn address(&self) -> String {
        key(self.db, &self.name)
    }
}

impl FromRequestParts<App> for KeyAt {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Trouble> {
        // axum's own Path takes text only.
        let path = parts.extensions.get::<Visit>().map_or("", |visit| &visit.path);
        let mut own = path.split('/').skip(2);
        let (db, part) = (own.next().unwrap_or_default(), own.next().unwrap_or_default());
        let db = db.parse().map_err(|_| Trouble::no_page())?;
        if part.starts_with(DIGEST) {
            let of_picture = app.watch.now();
            let is_it = |name: &[u8]| name.len() > LONGEST / 3 && super::address::part(name) == part;
            let found = of_picture.rows.iter().find(|row| row.id.db == db && is_it(&row.id.key.0));
            let name = found.map(|row| row.id.key.0.clone());
            return name.map(|name| Self { db, name }).ok_or_else(Trouble::no_key);
        }
        let name = match part.strip_prefix('~') {
            Some(rest) => rest.as_bytes().to_vec(),
            None => percent_decode_str(part).collect(),
        };
        Ok(Self { db, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_an_address() {
        let names: [&[u8]; 8] = [b"mails", b"a/b?c#d", b"\xff\0", b"", b".", b"..", b"~x", "B\u{fc}cher".as_bytes()];
        let parts = ["mails", "a%2Fb%3Fc%23d", "%FF%00", "~", "~.", "~..", "%7Ex", "B%C3%BCcher"];
        assert_eq!(names.map(part), parts);
    }

    #[test]
    fn a_long_name_has_a_short_address() {
        let long = part(&[b'x'; 65536]);
        assert!(long.starts_with(DIGEST) && long.len() < 100, "{long}");
        assert_ne!(long, part(&[b'x'; 65535]));
    }
}
