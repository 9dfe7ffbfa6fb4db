//! How a worker sends: one connection for what waits in the server, one for what must not wait behind it.

use crate::call::{Command, Words};
use crate::clock::VirtualClock;
use crate::error::Error;
use crate::link::Link;
use crate::name::Name;
use crate::reply::{at, integer, list};
use crate::tsgen::{Tsgen, PATIENCE};
use redis::{ToRedisArgs, Value};
use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// How long one CLAIM waits in the server. A worker that is alive shows it at least so often.
pub(crate) const BLOCK: Duration = Duration::from_secs(10);

/// A number by chance, below a limit.
pub(crate) fn chance(below: u64) -> u64 {
    RandomState::new().build_hasher().finish() % below.max(1)
}

/// The time before the next attempt: from 50 ms doubled up to 2 s, less up to a half of it by chance.
#[derive(Default)]
pub(crate) struct Pause(u64);

impl Pause {
    pub async fn wait(&mut self) {
        let length = self.0.max(50);
        self.0 = (length * 2).min(2000);
        tokio::time::sleep(Duration::from_millis(length / 2 + chance(length / 2))).await;
    }
}

pub(crate) struct Line {
    pub family: &'static str,
    control: Link,
    claimer: Link,
    clock: Option<VirtualClock>,
}

impl Line {
    pub fn new(tsgen: &Tsgen, family: &'static str) -> Self {
        let link = |patience| Link::new(tsgen.server.clone(), patience);
        // redis-rs gives up after 500 ms unless it is told otherwise.
        let (control, claimer) = (link(PATIENCE), link(BLOCK + 2 * PATIENCE));
        Self { family, control, claimer, clock: tsgen.clock.clone() }
    }

    /// The time of the virtual clock, if there is one.
    pub fn now(&self) -> Option<i64> {
        self.clock.as_ref().map(VirtualClock::now)
    }

    pub fn command(&self, name: &str, key: impl ToRedisArgs) -> Command {
        Command::new(&format!("{}.{name}", self.family), key)
    }

    pub async fn call(&self, command: &Command) -> Result<Value, Error> {
        self.control.send(&command.clone().at(self.now())).await
    }

    /// Sends one that may wait in the server.
    pub async fn claim(&self, command: Command) -> Result<Value, Error> {
        self.claimer.send(&command.at(self.now())).await
    }

    /// Commands of one key as one write.
    pub async fn transact(&self, commands: Vec<Command>) -> Result<(), Error> {
        let timed: Vec<Command> = commands.into_iter().map(|command| command.at(self.now())).collect();
        self.control.transact(&timed).await
    }

    pub async fn insist_on(&self, command: Command) -> Result<Value, Error> {
        insist(|| self.call(&command)).await
    }

    /// Hands back whatever a consumer holds.
    pub async fn release(&self, keys: &[Name], name: &str) -> Result<(), Error> {
        for key in keys {
            while integer(&self.insist_on(self.command("RELEASE", key.as_ref()).and(name)).await?) >= 10_000 {}
        }
        Ok(())
    }

    /// Whether the server has a command of the family.
    pub async fn knows(&self, name: &str) -> Result<bool, Error> {
        let words = Words::default().and("COMMAND").and("INFO").and(format!("{}.{name}", self.family));
        let command = Command { words, key: None };
        let reply = insist(|| self.control.send(&command)).await?;
        Ok(!matches!(at(list(&reply), 0), Value::Nil))
    }

    /// The server's time in Unix ms.
    pub async fn time(&self) -> Result<i64, Error> {
        if let Some(now) = self.now() {
            return Ok(now);
        }
        let reply = self.control.send(&Command { words: Words::default().and("TIME"), key: None }).await?;
        let part = |place| integer(at(list(&reply), place));
        Ok(part(0) * 1000 + part(1) / 1000)
    }

    /// Ends a claim that waits, by closing its connection.
    pub async fn break_off(&self) {
        self.claimer.break_off().await;
    }
}

/// Does what may be done twice until it is answered. Its error does not pass.
pub(crate) async fn insist<T, F: Future<Output = Result<T, Error>>>(attempt: impl Fn() -> F) -> Result<T, Error> {
    let mut pause = Pause::default();
    loop {
        match attempt().await {
            Err(error) if error.passes() => {
                tracing::warn!(%error, "tsgen: trying again");
                pause.wait().await;
            }
            answer => return answer,
        }
    }
}
