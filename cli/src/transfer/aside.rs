//! Where the entries of a key that is not there come together: under a name of its own, which no other import has. The key gets its name once all
//! are in it, in one step; so an import that ends before leaves the key as it was, and nobody is handed a part of it.

use super::expected::Expected;
use crate::keys::{Kind, Known};
use anyhow::{anyhow, bail, ensure, Context};
use std::time::Duration;
use tokio::time::timeout;
use tsgen_client::reply::maybe_integer;
use tsgen_client::Tsgen;

/// A server that is asked to remove what is left is waited for so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// What an import has left that was killed goes by itself after a week. The time to live also says that the key is the one that was made.
const WEEK: &[u8] = b"604800";

pub struct Aside<'t> {
    tsgen: &'t Tsgen,
    key: String,
    pub name: String,
}

/// A name beside the key, in the same slot of a cluster, with this at its end.
fn beside(key: &str, chance: &str) -> String {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    match tag.is_none_or(str::is_empty) {
        true => format!("{{{key}}}:tsgen-import:{chance}"),
        false => format!("{key}:tsgen-import:{chance}"),
    }
}

impl<'t> Aside<'t> {
    /// A place for what is to be `key`. Nothing is there.
    pub async fn of(tsgen: &'t Tsgen, key: &str) -> anyhow::Result<Self> {
        let mut chance = [0; 8];
        getrandom::fill(&mut chance).map_err(|error| anyhow!("the system gives no random bytes: {error}"))?;
        let aside =
            Self { tsgen, key: key.to_owned(), name: beside(key, &format!("{:016x}", u64::from_le_bytes(chance))) };
        match Kind::of(tsgen, aside.name.as_bytes()).await? {
            Kind::Nothing => Ok(aside),
            _ => bail!("{}, where the entries are to come together, is there already", aside.name),
        }
    }

    /// A command on the key aside, and its number.
    async fn ask(&self, command: &str, rest: &[&[u8]]) -> anyhow::Result<Option<i64>> {
        let name = self.name.as_bytes();
        let words = [&[command.as_bytes(), name], rest].concat();
        let reply = self.tsgen.command(Some(name), words).await.with_context(|| format!("{command} {}", self.name))?;
        Ok(maybe_integer(&reply))
    }

    /// It was made, and is to go by itself if nobody comes back for it.
    pub async fn made(&self) -> anyhow::Result<()> {
        self.ask("EXPIRE", &[WEEK]).await.map(drop)
    }

    /// All are in it: it gets the name of the key.
    pub async fn put_in_place(&self, known: &Known, expected: &Expected) -> anyhow::Result<()> {
        let Self { key, name, .. } = self;
        let (there, added) = (known.info().await?, expected.count());
        let there = there.waiting + there.ready + there.leased + there.delayed + there.dead;
        ensure!(there >= added, "of {added} entries {there} are in {name}: somebody else has changed it");
        ensure!(self.ask("PERSIST", &[]).await? == Some(1), "{name} is not what it was: somebody else has changed it");
        if self.ask("RENAMENX", &[key.as_bytes()]).await? == Some(0) {
            bail!("{key} has come into being meanwhile");
        }
        Ok(())
    }

    /// Removes what was imported by then, and says what there is now.
    pub async fn undo(&self) -> String {
        let key = &self.key;
        match timeout(PATIENCE, self.ask("UNLINK", &[])).await {
            Ok(Ok(_)) => format!("nothing was imported, and {key} can be imported again"),
            _ => format!("nothing is in {key}, but {}", self.left()),
        }
    }

    /// What an import that ends just anywhere leaves.
    pub fn left(&self) -> String {
        format!(
            "what was imported by then may be left as {}: remove it by UNLINK; after a week it goes by itself",
            self.name
        )
    }
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn the_name_is_in_the_slot_of_the_key() {
        assert_eq!(beside("mails", "5"), "{mails}:tsgen-import:5");
        assert_eq!(beside("a{b}c", "5"), "a{b}c:tsgen-import:5");
        assert_eq!(beside("a{b", "5"), "{a{b}:tsgen-import:5");
    }
}
