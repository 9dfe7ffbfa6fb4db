//! All keys: a row each, filtered and sorted as the address says.

use super::address;
use super::graph::{short, spark, Graph};
use super::layout::{length, Page, Tab};
use super::trouble::{Reply, Trouble};
use super::visit::{Pairs, Visit};
use crate::bytes::{shortened, Bytes};
use crate::family::Family;
use crate::watch::{Picture, Ring, Row};
use crate::{pattern, table};
use maud::{html, Markup};
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;
use wildmatch::WildMatch;

/// Rows on a page.
const PAGE: usize = 100;
/// The characters of a name in a row.
const NAME: usize = 80;
/// So long a page waits for figures that are no older than the time between two looks.
const PATIENCE: Duration = Duration::from_millis(400);

/// The graphs of all keys, and of one.
pub const GRAPHS: [Graph<'static>; 4] = [
    Graph { title: "Delivered per second", figure: |point| point.rates.delivered, shown: short },
    Graph { title: "Backlog", figure: |point| point.backlog() as f64, shown: short },
    Graph { title: "Oldest ready", figure: |point| point.oldest_ready_ms as f64, shown: |ms| table::length(ms as i64) },
    Graph {
        title: "Timer late (p99)",
        figure: |point| point.lateness_us as f64 / 1000.0,
        shown: |ms| if ms < 1000.0 { format!("{} ms", short(ms)) } else { table::length(ms as i64) },
    },
];

/// What the rows can be sorted by: the word in the address, the title, and whether it is a number.
const COLUMNS: [(&str, &str, bool); 12] = [
    ("key", "Key", false),
    ("family", "Family", false),
    ("db", "DB", true),
    ("waiting", "Waiting", true),
    ("ready", "Ready", true),
    ("leased", "Leased", true),
    ("delayed", "Delayed", true),
    ("dead", "Dead", true),
    ("oldest", "Oldest ready", true),
    ("delivered", "Delivered/s", true),
    ("acked", "Acked/s", true),
    ("died", "Died/s", true),
];

/// The column by which rows are sorted if nothing else is asked for, the largest first.
const LATE: &str = "oldest";

/// How late a key is, for an order that is the same from picture to picture: keys that are on time come last, of two that are late since the
/// same second the one with more that is ready comes first.
fn lateness(row: &Row) -> (i64, Reverse<i64>) {
    (row.ready_since.map_or(i64::MAX, |since| since.div_euclid(1000)), Reverse(row.info.ready))
}

/// What the address asks for.
struct Asked {
    family: Option<Family>,
    db: Option<u32>,
    name: Option<WildMatch>,
    has_dead: bool,
    is_paused: bool,
    /// The oldest ready entry is at least so old, in ms.
    late: Option<i64>,
    sort: &'static str,
    is_up: bool,
    page: usize,
}

impl Asked {
    fn of(query: &Pairs) -> Result<Self, Trouble> {
        let some = |name: &str| Some(query.get(name)).filter(|value| !value.is_empty());
        let family = |word: &str| {
            let found = Family::ALL.into_iter().find(|family| family.name().eq_ignore_ascii_case(word));
            found.ok_or_else(|| Trouble::wrong("family is one of tsgen, debounce, expiry, tally."))
        };
        let late = |text: &str| {
            let length = humantime::parse_duration(text)
                .map_err(|error| Trouble::wrong(format!("late is a length of time such as 30s or 5m: {error}")));
            length.map(|length| i64::try_from(length.as_millis()).unwrap_or(i64::MAX))
        };
        let number = |name: &str, text: &str| text.parse().map_err(|_| Trouble::wrong(format!("{name} is a number.")));
        let order = query.get("sort");
        let (sort, is_up) = order.strip_prefix('-').map_or((order, true), |word| (word, false));
        // What is late is what somebody wants to see who has not said anything else.
        let sort = COLUMNS.iter().find(|(word, ..)| *word == sort).map(|(word, ..)| *word);
        let (sort, is_up) = sort.map_or((LATE, false), |sort| (sort, is_up));
        Ok(Self {
            family: some("family").map(family).transpose()?,
            db: some("db").map(|text| number("db", text)).transpose()?,
            name: some("name").map(pattern::sought),
            has_dead: some("dead").is_some(),
            is_paused: some("paused").is_some(),
            late: some("late").map(late).transpose()?,
            sort,
            is_up,
            page: some("page")
                .map(|text| number("page", text))
                .transpose()?
                .map_or(1, |page: u32| page.max(1) as usize),
        })
    }

