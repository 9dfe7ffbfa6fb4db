//! `tsgen export` and `import`: the entries of a key as JSON lines.
//!
//! The first line is the key: its family and its options. Each further line is an entry with its state. What cannot be taken along is
//! what only the server may decide: tokens, deliveries, leases and delays. An entry that was in hand or delayed comes back as one that can
//! be claimed, a group begins its idle time anew, and a batch gets another number. Keys of EXPIRY are filled by the keys that they watch,
//! so they cannot be imported.

use crate::args::{Common, Import, State};
use crate::bytes::Bytes;
use crate::confirm::confirm;
use crate::entries::each;
use crate::family::Family;
use crate::keys::{Kind, Known};
use crate::servers::Servers;
use crate::{table, Outcome};
use anyhow::{bail, Context};
use serde::{Deserialize, Serialize};
use serde_json::{json, Map, Value};
use std::io::{BufRead, BufReader, Read};
use tsgen_client::reply::{bytes, list, pairs, text};
use tsgen_client::{Figure, Info, Name, Tsgen};

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    /// The format of the lines: 1.
    tsgen_export: u32,
    family: String,
    key: Bytes,
    /// As CREATE takes them.
    options: Vec<Bytes>,
    /// Of a key of TSGEN that is advanced by its users.
    watermark: Option<i64>,
}

/// The options with which CREATE makes such a key: those that this server's CREATE has and INFO tells of. A sink and a pause are not among
/// them, for the copy is to do nothing by itself.
async fn options(known: &Known, info: &Info) -> anyhow::Result<Vec<Bytes>> {
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
            let sources = known.tsgen.elements(known.name.clone()).sources().await?;
            words.extend([Bytes::from("SOURCES"), Bytes::from(sources.len().to_string())]);
            words.extend(sources.iter().map(|source| Bytes::from(&source.name)));
        }
        _ => {}
    }
    for argument in list(arguments) {
        let Some((_, token)) = pairs(argument).into_iter().find(|(name, _)| name == "token") else { continue };
        let token = text(token);
        if matches!(token.as_str(), "SINK" | "PAUSED") {
            continue;
        }
        match &info[token.to_lowercase().as_str()] {
            Figure::Integer(n) => words.extend([Bytes::from(token), Bytes::from(n.to_string())]),
            Figure::Text(text) => words.extend([Bytes::from(token), Bytes::from(text)]),
            Figure::Names(_) | Figure::Nil => {}
        }
    }
    Ok(words)
}

pub async fn export(common: &Common, key: &str) -> anyhow::Result<Outcome> {
    let known = Known::find(&Servers::of(common)?, key).await?;
    let info = known.info().await?;
    let head = Head {
        tsgen_export: 1,
        family: known.family.name().to_owned(),
        key: Bytes::from(&known.name),
        options: options(&known, &info).await?,
        watermark: (info.gate == "external").then(|| info["watermark"].clone()).and_then(|watermark| match watermark {
            Figure::Integer(watermark) => Some(watermark),
            _ => None,
        }),
    };
    table::line(serde_json::to_string(&head)?)?;
    let mut failure = None;
    let mut write = |line: Value| {
        failure = failure.take().or_else(|| table::line(line).err());
        failure.is_none()
    };
    gate(&known, &mut write).await?;
    for (state, name) in
        [(State::Ready, "ready"), (State::Delayed, "delayed"), (State::Leased, "leased"), (State::Dead, "dead")]
    {
        each(&known, state, 1000, |entry| {
            let mut line = Map::from_iter([("state".to_owned(), json!(name))]);
            match serde_json::to_value(&entry) {
                Ok(Value::Object(fields)) => line.extend(fields),
                _ => unreachable!("an entry is an object"),
            }
            write(Value::Object(line))
        })
        .await?;
    }
    match failure {
        Some(error) => Err(error),
        None => {
            let left_out = info["recurring"].integer();
            if left_out > 0 {
                eprintln!("tsgen: {left_out} elements come again (EVERY); the export has their next run only");
            }
            Ok(Outcome::Done)
        }
    }
}

/// What is behind the gate.
async fn gate(known: &Known, write: &mut impl FnMut(Value) -> bool) -> anyhow::Result<()> {
    match known.family {
        Family::Tsgen => waiting(known, write).await,
        Family::Debounce => collecting(known, write).await,
        Family::Expiry => tracked(known, write).await,
        // The open window: what is in it can be asked for by field only. `import` says so.
        Family::Tally => {
            let open = known.info().await?.waiting;
            if open > 0 {
                eprintln!(
                    "tsgen: {open} fields are in the open window, which is not exported: TALLY.SEAL {} first",
                    known.name
                );
            }
            Ok(())
        }
    }
}

