//! Where orders are kept, and under which names.

use redis::aio::{ConnectionManager, ConnectionManagerConfig};

/// An order is a string at `checkout:<id>` whose time to live is what is left of its checkout.
pub const PREFIX: &str = "checkout:";
/// The watcher of these keys. Its own name does not begin with their prefix.
pub const WATCHER: &str = "abandoned";
/// The stream of orders that were written off: `XRANGE abandoned:log - +`.
pub const LOG: &str = "abandoned:log";

#[derive(clap::Args)]
pub struct Orders {
    /// Where Redis is
    #[arg(long, default_value = "redis://127.0.0.1:6379", value_parser = |url: &str| redis::Client::open(url))]
    pub redis: redis::Client,
}

impl Orders {
    /// Connects at the first command, and again after each failure. With a single retry, callers soon know.
    pub fn connection(&self) -> redis::RedisResult<ConnectionManager> {
        let config = ConnectionManagerConfig::new().set_number_of_retries(1);
        ConnectionManager::new_lazy_with_config(self.redis.clone(), config)
    }
}

/// The key of an order.
pub fn key(id: &str) -> String {
    format!("{PREFIX}{id}")
}
