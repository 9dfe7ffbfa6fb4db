//! Entries of a state, page by page, with what they carry.

use super::super::address::KeyAt;
use super::super::trouble::Reply;
use super::super::visit::Visit;
use super::frame::{capital, name, word, Frame};
use super::listed::{cursor, find, pattern, Listed, Wanted};
use super::{content, moment, steer};
use crate::args::State;
use crate::carried::Carried;
use crate::entries::Entry;
use maud::{html, Markup};

pub async fn page(at: KeyAt, visit: Visit, state: State) -> Reply {
    let after = cursor(&visit)?;
    let id = visit.query.get("id").to_owned();
    let by_id = pattern(&id)?;
    let frame = Frame::find(at, visit).await?;
    let wanted = Wanted { state, after: after.clone(), id: by_id, reason: None };
    let found = find(&frame.known, &wanted).await?;
    let here = format!("/{}", word(state));
    let body = html! {
        p { (lead(&frame, state)) }
        @if state == State::Delayed && frame.info.delayed > 0 { (steer::promote_all(&frame)) }
        form.filter method="get" action=(frame.url(&here)) {
            label { "Pattern of the " (frame.id_word()) input name="id" value=(id) placeholder="order-7*"; }
            button { "Show" }
            @if !id.is_empty() { a href=(frame.url(&here)) { "All" } }
        }
        (table(&frame, state, &found.listed))
        (pages(&frame.visit, &after, found.next.as_deref()))
    };
    Ok(frame.page(&here, false, body))
}

fn lead(frame: &Frame, state: State) -> Markup {
    html! {
        @match state {
            State::Ready if frame.info.paused => "What would be handed out next, once the pause ends.",
            State::Ready => "What is handed out next, first of all the first.",
            State::Leased => "What somebody has in hand, and until when it is his.",
            State::Delayed => "What has failed and comes back, next first.",
            State::Dead => "What will not be delivered again by itself.",
        }
    }
}

/// Where one can go from a page of a listing.
pub fn pages(visit: &Visit, after: &str, next: Option<&str>) -> Markup {
    html! {
        p.pages {
            @if after != "0" { a href=(visit.with("after", "")) { "First page" } " " }
            @match next {
                Some(next) => a rel="next" href=(visit.with("after", next)) { "Next page" },
                None => "That is all.",
            }
        }
    }
}

/// Entries with what is known of them in their state.
pub fn table(frame: &Frame, state: State, listed: &[Listed]) -> Markup {
    if listed.is_empty() {
        return html! { p.quiet { "There is none here." } };
    }
    let has_timestamp = listed.iter().any(|listed| listed.entry.timestamp.is_some());
    let has_groups = listed.iter().any(|listed| listed.entry.group.is_some());
    html! {
        div.wide tabindex="0" role="region" aria-label=(format!("Entries that are {}", word(state))) { table.entries {
            thead { tr {
                th { (capital(frame.id_word())) }
                @if has_timestamp { th.n { "Timestamp" } }
                @if has_groups { th { "Group" } }
                @match state {
                    State::Ready => th { "Held back" },
                    State::Leased => { th { "Consumer" } th { "Lease ends" } },
                    State::Delayed => th { "Comes back" },
                    State::Dead => { th { "Reason" } th { "Died" } },
                }
                th.n { "Deliveries" } th { "Content" }
                @if state == State::Delayed && frame.visit.may_act() { th { "Action" } }
            } }
            tbody { @for listed in listed { (row(frame, state, listed, has_timestamp)) } }
        } }
    }
}

fn row(frame: &Frame, state: State, listed: &Listed, has_timestamp: bool) -> Markup {
    let entry = &listed.entry;
    html! {
        tr {
            th scope="row" {
                a href=(frame.url(&format!("/{}/entry{}", word(state), listed.query()))) { (label(entry)) }
            }
            @if has_timestamp { td.n data-label="Timestamp" { @if let Some(at) = entry.timestamp { (timestamp(frame, at)) } } }
            @if let Some(group) = &entry.group { td data-label="Group" { (name(group)) } }
            (standing(state, entry))
            td.n data-label="Deliveries" { (entry.deliveries) }
            td.content { (content::of_entry(frame, state, listed, content::Bound::LISTED)) }
            @if state == State::Delayed && frame.visit.may_act() {
                td { @if let Some(token) = entry.token { (steer::promote_one(frame, token)) } }
            }
        }
    }
}

/// What an entry is called. A batch has no number until it is claimed.
pub fn label(entry: &Entry<Carried>) -> Markup {
    html! { @if entry.id.0.is_empty() { span.quiet { "without a name" } } @else { (name(&entry.id)) } }
}

/// A timestamp: in keys with a clock it is a time.
pub fn timestamp(frame: &Frame, at: i64) -> Markup {
    html! { @if frame.info.gate == "clock" { (moment::from_now(at)) } @else { (at) } }
}

/// Where an entry is: cells of its row.
pub fn standing(state: State, entry: &Entry<Carried>) -> Markup {
    let until = |ms: Option<i64>| html! { @if let Some(ms) = ms { (moment::from_now(ms)) } };
    html! {
        @match state {
            State::Ready => td data-label="Held back" { @if entry.held { "yes: its group is at its limit" } },
            State::Leased => {
                td data-label="Consumer" { @if let Some(consumer) = &entry.consumer { (name(consumer)) } }
                td data-label="Lease ends" { (until(entry.until_ms)) }
            },
            State::Delayed => td data-label="Comes back" { (until(entry.until_ms)) },
            State::Dead => {
                td.long data-label="Reason" { @if let Some(death) = &entry.death { (super::reasons::shown(&death.reason)) } }
                td data-label="Died" { (until(entry.death.as_ref().map(|death| death.at_ms))) }
            },
        }
    }
}
