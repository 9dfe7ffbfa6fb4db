//! Names and contents are bytes. Here they become text for people and JSON for programs, and come back from that.

use base64::prelude::{Engine, BASE64_STANDARD};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::io::{self, Write};

/// Bytes. As text they show what a terminal would take for a command of its own, and what is not UTF-8, as `\x…`; in JSON they are a
/// string, or `{"base64": "…"}` if they are not UTF-8, and so come back exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

impl<T: AsRef<[u8]>> From<T> for Bytes {
    fn from(bytes: T) -> Self {
        Self(bytes.as_ref().to_vec())
    }
}

/// Whether a terminal shows it as it is. Characters that change the direction of what follows are not.
pub fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\n' => f.write_str("\\n")?,
                    c if is_plain(c) => write!(f, "{c}")?,
                    c => c.encode_utf8(&mut [0; 4]).bytes().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?,
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    base64: String,
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => Encoded { base64: BASE64_STANDARD.encode(&self.0) }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Encoded(Encoded),
        }
        match Either::deserialize(deserializer)? {
            Either::Text(text) => Ok(Self(text.into_bytes())),
            Either::Encoded(encoded) => BASE64_STANDARD.decode(encoded.base64).map(Self).map_err(D::Error::custom),
        }
    }
}

/// Takes JSON, and passes it on with `\u…` for what a terminal would obey or turn around. Such a character can only be in a string, so the
/// document is equal.
pub struct PlainJson<W>(pub W);

impl<W: Write> Write for PlainJson<W> {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        self.write_all(json)?;
        Ok(json.len())
    }

    /// serde_json writes strings in pieces that end between characters.
    fn write_all(&mut self, json: &[u8]) -> io::Result<()> {
        // Nearly always: contents may be large.
        if json.is_ascii() {
            return self.0.write_all(json);
        }
        let Ok(text) = std::str::from_utf8(json) else { return self.0.write_all(json) };
        let mut from = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| !c.is_ascii() && !is_plain(*c)) {
            self.0.write_all(&json[from..at])?;
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(self.0, "\\u{unit:04x}")?;
            }
            from = at + c.len_utf8();
        }
        self.0.write_all(&json[from..])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// At most so many characters of a text, with `…` for the rest.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plain_text_is_shown_by_its_bytes() {
        assert_eq!(Bytes::from("zwei Bücher").to_string(), "zwei Bücher");
        assert_eq!(Bytes::from(b"\x1b[2J\xff\n\0").to_string(), "\\x1b[2J\\xff\\n\\x00");
        assert_eq!(Bytes::from("a\u{202e}b").to_string(), "a\\xe2\\x80\\xaeb");
    }

    #[test]
    fn bytes_come_back_from_json() {
        for (bytes, json) in
            [(&b"two books"[..], r#""two books""#), (b"\xff\0", r#"{"base64":"/wA="}"#), (b"", r#""""#)]
        {
            assert_eq!(serde_json::to_string(&Bytes::from(bytes)).expect("JSON"), json);
            assert_eq!(serde_json::from_str::<Bytes>(json).expect("bytes"), Bytes::from(bytes));
        }
        assert!(serde_json::from_str::<Bytes>(r#"{"base64":"?"}"#).is_err());
    }
}
