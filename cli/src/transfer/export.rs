//! `tsgen export`: reads a key, and changes nothing unless it is to seal a window first.

use super::gate::{behind, readable};
use super::written::{Reading, Written};
use super::{End, Head, SourceAt, State, FORMAT};
use crate::args::{Common, Export};
use crate::bytes::{Bytes, PlainJson};
use crate::carried::Carried;
use crate::entries::{page_of, Entry};
use crate::family::Family;
use crate::keys::Known;
use crate::servers::Servers;
use crate::Outcome;
use anyhow::{bail, Context};
use serde::Serialize;
use std::io::{BufWriter, StdoutLock, Write};
use tsgen_client::reply::{list, pairs, text};
use tsgen_client::{Figure, Info, Raw};

/// So many entries are asked for at a time; the server ends a page at 4 MiB.
const PAGE: usize = 1000;

/// An entry as a line.
#[derive(Serialize)]
pub struct Told {
    state: State,
    #[serde(flatten)]
    entry: Entry<Carried>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_run: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_replaced: bool,
}

impl Told {
    pub fn of(state: State, entry: Entry<Carried>) -> Self {
        Self { state, entry, every_ms: None, is_run: false, is_replaced: false }
    }
}

/// Where the lines go, what they are of, and what they lack.
pub struct Lines {
    out: BufWriter<StdoutLock<'static>>,
    pub written: Written,
    lost: Vec<String>,
    count: u64,
}

/// So often is read what is ready of a key of TALLY, while windows are sealed.
const READINGS: u32 = 5;

impl Lines {
    /// An entry.
    pub fn write(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        self.count += 1;
        self.line(line)
    }

