//! The key that all roles share: where it is, and how it is made.

use redis::aio::MultiplexedConnection;
use redis::{cmd, AsyncConnectionConfig, RedisResult};
use std::time::Duration;

/// How long a CLAIM waits in the server, and so how long a worker with nothing to do takes to notice that it should stop.
pub const BLOCK_MS: u64 = 2000;

#[derive(Clone, clap::Args)]
pub struct Elements {
    /// Where Redis is
    #[arg(long, global = true, default_value = "redis://127.0.0.1:6379", value_parser = |url: &str| redis::Client::open(url))]
    redis: redis::Client,
    /// The key that holds the elements
    #[arg(long, global = true, default_value = "elements")]
    pub key: String,
    /// All sources of the watermark; what counts is what they were when the key was made
    #[arg(long, global = true, value_delimiter = ',', default_value = "left,right")]
    pub sources: Vec<String>,
}

impl Elements {
    /// Connects, and makes the key if it is not there: whoever comes first makes it.
    ///
    /// Every role has a connection of its own, for one on which a CLAIM waits serves nobody else.
    pub async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        // The client's own limit, half a second, is shorter than a CLAIM may wait. No limit at all would be wrong too:
        // nothing else notices a server that has vanished without a word.
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_millis(BLOCK_MS + 3000)));
        let mut redis = self.redis.get_multiplexed_async_connection_with_config(&config).await?;
        let mut create = cmd("TSGEN.CREATE");
        create.arg(&self.key).arg("SOURCES").arg(self.sources.len()).arg(&self.sources);
        match create.exec_async(&mut redis).await {
            Err(error) if error.code() != Some("BUSYKEY") => Err(error),
            _ => Ok(redis),
        }
    }
}
