//! How a worker claims: one key, several, with the ACKs of what is done.

use crate::call::{Command, Words};
use crate::error::Error;
use crate::hands::{tokens, Settled};
use crate::line::{Line, BLOCK};
use crate::name::Name;
use crate::options::ms;
use crate::reply::{at, list, name as named};
use redis::Value;
use std::time::Duration;

pub(crate) struct Claims {
    pub keys: Vec<Name>,
    pub lease: Duration,
    pub is_blocking: bool,
    /// Which form the server has is found out at the beginning; one that has it takes ACK, too.
    pub has_mclaim: bool,
}

/// The entries that one key gave.
pub(crate) type Keyed = (Name, Vec<Value>);

impl Claims {
    pub async fn claim(&self, line: &Line, name: &str, count: usize, settled: &Settled) -> Result<Vec<Keyed>, Error> {
        let mut options = Words::default().and("COUNT").and(count).and("LEASE").and(ms(self.lease));
        if self.is_blocking {
            options = options.and("BLOCK").and(ms(BLOCK));
        }
        if let [key] = &self.keys[..] {
            let mut command = line.command("CLAIM", key.as_ref()).and(name).and(options.0);
            if let Some(done) = settled.get(key) {
                command = command.and("ACK").and(tokens(done).words().0);
            }
            return Ok(vec![(key.clone(), list(&line.claim(command).await?).to_vec())]);
        }
        if !self.has_mclaim {
            return self.one_after_the_other(line, name, count).await;
        }
        let mut command =
            self.keys.iter().fold(line.command("MCLAIM", self.keys.len()), |command, key| command.and(key.as_ref()));
        command.key = Some(2);
        command = command.and(name).and(options.0);
        for (key, done) in settled {
            command = command.and("ACK").and(key.as_ref()).and(tokens(done).words().0);
        }
        let reply = line.claim(command).await?;
        let pair = |pair: &[Value]| (named(at(pair, 0)), list(at(pair, 1)).to_vec());
        Ok(list(&reply).iter().map(|of| pair(list(of))).collect())
    }

    /// For a server whose module has no MCLAIM, and for TSGEN.AT: in turn, and a short wait on the first key if none has anything.
    async fn one_after_the_other(&self, line: &Line, name: &str, mut count: usize) -> Result<Vec<Keyed>, Error> {
        let command = |key: &Name, count: usize| -> Command {
            line.command("CLAIM", key.as_ref()).and(name).and("COUNT").and(count).and("LEASE").and(ms(self.lease))
        };
        let mut found = Vec::new();
        for key in &self.keys {
            if count > 0 {
                let entries = list(&line.claim(command(key, count)).await?).to_vec();
                count -= entries.len().min(count);
                found.push((key.clone(), entries));
            }
        }
        if self.is_blocking && found.iter().all(|(_, entries)| entries.is_empty()) {
            let first = &self.keys[0];
            let reply = line.claim(command(first, count).and("BLOCK").and(100)).await?;
            found.push((first.clone(), list(&reply).to_vec()));
        }
        Ok(found)
    }
}
