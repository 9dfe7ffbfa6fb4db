//! Advances one source. It says: from me comes nothing below this any more.

use crate::elements::Elements;
use crate::lifecycle::Role;
use crate::log::say;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tsgen_client::Error;

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

impl Role for Source {
    fn name(&self) -> &str {
        &self.name
    }

    /// Advances from where this source stood. Repeating a step does no harm, for a watermark never falls.
    async fn run(&mut self, elements: &Elements, stop: &CancellationToken) -> Result<(), Error> {
        let (_, elements) = elements.open().await?;
        let stood_at = elements.sources().await?.into_iter().find(|source| source.name == self.name.as_str());
        let mut timestamp = stood_at.and_then(|source| source.timestamp).unwrap_or(0);
        while timestamp < self.to {
            timestamp += 1;
            match elements.advance(timestamp).source(&self.name).await? {
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