    fn has(&self, row: &Row) -> bool {
        let name = |pattern: &WildMatch| pattern::matches(pattern, &row.id.key.0);
        self.family.is_none_or(|family| family == row.family)
            && self.db.is_none_or(|db| db == row.id.db)
            && (!self.has_dead || row.info.dead > 0)
            && (!self.is_paused || row.info.paused)
            && self.late.is_none_or(|late| row.info.oldest_ready_age.is_some_and(|age| age >= late))
            && self.name.as_ref().is_none_or(name)
    }

    /// Which page of so many rows is asked for, and which is the last.
    fn place(&self, rows: usize) -> (usize, usize) {
        let last = rows.div_ceil(PAGE).max(1);
        (self.page.min(last), last)
    }

    /// Those of them that are on this page.
    fn part<'r, 'p>(&self, rows: &'r [&'p Arc<Row>]) -> &'r [&'p Arc<Row>] {
        let (page, _) = self.place(rows.len());
        &rows[(page - 1) * PAGE..rows.len().min(page * PAGE)]
    }

    /// The rows that are asked for, in their order.
    fn rows<'p>(&self, picture: &'p Picture) -> Vec<&'p Arc<Row>> {
        let mut rows: Vec<_> = picture.rows.iter().filter(|row| self.has(row)).collect();
        let rate = |row: &Row, of: fn(&crate::watch::Rates) -> f64| {
            row.rates.as_ref().map_or(0, |rates| (of(rates) * 1000.0) as i64)
        };
        let number = |row: &Row| match self.sort {
            "db" => i64::from(row.id.db),
            "waiting" => row.info.waiting,
            "ready" => row.info.ready,
            "leased" => row.info.leased,
            "delayed" => row.info.delayed,
            "dead" => row.info.dead,
            "delivered" => rate(row, |rates| rates.delivered),
            "acked" => rate(row, |rates| rates.acked),
            "died" => rate(row, |rates| rates.died),
            _ => 0,
        };
        // The picture is sorted by database and name, and sorting keeps that order among equals.
        match (self.sort, self.is_up) {
            ("key", true) => rows.sort_by_key(|row| &row.id.key),
            ("key", false) => rows.sort_by_key(|row| Reverse(&row.id.key)),
            (LATE, true) => rows.sort_by_key(|row| (Reverse(lateness(row)), &row.id.key)),
            (LATE, false) => rows.sort_by_key(|row| (lateness(row), &row.id.key)),
            ("family", true) => rows.sort_by_key(|row| row.family),
            ("family", false) => rows.sort_by_key(|row| Reverse(row.family)),
            (_, true) => rows.sort_by_cached_key(|row| number(row)),
            (_, false) => rows.sort_by_cached_key(|row| Reverse(number(row))),
        }
        rows
    }
}

/// The titles, each a link that sorts: numbers begin with the largest.
fn titles(visit: &Visit, asked: &Asked) -> Markup {
    let paged = Pairs(visit.query.0.iter().filter(|(name, _)| name != "page").cloned().collect());
    let title = |(word, title, is_number): (&'static str, &str, bool)| {
        let is_it = asked.sort == word;
        let is_up = if is_it { !asked.is_up } else { !is_number };
        let order = if is_up { word.to_owned() } else { format!("-{word}") };
        let sorted = is_it.then_some(if asked.is_up { "ascending" } else { "descending" });
        html! {
            th.n[is_number] scope="col" aria-sort=[sorted] {
                a href={(visit.url(&visit.path)) "?" (paged.with("sort", &order))} { (title) }
                @if let Some(sorted) = sorted { span aria-hidden="true" { @if sorted == "ascending" { " ↑" } @else { " ↓" } } }
            }
        }
    };
    html! { @for column in COLUMNS { (title(column)) } th scope="col" { "Last hour" } th scope="col" { "Notes" } }
}

fn row(visit: &Visit, picture: &Picture, row: &Row) -> Markup {
    // Half as much again is for the look itself.
    let is_old = |age: Duration| age > visit.app.watch.every() * 3 / 2 + Duration::from_millis(500);
    let (info, id) = (&row.info, &row.id);
    let rate =
        |of: fn(&crate::watch::Rates) -> f64| row.rates.as_ref().map_or("-".to_owned(), |rates| short(of(rates)));
    let past = picture.past.keys.get(id);
    let age = row.age();
    html! {
        tr id={"k" (id.db) "-" (address::part(&id.key.0))} {
            td.key { a href=(visit.url(&address::key(id.db, &id.key.0))) { (shown(&id.key)) } }
            td data-label="Family" { (row.family) } td.n data-label="DB" { (id.db) }
            td.n data-label="Waiting" { (info.waiting) } td.n data-label="Ready" { (info.ready) }
            td.n data-label="Leased" { (info.leased) } td.n data-label="Delayed" { (info.delayed) }
            td.n data-label="Dead" { @if info.dead > 0 { a.bad href={(visit.url(&address::key(id.db, &id.key.0))) "/dead"} { (info.dead) } } @else { "0" } }
            td.n data-label="Oldest ready" { (info.oldest_ready_age.map_or("-".to_owned(), table::length)) }
            td.n data-label="Delivered/s" { (rate(|rates| rates.delivered)) } td.n data-label="Acked/s" { (rate(|rates| rates.acked)) }
            td.n data-label="Died/s" { (rate(|rates| rates.died)) }
            td { @if let Some(ring) = past { (spark(ring, |point| point.backlog() as f64)) } }
            td {
                @if info.paused { span.badge.warn { "paused" } " " }
                @if is_old(age) { span.quiet { (length(age)) " old" } }
            }
        }
    }
}

