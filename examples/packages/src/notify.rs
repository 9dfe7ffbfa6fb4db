//! Sends the notifications, one at a time. Claims, leases and what happens to Redis are the library's.

use crate::notification::{Notification, Sender};
use crate::redis_key::Key;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tsgen_client::{BoxError, Claimed, Failure, Group, Hooks, Job, Raw, Worker};

#[derive(clap::Args)]
pub struct Notify {
    #[command(flatten)]
    sender: Sender,
}

impl Notify {
    pub async fn run(self, key: &Key, stop: &CancellationToken) -> Result<(), BoxError> {
        let mut redis = key.connection()?;
        let made = redis.insist_on(async |redis| key.ensure(redis, None).await);
        if stop.run_until_cancelled(made).await.is_none() {
            return Ok(());
        }
        // What is still in hand `--grace` after SIGTERM is handed back, and ready again at once.
        let worker = Worker::new(&key.tsgen()?, &key.key)
            .consumer(&self.sender.name)
            .lease(self.sender.lease)
            .shutdown_timeout(self.sender.grace)
            .hooks(Log);
        let sender = Arc::new(self.sender);
        worker.run_until(move |job| deliver(job, sender.clone()), stop.cancelled()).await?;
        Ok(())
    }
}

/// Acknowledged if it returns `Ok`; else tried again after the key's BACKOFF.
async fn deliver(job: Job<Group<Raw>>, sender: Arc<Sender>) -> Result<(), Failure> {
    let Claimed { id: seller, deliveries, token, .. } = &job.claimed;
    eprintln!("seller {seller}: delivery {deliveries}, token {token}");
    let items = job.payload.items.iter().map(|item| (item.value.0.as_slice(), item.at));
    let notification = Notification::new(seller.as_ref(), job.payload.reason.as_bytes(), items);
    tokio::select! {
        sent = sender.send(&notification) => Ok(sent?),
        // Another process has it by now, or this one cannot wait any longer.
        why = job.withdrawn() => Err(why.into()),
    }
}

struct Log;

impl Hooks for Log {
    fn on_failed(&self, job: &Claimed, why: &Failure, _: Duration) {
        eprintln!("seller {}: {why}", job.id);
    }

    fn on_lost(&self, job: &Claimed) {
        eprintln!("seller {}: broken off, another process has it by now", job.id);
    }
}
