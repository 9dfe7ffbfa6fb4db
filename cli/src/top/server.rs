//! What the view asks, as commands to the servers.

use super::rows::Spot;
use super::talk::{Answer, Ask, Deed, Fate, Filter, Page, Reason, State};
use crate::bytes::Bytes;
use crate::entries::{page_of, Entry};
use crate::keys::Known;
use crate::pattern::{matches, sought};
use crate::table;
use crate::with_key;
use crate::{dead, info, options};
use std::collections::HashMap;
use tsgen_client::{DeadLetter, Figure};

/// So many entries are a page.
const PAGE: usize = 100;

/// With a filter at most so many are looked at for a page.
const LOOKED: usize = 20_000;

/// And so many bytes of contents are kept.
const KEPT: i64 = 8 << 20;

/// Answers what has an answer of its own. `known` is where the key of the question is.
pub async fn answer(known: &Known, ask: &Ask) -> anyhow::Result<Answer> {
    match ask {
        Ask::Page { state, after, filter, .. } => page(known, *state, after, filter).await.map(Answer::Page),
        Ask::Reasons(_) => reasons(known).await.map(Answer::Reasons),
        Ask::Gather { fate, filter, .. } => gather(known, *fate, filter).await.map(Answer::Gathered),
        Ask::Do(_, deed) => act(known, deed).await.map(Answer::Done),
        Ask::Info(_) | Ask::Quit | Ask::Look => overview(known).await.map(Answer::Info),
    }
}

/// The key of a question.
pub fn spot(ask: &Ask) -> Option<&Spot> {
    match ask {
        Ask::Info(spot) | Ask::Page { spot, .. } | Ask::Reasons(spot) | Ask::Gather { spot, .. } | Ask::Do(spot, _) => {
            Some(spot)
        }
        Ask::Quit | Ask::Look => None,
    }
}

async fn overview(known: &Known) -> anyhow::Result<Vec<(String, String)>> {
    let told = known.info().await?;
    let mut rows: Vec<(String, String)> =
        told.figures.iter().map(|(name, figure)| (name.clone(), info::shown(name, figure))).collect();
    if told.gate == "sources" {
        let sources = known.tsgen.elements(known.name.clone()).sources().await?;
        rows.extend(sources.iter().map(|source| {
            let silent =
                source.reported_at.map_or("never".to_owned(), |at| format!("{} ago", table::length(table::now() - at)));
            let at = source.timestamp.map_or("-".to_owned(), |timestamp| timestamp.to_string());
            (format!("source {}", Bytes::from(&source.name)), format!("{at}, reported {silent}"))
        }));
    }
    if matches!(told["watermark"], Figure::Nil) && told.gate == "external" {
        rows.push(("note".to_owned(), "no watermark was ever reported: what waits stays".to_owned()));
    }
    Ok(rows)
}

fn is_meant(filter: &Filter, id: &[u8], reason: Option<&[u8]>) -> bool {
    match filter {
        Filter::All => true,
        Filter::Words(words) => {
            let pattern = sought(words);
            matches(&pattern, id) || reason.is_some_and(|reason| matches(&pattern, reason))
        }
        Filter::Reason(own) => reason == Some(own.0.as_slice()),
    }
}

fn is_meant_entry(filter: &Filter, entry: &Entry) -> bool {
    is_meant(filter, &entry.id.0, entry.death.as_ref().map(|death| death.reason.0.as_slice()))
}

/// A page of those that are meant. It may be empty although more follow: only so many are looked at.
async fn page(known: &Known, state: State, after: &str, filter: &Filter) -> anyhow::Result<Page> {
    let size = if *filter == Filter::All { PAGE } else { 1000 };
    let (mut found, mut cursor, mut looked, mut bytes) = (Vec::new(), after.to_owned(), 0, 0);
    loop {
        let (entries, next) = page_of(known, state, size, &cursor).await?;
        looked += entries.len().max(1);
        for entry in entries.into_iter().filter(|entry| is_meant_entry(filter, entry)) {
            bytes += entry.bytes;
            found.push(entry);
        }
        let is_over = next == "0";
        cursor = next;
        if is_over || found.len() >= PAGE || looked >= LOOKED || bytes >= KEPT {
            return Ok(Page { entries: found, next: (!is_over).then_some(cursor) });
        }
    }
}

async fn reasons(known: &Known) -> anyhow::Result<Vec<Reason>> {
    let mut reasons: HashMap<Vec<u8>, (i64, i64)> = HashMap::new();
    dead::all(known, |letter| {
        let (count, last) = reasons.entry(letter.reason.0.clone()).or_insert((0, i64::MIN));
        (*count, *last) = (*count + 1, letter.died_at.max(*last));
        true
    })
    .await?;
    let mut reasons: Vec<Reason> = reasons
        .into_iter()
        .map(|(reason, (count, last_at))| Reason { reason: Bytes(reason), count, last_at })
        .collect();
    reasons.sort_by(|one, other| (other.count, &one.reason).cmp(&(one.count, &other.reason)));
    Ok(reasons)
}

/// The tokens of all that are meant.
async fn gather(known: &Known, fate: Fate, filter: &Filter) -> anyhow::Result<Vec<i64>> {
    let mut tokens = Vec::new();
    match fate {
        Fate::Requeue | Fate::Discard => {
            dead::all(known, |letter: &DeadLetter| {
                if is_meant(filter, &letter.id.0, Some(&letter.reason.0)) {
                    tokens.push(letter.token);
                }
                true
            })
            .await?;
        }
        Fate::Promote => {
            crate::entries::each(known, State::Delayed, 1000, |entry| {
                tokens.extend(entry.token.filter(|_| is_meant_entry(filter, &entry)));
                true
            })
            .await?;
        }
    }
    Ok(tokens)
}

async fn act(known: &Known, deed: &Deed) -> anyhow::Result<i64> {
    match deed {
        Deed::Pause(is_paused) => options::set_paused(known, *is_paused).await.map(|()| 1),
        Deed::Settle(Fate::Requeue, tokens) => dead::apply(known, dead::Fate::Requeue, tokens).await,
        Deed::Settle(Fate::Discard, tokens) => dead::apply(known, dead::Fate::Discard, tokens).await,
        Deed::Settle(Fate::Promote, tokens) => {
            let mut count = 0;
            for tokens in tokens.chunks(10_000) {
                let name = known.name.clone();
                count += with_key!(known.family, known.tsgen, name, key => key.promote(tokens).await)?;
            }
            Ok(count)
        }
    }
}
