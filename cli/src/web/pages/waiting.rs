//! What is behind the gate: elements whose time has not come, groups that collect, keys that are tracked. Next first.

use super::super::address::KeyAt;
use super::super::trouble::{Reply, Trouble};
use super::super::visit::Visit;
use super::frame::{name, Frame};
use super::{content, key, moment};
use crate::bytes::Bytes;
use crate::family::Family;
use maud::{html, Markup};
use percent_encoding::{percent_decode_str, percent_encode, NON_ALPHANUMERIC};
use redis::Value;
use tsgen_client::reply::{bytes, list, text};
use tsgen_client::{Figure, Name};

/// Rows on a page.
const PAGE: usize = 50;
/// Elements of TSGEN come with their payloads, and no bound on them: about so many bytes may be asked for at once.
const BYTES: i64 = 4 << 20;

/// A page of rows, and what the query of the next one says.
struct Rows {
    head: Markup,
    rows: Vec<Markup>,
    next: Option<String>,
    note: Option<&'static str>,
}

pub async fn page(at: KeyAt, visit: Visit) -> Reply {
    let frame = Frame::find(at, visit).await?;
    let behind: Vec<u8> = percent_decode_str(frame.visit.query.get("behind")).collect();
    let rows = match frame.known.family {
        Family::Tsgen => elements(&frame, &behind).await?,
        Family::Debounce => groups(&frame, behind).await?,
        Family::Expiry => tracked(&frame, behind).await?,
        Family::Tally => return Err(Trouble::no_page()),
    };
    let body = html! {
        p { (frame.info.waiting) " are behind the gate; next first. " a href=(frame.url("")) { "What opens it" } }
        @if let Some(note) = rows.note { p.note { (note) } }
        (key::search(&frame, ""))
        @if rows.rows.is_empty() { p.quiet { "There is none here." } }
        @else {
            div.wide tabindex="0" role="region" aria-label="Behind the gate" { table.entries {
                thead { (rows.head) }
                tbody { @for row in &rows.rows { (row) } }
            } }
        }
        p.pages {
            @if !frame.visit.query.get("behind").is_empty() { a href=(frame.visit.with("behind", "")) { "First page" } " " }
            @match &rows.next { Some(next) => a rel="next" href=(frame.visit.with("behind", next)) { "Next page" }, None => "That is all." }
        }
    };
    Ok(frame.page("/waiting", false, body))
}

fn encoded(name: &[u8]) -> String {
    percent_encode(name, NON_ALPHANUMERIC).to_string()
}

/// How many elements may be asked for, so that what comes is no more than some MiB: from the mean of what the key holds.
async fn affordable(frame: &Frame) -> anyhow::Result<usize> {
    let words = [&b"MEMORY"[..], b"USAGE", frame.known.name.as_ref()];
    // Who may not ask for that gets few.
    let usage = frame.known.tsgen.command(Some(frame.known.name.as_ref()), words).await;
    let usage: i64 = usage.ok().and_then(|usage| text(&usage).parse().ok()).unwrap_or(i64::MAX);
    let info = &frame.info;
    let entries = (info.waiting + info.ready + info.leased + info.delayed + info.dead).max(1);
    Ok(usize::try_from(BYTES / (usage / entries).max(1)).unwrap_or(PAGE).clamp(1, PAGE))
}

async fn elements(frame: &Frame, behind: &[u8]) -> anyhow::Result<Rows> {
    let count = affordable(frame).await?;
    let behind: Option<i64> = std::str::from_utf8(behind).ok().and_then(|text| text.parse().ok());
    let watermark = match &frame.info["watermark"] {
        Figure::Integer(watermark) => Some(*watermark),
        _ => None,
    };
    let from = behind.into_iter().chain(watermark).max().map_or("-".to_owned(), |from| format!("({from}"));
    let (command, count_text) = (frame.known.family.command("RANGE"), count.to_string());
    let words = [command.as_bytes(), frame.known.name.as_ref(), from.as_bytes(), b"+", b"COUNT", count_text.as_bytes()];
    let reply = frame.known.tsgen.command(Some(frame.known.name.as_ref()), words).await?;
    let found = list(&reply);
    let row = |row: &Value| {
        let of = list(row);
        let [id, at, payload, ..] = of else { return html! {} };
        let at: i64 = text(at).parse().unwrap_or_default();
        html! { tr {
            th scope="row" { (name(&Bytes(bytes(id)))) }
            td.n { (super::entries::timestamp(frame, at)) }
            td.content { (content::show(&bytes(payload), content::Bound::LISTED)) }
        } }
    };
    let last = found.last().and_then(|row| list(row).get(1)).map(text);
    Ok(Rows {
        head: html! { tr { th { "Id" } th.n { "Timestamp" } th { "Content" } } },
        rows: found.iter().map(row).collect(),
        next: last.filter(|_| found.len() == count),
        note: (count < PAGE).then_some("The contents of this key are large, so a page has few of them."),
    })
}

async fn groups(frame: &Frame, behind: Vec<u8>) -> anyhow::Result<Rows> {
    let after = (!behind.is_empty()).then_some(Name(behind));
    let key = frame.known.tsgen.debounce(frame.known.name.clone());
    let groups = key.groups(PAGE, after.as_ref()).await?;
    let rows = groups.iter().map(|group| {
        html! { tr {
            th scope="row" { (name(&Bytes::from(&group.name))) } td.n { (group.items) } td { (moment::from_now(group.fires_at)) }
        } }
    });
    Ok(Rows {
        head: html! { tr { th { "Group" } th.n { "Items" } th { "Fires" } } },
        rows: rows.collect(),
        next: groups.last().filter(|_| groups.len() == PAGE).map(|last| encoded(&last.name.0)),
        note: None,
    })
}

async fn tracked(frame: &Frame, behind: Vec<u8>) -> anyhow::Result<Rows> {
    let after = (!behind.is_empty()).then_some(Name(behind));
    let key = frame.known.tsgen.expiry(frame.known.name.clone());
    let tracked = key.tracked(PAGE, after.as_ref()).await?;
    let rows = tracked.iter().map(|watched| {
        html! { tr { th scope="row" { (name(&Bytes::from(&watched.name))) } td { (moment::from_now(watched.deadline)) } } }
    });
    Ok(Rows {
        head: html! { tr { th { "Key" } th { "Time to live ends" } } },
        rows: rows.collect(),
        // A page may be short, for keys without a time to live are left out.
        next: tracked.last().map(|last| encoded(&last.name.0)),
        note: None,
    })
}
