//! `tsgen peek` and `tsgen promote`: entries of a state, with their content.

use crate::args::{Common, Listed, Peek, State};
use crate::bytes::{shortened, Bytes, PlainJson};
use crate::carried::{Carried, Kind};
use crate::keys::Known;
use crate::servers::Servers;
use crate::{table, with_key, Outcome};
use anyhow::Context;
use serde::ser::{SerializeSeq, Serializer};
use serde::Serialize;
use serde_json::{json, Map, Value};
use tsgen_client::{Elements, Family, Key, Page, Peeked, Tsgen};
use wildmatch::WildMatch;

/// The server shows no content of more bytes.
pub const LARGEST_SHOWN: i64 = 4 << 20;

/// An entry of any family, with its content as JSON or as it is.
#[derive(Clone, Debug, Serialize)]
pub struct Entry<C = Map<String, Value>> {
    pub token: Option<i64>,
    pub deliveries: i64,
    pub id: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub death: Option<Death>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Of keys whose entries are in groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Bytes>,
    pub bytes: i64,
    /// Nothing if it is too large for the server to show.
    pub content: Option<C>,
    /// When the time to live of a key ran out, and when a window was sealed, in Unix ms: that is told also where the content is not.
    #[serde(skip)]
    pub ended_at: Option<i64>,
}

/// How a dead letter died.
#[derive(Clone, Debug, Serialize)]
pub struct Death {
    pub reason: Bytes,
    pub at_ms: i64,
}

impl<C> Entry<C> {
    /// One of this size that waits behind the gate.
    pub fn waiting(id: Bytes, content: Option<C>, bytes: usize) -> Self {
        Self {
            token: None,
            deliveries: 0,
            id,
            timestamp: None,
            consumer: None,
            until_ms: None,
            death: None,
            held: false,
            group: None,
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            content,
            ended_at: None,
        }
    }
}

impl<C: From<Carried>> Entry<C> {
    fn of<F: Kind>(peeked: &Peeked<F::Content>) -> Self {
        let reason = peeked.reason.as_ref();
        // Of a content that the server leaves out there is nothing to read.
        let is_told = peeked.bytes <= LARGEST_SHOWN;
        let carried = peeked.content.as_ref().ok().map(F::carried);
        let ended_at = match carried {
            Some(Carried::Key { deadline, .. }) => Some(deadline),
            Some(Carried::Sums { sealed_at, .. }) => Some(sealed_at),
            _ => None,
        };
        Self {
            token: peeked.token,
            deliveries: peeked.deliveries,
            id: Bytes::from(&peeked.id),
            timestamp: (F::NAME == Elements::NAME).then_some(peeked.timestamp),
            consumer: peeked.consumer.as_ref().map(Bytes::from),
            until_ms: peeked.until,
            death: reason.map(|reason| Death { reason: reason.into(), at_ms: peeked.died_at.unwrap_or_default() }),
            held: peeked.held,
            group: peeked.group.as_ref().map(Bytes::from),
            bytes: peeked.bytes,
            content: carried.filter(|_| is_told).map(C::from),
            ended_at,
        }
    }
}

impl Entry {
    /// The content as one line.
    fn line(&self) -> String {
        let Some(content) = &self.content else { return format!("({} bytes)", self.bytes) };
        match content.get("payload").or_else(|| content.get("value")) {
            Some(Value::String(text)) => Bytes::from(text).to_string(),
            Some(Value::Null) => "(no value)".to_owned(),
            _ => Value::Object(content.clone()).to_string(),
        }
    }
}

impl From<Listed> for tsgen_client::State {
    fn from(listed: Listed) -> Self {
        match listed {
            Listed::Waiting => Self::Waiting,
            Listed::Ready => Self::Ready,
            Listed::Delayed => Self::Delayed,
            Listed::Leased => Self::Leased,
            Listed::Dead => Self::Dead,
        }
    }
}

impl From<State> for tsgen_client::State {
    fn from(state: State) -> Self {
        match state {
            State::Ready => Self::Ready,
            State::Delayed => Self::Delayed,
            State::Leased => Self::Leased,
            State::Dead => Self::Dead,
        }
    }
}

async fn page<F: Kind, C: From<Carried>>(
    key: Key<F>,
    state: tsgen_client::State,
    count: usize,
    after: &str,
) -> Result<(Vec<Entry<C>>, String), tsgen_client::Error> {
    let page: Page<F::Content> = key.peek(state, count, after).await?;
    Ok((page.entries.iter().map(Entry::of::<F>).collect(), page.cursor))
}

/// A page of at most `size` entries of a state, and the cursor for the next one; "0": there is none. It has at most 4 MiB of content.
pub async fn page_of<C: From<Carried>>(
    known: &Known,
    state: impl Into<tsgen_client::State>,
    size: usize,
    after: &str,
) -> anyhow::Result<(Vec<Entry<C>>, String)> {
    let (tsgen, name): (&Tsgen, _) = (&known.tsgen, known.name.clone());
    let state = state.into();
    with_key!(known.family, tsgen, name, key => page(key, state, size, after).await)
        .with_context(|| known.family.command("PEEK"))
}

