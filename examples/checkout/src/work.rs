//! Learns of the orders whose time has run out, and writes each off exactly once.
//!
//! The module delivers at least once: a worker that dies, or is too slow for its lease, has its order delivered again. What
//! makes it once is [`WRITE_OFF`]; what a worker prints is only what it has seen happen.

use crate::orders::{Orders, LOG, PREFIX, WATCHER};
use redis::aio::MultiplexedConnection;
use redis::{cmd, AsyncConnectionConfig, RedisResult, Script};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Logs an order and acknowledges its delivery, if the delivery is still ours.
///
/// Nobody sees a script half done, and AOF and replicas get it as one transaction: at no moment is an order logged and yet to
/// be delivered again, or acknowledged and not logged. A delivery is ours as long as its token is current, and of all deliveries
/// of one expiry only the last has a current token, until it is acknowledged. So however many workers come here with the same
/// order, one is let through, and no list of orders that have been seen is needed.
///
/// EXTEND is how it asks whether the token is current. ACK would tell too, but not if XADD fails after it (somebody keeps something else
/// at that key): nothing takes an ACK back, while an extended lease ends and the order comes again.
const WRITE_OFF: &str = r"
if redis.call('EXPIRY.EXTEND', KEYS[1], ARGV[2], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'id', ARGV[3], 'deadline', ARGV[4], 'value', ARGV[5])
return redis.call('EXPIRY.ACK', KEYS[1], ARGV[1])";

/// How many orders a worker takes at once.
const BATCH: u64 = 10;
/// How long a CLAIM waits in the server, and so how long a worker with nothing to do takes to notice that it should stop.
const BLOCK_MS: u64 = 2000;

#[derive(clap::Args)]
pub struct Worker {
    /// The name of this worker; no two that run at the same time may share one
    #[arg(long, default_value_t = format!("worker-{}", std::process::id()))]
    pub name: String,
    /// How long after the death of this worker another one gets its orders
    #[arg(long, default_value_t = 10_000)]
    lease_ms: u64,
    /// How long the work on one order takes: gives you the time to kill this worker meanwhile
    #[arg(long, default_value_t = 0)]
    work_ms: u64,
}

/// An entry of EXPIRY.CLAIM: token, deliveries, key, type, value, deadline, reason.
type Entry = (i64, u64, Vec<u8>, Option<String>, Option<Vec<u8>>, i64, String);

impl Worker {
    /// Works until told to stop. Then it finishes the order in hand, and hands back what else it holds.
    pub async fn run(&self, orders: &Orders, stop: &CancellationToken) -> RedisResult<()> {
        // The client's own limit, half a second, is shorter than a CLAIM may wait. No limit at all would be wrong too:
        // nothing else notices a server that has vanished without a word.
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_millis(BLOCK_MS + 3000)));
        let mut redis = orders.redis.get_multiplexed_async_connection_with_config(&config).await?;
        watch(&mut redis).await?;
        println!("{}: waiting for orders that nobody pays", self.name);

        let mut claim = cmd("EXPIRY.CLAIM");
        claim.arg(WATCHER).arg(&self.name).arg("COUNT").arg(BATCH);
        claim.arg("LEASE").arg(self.lease_ms).arg("BLOCK").arg(BLOCK_MS);
        while !stop.is_cancelled() {
            let entries: Vec<Entry> = claim.query_async(&mut redis).await?;
            for entry in entries {
                if stop.is_cancelled() {
                    break;
                }
                self.write_off(entry, &mut redis).await?;
            }
        }
        let released: u64 = cmd("EXPIRY.RELEASE").arg(WATCHER).arg(&self.name).query_async(&mut redis).await?;
        println!("{}: stopped, with {released} orders handed back", self.name);
        Ok(())
    }

    async fn write_off(&self, entry: Entry, redis: &mut MultiplexedConnection) -> RedisResult<()> {
        let (token, deliveries, key, _type, value, deadline, reason) = entry;
        let id = key.strip_prefix(PREFIX.as_bytes()).unwrap_or(&key);
        let name = String::from_utf8_lossy(id);
        println!("{}: order {name} has {reason}, token={token} deliveries={deliveries}", self.name);

        // Work that may be done twice goes here. What must not, is done by whoever reads the log.
        sleep(Duration::from_millis(self.work_ms)).await;

        // The order itself is gone: Redis has removed it. To delete it here would hit one that was placed again meanwhile.
        let script = Script::new(WRITE_OFF);
        let mut write_off = script.key(WATCHER);
        write_off.key(LOG).arg(token).arg(self.lease_ms).arg(id).arg(deadline).arg(value.unwrap_or_default());
        let is_ours: bool = write_off.invoke_async(redis).await?;
        let outcome = if is_ours { "written off" } else { "left to the worker that has it by now" };
        println!("{}: order {name} is {outcome}, token={token}", self.name);
        Ok(())
    }
}

/// Has Redis watch the orders from now on, those that are there included.
async fn watch(redis: &mut MultiplexedConnection) -> RedisResult<()> {
    let mut create = cmd("EXPIRY.CREATE");
    // Nothing about an order can be so wrong that it should be given up: what fails is tried again for ever.
    create.arg(WATCHER).arg("PREFIX").arg(PREFIX).arg("MAXDELIVERIES").arg(0);
    match create.exec_async(redis).await {
        Err(error) if error.code() != Some("BUSYKEY") => Err(error),
        _ => Ok(()),
    }
}
