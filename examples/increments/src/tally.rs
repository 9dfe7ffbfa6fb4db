//! The counters in Redis: where they are, and what those who increment ask of them. Workers are in `work.rs`.

use crate::increment::Increment;
use std::time::Duration;
use tsgen_client::{Error, Field, Key, Options, Server, Tsgen};

#[derive(Clone, clap::Args)]
pub struct Tally {
    /// Where Redis is
    #[arg(long, global = true, env = "REDIS_URL", hide_env_values = true, default_value = "redis://127.0.0.1:6379")]
    redis: String,
    /// The key that holds the sums; in the database it tells whose batch a batch is
    #[arg(long, global = true, default_value = "increments")]
    pub key: String,
}

impl Tally {
    /// Connects when it is first needed, and again whenever the connection is lost.
    pub fn connection(&self) -> Result<Tsgen, Error> {
        Server::at(&self.redis).map(Tsgen::from)
    }
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
    /// This client has sent too many, and may send the next one after so long.
    TooSoon(Duration),
}

/// Increments counters. Clones share one connection.
#[derive(Clone)]
pub struct Writer {
    redis: Tsgen,
    sums: Key<tsgen_client::Tally>,
    rules: Rules,
}

impl Writer {
    /// Does not connect yet.
    pub fn new(tally: &Tally, rules: Rules) -> Result<Self, Error> {
        let redis = tally.connection()?;
        Ok(Self { sums: redis.tally(&tally.key), redis, rules })
    }

    /// Makes the key; whether it was this call that made it.
    pub async fn create(&self) -> Result<bool, Error> {
        let options = Options::new().every(Duration::from_millis(self.rules.every_ms)).field(Field::Uuid).min(1);
        // What a batch waits before it is delivered again, if it could not be written: longer each time.
        let options = options.backoff(Duration::from_millis(100)).max_backoff(Duration::from_secs(5));
        match self.sums.create(options).await {
            Err(error) if error.code() == Some("BUSYKEY") => Ok(false),
            made => made.map(|()| true),
        }
    }

    /// Adds to a counter if the client is allowed to.
    ///
    /// [`Error::Unanswered`], or a caller that waits no longer, leaves open whether the increment was counted. It is never sent twice.
    pub async fn count(&self, client: &str, increment: &Increment) -> Result<Outcome, Error> {
        // That a connection has ended, as by a restart of Redis, may be noticed only by the command that gets no answer. So first comes one that
        // may be sent twice, and its second time is over a new connection: at worst this client has taken two increments for one.
        let taken = match self.take(client).await {
            Err(Error::Unanswered(_)) => self.take(client).await?,
            taken => taken?,
        };
        if let Some(retry_after) = taken {
            return Ok(Outcome::TooSoon(retry_after));
        }
        match self.incr(increment).await {
            // An error reply, unlike a lost connection, says that nothing was counted. If it was because the key has vanished
            // (FLUSHALL, or a Redis that keeps nothing has been restarted), making it is all that is needed.
            Err(error) if error.code().is_some() && self.create().await? => self.incr(increment).await?,
            counted => counted?,
        };
        Ok(Outcome::Counted)
    }

    async fn incr(&self, increment: &Increment) -> Result<i64, Error> {
        self.sums.incr(increment.key.to_string(), increment.value).await
    }

    /// None if the client may go on, else how long until it may. Redis is asked in any case.
    async fn take(&self, client: &str) -> Result<Option<Duration>, Error> {
        if self.rules.limit == 0 {
            return self.redis.command(None, ["PING"]).await.map(|_| None);
        }
        let name = format!("{}:client:{client}", self.sums.name());
        let taken = self.redis.take(name, self.rules.limit, Duration::from_millis(self.rules.period_ms)).await?;
        Ok((!taken.allowed).then_some(taken.retry_after))
    }

    /// Hands what has been summed so far to the workers.
    pub async fn seal(&self) -> Result<(), Error> {
        self.sums.seal().await.map(drop)
    }
}