/// All entries of a state, a page at a time, until `take` has enough.
pub async fn each(
    known: &Known,
    state: impl Into<tsgen_client::State>,
    size: usize,
    mut take: impl FnMut(Entry) -> bool,
) -> anyhow::Result<()> {
    let state = state.into();
    let mut cursor = "0".to_owned();
    loop {
        let (entries, next) = page_of(known, state, size, &cursor).await?;
        for entry in entries {
            if !take(entry) {
                return Ok(());
            }
        }
        if next == "0" {
            return Ok(());
        }
        cursor = next;
    }
}

/// A row of `peek`.
fn cells(of: Listed, entry: &Entry) -> Vec<String> {
    let time = |ms: Option<i64>| ms.map_or(String::new(), |ms| table::length(ms.saturating_sub(table::now())));
    let state = match (of, &entry.death) {
        (Listed::Waiting, _) => entry.timestamp.map_or(String::new(), |timestamp| timestamp.to_string()),
        (Listed::Ready, _) if entry.held => "held back".to_owned(),
        (Listed::Ready, _) => String::new(),
        (Listed::Delayed, _) => format!("back in {}", time(entry.until_ms)),
        (Listed::Leased, _) => {
            let consumer = entry.consumer.as_ref().map(Bytes::to_string).unwrap_or_default();
            format!("{consumer}, for {}", time(entry.until_ms))
        }
        (Listed::Dead, death) => death.as_ref().map(|death| death.reason.to_string()).unwrap_or_default(),
    };
    let token = entry.token.map_or("-".to_owned(), |token| token.to_string());
    let id = shortened(&entry.id.to_string(), 40);
    let group = entry.group.as_ref().map(|group| shortened(&group.to_string(), 40));
    let last = [shortened(&state, 40), shortened(&entry.line(), 100)];
    [token, entry.deliveries.to_string(), id].into_iter().chain(group).chain(last).collect()
}

pub async fn peek(common: &Common, peek: &Peek) -> anyhow::Result<Outcome> {
    let known = Known::find(&Servers::of(common)?, &peek.key).await?;
    let pattern = peek.id.as_deref().map(WildMatch::new);
    let size = if pattern.is_some() { 1000 } else { peek.count.clamp(1, 1000) };
    // Contents may be large, so none is kept for longer than it takes to show it.
    let (mut left, mut rows, mut failure, mut has_groups) = (peek.count, Vec::new(), None, false);
    let mut serializer = serde_json::Serializer::pretty(PlainJson(std::io::stdout().lock()));
    let mut list = if common.json { Some(serializer.serialize_seq(None)?) } else { None };
    each(&known, peek.state, size, |entry| {
        if left > 0 && pattern.as_ref().is_none_or(|pattern| pattern.matches(&entry.id.to_string())) {
            left -= 1;
            match &mut list {
                Some(list) => failure = list.serialize_element(&entry).err(),
                None => {
                    has_groups = entry.group.is_some();
                    rows.push(cells(peek.state, &entry));
                }
            }
        }
        left > 0 && failure.is_none()
    })
    .await?;
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    if let Some(list) = list {
        list.end()?;
        drop(serializer);
        table::line("")?;
        return Ok(Outcome::Done);
    }
    let state = match peek.state {
        Listed::Waiting => "timestamp",
        Listed::Ready => "",
        Listed::Delayed => "delay",
        Listed::Leased => "held by",
        Listed::Dead => "reason",
    };
    let group = has_groups.then_some("group");
    let titles = ["#token", "#deliveries", "id"].into_iter().chain(group).chain([state, "content"]);
    table::show(&titles.collect::<Vec<_>>(), rows)?;
    Ok(Outcome::Done)
}

pub async fn promote(common: &Common, key: &str, tokens: &[i64]) -> anyhow::Result<Outcome> {
    let known = Known::find(&Servers::of(common)?, key).await?;
    let mut count = 0;
    if tokens.is_empty() {
        loop {
            let name = known.name.clone();
            let done = with_key!(known.family, known.tsgen, name, key => key.promote_all(10_000).await)?;
            count += done;
            if done < 10_000 {
                break;
            }
        }
    } else {
        let name = known.name.clone();
        count = with_key!(known.family, known.tsgen, name, key => key.promote(tokens).await)?;
    }
    told(common, "promoted", count)
}

/// How many were changed.
pub fn told(common: &Common, what: &str, count: i64) -> anyhow::Result<Outcome> {
    if common.json {
        table::json(&json!({ what: count }))?;
    } else {
        table::line(format!("{what} {count}"))?;
    }
    Ok(Outcome::Done)
}
