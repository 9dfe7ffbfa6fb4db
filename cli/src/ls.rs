//! `tsgen ls`: a row for each key.

use crate::args::{Column, Common, Ls};
use crate::bytes::{shortened, Bytes};
use crate::family::Family;
use crate::servers::Servers;
use crate::watch::{self, complain, Options, Picture, Watch};
use crate::{table, Outcome};
use serde::Serialize;
use std::io::{IsTerminal, Write};
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
    fn of(row: &watch::Row, is_cluster: bool) -> Self {
        let info = &row.info;
        Self {
            node: is_cluster.then(|| row.node.to_string()),
            db: row.id.db,
            key: row.id.key.clone(),
            family: row.family,
            waiting: info.waiting,
            ready: info.ready,
            leased: info.leased,
            delayed: info.delayed,
            dead: info.dead,
            oldest_ready_age_ms: info.oldest_ready_age,
            paused: info.paused,
            delivered: row.total("delivered"),
            redelivered: row.total("redelivered"),
            acked: row.total("acked"),
            died: row.total("died"),
            delivered_per_second: row.rates.map(|rates| rates.delivered),
            acked_per_second: row.rates.map(|rates| rates.acked),
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

pub async fn run(common: &Common, ls: &Ls) -> anyhow::Result<Outcome> {
    let servers = Servers::of(common)?;
    let families = ls.family.map_or(Family::ALL.to_vec(), |family| vec![family]);
    let Some(every) = ls.watch else {
        let picture = watch::whole(servers, &families).await?;
        complain(&picture.troubles());
        show(common, ls, &picture)?;
        let is_reached = picture.nodes.iter().all(|node| node.trouble.is_none());
        return Ok(if is_reached { Outcome::Done } else { Outcome::Unreachable });
    };
    // Whoever mistypes the address wants to hear of it.
    servers.check().await?;
    let mut watch = Watch::start(servers, Options { every, families, ..Options::default() });
    let mut told = Vec::new();
    loop {
        let picture = watch.changed().await;
        let mut troubles = picture.troubles();
        // Each once, as long as it lasts.
        complain(&troubles.iter().filter(|trouble| !told.contains(*trouble)).cloned().collect::<Vec<_>>());
        std::mem::swap(&mut told, &mut troubles);
        show(common, ls, &picture)?;
    }
}

fn show(common: &Common, ls: &Ls, picture: &Picture) -> anyhow::Result<()> {
    let mut rows: Vec<Row> = picture.rows.iter().map(|row| Row::of(row, picture.is_cluster)).collect();
    rows.retain(|row| row.is_asked_for(ls));
    if let Some(column) = ls.sort {
        rows.sort_by_key(|row| std::cmp::Reverse(row.figure(column)));
    }
    if common.json {
        return match ls.watch {
            // A line for each look.
            Some(_) => table::json_line(&rows),
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
