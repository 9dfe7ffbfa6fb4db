//! Consumers: what each holds, since when, and until when.
//!
//! Only PENDING tells, so it is asked while somebody looks: at most every few seconds, of the keys with most leases, and of each for the first
//! of them. Since when, no command tells: it is when the lease was seen here first, or longer.

use super::address;
use super::layout::{Page, Tab};
use super::moment;
use super::reach::Reach;
use super::trouble::Reply;
use super::visit::Visit;
use crate::bytes::Bytes;
use crate::watch::{KeyId, Picture, Row};
use crate::with_key;
use crate::{pattern, table};
use futures_util::future::join_all;
use maud::{html, Markup};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tsgen_client::Name;

/// Keys that are asked, leases of each, and how often.
const KEYS: usize = 100;
const OF_KEY: usize = 100;
const EVERY: Duration = Duration::from_secs(4);
/// What takes longer is left out.
const PATIENCE: Duration = Duration::from_secs(3);
/// Rows on a page.
const PAGE: usize = 200;

/// A lease.
struct Held {
    id: KeyId,
    consumer: Bytes,
    entry: Bytes,
    token: i64,
    deliveries: i64,
    /// Unix ms: when it was seen first, and when it ends.
    since: i64,
    until: i64,
}

#[derive(Default)]
pub struct Looked {
    at: Option<Instant>,
    held: Vec<Held>,
    /// Leases that there are more than were asked for.
    more: i64,
    failure: Option<String>,
}

/// The last look, which all who look share.
#[derive(Default)]
pub struct Workers(Mutex<Arc<Looked>>);

impl Workers {
    async fn look(&self, picture: &Picture, reach: &Reach) -> Arc<Looked> {
        let mut last = self.0.lock().await;
        if last.at.is_none_or(|at| at.elapsed() > EVERY) {
            *last = Arc::new(look(&last, picture, reach).await);
        }
        last.clone()
    }
}

async fn look(before: &Looked, picture: &Picture, reach: &Reach) -> Looked {
    let mut rows: Vec<&Arc<Row>> = picture.rows.iter().filter(|row| row.info.leased > 0).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.info.leased));
    let leased = |rows: &[&Arc<Row>]| rows.iter().map(|row| row.info.leased).fold(0, i64::saturating_add);
    let all = leased(&rows);
    rows.truncate(KEYS);
    let asked = rows.iter().map(|row| async move {
        let ask = async {
            let (tsgen, name) = (reach.tsgen(row.id.db).await?, Name(row.id.key.0.clone()));
            let pending = with_key!(row.family, tsgen, name, key => key.pending(None, OF_KEY, 0).await);
            anyhow::Ok(pending.inspect_err(|error| reach.note(row.id.db, error))?)
        };
        let pending = tokio::time::timeout(PATIENCE, ask).await;
        (
            row,
            pending.unwrap_or_else(|_| {
                Err(anyhow::anyhow!("the server has not answered within {} s", PATIENCE.as_secs()))
            }),
        )
    });
    let known: HashMap<(&KeyId, i64), i64> =
        before.held.iter().map(|held| ((&held.id, held.token), held.since)).collect();
    let (now, mut looked) = (table::now(), Looked { at: Some(Instant::now()), ..Looked::default() });
    for (row, pending) in join_all(asked).await {
        match pending {
            Ok(pending) => looked.held.extend(pending.into_iter().map(|lease| Held {
                since: known.get(&(&row.id, lease.token)).copied().unwrap_or(now),
                id: row.id.clone(),
                consumer: lease.consumer.as_ref().map(Bytes::from).unwrap_or_default(),
                entry: Bytes::from(&lease.id),
                token: lease.token,
                deliveries: lease.deliveries,
                until: lease.until,
            })),
            Err(error) => looked.failure = Some(format!("{}: {error:#}", super::overview::shown(&row.id.key))),
        }
    }
    looked.more = all.saturating_sub(i64::try_from(looked.held.len()).unwrap_or(i64::MAX)).max(0);
    looked
}

/// What one consumer holds, summed up.
struct Consumer {
    count: usize,
    keys: Vec<KeyId>,
    since: i64,
    until: i64,
}

fn consumers<'l>(held: &[&'l Held]) -> BTreeMap<&'l Bytes, Consumer> {
    let mut all = BTreeMap::new();
    for lease in held {
        let of = all.entry(&lease.consumer).or_insert(Consumer {
            count: 0,
            keys: Vec::new(),
            since: i64::MAX,
            until: i64::MAX,
        });
        of.count += 1;
        of.since = of.since.min(lease.since);
        of.until = of.until.min(lease.until);
        if of.keys.len() < 5 && !of.keys.contains(&lease.id) {
            of.keys.push(lease.id.clone());
        }
    }
    all
}

