//! Brings an entry that was delivered already to where it was: with the deliveries that it has had, and delayed or dead.
//!
//! There is no command for it, but CLAIM and NACK do it, where nobody comes in between: in a script.

use super::increments::increments;
use super::{Line, State};
use crate::family::Family;
use anyhow::{bail, Context};
use tsgen_client::reply::maybe_integer;
use tsgen_client::Tsgen;

/// Who claims in the script.
pub const CONSUMER: &str = "tsgen import";
const SCRIPT: &str = include_str!("restore.lua");

/// More deliveries than these are not counted: each takes a CLAIM of its own.
pub const MOST_DELIVERIES: u64 = 1000;
/// What is to be ready in the end is delayed until all have come, so that it is in nobody's way.
const ASIDE_MS: i64 = 3_600_000;
/// A script has at most so many words of a command on its stack.
const WORDS: usize = 4000;
/// Ten years: what comes of it is removed at once.
const SOME_PERIOD_MS: u64 = 315_360_000_000;

/// What of a key says how its entries are added.
#[derive(Clone, Copy)]
pub struct Terms {
    pub family: Family,
    /// Its watermark is the server's clock.
    pub is_clock: bool,
    /// Its entries are in groups.
    pub has_groups: bool,
    /// Nothing of it is handed out but in the script.
    pub is_paused: bool,
    /// MIN and MAX of a key of TALLY.
    pub min: i64,
    pub max: i64,
}

/// A timestamp as ADD takes it. On a key with a clock a plain number may look like seconds; with a unit it is what it says, but only there.
fn timestamp(line: &Line, is_clock: bool) -> Vec<u8> {
    let unit = if is_clock && line.timestamp > 0 { "ms" } else { "" };
    format!("{}{unit}", line.timestamp).into_bytes()
}

/// The commands that add an entry, each without its key: its name, and what stands behind the key.
pub fn commands(terms: Terms, line: &Line) -> anyhow::Result<Vec<Vec<Vec<u8>>>> {
    let Terms { family, is_clock, has_groups, min, max, .. } = terms;
    let Some(content) = &line.content else { bail!("its content is missing") };
    let words = |name: &str, words: Vec<Vec<u8>>| [vec![family.command(name).into_bytes()], words].concat();
    Ok(match family {
        Family::Tsgen => {
            let every = line.every_ms.or(line.is_run.then_some(SOME_PERIOD_MS));
            let mut add = every.map_or(Vec::new(), |every| vec![b"EVERY".to_vec(), every.to_string().into_bytes()]);
            if let Some(group) = line.group.as_ref().filter(|group| has_groups && **group != line.id) {
                add.extend([b"GROUP".to_vec(), group.0.clone()]);
            }
            add.push(timestamp(line, is_clock));
            add.extend([line.id.0.clone(), content.payload.0.clone()]);
            vec![words("ADD", add)]
        }
        Family::Debounce => {
            let items: Vec<Vec<u8>> = content.items.iter().map(|item| item.item.0.clone()).collect();
            let push = |items: &[Vec<u8>]| words("PUSH", [std::slice::from_ref(&line.id.0), items].concat());
            let pushes = items.chunks(WORDS).map(push);
            let flush = (line.state != State::Waiting).then(|| words("FLUSH", vec![line.id.0.clone()]));
            pushes.chain(flush).collect()
        }
        Family::Tally => {
            let mut all = Vec::new();
            for sum in &content.sums {
                let parts = increments(sum.sum, min, max).with_context(|| {
                    format!(
                        "{} of {} is not made of increments between {min} and {max}: MIN and MAX of the key",
                        sum.sum, sum.field
                    )
                })?;
                all.extend(parts.into_iter().map(|part| [sum.field.0.clone(), part.to_string().into_bytes()]));
            }
            let incr = |parts: &[[Vec<u8>; 2]]| words("MINCR", parts.iter().flatten().cloned().collect());
            let seal = words("SEAL", Vec::new());
            all.chunks(WORDS / 2).map(incr).chain([seal]).collect()
        }
        Family::Expiry => bail!("a key of EXPIRY cannot be imported"),
    })
}

/// Whether an entry was delivered already.
pub fn was_delivered(line: &Line) -> bool {
    line.deliveries > 0 && line.state != State::Waiting
}

/// What became of an entry.
pub enum Restored {
    /// It is where it was.
    There,
    /// It is aside, and to be promoted in the end, with this token.
    Aside(i64),
    /// It is an entry that was never delivered: somebody else was quicker.
    AsNew,
}

/// Adds an entry that was delivered already. `now` is the server's time in Unix ms.
pub async fn restore(tsgen: &Tsgen, key: &[u8], terms: Terms, line: &Line, now: i64) -> anyhow::Result<Restored> {
    let family = terms.family;
    let left = line.until_ms.map(|until| until - now).filter(|left| line.state == State::Delayed && *left > 0);
    let (fate, what): (&[u8], Vec<u8>) = match &line.death {
        Some(death) if line.state == State::Dead => (b"DEAD", death.reason.0.clone()),
        _ => (b"DELAY", left.unwrap_or(ASIDE_MS).to_string().into_bytes()),
    };
    let id = if family == Family::Tally { Vec::new() } else { line.id.0.clone() };
    let deliveries = line.deliveries.min(MOST_DELIVERIES).to_string().into_bytes();
    let is_run = if line.is_run { b"1" } else { b"0" };
    let is_paused = if terms.is_paused { b"1" } else { b"0" };
    let family = family.name().as_bytes();
    let head: [&[u8]; 11] =
        [b"EVAL", SCRIPT.as_bytes(), b"1", key, family, &id, &deliveries, fate, &what, is_run, is_paused];
    let mut words: Vec<Vec<u8>> = head.iter().map(|word| word.to_vec()).collect();
    for command in commands(terms, line)? {
        words.push(command.len().to_string().into_bytes());
        words.extend(command);
    }
    let reply = tsgen.command(Some(key), words).await.context("EVAL, with which deliveries and deaths come back")?;
    Ok(match maybe_integer(&reply) {
        None => Restored::AsNew,
        Some(token) if line.state != State::Dead && left.is_none() => Restored::Aside(token),
        Some(_) => Restored::There,
    })
}
