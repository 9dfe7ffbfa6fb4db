//! Takes the scans from the stream that scanners write to already: `seller`, `package`, `scanned_at`.
//!
//! At least once: it pushes, and only then acknowledges. If it dies in between, another bridge takes the entries over and pushes them again.
//! That does no harm: a scan that its group already has is not added again (UNIQUE), and the hour starts anew a little later. It would
//! make a second notification only if the hour had passed in between, so `--takeover` is far shorter than `--idle`.

use crate::group::{Consumer, Entry};
use crate::redis_key::{duration, process_name, Connection, Key};
use crate::scan;
use crate::stop;
use redis::RedisResult;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Entries that are pushed and acknowledged together.
const BATCH: usize = 100;

#[derive(clap::Args)]
pub struct Bridge {
    /// The stream
    #[arg(default_value = "scans")]
    stream: String,
    /// How soon this bridge takes over what another one held when it died
    #[arg(long, default_value = "30s", value_parser = duration)]
    takeover: Duration,
    /// The name under which the group knows this process; no other may have it [default: host and process id]
    #[arg(long, default_value_t = process_name(), hide_default_value = true)]
    name: String,
}

impl Bridge {
    pub async fn run(self, key: &Key, stop: &CancellationToken) -> RedisResult<()> {
        let mut redis = key.connection()?;
        let consumer = Consumer { stream: &self.stream, group: "bridges", name: &self.name, takeover: self.takeover };
        stop::with_grace(stop, Duration::from_secs(5), async {
            redis.insist_on(async |redis| key.ensure(redis, None).await).await;
            while !stop.is_cancelled() {
                let entries = consumer.next(&mut redis, BATCH).await;
                carry(&entries, &consumer, key, &mut redis).await;
            }
        })
        .await;
        consumer.leave(&mut redis).await.unwrap_or_else(|error| eprintln!("still in the group: {error}"));
        Ok(())
    }
}

async fn carry(entries: &[Entry], consumer: &Consumer<'_>, key: &Key, redis: &mut Connection) {
    let mut scans: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, fields) in entries {
        match parse(id, fields) {
            Some((seller, item)) => scans.entry(seller).or_default().push(item),
            // It would come back for ever.
            None => eprintln!("entry {id} is no scan, and left out"),
        }
    }
    for (seller, items) in &scans {
        redis.insist::<()>(&scan::push(key, seller, items)).await;
    }
    if !entries.is_empty() {
        let ids: Vec<String> = entries.iter().map(|(id, _)| id.clone()).collect();
        let count: i64 = redis.insist(&consumer.ack(&ids)).await;
        println!("carried {} entries of {} sellers, {count} acknowledged", ids.len(), scans.len());
    }
}

/// The seller and the item. A scan without a time was made when its entry was: that is in the id.
fn parse(id: &str, fields: &[Vec<u8>]) -> Option<(String, String)> {
    let field = |name: &str| {
        let pair = fields.chunks_exact(2).find(|pair| pair[0] == name.as_bytes())?;
        Some(String::from_utf8_lossy(&pair[1]).into_owned())
    };
    let written_at = id.split('-').next().and_then(|ms| ms.parse().ok());
    let scanned_at = field("scanned_at").and_then(|at| at.parse().ok()).or(written_at)?;
    Some((field("seller")?, scan::item(&field("package")?, scanned_at)))
}
