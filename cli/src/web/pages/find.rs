//! Looks for an id in all states: who holds it and until when, when it comes back, why it is dead.

use super::super::address::KeyAt;
use super::super::trouble::{is_partial, Reply, Trouble};
use super::super::visit::Visit;
use super::frame::{capital, word, Frame, STATES};
use super::listed::{self, Wanted};
use super::{content, download, entries, key, moment};
use crate::family::Family;
use maud::{html, Markup};
use tsgen_client::reply::{at, bytes, list, text};
use tsgen_client::Figure;

pub async fn page(key: KeyAt, visit: Visit) -> Reply {
    let id = visit.query.get("id").to_owned();
    if id.is_empty() {
        return Err(Trouble::wrong("id: what is to be found?"));
    }
    let frame = Frame::find(key, visit).await?;
    let (mut sections, mut missing) = (Vec::new(), None);
    for state in STATES {
        if frame.count(state) == 0 {
            continue;
        }
        let wanted = Wanted { state, after: "0".to_owned(), id: listed::pattern(&id)?, reason: None };
        let found = match listed::find(&frame.known, &wanted).await {
            Err(error) if is_partial(&error) => {
                missing = Some(format!("{error:#}"));
                break;
            }
            found => found?,
        };
        if found.listed.is_empty() && found.next.is_none() {
            continue;
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("id", &id);
        let here = format!("/{}?{}", word(state), query.finish());
        sections.push(html! {
            h2 { (capital(word(state))) }
            @if !found.listed.is_empty() { (entries::table(&frame, state, &found.listed)) }
            @if found.next.is_some() { p { "Not all were looked at. " a href=(frame.url(&here)) { "Go on" } } }
        });
    }
    // What is behind the gate can be asked for by its whole name only.
    let gated = if id.contains(['*', '?']) { None } else { behind_gate(&frame, &id, missing.is_some()).await? };
    let nothing = sections.is_empty() && gated.is_none();
    let body = html! {
        (key::search(&frame, &id))
        @if let Some(missing) = &missing {
            p.note { "What is ready, leased, delayed or dead cannot be looked through: " (missing) "." }
        }
        @if nothing && missing.is_none() {
            p.note { "Nothing of that name is ready, leased, delayed or dead"
                @if id.contains(['*', '?']) { "; what is behind the gate is found by its whole name only." } @else { ", or behind the gate." }
            }
        }
        @if let Some(gated) = gated { (gated) }
        @for section in sections { (section) }
    };
    Ok(frame.page("/find", false, body))
}

/// What waits, collects or is tracked under this name. Where entries cannot be listed, an element is told in whichever state it is.
async fn behind_gate(frame: &Frame, id: &str, is_any: bool) -> Result<Option<Markup>, Trouble> {
    let command = |name: &str| frame.known.family.command(name);
    let name = frame.known.name.as_ref();
    match frame.known.family {
        Family::Tsgen | Family::Debounce => {
            let _held = download::hold()?;
            let words = [command("GET").as_bytes(), name, id.as_bytes()].map(<[u8]>::to_vec);
            let reply = frame.known.tsgen.command(Some(name), words).await?;
            let of = list(&reply);
            if frame.known.family == Family::Debounce {
                return Ok((of.len() >= 2).then(|| collecting(of)));
            }
            let state = of.first().map(text).unwrap_or_default();
            let is_told = state == "waiting" || (is_any && !state.is_empty());
            Ok(is_told.then(|| {
                let when = text(at(of, 1)).parse().unwrap_or_default();
                html! {
                    h2 { (capital(&state)) }
                    dl {
                        dt { "timestamp" } dd { (entries::timestamp(frame, when)) }
                        @if let Some(every) = of.get(3) { dt { "comes again every" } dd { (moment::length(text(every).parse().unwrap_or_default())) } }
                    }
                    (content::show(&bytes(at(of, 2)), content::Bound::LISTED))
                }
            }))
        }
        Family::Expiry => {
            // Of other keys nothing is told.
            let is_watched = match &frame.info["prefixes"] {
                Figure::Names(prefixes) => prefixes.iter().any(|prefix| id.as_bytes().starts_with(&prefix.0)),
                _ => false,
            };
            if !is_watched {
                return Ok(None);
            }
            let words = [&b"PEXPIRETIME"[..], id.as_bytes()].map(<[u8]>::to_vec);
            // It may be that this user may not ask for that, or that the key is in another slot.
            let Ok(reply) = frame.known.tsgen.command(Some(id.as_bytes()), words).await else { return Ok(None) };
            let deadline: i64 = text(&reply).parse().unwrap_or(-1);
            Ok((deadline > 0).then(
                || html! { h2 { "Tracked" } p { "Its time to live runs out " (moment::from_now(deadline)) "." } },
            ))
        }
        Family::Tally => Ok(None),
    }
}

/// A group that is collecting.
fn collecting(of: &[redis::Value]) -> Markup {
    let fires: i64 = text(&of[0]).parse().unwrap_or_default();
    let items = list(&of[1]);
    html! {
        h2 { "Collecting" }
        p { (items.len() / 2) " items; it fires " (moment::from_now(fires)) ", unless something is pushed to it." }
    }
}
