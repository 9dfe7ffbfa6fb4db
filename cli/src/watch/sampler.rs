//! All masters, as they change, and one picture of what was seen on them.

use super::node::Node;
use super::past::{Point, Recorder};
use super::station::{Station, PATIENCE};
use super::{KeyId, Options, Picture, Refused, Row};
use crate::sentence::sentence;
use crate::servers::Servers;
use crate::table;
use futures_util::future::join_all;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// As long as there are keys that were not looked at yet, looks follow each other so soon: each picture has more of them.
const CATCHING_UP: Duration = Duration::from_millis(250);

pub struct Sampler {
    servers: Servers,
    options: Options,
    stations: BTreeMap<String, Station>,
    recorder: Recorder,
    nth: u64,
}

impl Sampler {
    pub fn new(servers: Servers, options: Options) -> Self {
        Self { servers, options, stations: BTreeMap::new(), recorder: Recorder::default(), nth: 0 }
    }

    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    /// How long after the beginning of a look the next one is to begin.
    pub fn every(&self) -> Duration {
        let is_catching_up = self.stations.values().any(Station::is_catching_up);
        if is_catching_up {
            CATCHING_UP.min(self.options.every)
        } else {
            self.options.every
        }
    }

    /// Looks at all masters at once.
    pub async fn look(&mut self, looked_at: &HashMap<KeyId, Instant>) -> Picture {
        let trouble = self.find_masters().await;
        let (servers, options) = (&self.servers, &self.options);
        join_all(self.stations.values_mut().map(|station| station.look(servers, options, looked_at))).await;
        self.picture(looked_at, trouble)
    }

    /// Follows the masters. If nobody tells where they are, those of before stay.
    async fn find_masters(&mut self) -> Option<String> {
        let masters = match timeout(PATIENCE, self.servers.masters()).await {
            Ok(Ok(masters)) => masters,
            Ok(Err(error)) => return Some(sentence(&error)),
            Err(_) => return Some(format!("nobody has told within {} s where the masters are", PATIENCE.as_secs())),
        };
        self.stations.retain(|address, _| masters.contains(address));
        for address in masters {
            self.stations.entry(address.clone()).or_insert_with(|| Station::at(address));
        }
        None
    }

    fn picture(&mut self, looked_at: &HashMap<KeyId, Instant>, trouble: Option<String>) -> Picture {
        let mut rows: Vec<Arc<Row>> = self.stations.values().flat_map(Station::rows).collect();
        // While a slot moves, a key may be known on two nodes; who has seen it last is right.
        rows.sort_unstable_by(|one, other| one.id.cmp(&other.id).then(other.seen.cmp(&one.seen)));
        rows.dedup_by(|one, other| one.id == other.id);
        let nodes: Vec<Arc<Node>> = self.stations.values().map(|station| Arc::new(station.node.clone())).collect();
        let mut all = Point::default();
        rows.iter().for_each(|row| all.add(&Point::of(row)));
        let lateness = nodes.iter().filter_map(|node| node.figure("timer_lateness_us_p99")).max();
        all.lateness_us = lateness.unwrap_or(0);
        let unseen = self.stations.values().map(Station::unseen).sum();
        let mut reached = self.stations.values().filter(|station| station.node.trouble.is_none());
        let is_whole = unseen == 0 && reached.all(|station| station.is_searched(&self.servers, &self.options.families));
        self.nth += 1;
        let mut picture = Picture {
            nth: self.nth,
            at_ms: table::now(),
            is_cluster: self.servers.is_cluster,
            unseen,
            is_whole,
            refused: self.refused(),
            trouble,
            nodes,
            rows,
            past: Arc::default(),
        };
        let is_looked_at = |id: &KeyId| looked_at.contains_key(id);
        let find = |id: &KeyId| picture.row(id);
        picture.past = self.recorder.note(Instant::now(), picture.at_ms, all, &picture.rows, is_looked_at, find);
        picture
    }

    fn refused(&self) -> Option<Refused> {
        let refused: Vec<Refused> = self.stations.values().filter_map(Station::refused).collect();
        let count = refused.iter().map(|refused| refused.count).sum();
        refused.into_iter().next().map(|first| Refused { count, ..first })
    }
}