    fn line(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        serde_json::to_writer(PlainJson(&mut self.out), line)?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// Something that the export has not, said at its end.
    pub fn lost(&mut self, what: String) {
        self.lost.push(what);
    }
}

/// The options with which CREATE makes such a key: those that this server's CREATE has and INFO tells of. A sink is not among them, for the copy
/// is to do nothing by itself.
async fn options(known: &Known, info: &Info, sources: &[SourceAt]) -> anyhow::Result<Vec<Bytes>> {
    let docs = known
        .tsgen
        .command(None, ["COMMAND", "DOCS", &known.family.command("CREATE")])
        .await
        .context("COMMAND DOCS")?;
    let arguments = pairs(&docs).into_iter().flat_map(|(_, docs)| pairs(docs)).find(|(name, _)| name == "arguments");
    let Some((_, arguments)) = arguments else {
        bail!("COMMAND DOCS does not tell the options of {}", known.family.command("CREATE"))
    };
    let mut words = Vec::new();
    match (info.gate.as_str(), known.family) {
        ("clock", _) => words.push(Bytes::from("CLOCK")),
        ("sources", Family::Tsgen) => {
            words.extend([Bytes::from("SOURCES"), Bytes::from(sources.len().to_string())]);
            words.extend(sources.iter().map(|source| source.name.clone()));
        }
        _ => {}
    }
    for argument in list(arguments) {
        let Some((_, token)) = pairs(argument).into_iter().find(|(name, _)| name == "token") else { continue };
        let token = text(token);
        let named = if token == "PREFIX" { "prefixes".to_owned() } else { token.to_lowercase() };
        let figure = &info[named.as_str()];
        match figure {
            _ if token == "SINK" => {}
            Figure::Text(text) if token == "PAUSED" && text.0 == b"no" => {}
            Figure::Integer(n) => words.extend([Bytes::from(token), Bytes::from(n.to_string())]),
            Figure::Text(text) => words.extend([Bytes::from(token), Bytes::from(text)]),
            // Prefixes: each with its word.
            Figure::Names(names) => {
                words.extend(names.iter().flat_map(|name| [Bytes::from(&token), Bytes::from(name)]));
            }
            Figure::Nil => {}
        }
    }
    Ok(words)
}

async fn head(known: &Known, info: &Info) -> anyhow::Result<Head> {
    let mut sources = Vec::new();
    if info.gate == "sources" {
        for source in known.tsgen.elements(known.name.clone()).sources().await? {
            sources.push(SourceAt { name: Bytes::from(&source.name), timestamp: source.timestamp });
        }
    }
    let watermark = match info["watermark"] {
        Figure::Integer(watermark) if info.gate != "clock" => Some(watermark),
        _ => None,
    };
    Ok(Head {
        tsgen_export: FORMAT,
        family: known.family.name().to_owned(),
        key: Bytes::from(&known.name),
        options: options(known, info, &sources).await?,
        watermark,
        sources,
        has_end: true,
    })
}

pub async fn export(common: &Common, export: &Export) -> anyhow::Result<Outcome> {
    let known = Known::find(&Servers::of(common)?, &export.key).await?;
    readable(&known).await?;
    if export.seal {
        match known.family {
            Family::Tally => known.tsgen.tally(known.name.clone()).seal().await?,
            family => bail!("--seal is for keys of TALLY, and {} is one of {family}", export.key),
        };
    }
    let info = known.info().await?;
    let out = BufWriter::new(std::io::stdout().lock());
    let has_sink = matches!(&info["sink"], Figure::Text(sink) if !sink.0.is_empty());
    let mut lines = Lines { out, written: Written::default(), lost: Vec::new(), count: 0 };
    lines.line(&head(&known, &info).await?)?;
    states(&known, &info, &[Reading::Ready, Reading::Leased, Reading::Delayed, Reading::Dead], &mut lines).await?;
    behind(&known, &info, &mut lines).await?;
    let last = ready_again(&known, &info, &mut lines).await?;
    lines.line(&End { end: lines.count })?;
    lines.out.flush()?;
    let name = Bytes::from(&known.name);
    if has_sink {
        eprintln!("tsgen: not exported: {name}: it feeds a stream (SINK), and a copy of it is to feed none");
    }
    for lost in &lines.lost {
        eprintln!("tsgen: not exported: {name}: {lost}");
    }
    let moved = last["delivered"].integer() - info["delivered"].integer();
    if moved > 0 {
        eprintln!(
            "tsgen: not exact: {name}: {moved} deliveries began while it was read: what workers move meanwhile may be \
             in the export twice, or not at all: pause the key first"
        );
    } else if moved < 0 {
        eprintln!("tsgen: not exact: {name}: it was made anew while it was read, or another server has it now");
    }
    Ok(if lines.lost.is_empty() && moved == 0 { Outcome::Done } else { Outcome::Lacking })
}

/// Reads once more what is ready, and then where the key stands. A window that was sealed meanwhile is among what is ready only since then.
async fn ready_again(known: &Known, info: &Info, lines: &mut Lines) -> anyhow::Result<Info> {
    let (mut window, mut readings) = (info["opened-at"].integer(), 0);
    loop {
        states(known, info, &[Reading::ReadyAgain], lines).await?;
        lines.written.anew();
        let last = known.info().await?;
        let before = std::mem::replace(&mut window, last["opened-at"].integer());
        readings += 1;
        if known.family == Family::Tally && window != before && readings < READINGS {
            continue;
        }
        // What is in another window was added meanwhile.
        let is_open_still = info.waiting > 0 && window == info["opened-at"].integer();
        if known.family == Family::Tally && last.waiting > 0 && is_open_still {
            lines.lost(format!(
                "{} fields are in the open window, which no command lists: `tsgen export --seal` seals it first",
                last["fields"].integer()
            ));
        }
        return Ok(last);
    }
}

/// Writes the entries of these states.
pub async fn states(known: &Known, info: &Info, readings: &[Reading], lines: &mut Lines) -> anyhow::Result<()> {
    for reading in readings {
        let (asked, state) = reading.of();
        let mut cursor = "0".to_owned();
        loop {
            let (entries, next) = page_of(known, asked, PAGE, &cursor).await?;
            for entry in entries {
                let is_new = lines.written.takes(*reading, &entry);
                // A run that was in hand has died, and the next one is there beside it.
                if is_new || (*reading == Reading::Dead && info["recurring"].integer() > 0) {
                    told(known, info, Told::of(state, entry), is_new, lines).await?;
                }
            }
            if next == "0" {
                break;
            }
            cursor = next;
        }
    }
    Ok(())
}

/// An element of TSGEN as GET finds it by its id.
async fn found(known: &Known, id: &Bytes) -> anyhow::Result<Option<tsgen_client::Found<Raw>>> {
    Ok(known.tsgen.elements(known.name.clone()).get(&id.0).await?)
}

/// How often a found element comes again, in ms.
fn every_ms(found: &tsgen_client::Found<Raw>) -> Option<u64> {
    found.every.and_then(|every| u64::try_from(every.as_millis()).ok())
}

/// Writes an entry, with what PEEK does not tell of it. One that is not new was written as it was before it died; then only a dead run is one more.
async fn told(known: &Known, info: &Info, mut told: Told, is_new: bool, lines: &mut Lines) -> anyhow::Result<()> {
    let is_large = told.entry.content.is_none();
    let is_asked_for = is_large || told.state == State::Leased || info["recurring"].integer() > 0;
    if known.family == Family::Tsgen && is_asked_for {
        let found = found(known, &told.entry.id).await?;
        let is_same = |found: &&tsgen_client::Found<Raw>| {
            // One that has taken the place of this delivery may have its timestamp, too. If it carries the same, it is read where it is.
            let is_other = |payload: &[u8]| match &told.entry.content {
                Some(Carried::Payload(own)) => own.0 != payload,
                _ => i64::try_from(payload.len()) != Ok(told.entry.bytes),
            };
            let is_replaced =
                told.state == State::Leased && found.payload.as_ref().is_ok_and(|payload| is_other(&payload.0));
            found.timestamp == told.entry.timestamp.unwrap_or_default() && !is_replaced
        };
        let is_dead = found.as_ref().filter(is_same).is_some_and(|found| found.state == "dead");
        match found.filter(|found| is_same(&found)) {
            // It has died since, and so is among the dead letters, which are read later.
            Some(_) if is_dead && told.state != State::Dead => {
                lines.written.leaves(&told.entry);
                return Ok(());
            }
            Some(found) if is_dead == (told.state == State::Dead) => {
                told.every_ms = every_ms(&found);
                let payload = found.payload.map(|payload| Carried::Payload(Bytes(payload.0)));
                told.entry.content = told.entry.content.or(payload.ok());
            }
            _ if told.state == State::Dead => told.is_run = true,
            _ if told.state == State::Leased => told.is_replaced = true,
            _ => {}
        }
    }
    if !is_new && !told.is_run {
        return Ok(());
    }
    if told.entry.content.is_none() {
        lines
            .lost(format!("{}: its content has {} bytes, more than the server shows", told.entry.id, told.entry.bytes));
    }
    lines.write(&told)
}
