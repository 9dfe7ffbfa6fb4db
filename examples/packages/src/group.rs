//! One consumer of an ordinary consumer group on a stream: every entry at least once, also those that a consumer died with.

use crate::redis_key::{millis, Connection, BLOCK};
use redis::{cmd, Cmd, RedisResult};
use std::time::Duration;

pub struct Consumer<'a> {
    pub stream: &'a str,
    pub group: &'a str,
    /// Its name in the group.
    pub name: &'a str,
    /// An entry that nobody has touched for so long is taken from the consumer that had it.
    pub takeover: Duration,
}

/// An entry of a stream: its id, and its fields and values in turn. A map would not do: a field may be there more than once.
pub type Entry = (String, Vec<Vec<u8>>);

impl Consumer<'_> {
    /// Up to `count` entries: first those of consumers that died, then new ones, for which it waits a moment.
    pub async fn next(&self, redis: &mut Connection, count: usize) -> Vec<Entry> {
        redis
            .insist_on(async |redis| match self.try_next(redis, count).await {
                // The first one makes the group, from the stream's beginning. So does the first after a FLUSHALL.
                Err(error) if error.code() == Some("NOGROUP") => self.create(redis).await.map(|()| Vec::new()),
                outcome => outcome,
            })
            .await
    }

    async fn try_next(&self, redis: &mut Connection, count: usize) -> RedisResult<Vec<Entry>> {
        let mut cursor = "0-0".to_owned();
        loop {
            let mut claim = self.command("XAUTOCLAIM");
            claim.arg(self.name).arg(millis(self.takeover)).arg(&cursor).arg("COUNT").arg(count);
            let (next, entries, _deleted): (String, Vec<Entry>, Vec<String>) = redis.ask(&claim).await?;
            if !entries.is_empty() {
                return Ok(entries);
            }
            if next == "0-0" {
                break;
            }
            cursor = next;
        }
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(self.group).arg(self.name).arg("COUNT").arg(count);
        read.arg("BLOCK").arg(millis(BLOCK.min(self.takeover))).arg("STREAMS").arg(self.stream).arg(">");
        let streams: Option<Vec<(String, Vec<Entry>)>> = redis.ask(&read).await?;
        Ok(streams.into_iter().flatten().flat_map(|(_, entries)| entries).collect())
    }

    async fn create(&self, redis: &mut Connection) -> RedisResult<()> {
        let create = cmd("XGROUP").arg("CREATE").arg(self.stream).arg(self.group).arg("0").arg("MKSTREAM").to_owned();
        match redis.ask::<()>(&create).await {
            Err(error) if error.code() != Some("BUSYGROUP") => Err(error),
            _ => Ok(()),
        }
    }

    /// Says that this entry is still being worked on, as EXTEND does of a lease; false if another consumer has taken it.
    pub async fn keep(&self, redis: &mut Connection, id: &str) -> RedisResult<bool> {
        let pending = self.command("XPENDING").arg(id).arg(id).arg(1).arg(self.name).to_owned();
        if redis.ask::<Vec<redis::Value>>(&pending).await?.is_empty() {
            return Ok(false);
        }
        // Claiming what is ours starts its idle time anew.
        redis.ask::<()>(self.command("XCLAIM").arg(self.name).arg(0).arg(id).arg("JUSTID")).await?;
        Ok(true)
    }

    pub fn ack(&self, ids: &[String]) -> Cmd {
        self.command("XACK").arg(ids).to_owned()
    }

    /// Leaves the group for good, unless something is pending: what a consumer had would leave with it.
    pub async fn leave(&self, redis: &mut Connection) -> RedisResult<()> {
        let pending = self.command("XPENDING").arg("-").arg("+").arg(1).arg(self.name).to_owned();
        if redis.ask::<Vec<redis::Value>>(&pending).await?.is_empty() {
            let leave = cmd("XGROUP").arg("DELCONSUMER").arg(self.stream).arg(self.group).arg(self.name).to_owned();
            redis.ask::<()>(&leave).await?;
        }
        Ok(())
    }

    fn command(&self, name: &str) -> Cmd {
        cmd(name).arg(self.stream).arg(self.group).to_owned()
    }
}
