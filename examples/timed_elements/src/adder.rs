//! Adds elements: around the watermark, out of order, and some of them late.

use crate::elements::Elements;
use crate::lifecycle::Role;
use crate::log::say;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tsgen_client::{Added, Error, Raw};

#[derive(clap::Args)]
pub struct Adder {
    /// The name of this adder; its elements are called after it
    #[arg(long, default_value = "adder-1")]
    name: String,
    /// How many elements to add; 0: as many as there is time for
    #[arg(long, default_value_t = 0)]
    count: u64,
    /// Pause between two elements
    #[arg(long, default_value_t = 500)]
    every_ms: u64,
    /// How far from the watermark timestamps may be
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i64).range(1..))]
    spread: i64,
    /// One in so many elements is late: behind the watermark when it is added; 0: none
    #[arg(long, default_value_t = 5)]
    late_every: u64,
    #[arg(skip)]
    added: u64,
    /// Makes ids differ from those of an earlier run, for an element replaces one of the same id.
    #[arg(skip = unix_ms())]
    started_at: u128,
}

impl Role for Adder {
    fn name(&self) -> &str {
        &self.name
    }

    /// Adds the elements that are still to be added.
    async fn run(&mut self, elements: &Elements, stop: &CancellationToken) -> Result<(), Error> {
        let (_, elements) = elements.open().await?;
        while self.count == 0 || self.added < self.count {
            let n = self.added + 1;
            let timestamp = self.timestamp(n, elements.watermark().await?.unwrap_or(0));
            let id = format!("{}/{}/{n}", self.name, self.started_at);
            let payload = Raw(format!("payload {n} of {}", self.name).into());
            // If the reply is lost with the connection, this is sent again. NX: an element that is still there stays as it is.
            // One that has been worked on meanwhile is added once more: at least once it is.
            let fate = match elements.add(timestamp, &id, &payload).nx().await? {
                Added::Waits => "it waits",
                Added::IsReady => "late, and ready at once",
                Added::Nothing => "it was there already",
            };
            say(&self.name, format_args!("added {id} timestamp={timestamp}: {fate}"));
            self.added = n;
            if stop.run_until_cancelled(sleep(Duration::from_millis(self.every_ms))).await.is_none() {
                break;
            }
        }
        Ok(())
    }
}

impl Adder {
    /// Up to `spread` ahead of the watermark in a jumbled order, or as far behind it.
    fn timestamp(&self, n: u64, watermark: i64) -> i64 {
        let distance = (n as i64).wrapping_mul(7).rem_euclid(self.spread);
        if n.is_multiple_of(self.late_every) {
            watermark - distance
        } else {
            watermark + 1 + distance
        }
    }
}

fn unix_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}
