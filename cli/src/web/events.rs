//! What happens, as it is seen: what differs between one picture and the next, and what is done from these pages.
//!
//! The events that the server itself publishes are not used: they are off by default, there is one for each key and command, and they tell
//! only that something is ready. So what came and went between two pictures is not told; the page says so.

use super::address;
use super::layout::{Page, Tab};
use super::trouble::Reply;
use super::visit::{Pairs, Visit};
use crate::bytes::{shortened, Bytes};
use crate::table;
use crate::watch::{KeyId, Picture, Point, Row, Watch};
use maud::html;
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Events that are kept, and of one picture at most.
const MOST: usize = 1000;
const OF_ONE: usize = 200;
/// Events on a page.
const PAGE: usize = 200;

/// Of what kind it is: the words of the filter.
pub const KINDS: [&str; 5] = ["dead", "delivery", "key", "node", "action"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub at_ms: i64,
    pub kind: &'static str,
    pub key: Option<KeyId>,
    pub text: String,
}

/// The newest events; what is older falls out.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<VecDeque<Event>>>);

impl Events {
    fn all(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn note(&self, event: Event) {
        let mut all = self.all();
        if all.len() >= MOST {
            all.pop_front();
        }
        all.push_back(event);
    }

    /// Compares pictures from now on, in a task of its own.
    pub fn follow(&self, mut watch: Watch) {
        let events = self.clone();
        tokio::spawn(async move {
            let mut before = watch.first().await;
            loop {
                let now = watch.changed().await;
                between(&before, &now).into_iter().for_each(|event| events.note(event));
                before = now;
            }
        });
    }
}

/// What has happened between two pictures; of very much only the beginning, and that there was more.
fn between(before: &Picture, now: &Picture) -> Vec<Event> {
    let mut events = Vec::new();
    of_nodes(before, now, &mut events);
    // As long as not all keys have been looked at, one that is new here may be an old one.
    let are_known = before.nth > 0 && before.unseen == 0 && now.unseen == 0;
    let (mut old, mut new) = (before.rows.iter().peekable(), now.rows.iter().peekable());
    let mut key = |row: &Row, kind, text: String| {
        events.push(Event { at_ms: now.at_ms, kind, key: Some(row.id.clone()), text });
    };
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.id.cmp(&new.id),
        };
        match order {
            Ordering::Less => {
                if let Some(row) = old.next() {
                    key(row, "key", "The key is gone.".to_owned());
                }
            }
            Ordering::Greater => {
                if let Some(row) = new.next().filter(|_| are_known) {
                    key(row, "key", "The key is new.".to_owned());
                }
            }
            Ordering::Equal => {
                if let (Some(old), Some(new)) = (old.next(), new.next()) {
                    if !Arc::ptr_eq(old, new) {
                        of_key(old, new, |kind, text| key(new, kind, text));
                    }
                }
            }
        }
    }
    if events.len() > OF_ONE {
        let more = events.len() - OF_ONE;
        events.truncate(OF_ONE);
        events.push(Event {
            at_ms: now.at_ms,
            kind: "key",
            key: None,
            text: format!("And {more} more at the same time."),
        });
    }
    events
}

