//! `tsgen ls`: a row for each key.

use crate::args::{Column, Common, Ls};
use crate::bytes::{shortened, Bytes};
use crate::family::Family;
use crate::keys::{complain, find, Seen};
use crate::servers::Servers;
use crate::watch::{Options, Watch};
use crate::{table, Outcome};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use tsgen_client::Info;
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
        let node = is_cluster.then_some(seen.node);
        Self::new(node, seen.db, seen.key, seen.family, &seen.info)
    }

    fn watched(row: &crate::watch::Row, is_cluster: bool) -> Self {
        let node = is_cluster.then(|| row.node.to_string());
        let rates = row.rates;
        Self {
            delivered_per_second: rates.map(|rates| rates.delivered),
            acked_per_second: rates.map(|rates| rates.acked),
            ..Self::new(node, row.id.db, row.id.key.clone(), row.family, &row.info)
        }
    }

    fn new(node: Option<String>, db: u32, key: Bytes, family: Family, info: &Info) -> Self {
        let total = |name: &str| info[name].integer();
        Self {
            node,
            db,
            family,
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
            key,
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
    let places = servers.places().await?;
    if let Some(every) = ls.watch {
        return watch(common, ls, servers, Options { every, families, ..Options::default() }).await;
    }
    let found = find(&places, &families).await?;
    complain(&found);
    show(common, ls, found.keys.into_iter().map(|seen| Row::of(seen, servers.is_cluster)).collect())?;
    Ok(Outcome::Done)
}

async fn watch(common: &Common, ls: &Ls, servers: Servers, options: Options) -> anyhow::Result<Outcome> {
    let mut watch = Watch::start(servers, options);
    let mut told = Vec::new();
    loop {
        let picture = watch.changed().await;
        let troubles = picture.troubles();
        // Each once, as long as it lasts.
        for trouble in troubles.iter().filter(|trouble| !told.contains(*trouble)) {
            eprintln!("tsgen: {trouble}");
        }
        told = troubles;
        show(common, ls, picture.rows.iter().map(|row| Row::watched(row, picture.is_cluster)).collect())?;
    }
}

fn show(common: &Common, ls: &Ls, mut rows: Vec<Row>) -> anyhow::Result<()> {
    rows.retain(|row| row.is_asked_for(ls));
    if let Some(column) = ls.sort {
        rows.sort_by_key(|row| std::cmp::Reverse(row.figure(column)));
    }
    if common.json {
        return match ls.watch {
            // A line for each look.
            Some(_) => table::line(serde_json::to_string(&rows)?),
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
