//! The key that collects the scans, and a connection to the Redis that holds it.

use redis::aio::MultiplexedConnection;
use redis::{cmd, AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError, RedisResult};
use std::time::Duration;
use tokio::time::sleep;
use tsgen_client::{Server, Tsgen};

/// How long a command waits in the server for something to come, and so how long an idle process takes to notice that it should end.
pub const BLOCK: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

#[derive(Clone, clap::Args)]
pub struct Key {
    /// Where Redis is
    #[arg(long, global = true, default_value = "redis://127.0.0.1:6379")]
    redis: String,
    /// The key that collects the scans
    #[arg(long, global = true, default_value = "packages")]
    pub key: String,
    /// How long a seller must have been quiet; changes an existing key from each seller's next scan on [default: 1h]
    #[arg(long, global = true, value_parser = duration)]
    idle: Option<Duration>,
}

impl Key {
    /// Nothing is connected before the first command.
    pub fn connection(&self) -> RedisResult<Connection> {
        Ok(Connection { client: Client::open(self.redis.as_str())?, open: None })
    }

    /// The same for the worker library, which connects by itself.
    pub fn tsgen(&self) -> Result<Tsgen, tsgen_client::Error> {
        Server::at(&self.redis).map(Tsgen::from)
    }

    /// The commands that make the key as it should be, whether or not it is there; `sink` is a stream that Redis is to feed from it.
    ///
    /// A notification that cannot be sent is tried again after 1 s, 2 s, 4 s and so on, up to ten minutes; after 16 attempts it is
    /// left to the operator (`DEBOUNCE.DEAD`, `DEBOUNCE.REQUEUE`).
    pub async fn ensure(&self, redis: &mut Connection, sink: Option<&str>) -> RedisResult<()> {
        let mut create = cmd("DEBOUNCE.CREATE");
        create.arg(&self.key).arg("IDLE").arg(self.idle.map_or(3_600_000, millis));
        create.arg("BACKOFF").arg(1_000).arg("MAXBACKOFF").arg(600_000);
        let mut alter = cmd("DEBOUNCE.ALTER");
        alter.arg(&self.key);
        if let Some(idle) = self.idle {
            alter.arg("IDLE").arg(millis(idle));
        }
        if let Some(stream) = sink {
            create.arg("SINK").arg(stream);
            alter.arg("SINK").arg(stream);
        }
        match redis.ask::<()>(&create).await {
            Err(error) if error.code() != Some("BUSYKEY") => Err(error),
            Err(_) if self.idle.is_some() || sink.is_some() => redis.ask(&alter).await,
            _ => Ok(()),
        }
    }
}

/// For one command at a time: while one waits in the server, the others behind it wait too. So whoever waits has a connection of its own.
pub struct Connection {
    client: Client,
    open: Option<MultiplexedConnection>,
}

impl Connection {
    /// Sends one command. After a failure, whichever, the next one goes over a new connection.
    pub async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        if self.open.is_none() {
            // The client's own limit, half a second, is shorter than a command may wait in the server. No limit at all would be
            // wrong too: nothing else notices a server that has vanished without a word.
            let limit = BLOCK + Duration::from_secs(3);
            let config = AsyncConnectionConfig::new().set_response_timeout(Some(limit));
            let opened = self.client.get_multiplexed_async_connection_with_config(&config).await;
            self.open = Some(opened.map_err(|error| {
                let address = self.client.get_connection_info().addr();
                RedisError::from((error.kind(), "no connection to Redis", format!("{address}: {error}")))
            })?);
        }
        let redis = self.open.as_mut().expect("it was just opened");
        let reply = command.query_async(redis).await;
        if reply.is_err() {
            self.open = None;
        }
        reply
    }

    /// Sends a command until it is answered. Only for commands that may be carried out twice, because a reply can get lost as
    /// well as a command.
    pub async fn insist<T: FromRedisValue>(&mut self, command: &Cmd) -> T {
        self.insist_on(async |redis| redis.ask(command).await).await
    }

    /// Tries until it succeeds: Redis may restart, fail over, be full for a while, or start last.
    pub async fn insist_on<T>(&mut self, mut work: impl AsyncFnMut(&mut Self) -> RedisResult<T>) -> T {
        let mut pause = FIRST_PAUSE;
        loop {
            match work(self).await {
                Ok(reply) => return reply,
                Err(error) => eprintln!("{error}; trying again in {pause:?}"),
            }
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }
}

/// A length of time as people write it: `500ms`, `30s`, `5m`, `1h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("a number and its unit: ms, s, m or h".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "a whole number and its unit, such as 90s".to_owned())?;
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(|| "too long".to_owned())
}

pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A name that no other process has: leases are handed back, and pending entries taken over, by this name.
pub fn process_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", host.trim(), std::process::id())
}
