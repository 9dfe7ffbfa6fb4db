//! Sends the notifications as a consumer group of a native stream: Redis appends to the stream what has been quiet for an hour (SINK).
//!
//! For a service that lives by XREADGROUP already. There is a difference: nobody hands entries back, so what fails, and what is broken off
//! by SIGTERM, waits until it has lain for a `--lease`.

use crate::group::{Consumer, Entry};
use crate::notification::{Notification, Sender};
use crate::redis_key::{Connection, Key};
use crate::stop;
use redis::{cmd, RedisResult};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

#[derive(clap::Args)]
pub struct NotifyStream {
    #[command(flatten)]
    sender: Sender,
    /// The stream that Redis appends to. From then on there is no `notify` for this key
    #[arg(long, default_value = "packages:quiet")]
    stream: String,
}

impl NotifyStream {
    pub async fn run(self, key: &Key, stop: &CancellationToken) -> RedisResult<()> {
        let mut redis = key.connection()?;
        let (name, takeover) = (self.sender.name.as_str(), self.sender.lease);
        let consumer = Consumer { stream: &self.stream, group: "notifiers", name, takeover };
        stop::with_grace(stop, self.sender.grace, async {
            redis.insist_on(async |redis| key.ensure(redis, Some(&self.stream)).await).await;
            while !stop.is_cancelled() {
                for entry in consumer.next(&mut redis, 1).await {
                    self.deliver(entry, &consumer, &mut redis).await;
                }
            }
        })
        .await;
        consumer.leave(&mut redis).await.unwrap_or_else(|error| eprintln!("still in the group: {error}"));
        Ok(())
    }

    async fn deliver(&self, (id, fields): Entry, consumer: &Consumer<'_>, redis: &mut Connection) {
        let notification = parse(&fields);
        let seller = &notification.seller;
        eprintln!("seller {seller}: entry {id}");
        let sent = tokio::select! {
            sent = self.sender.send(&notification) => sent,
            () = self.keep_until_lost(&id, consumer, redis) => {
                return eprintln!("seller {seller}: broken off, another process has it by now");
            }
        };
        match sent {
            Err(reason) => eprintln!("seller {seller}: {reason}"),
            Ok(()) => {
                redis.insist::<i64>(&consumer.ack(std::slice::from_ref(&id))).await;
                // There is one group, so nobody needs it any more. Trimming by length could drop what was not sent yet.
                redis.insist::<i64>(cmd("XDEL").arg(consumer.stream).arg(&id)).await;
            }
        }
    }

    /// Says three times within a lease that somebody is on an entry. Ends when another process has taken it.
    async fn keep_until_lost(&self, id: &str, consumer: &Consumer<'_>, redis: &mut Connection) {
        loop {
            sleep((self.sender.lease / 3).max(Duration::from_millis(1))).await;
            match consumer.keep(redis, id).await {
                Ok(true) => {}
                Ok(false) => return,
                // It may still be ours.
                Err(error) => eprintln!("entry {id}: {error}"),
            }
        }
    }
}

/// `group <seller> reason <why>`, and then `item` and `at` for each scan.
fn parse(fields: &[Vec<u8>]) -> Notification {
    let pairs: Vec<(&[u8], &[u8])> =
        fields.chunks_exact(2).map(|pair| (pair[0].as_slice(), pair[1].as_slice())).collect();
    let value =
        |name: &str| pairs.iter().find(|(field, _)| *field == name.as_bytes()).map_or(&b""[..], |(_, value)| value);
    let of =
        |name: &'static str| pairs.iter().filter(move |(field, _)| *field == name.as_bytes()).map(|(_, value)| *value);
    let times = of("at").map(|at| std::str::from_utf8(at).ok().and_then(|at| at.parse().ok()).unwrap_or_default());
    Notification::new(value("group"), value("reason"), of("item").zip(times))
}
