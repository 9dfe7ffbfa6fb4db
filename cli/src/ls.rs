//! `tsgen ls`: a row for each key.

use crate::args::{Column, Common, Ls};
use crate::bytes::{shortened, Bytes};
use crate::family::Family;
use crate::keys::{complain, find, Seen};
use crate::servers::Servers;
use crate::{table, Outcome};
use serde::Serialize;
use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::time::Instant;
use wildmatch::WildMatch;

/// A row, as `--json` has it.
#[derive(Serialize)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    db: u32,
    key: Bytes,
    family: Family,
    waiting: i64,
    ready: i64,
    leased: i64,
    delayed: i64,
    dead: i64,
    oldest_ready_age_ms: Option<i64>,
    paused: bool,
    delivered: i64,
    redelivered: i64,
    acked: i64,
    died: i64,
    /// Since the look before, with `--watch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acked_per_second: Option<f64>,
}

impl Row {
    fn of(seen: Seen, is_cluster: bool) -> Self {
        let info = &seen.info;
        let total = |name: &str| info[name].integer();
        Self {
            node: is_cluster.then_some(seen.node),
            db: seen.db,
            family: seen.family,
            waiting: info.waiting,
            ready: info.ready,
            leased: info.leased,
            delayed: info.delayed,
            dead: info.dead,
            oldest_ready_age_ms: info.oldest_ready_age,
            paused: info.paused,
            delivered: total("delivered"),
            redelivered: total("redelivered"),
            acked: total("acked"),
            died: total("died"),
            delivered_per_second: None,
            acked_per_second: None,
            key: seen.key,
        }
    }

    fn is_asked_for(&self, ls: &Ls) -> bool {
        let late = ls.late.map(|late| i64::try_from(late.as_millis()).unwrap_or(i64::MAX));
        (!ls.dead || self.dead > 0)
            && (!ls.paused || self.paused)
            && late.is_none_or(|late| self.oldest_ready_age_ms.is_some_and(|age| age >= late))
            && WildMatch::new(&ls.pattern).matches(&String::from_utf8_lossy(&self.key.0))
    }

    fn figure(&self, column: Column) -> i64 {
        match column {
            Column::Waiting => self.waiting,
            Column::Ready => self.ready,
            Column::Leased => self.leased,
            Column::Delayed => self.delayed,
            Column::Dead => self.dead,
            Column::Age => self.oldest_ready_age_ms.unwrap_or(-1),
        }
    }

    fn cells(&self) -> Vec<String> {
        let rate = |rate: Option<f64>| rate.map(|rate| format!("{rate:.1}"));
        let cells = [
            Some(self.db.to_string()),
            Some(shortened(&self.key.to_string(), 60)),
            Some(self.family.to_string()),
            Some(self.waiting.to_string()),
            Some(self.ready.to_string()),
            Some(self.leased.to_string()),
            Some(self.delayed.to_string()),
            Some(self.dead.to_string()),
            Some(self.oldest_ready_age_ms.map_or("-".to_owned(), table::length)),
            Some(if self.paused { "paused" } else { "" }.to_owned()),
            rate(self.delivered_per_second),
            rate(self.acked_per_second),
        ];
        cells.into_iter().flatten().collect()
    }
}

/// The totals of a look, and when it was.
type Before = (Instant, HashMap<(u32, Bytes), (i64, i64)>);

/// Rates since the look before. A total that has fallen belongs to another key of this name.
fn rate(rows: &mut [Row], before: &Option<Before>) -> Before {
    let now = Instant::now();
    for row in rows.iter_mut() {
        let Some((then, totals)) = before else { continue };
        let (delivered, acked) = totals.get(&(row.db, row.key.clone())).copied().unwrap_or((0, 0));
        let seconds = now.duration_since(*then).as_secs_f64().max(0.001);
        let rate = |now: i64, then: i64| Some((if now >= then { now - then } else { now }) as f64 / seconds);
        row.delivered_per_second = rate(row.delivered, delivered);
        row.acked_per_second = rate(row.acked, acked);
    }
    (now, rows.iter().map(|row| ((row.db, row.key.clone()), (row.delivered, row.acked))).collect())
}

pub async fn run(common: &Common, ls: &Ls) -> anyhow::Result<Outcome> {
    let servers = Servers::find(common).await?;
    let families = ls.family.map_or(Family::ALL.to_vec(), |family| vec![family]);
    let mut before = None;
    loop {
        let found = find(&servers.places().await?, &families).await?;
        complain(&found);
        let mut rows: Vec<Row> = found.keys.into_iter().map(|seen| Row::of(seen, servers.is_cluster)).collect();
        if ls.watch.is_some() {
            before = Some(rate(&mut rows, &before));
        }
        rows.retain(|row| row.is_asked_for(ls));
        if let Some(column) = ls.sort {
            rows.sort_by_key(|row| std::cmp::Reverse(row.figure(column)));
        }
        show(common, ls, &rows)?;
        let Some(pause) = ls.watch else { return Ok(Outcome::Done) };
        tokio::time::sleep(pause).await;
    }
}

fn show(common: &Common, ls: &Ls, rows: &[Row]) -> anyhow::Result<()> {
    if common.json {
        return match ls.watch {
            // A line for each look.
            Some(_) => table::line(serde_json::to_string(rows)?),
            None => table::json(&rows),
        };
    }
    if ls.watch.is_some() && std::io::stdout().is_terminal() {
        // The cursor to the corner, and nothing below it.
        write!(std::io::stdout(), "\x1b[H\x1b[J")?;
    }
    let mut titles = vec!["#db", "key", "family", "#waiting", "#ready", "#leased", "#delayed", "#dead", "#oldest", ""];
    if rows.iter().any(|row| row.acked_per_second.is_some()) {
        titles.extend(["#delivered/s", "#acked/s"]);
    }
    table::show(&titles, rows.iter().map(Row::cells))
}
