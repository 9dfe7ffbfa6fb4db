//! Works on the elements that are handed out to it, one at a time, each under a lease.
//!
//! The lease is short and extended while the work goes on: when a worker dies, another has its element within `--lease-ms`,
//! however long the work takes.

use crate::elements::{Elements, BLOCK_MS};
use crate::lifecycle::Role;
use crate::log::say;
use redis::aio::MultiplexedConnection;
use redis::{cmd, RedisResult};
use std::time::Duration;
use tokio::time::{interval_at, sleep, Instant};
use tokio_util::sync::CancellationToken;

#[derive(clap::Args)]
pub struct Worker {
    /// The name of this worker; no two that run at the same time may share one
    #[arg(long, default_value_t = format!("worker-{}", std::process::id()))]
    name: String,
    /// How long the work on one element takes
    #[arg(long, default_value_t = 300)]
    work_ms: u64,
    /// How long after the death of this worker another one gets its element
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u64).range(2..))]
    lease_ms: u64,
}

/// An entry of TSGEN.CLAIM: token, deliveries, id, timestamp, payload.
type Entry = (i64, u64, Vec<u8>, i64, Vec<u8>);

impl Role for Worker {
    fn name(&self) -> &str {
        &self.name
    }

    /// Works until told to stop, and then finishes what it has begun.
    async fn run(&mut self, elements: &Elements, stop: &CancellationToken) -> RedisResult<()> {
        let mut redis = elements.connect().await?;
        let mut claim = cmd("TSGEN.CLAIM");
        claim.arg(&elements.key).arg(&self.name).arg("LEASE").arg(self.lease_ms).arg("BLOCK").arg(BLOCK_MS);
        while !stop.is_cancelled() {
            let entries: Vec<Entry> = claim.query_async(&mut redis).await?;
            for entry in entries {
                if stop.is_cancelled() {
                    break;
                }
                self.process(entry, elements, &mut redis).await?;
            }
        }
        // What has been claimed and not begun: others need not wait for it until its lease ends.
        cmd("TSGEN.RELEASE").arg(&elements.key).arg(&self.name).exec_async(&mut redis).await
    }
}

impl Worker {
    async fn process(&self, entry: Entry, elements: &Elements, redis: &mut MultiplexedConnection) -> RedisResult<()> {
        let (token, deliveries, id, timestamp, _payload) = entry;
        let id = String::from_utf8_lossy(&id);
        let watermark: i64 = cmd("TSGEN.WATERMARK").arg(&elements.key).query_async(redis).await?;
        say(
            &self.name,
            format_args!("got {id} timestamp={timestamp} watermark={watermark} token={token} deliveries={deliveries}"),
        );

        // Your work goes here. If it writes to a database, hand it the token: a write with a lower one than the element's last
        // is that of a worker whose lease has ended.
        let work = sleep(Duration::from_millis(self.work_ms));
        tokio::pin!(work);
        let half_a_lease = Duration::from_millis(self.lease_ms / 2);
        let mut extensions = interval_at(Instant::now() + half_a_lease, half_a_lease);
        loop {
            tokio::select! {
                () = &mut work => break,
                _ = extensions.tick() => {
                    let extend = cmd("TSGEN.EXTEND").arg(&elements.key).arg(self.lease_ms).arg(token).to_owned();
                    if !extend.query_async::<bool>(redis).await? {
                        say(&self.name, format_args!("gives up {id} token={token}: it is not its own any more"));
                        return Ok(());
                    }
                }
            }
        }

        let is_settled: bool = cmd("TSGEN.ACK").arg(&elements.key).arg(token).query_async(redis).await?;
        let outcome = if is_settled { "done" } else { "too late, for another worker has got it" };
        say(&self.name, format_args!("finished {id} token={token}: {outcome}"));
        Ok(())
    }
}
