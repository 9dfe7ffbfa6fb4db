//! A picture in the text format of Prometheus. The names follow its conventions: base units, `_total` behind what only rises.

use super::Choice;
use crate::bytes::shortened;
use crate::family::Family;
use crate::watch::{Node, Picture, Row};
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType, Quantile, Summary};
use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};
use std::sync::Arc;
use tsgen_client::Figure;

const OF_KEY: &[&str] = &["db", "key", "family"];
/// So many sources of a key have figures of their own; of the others the one that has been silent for longest is told.
const SOURCES: usize = 100;
const LATENESS: &str = "tsgen_timer_lateness_seconds";

/// What is told.
struct Told {
    registry: Registry,
    up: IntGaugeVec,
    info: IntGaugeVec,
    seen: GaugeVec,
    memory: IntGaugeVec,
    keys: IntGaugeVec,
    oldest_of_family: GaugeVec,
    /// Figures of a node, each with its name in `INFO tsgen`.
    gauges: Vec<(&'static str, IntGaugeVec)>,
    counters: Vec<(&'static str, IntCounterVec)>,
    entries: IntGaugeVec,
    oldest_ready: GaugeVec,
    /// Totals of a key, each with its name in F.INFO.
    totals: Vec<(&'static str, IntCounterVec)>,
    paused: IntGaugeVec,
    limit: IntGaugeVec,
    idle_sources: IntGaugeVec,
    watermark: IntGaugeVec,
    reported: GaugeVec,
    /// Of the picture itself.
    keys_refused: IntGaugeVec,
    keys_unseen: IntGaugeVec,
    age: GaugeVec,
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
        let total = |name: &str, help: &str, labels: &[&str]| {
            let figures = IntCounterVec::new(opts(name, help), labels)?;
            registry.register(Box::new(figures.clone()))?;
            prometheus::Result::Ok(figures)
        };
        let of_key = |name: &str, help: &str| total(name, help, OF_KEY);
        let of_node = |name: &str, help: &str| total(name, help, &["node"]);
        Ok(Self {
            up: integers("up", "1 if the node answers, and has the module", &["node"])?,
            info: integers("node_info", "Versions and role of the node; always 1", &["node", "module", "server", "role"])?,
            seen: seconds("node_seen_timestamp_seconds", "When the node answered last", &["node"])?,
            memory: integers("node_memory_used_bytes", "used_memory of the node", &["node"])?,
            keys: integers("keys", "Keys of the module", &["node", "family"])?,
            oldest_of_family: seconds(
                "family_oldest_ready_age_seconds",
                "For how long the oldest ready entry of all keys of the family has been ready, by the node itself; 0: none is",
                &["node", "family"],
            )?,
            gauges: vec![
                ("blocked_clients", integers("blocked_clients", "Clients that wait in a CLAIM", &["node"])?),
                ("damaged_keys", integers("damaged_keys", "Keys that a fault of the module has damaged", &["node"])?),
                ("scheduled_keys", integers("scheduled_keys", "Keys the timer has to look at some time", &["node"])?),
                ("watchers", integers("watchers", "Watchers that the events of keys are compared with", &["node"])?),
            ],
            counters: vec![
                ("caught_panics", of_node("caught_panics_total", "Faults of the module that were caught")?),
                ("adopted_tokens", of_node("adopted_tokens_total", "Claims repeated with tokens of another node")?),
                ("expiry_errors", of_node("expiry_errors_total", "Watched keys that ended without an entry")?),
            ],
            entries: integers("entries", "Entries by state", &[OF_KEY, &["state"]].concat())?,
            oldest_ready: seconds(
                "oldest_ready_age_seconds",
                "For how long the oldest ready entry has been ready; 0: none is",
                OF_KEY,
            )?,
            totals: vec![
                ("delivered", of_key("deliveries_total", "Deliveries")?),
                ("redelivered", of_key("redeliveries_total", "Deliveries that were not an entry's first")?),
                ("acked", of_key("acks_total", "Entries acknowledged")?),
                ("died", of_key("deaths_total", "Entries that became dead letters")?),
                ("late-arrivals", of_key("late_arrivals_total", "Elements that were late when they were added")?),
                ("sink-errors", of_key("sink_errors_total", "Appends to the sink that failed on this node")?),
            ],
            paused: integers("paused", "1 if the key hands out nothing", OF_KEY)?,
            limit: integers("entries_limit", "MAXLEN of a key that has one", OF_KEY)?,
            idle_sources: integers("idle_sources", "Sources that are silent and left out of the watermark", OF_KEY)?,
            watermark: integers("watermark", "The watermark, in its own unit", OF_KEY)?,
            reported: seconds(
                "source_reported_timestamp_seconds",
                "When a source reported last",
                &[OF_KEY, &["source"]].concat(),
            )?,
            keys_refused: integers("keys_refused", "Keys of which the server refuses to tell", &[])?,
            keys_unseen: integers("keys_unseen", "Keys that were not looked at yet", &[])?,
            age: seconds("figures_age_seconds", "How old the oldest figures of a key here are", &[])?,
            registry,
        })
    }

    fn node(&self, node: &Node, at_ms: i64) {
        let of = [node.address.as_str()];
        self.up.with_label_values(&of).set(i64::from(node.trouble.is_none()));
        let Some(age) = node.age() else { return };
        self.seen.with_label_values(&of).set((at_ms as f64 / 1000.0 - age.as_secs_f64()).max(0.0));
        let module = label(node.module_version.as_deref().unwrap_or_default());
        self.info.with_label_values(&[of[0], &module, &label(&node.server), &label(&node.role)]).set(1);
        self.memory.with_label_values(&of).set(i64::try_from(node.used_memory).unwrap_or(i64::MAX));
        for (name, gauge) in &self.gauges {
            if let Some(n) = node.figure(name) {
                gauge.with_label_values(&of).set(n);
            }
        }
        for (name, counter) in &self.counters {
            if let Some(n) = node.figure(name) {
                counter.with_label_values(&of).inc_by(n.unsigned_abs());
            }
        }
        for family in Family::ALL {
            let of = [of[0], family.name()];
            if let Some(keys) = node.keys(family) {
                self.keys.with_label_values(&of).set(keys);
            }
            let oldest = format!("{}_oldest_ready_age_ms", family.name().to_lowercase());
            if let Some(age) = node.figure(&oldest) {
                self.oldest_of_family.with_label_values(&of).set(age as f64 / 1000.0);
            }
        }
    }

    /// Adds the figures of a key under this name.
    fn add(&self, row: &Row, key: &str) {
        let db = row.id.db.to_string();
        let of = [db.as_str(), key, row.family.name()];
        let info = &row.info;
        let waiting = if matches!(row.family, Family::Debounce | Family::Tally) { "collecting" } else { "waiting" };
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
        for (name, total) in &self.totals {
            total.with_label_values(&of).inc_by(row.total(name).unsigned_abs());
        }
        self.paused.with_label_values(&of).add(i64::from(info.paused));
    }

    /// What has no sum: a limit, the watermark, and the sources below it.
    fn gate(&self, row: &Row, key: &str) {
        let db = row.id.db.to_string();
        let of = [db.as_str(), key, row.family.name()];
        if row.total("maxlen") > 0 {
            self.limit.with_label_values(&of).set(row.total("maxlen"));
        }
        if row.family != Family::Tsgen || row.info.gate == "clock" {
            return;
        }
        if let Figure::Integer(watermark) = row.info["watermark"] {
            self.watermark.with_label_values(&of).set(watermark);
        }
        if row.info.gate != "sources" {
            return;
        }
        self.idle_sources.with_label_values(&of).set(row.total("idle-sources"));
        let mut silent: Option<f64> = None;
        for (nth, source) in row.sources.iter().enumerate() {
            let Some(reported) = source.reported_at.map(|at| at as f64 / 1000.0) else { continue };
            if nth < SOURCES {
                let name = label(&source.name);
                self.reported.with_label_values(&[of[0], of[1], of[2], &name]).set(reported);
            } else {
                silent = Some(silent.map_or(reported, |silent| silent.min(reported)));
            }
        }
        if let Some(silent) = silent {
            self.reported.with_label_values(&[of[0], of[1], of[2], "(other)"]).set(silent);
        }
    }
}

/// A name of the server as the value of a label: no longer than what a person reads.
fn label(name: impl AsRef<[u8]>) -> String {
    shortened(&crate::bytes::Bytes::from(name).to_string(), 200)
}

/// How late timers came: quantiles since the start of the nodes. The server tells no sum.
fn lateness(nodes: &[Arc<Node>]) -> Option<MetricFamily> {
    let mut metrics = Vec::new();
    for node in nodes {
        let quantile = |(q, name): (f64, &str)| {
            let mut quantile = Quantile::default();
            quantile.set_quantile(q);
            quantile.set_value(node.figure(&format!("timer_lateness_us_{name}"))? as f64 / 1e6);
            Some(quantile)
        };
        let quantiles: Vec<Quantile> =
            [(0.5, "p50"), (0.99, "p99"), (1.0, "max")].into_iter().filter_map(quantile).collect();
        if quantiles.is_empty() {
            continue;
        }
        let mut summary = Summary::default();
        summary.set_sample_count(node.figure("timer_lateness_us_looks").unwrap_or(0).unsigned_abs());
        summary.set_quantile(quantiles);
        let mut of = LabelPair::default();
        of.set_name("node".to_owned());
        of.set_value(node.address.clone());
        let mut metric = Metric::default();
        metric.set_label(vec![of]);
        metric.set_summary(summary);
        metrics.push(metric);
    }
    let mut family = MetricFamily::default();
    family.set_name(LATENESS.to_owned());
    family.set_help("How much later than due the timer came, since the start".to_owned());
    family.set_field_type(MetricType::SUMMARY);
    family.set_metric(metrics);
    Some(family).filter(|family| !family.get_metric().is_empty())
}

/// The whole of it. What is known of a node that does not answer, and of its keys, is told on, with `tsgen_up` 0.
pub fn text(picture: &Picture, choice: &mut Choice) -> String {
    let mut written = || -> prometheus::Result<String> {
        let told = Told::new()?;
        picture.nodes.iter().for_each(|node| told.node(node, picture.at_ms));
        choice.follow(&picture.rows);
        for row in &picture.rows {
            if choice.has(&row.id) {
                let key = label(&row.id.key.0);
                told.add(row, &key);
                told.gate(row, &key);
            } else {
                told.add(row, "(other)");
            }
        }
        let none: &[&str] = &[];
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        told.keys_refused
            .with_label_values(none)
            .set(count(picture.refused.as_ref().map_or(0, |refused| refused.count)));
        told.keys_unseen.with_label_values(none).set(count(picture.unseen));
        let oldest = picture.rows.iter().map(|row| row.age().as_secs_f64()).fold(0.0, f64::max);
        told.age.with_label_values(none).set(oldest);
        let mut families = told.registry.gather();
        families.extend(lateness(&picture.nodes));
        TextEncoder::new().encode_to_string(&families)
    };
    let text = written().unwrap_or_else(|error| unreachable!("names and labels are fixed: {error}"));
    // There is no sum, and 0 would be a wrong one.
    text.split_inclusive('\n').filter(|line| !line.starts_with("tsgen_timer_lateness_seconds_sum")).collect()
}
