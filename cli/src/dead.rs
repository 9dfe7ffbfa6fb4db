//! `tsgen dead`, `requeue` and `discard`: what has died, why, and what becomes of it.

use crate::args::{Chosen, Common, Listing};
use crate::bytes::{shortened, Bytes};
use crate::confirm::confirm;
use crate::entries::told;
use crate::keys::Known;
use crate::servers::Servers;
use crate::{table, with_key, Outcome};
use serde::Serialize;
use std::collections::HashMap;
use tsgen_client::DeadLetter;
use wildmatch::WildMatch;

/// So many are settled by one command.
pub const PAGE: usize = 10_000;
/// So many are listed by one: each may have 128 KiB of id and reason.
const LISTED: usize = 1000;

/// What becomes of dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Requeue,
    Discard,
}

#[derive(Serialize)]
struct Letter {
    token: i64,
    deliveries: i64,
    id: Bytes,
    died_at_ms: i64,
    reason: Bytes,
}

impl Letter {
    fn of(letter: &DeadLetter) -> Self {
        Self {
            token: letter.token,
            deliveries: letter.deliveries,
            id: Bytes::from(&letter.id),
            died_at_ms: letter.died_at,
            reason: Bytes::from(&letter.reason),
        }
    }
}

/// Each dead letter whose reason matches, by token, until `take` has enough.
async fn each(known: &Known, reason: Option<&str>, mut take: impl FnMut(Letter) -> bool) -> anyhow::Result<()> {
    let pattern = reason.map(WildMatch::new);
    all(known, |letter| {
        let text = String::from_utf8_lossy(&letter.reason.0);
        !pattern.as_ref().is_none_or(|pattern| pattern.matches(&text)) || take(Letter::of(letter))
    })
    .await
}

/// Each dead letter, by token, until `take` has enough.
pub async fn all(known: &Known, mut take: impl FnMut(&DeadLetter) -> bool) -> anyhow::Result<()> {
    let mut after = 0;
    loop {
        let page = page(known, LISTED, after).await?;
        if !page.iter().all(&mut take) {
            return Ok(());
        }
        match page.last() {
            Some(last) if page.len() == LISTED => after = last.token,
            _ => return Ok(()),
        }
    }
}

/// Up to `count` dead letters behind a token, 0 at first. Fewer are the last.
pub async fn page(known: &Known, count: usize, after: i64) -> anyhow::Result<Vec<DeadLetter>> {
    let name = known.name.clone();
    Ok(with_key!(known.family, known.tsgen, name, key => key.dead(count, after).await)?)
}

pub async fn list(common: &Common, listing: &Listing) -> anyhow::Result<Outcome> {
    let known = Known::find(&Servers::of(common)?, &listing.key).await?;
    if listing.by_reason {
        return by_reason(common, &known, listing).await;
    }
    let mut letters = Vec::new();
    each(&known, listing.reason.as_deref(), |letter| {
        if letters.len() < listing.count {
            letters.push(letter);
        }
        letters.len() < listing.count
    })
    .await?;
    if common.json {
        table::json(&letters)?;
    } else {
        let rows = letters.iter().map(|letter| {
            let (id, reason) = (shortened(&letter.id.to_string(), 40), shortened(&letter.reason.to_string(), 120));
            vec![letter.token.to_string(), letter.deliveries.to_string(), id, table::time(letter.died_at_ms), reason]
        });
        table::show(&["#token", "#deliveries", "id", "died", "reason"], rows)?;
    }
    Ok(Outcome::Done)
}

#[derive(Serialize)]
struct Reason {
    count: u64,
    last_died_at_ms: i64,
    reason: Bytes,
}

async fn by_reason(common: &Common, known: &Known, listing: &Listing) -> anyhow::Result<Outcome> {
    let mut reasons: HashMap<Bytes, (u64, i64)> = HashMap::new();
    each(known, listing.reason.as_deref(), |letter| {
        let (count, last) = reasons.entry(letter.reason).or_insert((0, i64::MIN));
        (*count, *last) = (*count + 1, letter.died_at_ms.max(*last));
        true
    })
    .await?;
    let mut reasons: Vec<Reason> = reasons
        .into_iter()
        .map(|(reason, (count, last_died_at_ms))| Reason { count, last_died_at_ms, reason })
        .collect();
    reasons.sort_by(|one, other| (other.count, &one.reason).cmp(&(one.count, &other.reason)));
    reasons.truncate(listing.count);
    if common.json {
        table::json(&reasons)?;
    } else {
        let rows = reasons.iter().map(|reason| {
            vec![
                reason.count.to_string(),
                table::time(reason.last_died_at_ms),
                shortened(&reason.reason.to_string(), 120),
            ]
        });
        table::show(&["#count", "last died", "reason"], rows)?;
    }
    Ok(Outcome::Done)
}

pub async fn settle(common: &Common, fate: Fate, chosen: &Chosen) -> anyhow::Result<Outcome> {
    let known = Known::find(&Servers::of(common)?, &chosen.key).await?;
    let is_listed = chosen.all || chosen.reason.is_some();
    let mut tokens = chosen.tokens.clone();
    if is_listed {
        each(&known, chosen.reason.as_deref(), |letter| {
            tokens.push(letter.token);
            true
        })
        .await?;
    }
    let (command, done) = match fate {
        Fate::Requeue => ("Requeue", "requeued"),
        Fate::Discard => ("Discard", "discarded"),
    };
    // One by its token is meant. What is gone for good is always asked for.
    if !tokens.is_empty() && (is_listed || matches!(fate, Fate::Discard)) {
        confirm(common, &format!("{command} {} dead letters of {}?", tokens.len(), chosen.key))?;
    }
    told(common, done, apply(&known, fate, &tokens).await?)
}

/// Does it to dead letters, many at a time. How many there still were.
pub async fn apply(known: &Known, fate: Fate, tokens: &[i64]) -> anyhow::Result<i64> {
    let mut count = 0;
    for tokens in tokens.chunks(PAGE) {
        let name = known.name.clone();
        count += with_key!(known.family, known.tsgen, name, key => match fate {
            Fate::Requeue => key.requeue(tokens).await,
            Fate::Discard => key.discard(tokens).await,
        })?;
    }
    Ok(count)
}
