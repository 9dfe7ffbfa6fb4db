//! `tsgen metrics`: figures of all keys, in the text format of Prometheus.

use crate::args::{Common, Metrics};
use crate::family::Family;
use crate::keys::{complain, find, Seen};
use crate::servers::{field, info, Place, Servers};
use crate::Outcome;
use anyhow::Context;
use prometheus::{Encoder, GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};

const OF_KEY: &[&str] = &["db", "key", "family"];

/// What is told. The names follow Prometheus' conventions: base units, `_total` behind what only rises.
struct Told {
    registry: Registry,
    entries: IntGaugeVec,
    oldest_ready: GaugeVec,
    /// Totals, each with the field of INFO that it is.
    totals: Vec<(&'static str, IntCounterVec)>,
    paused: IntGaugeVec,
    watermark: IntGaugeVec,
    reported: GaugeVec,
    lateness: GaugeVec,
    /// Figures of a node, each with the field of `INFO tsgen` that it is.
    nodes: Vec<(&'static str, IntGaugeVec)>,
    refused: IntGaugeVec,
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("tsgen")
}

impl Told {
    fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let integers = |name: &str, help: &str, labels: &[&str]| {
            let figures = IntGaugeVec::new(opts(name, help), labels)?;
            registry.register(Box::new(figures.clone()))?;
            prometheus::Result::Ok(figures)
        };
        let seconds = |name: &str, help: &str, labels: &[&str]| {
            let figures = GaugeVec::new(opts(name, help), labels)?;
            registry.register(Box::new(figures.clone()))?;
            prometheus::Result::Ok(figures)
        };
        let total = |field: &'static str, name: &str, help: &str| {
            let figures = IntCounterVec::new(opts(name, help), OF_KEY)?;
            registry.register(Box::new(figures.clone()))?;
            prometheus::Result::Ok((field, figures))
        };
        Ok(Self {
            entries: integers("entries", "Entries by state", &[OF_KEY, &["state"]].concat())?,
            oldest_ready: seconds(
                "oldest_ready_age_seconds",
                "For how long the oldest ready entry has been ready; 0: none is",
                OF_KEY,
            )?,
            totals: vec![
                total("delivered", "deliveries_total", "Deliveries")?,
                total("redelivered", "redeliveries_total", "Deliveries that were not an entry's first")?,
                total("acked", "acks_total", "Entries acknowledged")?,
                total("died", "deaths_total", "Entries that became dead letters")?,
                total("sink-errors", "sink_errors_total", "Appends to the sink that failed on this node")?,
            ],
            paused: integers("paused", "1 if the key hands out nothing", OF_KEY)?,
            watermark: integers("watermark", "The watermark, in its own unit", OF_KEY)?,
            reported: seconds(
                "source_reported_timestamp_seconds",
                "When a source reported last",
                &[OF_KEY, &["source"]].concat(),
            )?,
            lateness: seconds(
                "timer_lateness_seconds",
                "How much later than due the timer came, since the start",
                &["node", "quantile"],
            )?,
            nodes: vec![
                ("tsgen_blocked-clients", integers("blocked_clients", "Clients that wait in a CLAIM", &["node"])?),
                ("tsgen_caught-panics", integers("caught_panics", "Faults of the module that were caught", &["node"])?),
                ("tsgen_damaged-keys", integers("damaged_keys", "Keys that such a fault has damaged", &["node"])?),
            ],
            refused: integers("keys_refused", "Keys of which the server refuses to tell", &[])?,
            registry,
        })
    }

    /// Adds the figures of a key under this name.
    fn add(&self, seen: &Seen, key: &str) {
        let db = seen.db.to_string();
        let of = [db.as_str(), key, seen.family.name()];
        let info = &seen.info;
        let waiting = if matches!(seen.family, Family::Debounce | Family::Tally) { "collecting" } else { "waiting" };
        for (state, count) in [
            (waiting, info.waiting),
            ("ready", info.ready),
            ("leased", info.leased),
            ("delayed", info.delayed),
            ("dead", info.dead),
        ] {
            self.entries.with_label_values(&[of[0], of[1], of[2], state]).add(count);
        }
        let oldest = self.oldest_ready.with_label_values(&of);
        oldest.set(oldest.get().max(info.oldest_ready_age.unwrap_or(0) as f64 / 1000.0));
        for (field, total) in &self.totals {
            total.with_label_values(&of).inc_by(info[*field].integer().unsigned_abs());
        }
        self.paused.with_label_values(&of).add(i64::from(info.paused));
    }

    /// What has no sum: the watermark, and the sources below it.
    async fn gate(&self, place: &Place, seen: &Seen) -> anyhow::Result<()> {
        let (db, key) = (seen.db.to_string(), seen.key.to_string());
        let of = [db.as_str(), &key, seen.family.name()];
        if seen.family == Family::Tsgen && seen.info.gate != "clock" {
            if let tsgen_client::Figure::Integer(watermark) = seen.info["watermark"] {
                self.watermark.with_label_values(&of).set(watermark);
            }
        }
        if seen.info.gate == "sources" {
            for source in place.tsgen.elements(tsgen_client::Name(seen.key.0.clone())).sources().await? {
                if let Some(reported) = source.reported_at {
                    let source = source.name.to_string();
                    self.reported.with_label_values(&[of[0], of[1], of[2], &source]).set(reported as f64 / 1000.0);
                }
            }
        }
        Ok(())
    }

    fn node(&self, node: &str, told: &str) {
        let number = |name: &str| field(told, name).and_then(|value| value.parse::<i64>().ok());
        for (quantile, name) in [("0.5", "p50"), ("0.99", "p99"), ("1", "max")] {
            if let Some(us) = number(&format!("tsgen_timer_lateness_us_{name}")) {
                self.lateness.with_label_values(&[node, quantile]).set(us as f64 / 1e6);
            }
        }
        for (field, figure) in &self.nodes {
            figure.with_label_values(&[node]).set(number(field).unwrap_or(0));
        }
    }
}

pub async fn run(common: &Common, metrics: &Metrics) -> anyhow::Result<Outcome> {
    let servers = Servers::of(common)?;
    let places = servers.places().await?;
    let told = Told::new()?;
    for node in servers.nodes().await? {
        told.node(&node.node, &info(&node.tsgen, "tsgen").await?);
    }
    let mut found = find(&places, &Family::ALL).await?;
    complain(&found);
    // Those with most entries first: what is below the bound is summed up.
    let size = |seen: &Seen| {
        let info = &seen.info;
        info.waiting + info.ready + info.leased + info.delayed + info.dead
    };
    found.keys.sort_by_key(|seen| std::cmp::Reverse(size(seen)));
    for (nth, seen) in found.keys.iter().enumerate() {
        let is_shown = nth < metrics.max_keys;
        told.add(seen, &if is_shown { seen.key.to_string() } else { "(other)".to_owned() });
        let place = places.iter().find(|place| place.node == seen.node && place.db == seen.db);
        if let Some(place) = place.filter(|_| is_shown) {
            told.gate(place, seen).await.with_context(|| seen.key.to_string())?;
        }
    }
    let refused = found.refused.as_ref().map_or(0, |(count, _)| *count);
    told.refused.with_label_values::<&str>(&[]).set(i64::try_from(refused).unwrap_or(i64::MAX));
    TextEncoder::new().encode(&told.registry.gather(), &mut std::io::stdout().lock())?;
    Ok(Outcome::Done)
}
