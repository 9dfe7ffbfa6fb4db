//! `/key/{db}/{name}`: where a key stands.

use super::super::address::KeyAt;
use super::super::overview::GRAPHS;
use super::super::trouble::Reply;
use super::super::visit::Visit;
use super::figures::figures;
use super::frame::{capital, Frame, STATES};
use super::{gate, moment, steer};
use crate::args::State;
use crate::watch::KeyId;
use maud::{html, Markup};
use tsgen_client::Figure;

pub async fn page(at: KeyAt, visit: Visit) -> Reply {
    let frame = Frame::find(at, visit).await?;
    let gate = gate::section(&frame).await?;
    let body = html! {
        (lateness(&frame))
        (steer::actions(&frame))
        (search(&frame, ""))
        h2 { "Entries" }
        (states(&frame))
        (graphs(&frame))
        h2 { "Gate" }
        (gate)
        h2 { "Totals" }
        p.quiet { "Since the key was created." }
        (figures(&frame.info, |name| TOTALS.contains(&name)))
        h2 { "Options" }
        (figures(&frame.info, |name| OPTIONS.contains(&name)))
        p { a href=(frame.url("/options")) { @if frame.visit.may_act() { "Change options" } @else { "What they mean" } } }
        details {
            summary { "All that INFO tells" }
            (figures(&frame.info, |_| true))
        }
    };
    Ok(frame.page("", true, body))
}

/// How late the key is, in one sentence.
fn lateness(frame: &Frame) -> Markup {
    let info = &frame.info;
    html! {
        p.lateness {
            @match info.oldest_ready_age {
                Some(age) if info.paused => { "The oldest ready entry has been ready for " b { (moment::length(age)) } ": the key is paused, and hands out nothing." }
                Some(age) => { "Late by " b { (moment::length(age)) } ": for so long the oldest ready entry has been ready." }
                None => "On time: nothing is ready and waits for a worker.",
            }
            @if info.dead > 0 {
                " " a href=(frame.url("/dead")) { b { (info.dead) } @if info.dead == 1 { " dead letter" } @else { " dead letters" } } "."
            }
        }
    }
}

/// Looks for an id, whatever its state.
pub fn search(frame: &Frame, value: &str) -> Markup {
    html! {
        form.filter method="get" action=(frame.url("/find")) role="search" {
            label { "Find an entry by its " (frame.id_word()) input name="id" type="search" required value=(value) placeholder="order-7*"; }
            button { "Find" }
        }
    }
}

fn states(frame: &Frame) -> Markup {
    let told = |state: State| match state {
        State::Ready => "can be handed out",
        State::Leased => "somebody has them in hand",
        State::Delayed => "come back later, after a failed delivery",
        State::Dead => "will not be delivered again by themselves",
    };
    let info = &frame.info;
    let lease_age = match info["oldest-lease-age"] {
        Figure::Integer(age) => Some(age),
        _ => None,
    };
    html! {
        div.wide tabindex="0" role="region" aria-label="Entries by state" { table {
            thead { tr { th { "State" } th.n { "Entries" } th { "What that means" } } }
            tbody {
                tr { th scope="row" {
                    @if frame.known.family == crate::family::Family::Tally { (frame.waiting_word()) }
                    @else { a href=(frame.url("/waiting")) { (frame.waiting_word()) } }
                } td.n data-label="Entries" { (info.waiting) } td { "behind the gate" } }
                @for state in STATES {
                    @let word = super::frame::word(state);
                    tr {
                        th scope="row" { a href=(frame.url(&format!("/{word}"))) { (capital(word)) } }
                        td.n data-label="Entries" { @if state == State::Dead && info.dead > 0 { b.bad { (info.dead) } } @else { (frame.count(state)) } }
                        td {
                            (told(state))
                            @if let (State::Ready, Some(age)) = (state, info.oldest_ready_age) { "; the oldest for " (moment::length(age)) }
                            @if let (State::Leased, Some(age)) = (state, lease_age) { "; the oldest for " (moment::length(age)) }
                        }
                    }
                }
            }
        } }
    }
}

/// The last hour, as far as it is kept. From now on it is.
fn graphs(frame: &Frame) -> Markup {
    let id = KeyId { db: frame.at.db, key: frame.key() };
    let watch = &frame.visit.app.watch;
    let picture = watch.now();
    watch.look_at([id.clone()]);
    html! {
        @if let Some(ring) = picture.past.keys.get(&id) {
            // The last is of the server's timer, which is not of one key.
            div.graphs { @for graph in &GRAPHS[..GRAPHS.len() - 1] { (graph.figure(ring)) } }
        }
    }
}

const TOTALS: &[&str] =
    &["delivered", "redelivered", "acked", "died", "late-arrivals", "sink-errors", "values-dropped"];

const OPTIONS: &[&str] = &[
    "lease",
    "maxdeliveries",
    "backoff",
    "maxbackoff",
    "maxlen",
    "sink",
    "sinkmaxlen",
    "grouplimit",
    "fair",
    "paused",
];
