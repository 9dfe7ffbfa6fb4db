//! What is behind the gate: elements whose time has not come, groups that collect, keys that are tracked. Next first.

use super::super::address::KeyAt;
use super::super::trouble::{is_partial, Reply, Trouble};
use super::super::visit::Visit;
use super::frame::{name, Frame};
use super::{content, download, key, moment};
use crate::bytes::Bytes;
use crate::carried::Carried;
use crate::entries::{page_of, Entry};
use crate::family::Family;
use maud::{html, Markup};
use percent_encoding::{percent_decode_str, percent_encode, NON_ALPHANUMERIC};
use tsgen_client::reply::{bytes, list, text};
use tsgen_client::{Figure, Name, State};

/// Rows on a page.
const PAGE: usize = 50;
/// Of a key that takes less memory than this, in bytes, RANGE is asked for a page,
const SMALL: i64 = 64 << 20;
/// and of another for so few rows at a time.
const FEWEST: usize = 4;
/// A page by RANGE has no more rows if it has so many bytes of content,
const LARGE: usize = 4 << 20;
/// or so many elements of one timestamp.
const MOST_EQUAL: usize = 1000;
/// What is said of a page that has fewer rows for what they carry.
const FEW: &str = "The contents of this key are large, so a page has few of them.";

/// A page of rows, and what the query of the next one says.
struct Rows {
    head: Markup,
    rows: Vec<Markup>,
    next: Option<String>,
    note: Option<String>,
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

/// Elements with their payloads. A page has at most 4 MiB of them.
async fn elements(frame: &Frame, behind: &[u8]) -> Result<Rows, Trouble> {
    let after = std::str::from_utf8(behind).ok().filter(|after| !after.is_empty()).unwrap_or("0");
    let found = page_of::<Carried>(&frame.known, State::Waiting, PAGE, after).await;
    let (entries, next) = match found {
        Ok(page) => page,
        // Whoever may not look at entries, or has a module that does not tell what waits, may still have the list of all timestamps.
        Err(error) if is_partial(&error) => return ranged(frame, behind, &error).await,
        Err(error) => return Err(error.into()),
    };
    let has_groups = entries.iter().any(|entry| entry.group.is_some());
    let row = |entry: &Entry<Carried>| {
        html! { tr {
            th scope="row" { (name(&entry.id)) }
            td.n data-label="Timestamp" { (super::entries::timestamp(frame, entry.timestamp.unwrap_or_default())) }
            @if let Some(group) = &entry.group { td data-label="Group" { (name(group)) } }
            td.content {
                @match &entry.content {
                    Some(Carried::Payload(payload)) => (content::show(&payload.0, content::Bound::LISTED)),
                    _ => { span.quiet { (entry.bytes) " bytes: too large to be listed. " } a href={(frame.url("/find")) "?id=" (encoded(&entry.id.0))} { "See it" } }
                }
            }
        } }
    };
    let is_short = next != "0" && entries.len() < PAGE;
    Ok(Rows {
        head: html! { tr { th { "Id" } th.n { "Timestamp" } @if has_groups { th { "Group" } } th { "Content" } } },
        rows: entries.iter().map(row).collect(),
        next: (next != "0").then_some(next),
        note: is_short.then(|| FEW.to_owned()),
    })
}

/// An element that RANGE has listed.
struct Ranged {
    id: Bytes,
    at: i64,
    payload: Vec<u8>,
}

/// Why RANGE is asked, and what its rows lack.
fn why(frame: &Frame, error: &anyhow::Error) -> String {
    let peek = frame.known.family.command("PEEK");
    let of_server = error.chain().find_map(|cause| cause.downcast_ref::<tsgen_client::Error>());
    let why = match of_server.and_then(tsgen_client::Error::code) {
        Some("NOPERM") => format!("The server's user may not send {peek}"),
        _ => format!(
            "The module on this server is older than this program, and has no {peek} with WAITING: load a newer one"
        ),
    };
    let range = frame.known.family.command("RANGE");
    format!("{why}. What waits is listed by {range} until then, which does not tell groups.")
}

/// The same by RANGE. It has no cursor among elements of one timestamp, so a page ends where a timestamp does; and no bound of bytes, so of a key
/// that is not small few are asked for at a time, until they are enough.
async fn ranged(frame: &Frame, behind: &[u8], refused: &anyhow::Error) -> Result<Rows, Trouble> {
    let is_small = frame.known.memory().await.is_some_and(|bytes| bytes < SMALL);
    let _held = if is_small { None } else { Some(download::hold()?) };
    let step = if is_small { PAGE } else { FEWEST };
    let behind: Option<i64> = std::str::from_utf8(behind).ok().and_then(|text| text.parse().ok());
    let watermark = match &frame.info["watermark"] {
        Figure::Integer(watermark) => Some(*watermark),
        _ => None,
    };
    let mut from = behind.into_iter().chain(watermark).max().map_or("-".to_owned(), |from| format!("({from}"));
    let (command, key) = (frame.known.family.command("RANGE"), frame.known.name.as_ref());
    // What was found; how many of it, at the end, have the last timestamp; and how many bytes it has.
    let (mut found, mut equal, mut size) = (Vec::<Ranged>::new(), 0, 0);
    let is_over = loop {
        // Those of the last timestamp come once more.
        let count = equal + step;
        let most = count.to_string();
        let words = [command.as_bytes(), key, from.as_bytes(), b"+", b"COUNT", most.as_bytes()];
        let reply = frame.known.tsgen.command(Some(key), words).await?;
        let rows = list(&reply);
        for row in rows.iter().skip(equal) {
            let [id, at, payload, ..] = list(row) else { continue };
            let at: i64 = text(at).parse().unwrap_or_default();
            equal = if found.last().is_some_and(|last| last.at == at) { equal + 1 } else { 1 };
            let payload = bytes(payload);
            size += payload.len();
            found.push(Ranged { id: Bytes(bytes(id)), at, payload });
        }
        let Some(last) = found.last().filter(|_| rows.len() >= count) else { break true };
        from = last.at.to_string();
        // A page of one timestamp goes on to its end, as far as that is near.
        let is_one = equal == found.len() && is_small && found.len() < MOST_EQUAL && size < LARGE;
        if (found.len() >= PAGE || size >= LARGE) && !is_one {
            break false;
        }
    };
    let mut notes = why(frame, refused);
    if !is_over && equal < found.len() {
        found.truncate(found.len() - equal);
    } else if let Some(Ranged { at, .. }) = found.last().filter(|_| !is_over) {
        notes +=
            &format!(" If there are more with the timestamp {at}, they are left out here: it cannot go on among them.");
    }
    if size >= LARGE {
        notes += " ";
        notes += FEW;
    }
    let row = |Ranged { id, at, payload }: &Ranged| {
        html! { tr {
            th scope="row" { (name(id)) }
            td.n data-label="Timestamp" { (super::entries::timestamp(frame, *at)) }
            td.content { (content::show(payload, content::Bound::LISTED)) }
        } }
    };
    Ok(Rows {
        head: html! { tr { th { "Id" } th.n { "Timestamp" } th { "Content" } } },
        rows: found.iter().map(row).collect(),
        next: found.last().filter(|_| !is_over).map(|last| last.at.to_string()),
        note: Some(notes),
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
