//! The keys of the module: which there are, of which family each is, and what its INFO says.

use crate::bytes::Bytes;
use crate::family::Family;
use crate::servers::{field, info, Place, Servers};
use crate::with_key;
use anyhow::{bail, Context};
use futures_util::future::join_all;
use tsgen_client::reply::{bytes, list, text};
use tsgen_client::{Info, Name, Tsgen};

/// So many keys are asked at once: a pipeline.
const TOGETHER: usize = 500;

/// A key with its figures.
pub struct Seen {
    pub node: String,
    pub db: u32,
    pub key: Bytes,
    pub family: Family,
    pub info: Info,
}

/// What was found, and what could not be read.
pub struct Found {
    pub keys: Vec<Seen>,
    /// How many keys the server has refused to tell of, with what it said of the first.
    pub refused: Option<(usize, String)>,
}

/// Looks through all places for keys of these families. It costs a walk of SCAN for each family that has keys, and one INFO a key.
pub async fn find(places: &[Place], families: &[Family]) -> anyhow::Result<Found> {
    let mut found = Found { keys: Vec::new(), refused: None };
    for place in places {
        let told = info(&place.tsgen, "tsgen").await?;
        if told.trim().is_empty() {
            bail!("{} does not have the module tsgen: MODULE LOAD /path/to/libtsgen.so", place.node);
        }
        for family in families {
            let count = field(&told, &format!("tsgen_{}", family.name().to_lowercase()));
            if count.is_some_and(|count| count.starts_with("keys=0,")) {
                continue;
            }
            walk(place, *family, &mut found).await?;
        }
    }
    found.keys.sort_by(|one, other| (one.db, &one.key).cmp(&(other.db, &other.key)));
    // SCAN may tell of a key more than once.
    found.keys.dedup_by(|one, other| (one.db, &one.key) == (other.db, &other.key));
    Ok(found)
}

async fn walk(place: &Place, family: Family, found: &mut Found) -> anyhow::Result<()> {
    let mut cursor = "0".to_owned();
    loop {
        let words = ["SCAN", &cursor, "TYPE", family.type_name(), "COUNT", "1000"];
        let reply = place.tsgen.command(None, words).await.context("SCAN")?;
        let [next, names] = list(&reply) else { bail!("SCAN: the reply is none of SCAN") };
        for names in list(names).chunks(TOGETHER) {
            let asked = names.iter().map(|name| {
                let name = Name(bytes(name));
                async move { (Bytes(name.0.clone()), with_key!(family, place.tsgen, name, key => key.info().await)) }
            });
            for (key, answer) in join_all(asked).await {
                match answer {
                    Ok(info) => found.keys.push(Seen { node: place.node.clone(), db: place.db, key, family, info }),
                    // It has gone since.
                    Err(error) if error.to_string().contains("no such key") => {}
                    Err(error @ tsgen_client::Error::Refused { .. }) => {
                        let (count, _) = found.refused.get_or_insert_with(|| (0, format!("{key}: {error}")));
                        *count += 1;
                    }
                    Err(error) => return Err(error).with_context(|| format!("{family}.INFO")),
                }
            }
        }
        cursor = text(next);
        if cursor == "0" {
            return Ok(());
        }
    }
}

/// Says on standard error what could not be read.
pub fn complain(found: &Found) {
    if let Some((count, first)) = &found.refused {
        eprintln!("tsgen: {count} keys are left out, for the server refuses to tell of them; the first: {first}");
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
        let kind = text(&tsgen.command(Some(key.as_bytes()), ["TYPE", key]).await.context("TYPE")?);
        match Family::of_type(&kind) {
            Some(family) => Ok(Self { tsgen, family, name: Name::from(key) }),
            None if kind == "none" => bail!("there is no key {key}: `tsgen ls` lists those of the module"),
            None => bail!("{key} is a {kind}, and no key of the module"),
        }
    }

    pub async fn info(&self) -> anyhow::Result<Info> {
        let name = self.name.clone();
        Ok(with_key!(self.family, self.tsgen, name, key => key.info().await)?)
    }
}