/// A name in a row. The page of the key has all of it.
pub fn shown(name: &Bytes) -> String {
    // Of 64 KiB only the beginning is looked at.
    let begin = Bytes::from(&name.0[..name.0.len().min(4 * NAME)]);
    match (shortened(&begin.to_string(), NAME), begin.0.len() < name.0.len()) {
        // One that cannot be seen is between quotes: nobody could click on it.
        (text, _) if text.trim().is_empty() => format!("\"{text}\""),
        (text, true) if !text.ends_with('…') => text + "…",
        (text, _) => text,
    }
}

/// The filter, a form that becomes the address.
fn filter(visit: &Visit) -> Markup {
    let of = |name: &str| visit.query.get(name).to_owned();
    let check = |name: &str, label: &str| {
        html! { label.check { input type="checkbox" name=(name) value="1" checked[!of(name).is_empty()]; (label) } }
    };
    html! {
        form.filter method="get" action=(visit.url("/")) role="search" aria-label="Filter" {
            label { "Name" input name="name" value=(of("name")) placeholder="mails*" maxlength="200"; }
            label { "Family" select name="family" {
                option value="" { "all" }
                @for family in Family::ALL {
                    option value=(family.name().to_lowercase()) selected[of("family").eq_ignore_ascii_case(family.name())] { (family) }
                }
            } }
            label { "DB" input name="db" value=(of("db")) inputmode="numeric" size="3"; }
            label { "Oldest ready at least" input name="late" value=(of("late")) placeholder="5m" size="8"; }
            (check("dead", "with dead letters")) (check("paused", "paused"))
            @for keep in ["sort", "refresh"] {
                @if !of(keep).is_empty() { input type="hidden" name=(keep) value=(of(keep)); }
            }
            button { "Show" }
            @if !visit.query.0.is_empty() { a href=(visit.url("/")) { "All" } }
        }
    }
}

/// Links to the pages before and behind.
fn pages(visit: &Visit, page: usize, last: usize) -> Markup {
    html! {
        @if last > 1 {
            nav.pages aria-label="Parts of the list" {
                @if page > 1 { a href=(visit.with("page", &(page - 1).to_string())) rel="prev" { "Before" } " " }
                "Part " (page) " of " (last)
                @if page < last { " " a href=(visit.with("page", &(page + 1).to_string())) rel="next" { "Next" } }
            }
        }
    }
}

pub async fn page(visit: Visit) -> Reply {
    let asked = Asked::of(&visit.query)?;
    let picture = visit
        .app
        .watch
        .fresh(PATIENCE, |picture| asked.part(&asked.rows(picture)).iter().copied().cloned().collect())
        .await;
    let rows = asked.rows(&picture);
    let (page, last) = asked.place(rows.len());
    let shown = asked.part(&rows);
    let nothing = Arc::new(Ring::default());
    let all = if picture.past.all.is_empty() { &nothing } else { &picture.past.all };
    let body = html! {
        div.graphs { @for graph in &GRAPHS { (graph.figure(all)) } }
        (filter(&visit))
        p {
            @if picture.nth == 0 { "Nothing is known yet: the servers are being asked." }
            @else if picture.rows.is_empty() && picture.is_reached() { "There are no keys of the module." }
            @else { (rows.len()) " of " (picture.rows.len()) " keys" @if picture.unseen > 0 { ", and " (picture.unseen) " that are still to be looked at" } "." }
        }
        (pages(&visit, page, last))
        div.wide tabindex="0" role="region" aria-label="Keys" {
            table.sorted {
                thead { tr { (titles(&visit, &asked)) } }
                tbody { @for one in shown { (row(&visit, &picture, one)) } }
            }
        }
        (pages(&visit, page, last))
    };
    Ok(visit.page(&Page { title: "Overview", tab: Tab::Overview, is_live: true }, body))
}
