//! One key of the command line: what it is, and where.

use crate::family::Family;
use crate::servers::Servers;
use crate::with_key;
use anyhow::{bail, Context};
use tsgen_client::reply::text;
use tsgen_client::{Info, Name, Tsgen};

/// What the server has under a name.
pub enum Kind {
    Nothing,
    Ours(Family),
    /// A key of another type, as TYPE calls it.
    Other(String),
}

impl Kind {
    pub async fn of(tsgen: &Tsgen, key: &[u8]) -> anyhow::Result<Self> {
        let kind = text(&tsgen.command(Some(key), [&b"TYPE"[..], key]).await.context("TYPE")?);
        Ok(match Family::of_type(&kind) {
            Some(family) => Self::Ours(family),
            None if kind == "none" => Self::Nothing,
            None => Self::Other(kind),
        })
    }
}

/// One key of the command line: where it is, and of which family.
pub struct Known {
    pub tsgen: Tsgen,
    pub family: Family,
    pub name: Name,
}

impl Known {
    /// Asks the server what the key is.
    pub async fn find(servers: &Servers, key: &str) -> anyhow::Result<Self> {
        let tsgen = servers.tsgen().await?;
        match Kind::of(&tsgen, key.as_bytes()).await? {
            Kind::Ours(family) => Ok(Self { tsgen, family, name: Name::from(key) }),
            Kind::Nothing => bail!("there is no key {key}: `tsgen ls` lists those of the module"),
            Kind::Other(kind) => bail!("{key} is a {kind}, and no key of the module"),
        }
    }

    pub async fn info(&self) -> anyhow::Result<Info> {
        let name = self.name.clone();
        Ok(with_key!(self.family, self.tsgen, name, key => key.info().await)?)
    }

    /// How many bytes the key takes in the server; `None` if this user may not ask.
    pub async fn memory(&self) -> Option<i64> {
        let words = [&b"MEMORY"[..], b"USAGE", &self.name.0];
        text(&self.tsgen.command(Some(&self.name.0), words).await.ok()?).parse().ok()
    }
}