fn since(ms: i64) -> String {
    moment::length(table::now().saturating_sub(ms).max(0))
}

fn link(visit: &Visit, id: &KeyId) -> Markup {
    html! { a href={(visit.url(&address::key(id.db, &id.key.0))) "/leased"} { (super::overview::shown(&id.key)) } }
}

fn of_all(visit: &Visit, held: &[&Held]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Consumers" {
            table {
                thead { tr { th scope="col" { "Consumer" } th.n scope="col" { "Holds" } th scope="col" { "Of" } th scope="col" { "Next lease ends" } th scope="col" { "For at least" } } }
                tbody {
                    @for (name, consumer) in consumers(held).iter().take(PAGE) {
                        tr {
                            td.key { a href=(visit.with("consumer", &address::part(&name.0))) { (super::overview::shown(name)) } }
                            td.n data-label="Holds" { (consumer.count) }
                            td data-label="Of" { @for id in &consumer.keys { (link(visit, id)) " " } }
                            td data-label="Next lease ends" { (moment::from_now(consumer.until)) }
                            td data-label="For at least" { (since(consumer.since)) }
                        }
                    }
                }
            }
        }
    }
}

fn each(visit: &Visit, held: &[&Held]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Leases" {
            table {
                thead { tr {
                    th scope="col" { "Entry" } th scope="col" { "Consumer" } th scope="col" { "Lease ends" } th scope="col" { "Key" }
                    th.n scope="col" { "Deliveries" } th scope="col" { "For at least" } th.n scope="col" { "Token" }
                } }
                tbody {
                    @for lease in held.iter().take(PAGE) {
                        tr {
                            td.key data-label="Entry" { (super::overview::shown(&lease.entry)) }
                            td.key data-label="Consumer" { (super::overview::shown(&lease.consumer)) }
                            td data-label="Lease ends" { (moment::from_now(lease.until)) }
                            td.key data-label="Key" { (link(visit, &lease.id)) }
                            td.n data-label="Deliveries" { (lease.deliveries) }
                            td data-label="For at least" { (since(lease.since)) } td.n data-label="Token" { (lease.token) }
                        }
                    }
                }
            }
        }
        @if held.len() > PAGE { p { "And " (held.len() - PAGE) " more." } }
    }
}

pub async fn page(visit: Visit) -> Reply {
    let picture = visit.app.watch.now();
    let looked = visit.app.workers.look(&picture, &visit.app.reach).await;
    let (consumer, entry) = (visit.query.get("consumer"), visit.query.get("entry"));
    let sought = pattern::sought(entry);
    let is_asked_for = |lease: &&Held| {
        (consumer.is_empty() || address::part(&lease.consumer.0) == consumer)
            && (entry.is_empty() || sought.matches(&super::overview::shown(&lease.entry)))
    };
    let held: Vec<&Held> = looked.held.iter().filter(is_asked_for).collect();
    let body = html! {
        form.filter method="get" action=(visit.url("/workers")) role="search" aria-label="Filter" {
            label { "Who holds the entry with this id" input name="entry" value=(entry) placeholder="order-7*" maxlength="200"; }
            @if !consumer.is_empty() { input type="hidden" name="consumer" value=(consumer); }
            @if !visit.query.get("refresh").is_empty() { input type="hidden" name="refresh" value=(visit.query.get("refresh")); }
            button { "Show" }
            @if !consumer.is_empty() || !entry.is_empty() { a href=(visit.url("/workers")) { "All consumers" } }
        }
        @if let Some(failure) = &looked.failure { p.note.bad { (failure) } }
        @if looked.held.is_empty() && looked.more > 0 { p { "Who holds what could not be read." } }
        @else if held.is_empty() { p { @if looked.held.is_empty() { "Nobody holds anything." } @else { "Nobody holds such an entry." } } }
        @else if consumer.is_empty() && entry.is_empty() { (of_all(&visit, &held)) }
        @else { (each(&visit, &held)) }
        @if looked.more > 0 && !looked.held.is_empty() { p { (looked.more) " more leases are not listed here: the pages of the keys have them all." } }
        p.quiet { "Since when a lease runs, no command tells: it is counted from when this page has seen it first." }
    };
    Ok(visit.page(&Page { title: "Workers", tab: Tab::Workers, is_live: true }, body))
}
