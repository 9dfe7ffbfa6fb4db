//! What is behind the gate: elements whose time has not come, groups that collect, keys that are tracked. Next first.

use super::super::address::KeyAt;
use super::super::trouble::{Reply, Trouble};
use super::super::visit::Visit;
use super::frame::{name, Frame};
use super::{content, download, key, moment};
use crate::bytes::Bytes;
use crate::family::Family;
use maud::{html, Markup};
use percent_encoding::{percent_decode_str, percent_encode, NON_ALPHANUMERIC};
use redis::Value;
use tsgen_client::reply::{at as reply_at, bytes, list, maybe_bytes, text};
use tsgen_client::{Figure, Name};

/// Rows on a page.
const PAGE: usize = 50;
/// Elements of TSGEN come with their payloads, and the server has no bound on them: with more bytes than this a page is full.
const BYTES: usize = 4 << 20;
/// A key that takes less memory than this is asked for a page at once.
const SMALL: i64 = 64 << 20;

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

/// Whether all that the key holds could come at once.
async fn is_small(frame: &Frame) -> bool {
    let words = [&b"MEMORY"[..], b"USAGE", frame.known.name.as_ref()];
    // Who may not ask for that does not know.
    let usage = frame.known.tsgen.command(Some(frame.known.name.as_ref()), words).await;
    usage.is_ok_and(|usage| text(&usage).parse::<i64>().is_ok_and(|usage| usage < SMALL))
}

async fn elements(frame: &Frame, behind: &[u8]) -> Result<Rows, Trouble> {
    // Small ones may stand before large ones, so the mean tells nothing: of a large key few are asked for, and then some more.
    let is_small = is_small(frame).await;
    let _held = if is_small { None } else { Some(download::hold()?) };
    let mut count = if is_small { PAGE } else { 1 };
    let behind: Option<i64> = std::str::from_utf8(behind).ok().and_then(|text| text.parse().ok());
    let watermark = match &frame.info["watermark"] {
        Figure::Integer(watermark) => Some(*watermark),
        _ => None,
    };
    let from = behind.into_iter().chain(watermark).max().map_or("-".to_owned(), |from| format!("({from}"));
    let (command, key) = (frame.known.family.command("RANGE"), frame.known.name.as_ref());
    let reply = loop {
        let most = count.to_string();
        let words = [command.as_bytes(), key, from.as_bytes(), b"+", b"COUNT", most.as_bytes()];
        let reply = frame.known.tsgen.command(Some(key), words).await?;
        let payload = |row: &Value| maybe_bytes(reply_at(list(row), 2)).map_or(0, <[u8]>::len);
        let bytes: usize = list(&reply).iter().map(payload).sum();
        if list(&reply).len() < count || count == PAGE || bytes >= BYTES {
            break reply;
        }
        count = (count + count.div_ceil(4)).min(PAGE);
    };
    let found = list(&reply);
    let row = |row: &Value| {
        let of = list(row);
        let [id, at, payload, ..] = of else { return html! {} };
        let at: i64 = text(at).parse().unwrap_or_default();
        html! { tr {
            th scope="row" { (name(&Bytes(bytes(id)))) }
            td.n data-label="Timestamp" { (super::entries::timestamp(frame, at)) }
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
            th scope="row" { (name(&Bytes::from(&group.name))) } td.n data-label="Items" { (group.items) } td data-label="Fires" { (moment::from_now(group.fires_at)) }
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
        html! { tr { th scope="row" { (name(&Bytes::from(&watched.name))) } td data-label="Time to live ends" { (moment::from_now(watched.deadline)) } } }
    });
    Ok(Rows {
        head: html! { tr { th { "Key" } th { "Time to live ends" } } },
        rows: rows.collect(),
        // A page may be short, for keys without a time to live are left out.
        next: tracked.last().map(|last| encoded(&last.name.0)),
        note: None,
    })
}
