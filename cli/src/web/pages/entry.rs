//! One entry, with all that is known of it and more of what it carries.

use super::super::address::KeyAt;
use super::super::trouble::{Reply, Trouble};
use super::super::visit::Visit;
use super::entries::{label, timestamp};
use super::frame::{capital, word, Frame};
use super::listed::{self, digest, Listed};
use super::{content, moment, reasons, steer};
use crate::args::State;
use crate::carried::Carried;
use crate::entries::page_of;
use crate::keys::Known;
use maud::html;

/// The entry that a query names (see [`Listed::query`]), if it is still there: on the page that begins behind the cursor, or at most one
/// further, for others may have come before it.
pub async fn find(known: &Known, visit: &Visit, state: State) -> Result<Option<Listed>, Trouble> {
    let mut after = listed::cursor(visit)?;
    let (wanted, token) = (visit.query.get("entry"), visit.query.get("token"));
    for _ in 0..2 {
        let (page, next) = page_of::<Carried>(known, state, listed::PAGE, &after).await?;
        let is_it = |token_of: Option<i64>| token.is_empty() || token_of.is_some_and(|own| own.to_string() == token);
        if let Some(entry) = page.into_iter().find(|entry| digest(&entry.id.0) == wanted && is_it(entry.token)) {
            return Ok(Some(Listed { entry, after }));
        }
        if next == "0" {
            break;
        }
        after = next;
    }
    Ok(None)
}

pub async fn page(at: KeyAt, visit: Visit, state: State) -> Reply {
    let frame = Frame::find(at, visit).await?;
    let listed = find(&frame.known, &frame.visit, state).await?.ok_or_else(Trouble::no_entry)?;
    let entry = &listed.entry;
    let here = format!("/{}", word(state));
    let body = html! {
        h2 { (capital(frame.id_word())) " " (label(entry)) }
        dl {
            dt { "state" } dd { (word(state)) @if entry.held { ": held back, for its group is at its limit" } }
            @if let Some(group) = &entry.group { dt { "group" } dd { (super::frame::name(group)) } }
            @if let Some(consumer) = &entry.consumer { dt { "held by" } dd { (super::frame::name(consumer)) } }
            @if let Some(until) = entry.until_ms {
                dt { @if state == State::Leased { "lease ends" } @else { "comes back" } } dd { (moment::from_now(until)) }
            }
            @if let Some(death) = &entry.death {
                dt { "reason" } dd { (reasons::shown(&death.reason)) }
                dt { "died" } dd { (moment::from_now(death.at_ms)) }
            }
            @if let Some(at) = entry.timestamp { dt { "timestamp" } dd { (timestamp(&frame, at)) } }
            dt { "deliveries" } dd { (entry.deliveries) }
            @if let Some(token) = entry.token { dt { "token" } dd { (token) } }
            dt { "size" } dd { (entry.bytes) " bytes" }
        }
        @if let (State::Delayed, Some(token)) = (state, entry.token) { (steer::promote_one(&frame, token)) }
        @if let (State::Dead, Some(token)) = (state, entry.token) {
            div.actions {
                (frame.visit.button(&frame.path("/requeue"), "Requeue", &[("token", &token.to_string())]))
                (frame.visit.button(&frame.path("/discard"), "Discard", &[("token", &token.to_string())]))
            }
        }
        h2 { "Content" }
        (content::of_entry(&frame, state, &listed, content::Bound::ALONE))
        p { a href=(frame.url(&here)) { "All that are " (word(state)) } }
    };
    Ok(frame.page(&here, false, body))
}
