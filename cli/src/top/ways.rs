//! The ways to those who have the keys, kept from one question to the next: a connection to each master and database, and one to a cluster.

use crate::servers::Servers;
use crate::watch::Row;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tsgen_client::Tsgen;

/// More are not kept. There is seldom more than one.
const MOST: usize = 64;

/// A master and a database; of a cluster nothing, for its connection finds each key by itself.
type Place = Option<(Arc<str>, u32)>;

pub struct Ways {
    servers: Servers,
    kept: Mutex<HashMap<Place, Tsgen>>,
}

impl Ways {
    pub fn new(servers: Servers) -> Self {
        Self { servers, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Place, Tsgen>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, row: &Row) -> Place {
        (!self.servers.is_cluster).then(|| (row.node.clone(), row.id.db))
    }

    /// The way to a key.
    pub async fn to(&self, row: &Row) -> anyhow::Result<Tsgen> {
        let place = self.place(row);
        if let Some(tsgen) = self.kept().get(&place) {
            return Ok(tsgen.clone());
        }
        let tsgen = match &place {
            Some((node, db)) => self.servers.open(node, Some(*db))?,
            None => self.servers.tsgen().await?,
        };
        let mut kept = self.kept();
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(place, tsgen.clone());
        Ok(tsgen)
    }

    /// It has led nowhere: the next one to this key is a new one.
    pub fn forget(&self, row: &Row) {
        self.kept().remove(&self.place(row));
    }
}
