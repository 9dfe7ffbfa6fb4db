//! Learns of the orders whose time has run out, and writes each off exactly once.
//!
//! The module delivers at least once: a worker that dies, or is too slow for its lease, has its order delivered again. What
//! makes it once is [`WRITE_OFF`]; what a worker prints is only what it has seen happen.

use crate::orders::{Orders, LOG, PREFIX, WATCHER};
use redis::aio::ConnectionManager;
use redis::Script;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tsgen_client::{Claimed, Error, Expired, Failure, Handler, Hooks, Job, Options, Tsgen};

/// Logs an order and acknowledges its delivery, if the delivery is still ours.
///
/// Nobody sees a script half done, and AOF and replicas get it as one transaction: at no moment is an order logged and yet to
/// be delivered again, or acknowledged and not logged. A delivery is ours as long as its token is current, and of all deliveries
/// of one expiry only the last has a current token, until it is acknowledged. So however many workers come here with the same
/// order, one is let through, and no list of orders that have been seen is needed. (The library acknowledges again what its
/// handler has done: that does nothing.)
///
/// EXTEND is how it asks whether the token is current. ACK would tell too, but not if XADD fails after it (somebody keeps something else
/// at that key): nothing takes an ACK back.
const WRITE_OFF: &str = r"
if redis.call('EXPIRY.EXTEND', KEYS[1], ARGV[2], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'id', ARGV[3], 'deadline', ARGV[4], 'value', ARGV[5])
return redis.call('EXPIRY.ACK', KEYS[1], ARGV[1])";

/// How often it is seen to that the orders are watched.
const ROUND: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub struct Worker {
    /// The name of this worker; no two that run at the same time may share one
    #[arg(long, default_value_t = format!("worker-{}", std::process::id()))]
    name: String,
    /// How long after the death of this worker another one gets its order
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    lease_ms: u64,
    /// How long the work on one order takes: gives you the time to kill this worker meanwhile
    #[arg(long, default_value_t = 0)]
    work_ms: u64,
}

impl Worker {
    /// Works until told to stop, and then finishes the order in hand.
    pub async fn run(self, orders: &Orders, stop: &CancellationToken) -> Result<(), Box<dyn std::error::Error>> {
        let tsgen = Tsgen::from(orders.redis.clone());
        let name = self.name.clone();
        let worker = tsgen_client::Worker::new(&tsgen, WATCHER)
            .consumer(&name)
            .lease(Duration::from_millis(self.lease_ms))
            .hooks(Log(name.clone()));
        let clerk = Clerk { worker: self, redis: orders.connection()? };
        tokio::select! {
            ended = worker.run_until(clerk, stop.cancelled()) => ended?,
            () = keep_watching(&tsgen, &name) => {}
        }
        println!("{name}: stopped");
        Ok(())
    }
}

/// Does the work of an order.
struct Clerk {
    worker: Worker,
    redis: ConnectionManager,
}

impl Handler<Expired> for Clerk {
    async fn handle(&self, job: Job<Expired>) -> Result<(), Failure> {
        let Worker { name, lease_ms, work_ms } = &self.worker;
        let id = job.id.0.strip_prefix(PREFIX.as_bytes()).unwrap_or(&job.id.0);
        let order = String::from_utf8_lossy(id);
        let Claimed { token, deliveries, .. } = job.claimed;
        println!("{name}: order {order} has {}, token={token} deliveries={deliveries}", job.payload.reason);

        // Work that may be done twice goes here. What must not, is done by whoever reads the log.
        sleep(Duration::from_millis(*work_ms)).await;

        // The order itself is gone: Redis has removed it. To delete it here would hit one that was placed again meanwhile.
        let (script, value) = (Script::new(WRITE_OFF), job.payload.value.as_deref().unwrap_or_default());
        let mut write_off = script.key(WATCHER);
        write_off.key(LOG).arg(token).arg(lease_ms).arg(id).arg(job.payload.deadline).arg(value);
        let is_ours: bool = write_off.invoke_async(&mut self.redis.clone()).await?;
        let outcome = if is_ours { "written off" } else { "left to the worker that has it by now" };
        println!("{name}: order {order} is {outcome}, token={token}");
        Ok(())
    }
}

/// Has Redis watch the orders, those that are there included; again, if Redis was started anew without its data.
async fn keep_watching(tsgen: &Tsgen, name: &str) {
    loop {
        match watch(tsgen).await {
            Ok(true) => println!("{name}: Redis watches the orders from now on"),
            Ok(false) => {}
            Err(error) => println!("{name}: {error}; trying again"),
        }
        sleep(ROUND).await;
    }
}

/// Whether that is news.
async fn watch(tsgen: &Tsgen) -> Result<bool, Error> {
    // Nothing about an order can be so wrong that it should be given up: what fails is tried again for ever, after longer and longer
    // pauses.
    let options = Options::new().prefix(PREFIX).max_deliveries(0);
    let options = options.backoff(Duration::from_millis(100)).max_backoff(Duration::from_secs(5));
    match tsgen.expiry(WATCHER).create(options).await {
        Err(error) if error.code() == Some("BUSYKEY") => Ok(false),
        made => made.map(|()| true),
    }
}

/// Says what the library has seen.
struct Log(String);

impl Hooks for Log {
    fn on_ready(&self) {
        println!("{}: waiting for orders that nobody pays", self.0);
    }

    fn on_failed(&self, job: &Claimed, why: &Failure, _: Duration) {
        println!("{}: {} comes again, token={}: {why}", self.0, job.id, job.token);
    }
}