fn of_key(old: &Row, new: &Row, mut told: impl FnMut(&'static str, String)) {
    let rise = |name: &str| new.total(name).saturating_sub(old.total(name));
    let count = |n: i64, one: &str, many: &str| if n == 1 { format!("1 {one}.") } else { format!("{n} {many}.") };
    if old.info.paused != new.info.paused {
        told("key", if new.info.paused { "Paused." } else { "Resumed." }.to_owned());
    }
    if rise("died") > 0 {
        told("dead", count(rise("died"), "entry has become a dead letter", "entries have become dead letters"));
    }
    if rise("redelivered") > 0 {
        told("delivery", count(rise("redelivered"), "entry was delivered again", "entries were delivered again"));
    }
    if old.info.ready == 0 && new.info.ready > 0 {
        told(
            "delivery",
            count(new.info.ready, "entry is ready, after there was none", "entries are ready, after there were none"),
        );
    }
    let backlog = |row: &Row| Point::of(row).backlog();
    if backlog(old) > 0 && backlog(new) == 0 {
        told("delivery", "All is done: nothing is ready, leased or delayed.".to_owned());
    }
}

fn of_nodes(before: &Picture, now: &Picture, events: &mut Vec<Event>) {
    let mut told = |text: String| events.push(Event { at_ms: now.at_ms, kind: "node", key: None, text });
    for node in &now.nodes {
        let Some(old) = before.nodes.iter().find(|old| old.address == node.address) else {
            if before.nth > 0 {
                told(format!("{} is a master now.", node.address));
            }
            continue;
        };
        match (&old.trouble, &node.trouble) {
            (None, Some(trouble)) => told(format!("{} is not reached: {trouble}", node.address)),
            (Some(_), None) => told(format!("{} is back.", node.address)),
            _ => {}
        }
        if !old.run_id.is_empty() && !node.run_id.is_empty() && old.run_id != node.run_id {
            told(format!("{} has been started again.", node.address));
        }
    }
    for old in before.nodes.iter().filter(|old| now.nodes.iter().all(|node| node.address != old.address)) {
        told(format!("{} is no master any more.", old.address));
    }
}

/// Whether the address asks for it.
fn is_asked_for(event: &Event, query: &Pairs) -> bool {
    let (kind, name) = (query.get("kind"), query.get("name"));
    let has_name = |id: &KeyId| id.key.to_string().contains(name);
    (kind.is_empty() || kind == event.kind) && (name.is_empty() || event.key.as_ref().is_some_and(has_name))
}

pub async fn page(visit: Visit) -> Reply {
    let events: Vec<Event> = {
        let all = visit.app.events.all();
        all.iter().rev().filter(|event| is_asked_for(event, &visit.query)).take(PAGE).cloned().collect()
    };
    let body = html! {
        form.filter method="get" action=(visit.url("/events")) role="search" aria-label="Filter" {
            label { "Kind" select name="kind" {
                option value="" { "all" }
                @for kind in KINDS { option value=(kind) selected[visit.query.get("kind") == kind] { (kind) } }
            } }
            label { "Key" input name="name" value=(visit.query.get("name")) maxlength="200"; }
            @if !visit.query.get("refresh").is_empty() { input type="hidden" name="refresh" value=(visit.query.get("refresh")); }
            button { "Show" }
        }
        @if events.is_empty() { p { "Nothing has happened since this program was started." } }
        @else {
            div.wide tabindex="0" role="region" aria-label="Events" {
                table {
                    thead { tr { th scope="col" { "When" } th scope="col" { "Kind" } th scope="col" { "Key" } th scope="col" { "What" } } }
                    tbody {
                        @for event in &events {
                            tr {
                                td data-label="When" { (table::time(event.at_ms)) }
                                td data-label="Kind" class=[(event.kind == "dead").then_some("bad")] { (event.kind) }
                                td.key data-label="Key" { @if let Some(id) = &event.key {
                                    a href=(visit.url(&address::key(id.db, &id.key.0))) { (super::overview::shown(&id.key)) }
                                } }
                                td.long data-label="What" { (event.text) }
                            }
                        }
                    }
                }
            }
        }
        p.quiet {
            "What differed from one look at the servers to the next (every " (table::length(visit.app.watch.every().as_millis() as i64)) "; of idle keys among very many more seldom), and what was done from here. "
            "What came and went between two looks is not here. The newest " (MOST) " are kept, and " (PAGE) " shown."
        }
    };
    Ok(visit.page(&Page { title: "Events", tab: Tab::Events, is_live: true }, body))
}

/// What somebody has done from here.
pub fn action(visit: &Visit, action: &str, key: Option<KeyId>, is_done: bool, said: &str) -> Event {
    let user = visit.who.user.as_deref().map_or(String::new(), |user| format!(" by {}", Bytes::from(user)));
    let result = if is_done { "" } else { ", which failed" };
    let text = format!("{action}{user}{result}: {}", shortened(said, 200));
    Event { at_ms: table::now(), kind: "action", key, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Family;
    use crate::watch::Node;
    use std::time::Instant;
    use tsgen_client::{Figure, Info};

    fn row(name: &str, died: i64, ready: i64, paused: bool) -> Arc<Row> {
        let info = Info {
            gate: "external".to_owned(),
            waiting: 0,
            ready,
            leased: 0,
            delayed: 0,
            dead: died,
            paused,
            oldest_ready_age: None,
            figures: vec![("died".to_owned(), Figure::Integer(died))],
        };
        let id = KeyId { db: 0, key: name.into() };
        Arc::new(Row {
            node: "h:1".into(),
            id,
            family: Family::Tsgen,
            info,
            sources: Vec::new(),
            rates: None,
            ready_since: None,
            seen: Instant::now(),
        })
    }

    fn picture(nth: u64, rows: Vec<Arc<Row>>) -> Picture {
        Picture { nth, rows, ..Picture::default() }
    }

    fn told(before: &Picture, now: &Picture) -> Vec<String> {
        let name = |event: &Event| event.key.as_ref().map_or(String::new(), |id| format!("{}: ", id.key));
        between(before, now).iter().map(|event| name(event) + &event.text).collect()
    }

    #[test]
    fn what_differs_is_told() {
        let before = picture(1, vec![row("a", 0, 0, false), row("b", 0, 5, false), row("d", 0, 0, false)]);
        let now = picture(2, vec![row("a", 2, 1, true), row("b", 0, 0, false), row("c", 0, 0, false)]);
        let expected = [
            "a: Paused.",
            "a: 2 entries have become dead letters.",
            "a: 1 entry is ready, after there was none.",
            "b: All is done: nothing is ready, leased or delayed.",
            "c: The key is new.",
            "d: The key is gone.",
        ];
        assert_eq!(told(&before, &now), expected);
        assert_eq!(told(&now, &now), Vec::<String>::new());
        // At first all keys are new, and as long as some were not looked at.
        assert_eq!(told(&picture(0, vec![]), &now), Vec::<String>::new());
        assert_eq!(told(&Picture { unseen: 5, ..picture(1, vec![]) }, &now), Vec::<String>::new());
    }

    #[test]
    fn of_very_much_the_beginning_is_told() {
        let many = (0..500).map(|nth| row(&format!("{nth:03}"), 0, 0, false)).collect();
        let events = told(&picture(1, vec![]), &picture(2, many));
        assert_eq!((events.len(), events[OF_ONE].as_str()), (OF_ONE + 1, "And 300 more at the same time."));
        let kept = Events::default();
        for nth in 0..MOST + 10 {
            kept.note(Event { at_ms: 0, kind: "key", key: None, text: nth.to_string() });
        }
        let all = kept.all();
        assert_eq!((all.len(), all[0].text.as_str()), (MOST, "10"));
    }

    #[test]
    fn nodes_come_and_go() {
        let node = |trouble: Option<&str>, run_id: &str| {
            let node = Node {
                address: "h:1".to_owned(),
                trouble: trouble.map(str::to_owned),
                run_id: run_id.to_owned(),
                ..Node::default()
            };
            Picture { nth: 1, nodes: vec![Arc::new(node)], ..Picture::default() }
        };
        assert_eq!(told(&node(None, "x"), &node(Some("refused"), "x")), ["h:1 is not reached: refused"]);
        assert_eq!(
            told(&node(Some("refused"), "x"), &node(None, "y")),
            ["h:1 is back.", "h:1 has been started again."]
        );
        assert_eq!(told(&node(None, "x"), &picture(2, vec![])), ["h:1 is no master any more."]);
    }
}
