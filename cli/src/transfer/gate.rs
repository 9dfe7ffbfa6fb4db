//! What is behind the gate of a key, as lines.

use super::export::{every, Lines, Told};
use super::State;
use crate::bytes::Bytes;
use crate::carried::Carried;
use crate::entries::Entry;
use crate::family::Family;
use crate::keys::Known;
use anyhow::{bail, Context};
use redis::Value;
use serde_json::json;
use std::collections::HashSet;
use tsgen_client::reply::{bytes, list, text};
use tsgen_client::{Info, Name};

/// A key that takes less memory than this, in bytes, is read a thousand elements at a time.
const SMALL: i64 = 128 << 20;
const MANY: usize = 1000;
/// RANGE has no bound of bytes, and each element may have 64 MiB. So of a larger key they are read one by one,
const FEW: usize = 1;
/// unless they take, on average, less than this: then it would take for ever, and hardly one of them is large.
const LIGHT: i64 = 1 << 10;
const SOME: usize = 100;
/// More than these RANGE does not list.
const MOST: usize = 10_000;

/// The gate of a key of TSGEN as it was before its entries were read.
#[derive(Default)]
pub struct Gate {
    pub watermark: Option<i64>,
    /// What has come due since, and is written already.
    passed: HashSet<(Vec<u8>, i64)>,
}

impl Gate {
    /// An entry is written that is no longer behind the gate.
    pub fn passed<C>(&mut self, entry: &Entry<C>) {
        if let Some(at) = entry.timestamp.filter(|at| self.watermark.is_none_or(|watermark| *at > watermark)) {
            self.passed.insert((entry.id.0.clone(), at));
        }
    }
}

pub async fn behind(known: &Known, info: &Info, gate: &Gate, lines: &mut Lines) -> anyhow::Result<()> {
    match known.family {
        Family::Tsgen => waiting(known, info, gate, lines).await,
        Family::Debounce => collecting(known, lines).await,
        Family::Expiry => tracked(known, lines).await,
        Family::Tally if info.waiting > 0 => {
            lines.lost(format!(
                "{} fields are in the open window, which no command lists: `tsgen export --seal` seals it first",
                info.waiting
            ));
            Ok(())
        }
        Family::Tally => Ok(()),
    }
}

/// Elements above the watermark, in their order, but those that have come due since and are written with their state.
async fn waiting(known: &Known, info: &Info, gate: &Gate, lines: &mut Lines) -> anyhow::Result<()> {
    let mut from = gate.watermark.map_or("-".to_owned(), |watermark| format!("({watermark}"));
    let page = match known.memory().await {
        Some(bytes) if bytes < SMALL => MANY,
        Some(bytes) if bytes / info.waiting.max(1) < LIGHT => SOME,
        _ => FEW,
    };
    // More than a page may have the same timestamp: then more are asked for, until all of them have come.
    let (mut at, mut seen): (i64, HashSet<Vec<u8>>) = (i64::MIN, HashSet::new());
    let mut count = page;
    loop {
        let words = [known.family.command("RANGE").into_bytes(), known.name.0.clone(), from.clone().into_bytes()];
        let words =
            words.into_iter().chain([&b"+"[..], b"COUNT"].map(<[u8]>::to_vec)).chain([count.to_string().into_bytes()]);
        let reply = known.tsgen.command(Some(&known.name.0), words).await.context("TSGEN.RANGE")?;
        let rows = match reply {
            Value::Array(rows) => rows,
            other => bail!("TSGEN.RANGE: the reply is {other:?}"),
        };
        let (length, before) = (rows.len(), seen.len());
        let mut is_further = false;
        for row in rows {
            let [id, timestamp, payload] = list(&row) else { bail!("TSGEN.RANGE: the reply has {row:?}") };
            let (id, timestamp) = (bytes(id), text(timestamp).parse()?);
            if timestamp != at {
                (at, is_further) = (timestamp, true);
                seen.clear();
            }
            if !seen.insert(id.clone()) {
                continue;
            }
            if gate.passed.contains(&(id.clone(), timestamp)) {
                continue;
            }
            let payload = Bytes(bytes(payload));
            // One at a time is in memory twice.
            drop(row);
            element(known, info, Bytes(id), timestamp, payload, lines).await?;
        }
        if length < count {
            return Ok(());
        }
        from = at.to_string();
        count = match is_further || seen.len() > before {
            true => (seen.len() + page).min(MOST),
            false if count == MOST => {
                bail!("more than {MOST} elements have the timestamp {at}: TSGEN.RANGE does not get beyond them")
            }
            false => (count * 2).min(MOST),
        };
    }
}

async fn element(
    known: &Known,
    info: &Info,
    id: Bytes,
    timestamp: i64,
    payload: Bytes,
    lines: &mut Lines,
) -> anyhow::Result<()> {
    let every_ms = if info["recurring"].integer() > 0 { every(known, &id, timestamp).await? } else { None };
    let entry = Entry {
        token: None,
        deliveries: 0,
        id,
        timestamp: Some(timestamp),
        consumer: None,
        until_ms: None,
        death: None,
        held: false,
        bytes: i64::try_from(payload.0.len()).unwrap_or(i64::MAX),
        content: Some(Carried::Payload(payload)),
    };
    let mut told = Told::of(State::Waiting, entry);
    told.every_ms = every_ms;
    lines.write(&told)
}

async fn collecting(known: &Known, lines: &mut Lines) -> anyhow::Result<()> {
    let key = known.tsgen.debounce(known.name.clone());
    let mut after: Option<Name> = None;
    loop {
        let page = key.groups(MANY, after.as_ref()).await?;
        for group in &page {
            // It may have fired meanwhile.
            let Some(pushed) = key.get::<tsgen_client::Raw>(&group.name).await? else { continue };
            let items = pushed.items.map_err(|error| anyhow::anyhow!("{error}"))?;
            let items = items.iter().map(|item| json!({ "item": Bytes::from(&item.value.0), "pushed_at_ms": item.at }));
            lines.write(&json!({
                "state": State::Waiting, "id": Bytes::from(&group.name), "fires_at_ms": pushed.fires_at,
                "content": { "items": items.collect::<serde_json::Value>() },
            }))?;
        }
        match page.last() {
            Some(last) if page.len() == MANY => after = Some(last.name.clone()),
            _ => return Ok(()),
        }
    }
}

async fn tracked(known: &Known, lines: &mut Lines) -> anyhow::Result<()> {
    let key = known.tsgen.expiry(known.name.clone());
    let mut after: Option<Name> = None;
    loop {
        let page = key.tracked(MANY, after.as_ref()).await?;
        for tracked in &page {
            lines.write(
                &json!({ "state": State::Waiting, "id": Bytes::from(&tracked.name), "deadline_ms": tracked.deadline }),
            )?;
        }
        match page.last() {
            Some(last) if page.len() == MANY => after = Some(last.name.clone()),
            _ => return Ok(()),
        }
    }
}
