//! Where the entries of a key that is not there come together: under a name of its own. The key gets its name once all are in it, in one step; so
//! an import that ends before leaves the key as it was, and nobody is handed a part of it.

use crate::args::Common;
use crate::confirm::confirm;
use crate::keys::Kind;
use anyhow::{bail, Context};
use std::time::Duration;
use tokio::time::timeout;
use tsgen_client::reply::maybe_integer;
use tsgen_client::Tsgen;

/// A server that is asked to remove what is left is waited for so long.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Aside<'t> {
    tsgen: &'t Tsgen,
    key: String,
    pub name: String,
}

/// A name beside the key, in the same slot of a cluster.
fn beside(key: &str, is_cluster: bool) -> String {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    match is_cluster && tag.is_none_or(str::is_empty) {
        true => format!("{{{key}}}:import"),
        false => format!("{key}:import"),
    }
}

impl<'t> Aside<'t> {
    /// A place for what is to be `key`. What an import has left there that could not end is removed, if that is meant.
    pub async fn of(common: &Common, tsgen: &'t Tsgen, key: &str, is_cluster: bool) -> anyhow::Result<Self> {
        let aside = Self { tsgen, key: key.to_owned(), name: beside(key, is_cluster) };
        let name = &aside.name;
        match Kind::of(tsgen, name.as_bytes()).await? {
            Kind::Nothing => {}
            Kind::Ours(_) => {
                confirm(common, &format!("{name} is what an import of {key} has left, or is at. Remove it?"))?;
                aside.unlink().await?;
            }
            Kind::Other(kind) => bail!("{name}, where the entries are to come together, is a {kind}"),
        }
        Ok(aside)
    }

    async fn unlink(&self) -> anyhow::Result<()> {
        let name = self.name.as_bytes();
        self.tsgen.command(Some(name), [&b"UNLINK"[..], name]).await.context("UNLINK")?;
        Ok(())
    }

    /// All are in it: it gets the name of the key.
    pub async fn put_in_place(&self) -> anyhow::Result<()> {
        let (name, key) = (self.name.as_bytes(), self.key.as_bytes());
        let renamed = self.tsgen.command(Some(name), [&b"RENAMENX"[..], name, key]).await.context("RENAMENX")?;
        if maybe_integer(&renamed) == Some(0) {
            bail!("{} has come into being meanwhile", self.key);
        }
        Ok(())
    }

    /// Removes what was imported by then, and says what there is now.
    pub async fn undo(&self) -> String {
        let Self { key, name, .. } = self;
        match timeout(PATIENCE, self.unlink()).await {
            Ok(Ok(())) => format!("nothing was imported, and {key} can be imported again"),
            _ => format!(
                "nothing is in {key}, but what was imported by then may be left under {name}: the next import of {key} asks whether to remove it"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn the_name_is_in_the_slot_of_the_key() {
        assert_eq!(beside("mails", false), "mails:import");
        assert_eq!(beside("mails", true), "{mails}:import");
        assert_eq!(beside("a{b}c", true), "a{b}c:import");
        // No tags: their slot is that of the whole name.
        assert_eq!(["a{}b", "a{b"].map(|key| beside(key, true)), ["{a{}b}:import", "{a{b}:import"]);
    }
}
