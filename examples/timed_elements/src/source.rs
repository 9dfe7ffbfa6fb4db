//! Advances one source. It says: from me comes nothing below this any more.

use crate::elements::Elements;
use crate::lifecycle::Role;
use crate::log::say;
use redis::{cmd, RedisResult};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

#[derive(clap::Args)]
pub struct Source {
    /// Which of the sources this is
    #[arg(long)]
    name: String,
    /// The timestamp to end at; without it, it goes on for ever
    #[arg(long, default_value_t = i64::MAX, hide_default_value = true)]
    to: i64,
    /// Pause between two steps of 1
    #[arg(long, default_value_t = 400)]
    every_ms: u64,
}

/// Name, timestamp and time of its report, which a source that has not reported lacks, and whether it is idle.
type Report = (String, Option<i64>, Option<i64>, bool);

impl Role for Source {
    fn name(&self) -> &str {
        &self.name
    }

    /// Advances from where this source stood. Repeating a step does no harm, for a watermark never falls.
    async fn run(&mut self, elements: &Elements, stop: &CancellationToken) -> RedisResult<()> {
        let mut redis = elements.connect().await?;
        let reports: Vec<Report> = cmd("TSGEN.SOURCES").arg(&elements.key).query_async(&mut redis).await?;
        let stood_at = reports.into_iter().find_map(|(name, timestamp, ..)| timestamp.filter(|_| name == self.name));
        let mut timestamp = stood_at.unwrap_or(0);
        while timestamp < self.to {
            timestamp += 1;
            let mut advance = cmd("TSGEN.ADVANCE");
            advance.arg(&elements.key).arg(timestamp).arg("SOURCE").arg(&self.name);
            match advance.query_async::<Option<i64>>(&mut redis).await? {
                Some(watermark) => say(&self.name, format_args!("is at {timestamp}, watermark={watermark}")),
                None => {
                    say(&self.name, format_args!("is at {timestamp}, no watermark before all sources have reported"))
                }
            }
            if stop.run_until_cancelled(sleep(Duration::from_millis(self.every_ms))).await.is_none() {
                break;
            }
        }
        Ok(())
    }
}