/// Elements above the watermark, in their order. RANGE also lists what is ready; that is exported with its state.
async fn waiting(known: &Known, write: &mut impl FnMut(Value) -> bool) -> anyhow::Result<()> {
    let watermark = known.tsgen.elements(known.name.clone()).watermark().await?;
    let mut from = watermark.map_or("-".to_owned(), |watermark| format!("({watermark}"));
    // More than one page may have the same timestamp: then the whole of it is asked for.
    let mut seen: (i64, Vec<Vec<u8>>) = (i64::MIN, Vec::new());
    let mut count = 1000;
    loop {
        let words = [
            known.family.command("RANGE").into_bytes(),
            known.name.0.clone(),
            from.clone().into_bytes(),
            b"+".to_vec(),
        ];
        let words = words.into_iter().chain([b"COUNT".to_vec(), count.to_string().into_bytes()]);
        let reply = known.tsgen.command(Some(&known.name.0), words).await.context("TSGEN.RANGE")?;
        let rows = list(&reply);
        let mut added = false;
        for row in rows {
            let [id, timestamp, payload, ..] = list(row) else { bail!("TSGEN.RANGE: the reply has {row:?}") };
            let (id, timestamp) = (bytes(id), text(timestamp).parse()?);
            if timestamp != seen.0 {
                seen = (timestamp, Vec::new());
            }
            if seen.1.contains(&id) {
                continue;
            }
            seen.1.push(id.clone());
            added = true;
            let line = json!({ "state": "waiting", "id": Bytes(id), "timestamp": timestamp, "content": { "payload": Bytes(bytes(payload)) } });
            if !write(line) {
                return Ok(());
            }
        }
        if rows.len() < count {
            return Ok(());
        }
        from = seen.0.to_string();
        count = match (added, count) {
            (true, _) => 1000.max(seen.1.len() * 2).min(10_000),
            (false, 10_000) => {
                bail!("more than 10000 elements have the timestamp {}: TSGEN.RANGE does not get beyond them", seen.0)
            }
            (false, count) => (count * 2).min(10_000),
        };
    }
}

async fn collecting(known: &Known, write: &mut impl FnMut(Value) -> bool) -> anyhow::Result<()> {
    let key = known.tsgen.debounce(known.name.clone());
    let mut after: Option<Name> = None;
    loop {
        let page = key.groups(1000, after.as_ref()).await?;
        for group in &page {
            let Some(pushed) = key.get::<tsgen_client::Raw>(&group.name).await? else { continue };
            let items = pushed.items.map_err(|error| anyhow::anyhow!("{error}"))?;
            let items = items.iter().map(|item| json!({ "item": Bytes::from(&item.value.0), "pushed_at_ms": item.at }));
            let line = json!({
                "state": "waiting", "id": Bytes::from(&group.name), "fires_at_ms": pushed.fires_at,
                "content": { "items": items.collect::<Value>() },
            });
            if !write(line) {
                return Ok(());
            }
        }
        match page.last() {
            Some(last) if page.len() == 1000 => after = Some(last.name.clone()),
            _ => return Ok(()),
        }
    }
}

async fn tracked(known: &Known, write: &mut impl FnMut(Value) -> bool) -> anyhow::Result<()> {
    let key = known.tsgen.expiry(known.name.clone());
    let mut after: Option<Name> = None;
    loop {
        let page = key.tracked(1000, after.as_ref()).await?;
        for tracked in &page {
            if !write(json!({ "state": "waiting", "id": Bytes::from(&tracked.name), "deadline_ms": tracked.deadline }))
            {
                return Ok(());
            }
        }
        match page.last() {
            Some(last) if page.len() == 1000 => after = Some(last.name.clone()),
            _ => return Ok(()),
        }
    }
}

/// A line of the export, as far as `import` reads it.
#[derive(Deserialize)]
struct Line {
    state: String,
    id: Bytes,
    #[serde(default)]
    timestamp: i64,
    content: Option<Content>,
}

#[derive(Deserialize, Default)]
struct Content {
    #[serde(default)]
    payload: Bytes,
    #[serde(default)]
    items: Vec<Item>,
    #[serde(default)]
    sums: Vec<Sum>,
}

#[derive(Deserialize)]
struct Item {
    item: Bytes,
}

#[derive(Deserialize)]
struct Sum {
    field: Bytes,
    sum: i64,
}

