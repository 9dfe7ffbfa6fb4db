//! The counters in Redis, as those who increment see them. Workers speak to Redis in `work.rs`.

use crate::increment::Increment;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{cmd, RedisResult, Value};
use std::time::Duration;

#[derive(Clone, clap::Args)]
pub struct Tally {
    /// Where Redis is
    #[arg(long, global = true, env = "REDIS_URL", hide_env_values = true, default_value = "redis://127.0.0.1:6379")]
    pub redis: String,
    /// The key that holds the sums; in the database it tells whose batch a batch is
    #[arg(long, global = true, default_value = "increments")]
    pub key: String,
}

#[derive(Clone, clap::Args)]
pub struct Rules {
    /// How long increments are summed before they go to the database, when the key is made; TALLY.ALTER changes it later
    #[arg(long, default_value_t = 9000, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    every_ms: u64,
    /// How many increments a client may send in each period; 0: any number
    #[arg(long, default_value_t = 60)]
    limit: u64,
    /// The period
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    period_ms: u64,
}

/// What became of an increment.
pub enum Outcome {
    Counted,
    /// This client has sent too many, and may send the next one so many milliseconds from now.
    TooSoon(u64),
}

/// Increments counters. Clones share one connection, which is made again whenever it is lost.
#[derive(Clone)]
pub struct Writer {
    redis: ConnectionManager,
    key: String,
    rules: Rules,
}

impl Writer {
    /// Does not connect yet.
    pub fn new(tally: Tally, rules: Rules) -> RedisResult<Self> {
        // It tries to connect for ever, and leaves it to its callers how long they wait. A command that was sent is never sent
        // again: it may have been carried out, and would count twice.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(usize::MAX)
            .set_max_delay(Duration::from_millis(500))
            .set_response_timeout(None);
        let redis = ConnectionManager::new_lazy_with_config(redis::Client::open(tally.redis)?, config)?;
        Ok(Self { redis, key: tally.key, rules })
    }

    /// Makes the key if it is not there. Replies with the command that this Redis lacks, if one that is needed is missing.
    pub async fn prepare(&self) -> RedisResult<Option<&'static str>> {
        let needed = ["TALLY.INCR", "THROTTLE.TAKE"];
        let needed = if self.rules.limit > 0 { &needed[..] } else { &needed[..1] };
        let known: Vec<Value> = cmd("COMMAND").arg("INFO").arg(needed).query_async(&mut self.redis.clone()).await?;
        let missing = needed.iter().zip(known).find(|(_, info)| *info == Value::Nil).map(|(name, _)| *name);
        if missing.is_none() {
            self.create().await?;
        }
        Ok(missing)
    }

    /// Adds to a counter if the client is allowed to.
    ///
    /// An error, or a caller that waits no longer, leaves open whether the increment was counted.
    pub async fn count(&self, client: &str, increment: &Increment) -> RedisResult<Outcome> {
        if let Some(retry_after_ms) = self.take(client).await? {
            return Ok(Outcome::TooSoon(retry_after_ms));
        }
        match self.incr(increment).await {
            // An error reply, unlike a lost connection, says that nothing was counted. If it was because the key has vanished
            // (FLUSHALL, or a Redis that keeps nothing has been restarted), making it is all that is needed.
            Err(error) if error.code().is_some() && self.create().await? => self.incr(increment).await?,
            counted => counted?,
        }
        Ok(Outcome::Counted)
    }

    /// Hands what has been summed so far to the workers.
    pub async fn seal(&self) -> RedisResult<()> {
        cmd("TALLY.SEAL").arg(&self.key).exec_async(&mut self.redis.clone()).await
    }

    /// Whether it was this call that made the key.
    async fn create(&self) -> RedisResult<bool> {
        let mut create = cmd("TALLY.CREATE");
        create.arg(&self.key).arg("EVERY").arg(self.rules.every_ms).arg("FIELD").arg("UUID").arg("MIN").arg(1);
        // What a batch waits before it is delivered again, if it could not be written: longer each time.
        create.arg("BACKOFF").arg(100).arg("MAXBACKOFF").arg(5000);
        match create.exec_async(&mut self.redis.clone()).await {
            Err(error) if error.code() == Some("BUSYKEY") => Ok(false),
            made => made.map(|()| true),
        }
    }

    async fn incr(&self, increment: &Increment) -> RedisResult<()> {
        let mut incr = cmd("TALLY.INCR");
        incr.arg(&self.key).arg(increment.key.to_string()).arg(increment.value);
        incr.exec_async(&mut self.redis.clone()).await
    }

    /// None if the client may go on, else the milliseconds until it may.
    async fn take(&self, client: &str) -> RedisResult<Option<u64>> {
        if self.rules.limit == 0 {
            return Ok(None);
        }
        let mut take = cmd("THROTTLE.TAKE");
        take.arg(format!("{}:client:{client}", self.key)).arg(self.rules.limit).arg(self.rules.period_ms);
        let [is_allowed, _limit, _remaining, retry_after_ms, _reset_after_ms]: [i64; 5] =
            take.query_async(&mut self.redis.clone()).await?;
        Ok((is_allowed == 0).then_some(retry_after_ms.unsigned_abs()))
    }
}
