//! Sends the notifications: claims one at a time, keeps its lease while sending, and acknowledges it.

use crate::notification::{Notification, Sender};
use crate::redis_key::{millis, Connection, Key, BLOCK};
use crate::stop;
use redis::{cmd, Cmd, RedisResult};
use tokio_util::sync::CancellationToken;

#[derive(clap::Args)]
pub struct Notify {
    #[command(flatten)]
    sender: Sender,
}

/// Token, deliveries, group, reason, and the items with the times of their pushes.
type Entry = (i64, i64, Vec<u8>, Vec<u8>, Vec<(Vec<u8>, i64)>);

impl Notify {
    pub async fn run(self, key: &Key, stop: &CancellationToken) -> RedisResult<()> {
        let mut redis = key.connection()?;
        stop::with_grace(stop, self.sender.grace, self.work(key, &mut redis, stop)).await;
        // What is still in hand is ready again at once, and not only when the lease ends. If Redis is away just now, the lease's end does it.
        let release = cmd("DEBOUNCE.RELEASE").arg(&key.key).arg(&self.sender.name).to_owned();
        match redis.ask::<i64>(&release).await {
            Ok(0) => {}
            Ok(count) => eprintln!("handed back {count}"),
            Err(error) => eprintln!("nothing handed back: {error}"),
        }
        Ok(())
    }

    async fn work(&self, key: &Key, redis: &mut Connection, stop: &CancellationToken) {
        redis.insist_on(async |redis| key.ensure(redis, None).await).await;
        let mut claim = cmd("DEBOUNCE.CLAIM");
        claim.arg(&key.key).arg(&self.sender.name).arg("LEASE").arg(millis(self.sender.lease));
        claim.arg("BLOCK").arg(millis(BLOCK));
        while !stop.is_cancelled() {
            // If the reply to a claim gets lost, so does the lease, until its end: then it is another delivery.
            let entries: Vec<Entry> = redis.insist(&claim).await;
            for entry in entries {
                self.deliver(entry, key, redis).await;
            }
        }
    }

    async fn deliver(&self, (token, deliveries, group, reason, items): Entry, key: &Key, redis: &mut Connection) {
        let notification = Notification::new(&group, &reason, items.iter().map(|(item, at)| (item.as_slice(), *at)));
        let seller = &notification.seller;
        eprintln!("seller {seller}: delivery {deliveries}, token {token}");
        let extend = cmd("DEBOUNCE.EXTEND").arg(&key.key).arg(millis(self.sender.lease)).arg(token).to_owned();
        let outcome = self.sender.send(&notification, async || still_ours(redis, &extend).await).await;
        let settle = match outcome {
            None => return eprintln!("seller {seller}: broken off, another process has it by now"),
            Some(Ok(())) => cmd("DEBOUNCE.ACK").arg(&key.key).arg(token).to_owned(),
            Some(Err(reason)) => {
                eprintln!("seller {seller}: {reason}");
                // Without a DELAY, it is delayed by the key's BACKOFF.
                cmd("DEBOUNCE.NACK").arg(&key.key).arg(token).arg("REASON").arg(reason).to_owned()
            }
        };
        // Redis may have gone away meanwhile; that it was sent must not be forgotten.
        if redis.insist::<i64>(&settle).await == 0 {
            eprintln!("seller {seller}: settled already, or too late and another process has it");
        }
    }
}

/// Extends the lease. While Redis cannot be asked, the lease may still be ours.
async fn still_ours(redis: &mut Connection, extend: &Cmd) -> bool {
    redis.ask::<i64>(extend).await.map_or_else(
        |error| {
            eprintln!("lease not extended: {error}");
            true
        },
        |extended| extended > 0,
    )
}
