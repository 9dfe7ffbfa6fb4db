//! Which entries of a state are on a page: those behind a cursor, or those that match a pattern.

use super::super::trouble::Trouble;
use super::super::visit::Visit;
use crate::args::State;
use crate::bytes::Bytes;
use crate::carried::Carried;
use crate::entries::{page_of, Entry};
use crate::keys::Known;
use crate::pattern::{matches, LOOKED_AT};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};
use wildmatch::WildMatch;

/// Entries on a page. With a pattern there may be up to twice as many.
pub const PAGE: usize = 50;
/// So long it is looked for what matches. Then there is a link to go on from there.
const PATIENCE: Duration = Duration::from_millis(700);

/// The bytes of a pattern at most.
pub const PATTERN: usize = 1000;

/// An entry, and how to find it again.
pub struct Listed {
    pub entry: Entry<Carried>,
    /// The cursor before the page that it was on.
    pub after: String,
}

impl Listed {
    /// The query that finds it again: the page that it was on, and which of it. Ids may be long, and no text, so a digest of them is there.
    pub fn query(&self) -> String {
        let digest = digest(&self.entry.id.0);
        let token = self.entry.token.map_or(String::new(), |token| format!("&token={token}"));
        format!("?after={}&entry={digest}{token}", self.after)
    }
}

pub fn digest(id: &[u8]) -> String {
    Sha256::digest(id).iter().take(8).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// What is looked for.
pub struct Wanted {
    pub state: State,
    /// A cursor; "0": from the beginning.
    pub after: String,
    /// A pattern of ids.
    pub id: Option<WildMatch>,
    /// A pattern of reasons, of dead letters.
    pub reason: Option<WildMatch>,
}

/// What was found.
pub struct Found {
    pub listed: Vec<Listed>,
    /// From where to go on, if there is more.
    pub next: Option<String>,
}

/// A pattern of a query; none if it is empty.
pub fn pattern(text: &str) -> Result<Option<WildMatch>, Trouble> {
    (!text.is_empty()).then(|| bounded(text)).transpose()
}

/// A pattern. What it costs to compare grows with its length times that of the text, so both are bounded.
pub fn bounded(text: &str) -> Result<WildMatch, Trouble> {
    if text.len() > PATTERN {
        return Err(Trouble::wrong(format!("A pattern has at most {PATTERN} bytes.")));
    }
    Ok(WildMatch::new(text))
}

/// A page of entries: up to [`PAGE`], or with a pattern what is found of it in a moment.
pub async fn find(known: &Known, wanted: &Wanted) -> anyhow::Result<Found> {
    let (began, mut after) = (Instant::now(), wanted.after.clone());
    let is_filtered = wanted.id.is_some() || wanted.reason.is_some();
    let mut listed = Vec::new();
    loop {
        let (entries, next) = page_of::<Carried>(known, wanted.state, PAGE, &after).await?;
        for entry in entries {
            let reason = entry.death.as_ref().map(|death| death.reason.0.as_slice()).unwrap_or_default();
            let id = || Bytes::from(&entry.id.0[..entry.id.0.len().min(LOOKED_AT)]).to_string();
            let is_one = wanted.id.as_ref().is_none_or(|pattern| matches(pattern, id().as_bytes()))
                && wanted.reason.as_ref().is_none_or(|pattern| matches(pattern, reason));
            if is_one {
                listed.push(Listed { entry, after: after.clone() });
            }
        }
        if next == "0" {
            return Ok(Found { listed, next: None });
        }
        let has_enough = if is_filtered { listed.len() >= PAGE } else { !listed.is_empty() };
        if has_enough || began.elapsed() > PATIENCE {
            return Ok(Found { listed, next: Some(next) });
        }
        after = next;
    }
}

/// The cursor of a query.
pub fn cursor(visit: &Visit) -> Result<String, Trouble> {
    let after = visit.query.get("after");
    let is_one = after.len() < 100 && after.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'-'));
    match after {
        "" => Ok("0".to_owned()),
        after if is_one => Ok(after.to_owned()),
        _ => Err(Trouble::wrong("after: that is no cursor of a page.")),
    }
}
