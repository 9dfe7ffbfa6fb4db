//! A scan: one package of one seller, at a time. And where scans come from: a scanner, or many that are played.

use crate::redis_key::{duration, Connection, Key};
use redis::{cmd, Cmd, RedisResult};
use serde_json::{json, Value};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// What is pushed to the seller's group. The scan's own time is inside, because a scanner may deliver late; the time that DEBOUNCE
/// keeps for each item is that of the push, by which it counts the hour.
pub fn item(package: &str, scanned_at: i64) -> String {
    // Always the same bytes for the same scan: that is how Redis knows one that is pushed again (UNIQUE).
    json!({ "package": package, "scanned_at": scanned_at }).to_string()
}

/// Package and time of an item. One that somebody pushed by hand is a package's name, scanned when it was pushed.
pub fn parse(item: &[u8], pushed_at: i64) -> (String, i64) {
    let parsed: Value = serde_json::from_slice(item).unwrap_or_default();
    match (parsed["package"].as_str(), parsed["scanned_at"].as_i64()) {
        (Some(package), Some(scanned_at)) => (package.to_owned(), scanned_at),
        _ => (String::from_utf8_lossy(item).into_owned(), pushed_at),
    }
}

/// The push of one seller's scans. Pushing them twice does no harm while the seller's group collects.
pub fn push(key: &Key, seller: &str, items: &[String]) -> Cmd {
    cmd("DEBOUNCE.PUSH").arg(&key.key).arg(seller).arg(items).to_owned()
}

pub fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as i64)
}

#[derive(clap::Args)]
pub struct Scan {
    /// Whose packages
    seller: String,
    /// The packages
    #[arg(required = true)]
    packages: Vec<String>,
}

impl Scan {
    /// Fails if Redis cannot be reached, so that whoever called knows.
    pub async fn run(self, key: &Key) -> RedisResult<()> {
        let mut redis = key.connection()?;
        key.ensure(&mut redis, None).await?;
        let now = unix_ms();
        let items: Vec<String> = self.packages.iter().map(|package| item(package, now)).collect();
        let collecting: i64 = redis.ask(&push(key, &self.seller, &items)).await?;
        println!("seller {}: {collecting} scans are waiting until it has been quiet", self.seller);
        Ok(())
    }
}

#[derive(clap::Args)]
pub struct Publish {
    /// How many sellers there are, `seller-0` and up
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    sellers: u64,
    /// How many packages to scan; 0: as many as there is time for
    #[arg(long, default_value_t = 0)]
    scans: u64,
    /// Pause between two scans
    #[arg(long, default_value = "100ms", value_parser = duration)]
    every: Duration,
    /// Write to this stream, as scanners did before, and not to the key: `bridge` takes them from there
    #[arg(long)]
    stream: Option<String>,
}

impl Publish {
    pub async fn run(self, key: &Key, stop: &CancellationToken) -> RedisResult<()> {
        let mut redis = key.connection()?;
        stop.run_until_cancelled(self.publish(key, &mut redis)).await;
        Ok(())
    }

    async fn publish(&self, key: &Key, redis: &mut Connection) {
        redis.insist_on(async |redis| key.ensure(redis, None).await).await;
        let started_at = unix_ms();
        let mut count = 0;
        while self.scans == 0 || count < self.scans {
            let seller = format!("seller-{}", count % self.sellers);
            let package = format!("package-{started_at}-{count}");
            // Every tenth has lain in a scanner without a network for a while.
            let late_ms = if count % 10 == 9 { 90_000 } else { 0 };
            let scanned_at = unix_ms() - late_ms;
            println!("{seller} {package} scanned at {scanned_at}");
            match &self.stream {
                None => redis.insist::<()>(&push(key, &seller, &[item(&package, scanned_at)])).await,
                Some(stream) => {
                    let fields = [("seller", &seller), ("package", &package), ("scanned_at", &scanned_at.to_string())];
                    redis.insist::<()>(cmd("XADD").arg(stream).arg("*").arg(&fields)).await;
                }
            }
            count += 1;
            sleep(self.every).await;
        }
    }
}
