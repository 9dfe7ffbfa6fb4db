//! Connections for what is asked or done while a page is made: one for each database, shared, made when it is first needed.

use super::address::KeyAt;
use super::trouble::{is_elsewhere, Trouble};
use crate::args::Common;
use crate::family::Family;
use crate::keys::Known;
use crate::servers::Servers;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tsgen_client::reply::text;
use tsgen_client::{Name, Tsgen};

/// For so long a connection is taken as it is. Then it is found out again where the master is.
const FRESH: Duration = Duration::from_secs(10);
/// Databases with a connection of their own; there are seldom more than one or two.
const MOST: usize = 64;

/// So often a key is looked for that has moved to another node, with longer and longer pauses: half a second in all.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(80);

pub struct Reach {
    common: Common,
    ways: Mutex<HashMap<u32, (Instant, Tsgen)>>,
}

impl Reach {
    pub fn new(common: &Common) -> Self {
        Self { common: common.clone(), ways: Mutex::default() }
    }

    /// The way to a database. In a cluster there is only 0.
    pub async fn tsgen(&self, db: u32) -> anyhow::Result<Tsgen> {
        let known = self.ways.lock().unwrap_or_else(PoisonError::into_inner).get(&db).cloned();
        if let Some((since, tsgen)) = known {
            if since.elapsed() < FRESH {
                return Ok(tsgen);
            }
        }
        self.anew(db).await
    }

    /// A new one in its place, which knows where the master is now, and where the slots of a cluster are.
    async fn anew(&self, db: u32) -> anyhow::Result<Tsgen> {
        let tsgen = self.alone(db).await?;
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        ways.retain(|_, (since, _)| since.elapsed() < FRESH);
        if ways.len() < MOST {
            ways.insert(db, (Instant::now(), tsgen.clone()));
        }
        Ok(tsgen)
    }

    /// What was answered on the way to a database: one that leads to where the key was before is not taken again.
    pub fn note(&self, db: u32, error: &tsgen_client::Error) {
        if is_elsewhere(error) {
            self.ways.lock().unwrap_or_else(PoisonError::into_inner).remove(&db);
        }
    }

    /// A way to a database that nobody else takes: for work that goes on for long, behind which pages would have to wait.
    pub async fn alone(&self, db: u32) -> anyhow::Result<Tsgen> {
        Servers::of(&Common { db: Some(db), ..self.common.clone() })?.tsgen().await
    }

    /// A key that an address names, as the server has it now.
    pub async fn key(&self, at: &KeyAt) -> Result<Known, Trouble> {
        // What `--db` leaves out is not shown, whoever asks for it.
        if self.common.db.is_some_and(|db| db != at.db) {
            return Err(Trouble::no_key());
        }
        let mut tsgen = self.tsgen(at.db).await?;
        let mut tries = 0;
        let kind = loop {
            match tsgen.command(Some(&at.name), [&b"TYPE"[..], &at.name]).await {
                Err(error) if is_elsewhere(&error) && tries < TRIES => {
                    // Not all nodes learn at once that a slot has moved.
                    tokio::time::sleep(PAUSE * tries).await;
                    (tries, tsgen) = (tries + 1, self.anew(at.db).await?);
                }
                kind => break text(&kind?),
            }
        };
        let family = Family::of_type(&kind).ok_or_else(Trouble::no_key)?;
        Ok(Known { tsgen, family, name: Name(at.name.clone()) })
    }
}
