//! Writes batches to the database, one at a time, and acknowledges each once it is in there.

use crate::database::{Batch, Database};
use crate::tally::Tally;
use anyhow::Context;
use redis::aio::MultiplexedConnection;
use redis::{cmd, AsyncConnectionConfig, RedisResult};
use std::time::Duration;
use tokio::time::{sleep, timeout, Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a CLAIM waits in the server, and so how long a worker with nothing to do takes to notice that it should stop.
const BLOCK_MS: u64 = 1000;

/// How long a database that hangs is waited for.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

#[derive(clap::Args)]
pub struct Worker {
    /// Where PostgreSQL is, as a URL or in words
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        default_value = "host=/run/postgresql dbname=increments"
    )]
    database: String,
    /// The name of this worker; no two that run at the same time may share one
    #[arg(long, default_value_t = format!("worker-{}", Uuid::new_v4()), hide_default_value = true)]
    name: String,
    /// How long the writing of a batch may take, and so how long after the death of this worker another one gets its batch
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    lease_ms: u64,
}

/// An entry of TALLY.CLAIM: token, deliveries, batch, opened at, sealed at, fields and sums.
type Entry = (u64, u64, i64, i64, i64, Vec<(String, i64)>);

impl Worker {
    /// Works until told to stop. After a failure it starts anew, with new connections, after pauses that double from a tenth of a
    /// second up to three seconds. An error if the failure leaves something unwritten and there is no time to try again.
    pub async fn run(self, tally: Tally, stop: CancellationToken) -> anyhow::Result<()> {
        let mut pause = FIRST_PAUSE;
        loop {
            let started = Instant::now();
            let Err(error) = self.work(&tally, &stop).await else { return Ok(()) };
            if started.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            println!("{}: {error:#}; trying again in {pause:?}", self.name);
            if stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return Err(error.context("stopped, and what is in Redis stays there for the next worker"));
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Writes batches until told to stop, and then those that are ready.
    async fn work(&self, tally: &Tally, stop: &CancellationToken) -> anyhow::Result<()> {
        // First the database: who cannot write should not claim, but leave it to those who can.
        let connected = timeout(CONNECT_WITHIN, Database::connect(&self.database)).await;
        let mut database = connected.context("PostgreSQL does not answer")?.context("PostgreSQL")?;
        let mut redis = self.connect(tally).await.context("Redis")?;
        println!("{}: ready", self.name);
        let mut claim = cmd("TALLY.CLAIM");
        claim.arg(&tally.key).arg(&self.name).arg("LEASE").arg(self.lease_ms);
        let mut claim_blocking = claim.clone();
        claim_blocking.arg("BLOCK").arg(BLOCK_MS);
        // Gives back what this name holds: by a reply that got lost, or since a worker of this name was killed.
        let mut release = cmd("TALLY.RELEASE");
        release.arg(&tally.key).arg(&self.name);

        release.exec_async(&mut redis).await.context("Redis")?;
        while !stop.is_cancelled() {
            let entries: Vec<Entry> = claim_blocking.query_async(&mut redis).await.context("Redis")?;
            for entry in entries {
                self.settle(entry, tally, &mut database, &mut redis).await?;
            }
        }
        release.exec_async(&mut redis).await.context("Redis")?;
        loop {
            let entries: Vec<Entry> = claim.query_async(&mut redis).await.context("Redis")?;
            let Some(entry) = entries.into_iter().next() else { break };
            self.settle(entry, tally, &mut database, &mut redis).await?;
        }
        println!("{}: stopped", self.name);
        Ok(())
    }

    async fn connect(&self, tally: &Tally) -> RedisResult<MultiplexedConnection> {
        // The client's own limit, half a second, is shorter than a CLAIM may wait. No limit at all would be wrong too:
        // nothing else notices a server that has vanished without a word.
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_millis(BLOCK_MS + 3000)));
        let client = redis::Client::open(tally.redis.as_str())?;
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Writes a batch and acknowledges it, in this order: what is acknowledged is gone from Redis.
    async fn settle(
        &self,
        entry: Entry,
        tally: &Tally,
        database: &mut Database,
        redis: &mut MultiplexedConnection,
    ) -> anyhow::Result<()> {
        let (token, deliveries, number, _opened_at, _sealed_at, sums) = entry;
        // It is never extended. A database that takes longer than the lease is taken for one that is away; should it commit after
        // all, the next delivery of the batch finds it there.
        let written = timeout(Duration::from_millis(self.lease_ms), write(number, sums, tally, database)).await;
        match written.map_err(anyhow::Error::from).and_then(|written| written) {
            Ok(is_new) => {
                let fate = if is_new { "written" } else { "was there already" };
                println!("{}: batch {number} delivery {deliveries}: {fate}", self.name);
                let ack = cmd("TALLY.ACK").arg(&tally.key).arg(token).exec_async(redis).await;
                ack.context("Redis, after the batch was written")
            }
            Err(error) => {
                // Handed back rather than kept: while this worker connects again, one that still has its connection may write it,
                // after the key's BACKOFF. A NACK that fails too only means that the lease has to end first.
                let reason = format!("{error:#}");
                let mut nack = cmd("TALLY.NACK");
                nack.arg(&tally.key).arg(token).arg("REASON").arg(&reason);
                let _ = nack.exec_async(redis).await;
                Err(error.context(format!("PostgreSQL, batch {number} delivery {deliveries}")))
            }
        }
    }
}

/// Replies with whether the batch was not in the database yet.
async fn write(
    number: i64,
    fields: Vec<(String, i64)>,
    tally: &Tally,
    database: &mut Database,
) -> anyhow::Result<bool> {
    let (mut keys, mut sums) = (Vec::with_capacity(fields.len()), Vec::with_capacity(fields.len()));
    for (field, sum) in fields {
        keys.push(Uuid::try_parse(&field)?);
        sums.push(sum);
    }
    Ok(database.add(&tally.key, &Batch { number, keys, sums }).await?)
}
