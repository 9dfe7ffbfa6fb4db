//! Hooks that count and measure, for Prometheus.

use crate::hooks::Hooks;
use crate::job::{Claimed, Failure};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};
use std::time::Duration;

/// How many handlers run (`tsgen_jobs_running`), how they ended (`tsgen_jobs_total`: `done`, `failed`, `lost`), and after how many seconds
/// (`tsgen_job_seconds`); by key. Its clones are the same: give one to each worker of the process.
#[derive(Clone)]
pub struct Metrics {
    running: IntGaugeVec,
    ended: IntCounterVec,
    seconds: HistogramVec,
}

impl Metrics {
    /// Registers them; `prometheus::default_registry()` is that of the process.
    ///
    /// # Errors
    ///
    /// If the registry has them already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let running = Opts::new("tsgen_jobs_running", "Jobs that have been claimed and have not ended");
        let ended = Opts::new("tsgen_jobs_total", "Jobs that have ended, by how");
        let seconds = HistogramOpts::new("tsgen_job_seconds", "How long handlers took");
        let metrics = Self {
            running: IntGaugeVec::new(running, &["key"])?,
            ended: IntCounterVec::new(ended, &["key", "outcome"])?,
            seconds: HistogramVec::new(seconds, &["key"])?,
        };
        registry.register(Box::new(metrics.running.clone()))?;
        registry.register(Box::new(metrics.ended.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        Ok(metrics)
    }

    fn end(&self, job: &Claimed, outcome: &str, took: Option<Duration>) {
        let key = job.key.to_string();
        self.running.with_label_values(&[&key]).dec();
        self.ended.with_label_values(&[key.as_str(), outcome]).inc();
        if let Some(took) = took {
            self.seconds.with_label_values(&[&key]).observe(took.as_secs_f64());
        }
    }
}

impl Hooks for Metrics {
    fn on_claim(&self, job: &Claimed) {
        self.running.with_label_values(&[&job.key.to_string()]).inc();
    }

    fn on_done(&self, job: &Claimed, took: Duration) {
        self.end(job, "done", Some(took));
    }

    fn on_failed(&self, job: &Claimed, _: &Failure, took: Duration) {
        self.end(job, "failed", Some(took));
    }

    fn on_lost(&self, job: &Claimed) {
        self.end(job, "lost", None);
    }
}