#[derive(Default, Serialize)]
struct Count {
    imported: u64,
    dead_left_out: u64,
    too_large_left_out: u64,
}

pub async fn import(common: &Common, import: &Import) -> anyhow::Result<Outcome> {
    let from = import.file.display();
    let input: Box<dyn Read> = match import.file.to_str() {
        Some("-") => Box::new(std::io::stdin()),
        _ => Box::new(std::fs::File::open(&import.file).with_context(|| format!("{from}"))?),
    };
    let mut lines = BufReader::new(input).lines();
    let first = lines.next().with_context(|| format!("{from} is empty"))??;
    let head: Head =
        serde_json::from_str(&first).with_context(|| format!("{from}: line 1 is not that of an export"))?;
    if head.tsgen_export != 1 {
        bail!("{from}: format {} is not known here, only 1: use a newer tsgen", head.tsgen_export);
    }
    let family = Family::ALL.into_iter().find(|family| family.name() == head.family);
    let family = family.with_context(|| format!("{from}: there is no family {}", head.family))?;
    if family == Family::Expiry {
        bail!("a key of EXPIRY cannot be imported: its entries come from the keys that it watches");
    }
    let tsgen = Servers::of(common)?.tsgen().await?;
    let key = import.key.as_str();
    match Kind::of(&tsgen, key.as_bytes()).await? {
        Kind::Nothing => {
            let words = [family.command("CREATE").into_bytes(), key.as_bytes().to_vec()];
            let words = words.into_iter().chain(head.options.iter().map(|word| word.0.clone()));
            tsgen.command(Some(key.as_bytes()), words).await.context("the options of the export")?;
            if let Some(watermark) = head.watermark {
                tsgen.elements(key).advance(watermark).force().await?;
            }
        }
        Kind::Ours(own) if own == family => confirm(common, &format!("{key} exists. Add to it?"))?,
        Kind::Ours(own) => bail!("{key} is a key of {own}, and the export is one of {family}"),
        Kind::Other(kind) => bail!("{key} is a {kind}, and the export is one of {family}"),
    }
    let mut count = Count::default();
    for (number, line) in lines.enumerate() {
        let line = line?;
        let line: Line = serde_json::from_str(&line).with_context(|| format!("{from}: line {}", number + 2))?;
        let Some(content) = &line.content else {
            count.too_large_left_out += 1;
            continue;
        };
        if line.state == "dead" && !import.with_dead {
            count.dead_left_out += 1;
            continue;
        }
        add(&tsgen, family, key, &line, content).await.with_context(|| format!("{from}: line {}", number + 2))?;
        count.imported += 1;
    }
    if common.json {
        table::json(&count)?;
    } else {
        table::line(format!("imported {}", count.imported))?;
        if count.dead_left_out > 0 {
            table::line(format!(
                "left out {} dead letters: --with-dead adds them as entries that are tried again",
                count.dead_left_out
            ))?;
        }
        if count.too_large_left_out > 0 {
            table::line(format!(
                "left out {} entries whose content was too large to export",
                count.too_large_left_out
            ))?;
        }
    }
    Ok(Outcome::Done)
}

async fn add(tsgen: &Tsgen, family: Family, key: &str, line: &Line, content: &Content) -> anyhow::Result<()> {
    let payload = || tsgen_client::Raw(content.payload.0.clone());
    match family {
        Family::Tsgen => drop(tsgen.elements(key).add(line.timestamp, &line.id.0, &payload()).await?),
        Family::Debounce => {
            let groups = tsgen.debounce(key);
            let items = content.items.iter().map(|item| tsgen_client::Raw(item.item.0.clone()));
            groups.push(&line.id.0, items).await?;
            if line.state != "waiting" {
                groups.flush([&line.id.0]).await?;
            }
        }
        Family::Tally => {
            let sums = tsgen.tally(key);
            sums.incr_all(content.sums.iter().map(|sum| (&sum.field.0, sum.sum))).await?;
            sums.seal().await?;
        }
        Family::Expiry => unreachable!("refused before"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_is_written() {
        let text = r#"{"state":"ready","token":null,"deliveries":0,"id":"order-1","timestamp":5,"bytes":9,"content":{"payload":{"base64":"/wA="}}}"#;
        let line: Line = serde_json::from_str(text).expect("a line");
        assert_eq!((line.state.as_str(), line.timestamp), ("ready", 5));
        assert_eq!(line.content.expect("content").payload, Bytes::from(b"\xff\0"));
    }
}
