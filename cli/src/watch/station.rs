//! One master, look by look: what it says of itself, which keys it has, and what their INFO says, in turn.

use super::node::Node;
use super::picture::ready_since;
use super::turn::{chosen, Bounds, Candidate, Chosen};
use super::walk::{Walk, Walks};
use super::{KeyId, Options, Rates, Refused, Row, MOST_LOOKED_AT};
use crate::bytes::Bytes;
use crate::family::Family;
use crate::sentence::sentence;
use crate::servers::{field, Servers};
use crate::table;
use crate::with_key;
use anyhow::Context;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tsgen_client::reply::text;
use tsgen_client::{Error, Info, Name, Source, Tsgen};

/// A look waits so long for an answer; then it is said that the server does not give one.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// So many keys are asked at once: a pipeline.
const TOGETHER: usize = 200;
/// The first look goes on for so long, however many keys there are: then the first picture is due.
const FIRST: Duration = Duration::from_millis(250);
/// So many times the usual number of keys is asked as long as there are some that were not looked at since the start.
const CATCHING_UP: f64 = 16.0;
/// A look asks at least so many keys.
const LEAST: usize = 50;
/// So many keys of a master are known at most. What is beyond is counted.
pub const MOST_KEYS: usize = 200_000;

/// A key that is there.
pub struct Kept {
    family: Family,
    row: Option<Arc<Row>>,
    /// What the server says in place of its INFO.
    refused: Option<String>,
    looked: Option<Instant>,
    /// Since when it has been known that the server has it.
    found: Instant,
}

impl Kept {
    pub fn new(family: Family) -> Self {
        Self { family, row: None, refused: None, looked: None, found: Instant::now() }
    }
}

/// Keys whose turn it is.
struct Turn {
    /// Those in view and due first.
    ids: Vec<(KeyId, Family)>,
    /// How many these are.
    due: usize,
}

pub struct Station {
    pub node: Node,
    address: Arc<str>,
    /// A connection for each database; that of `None` is for the node itself.
    links: HashMap<Option<u32>, Tsgen>,
    keys: HashMap<KeyId, Kept>,
    walks: Walks,
    /// Whether a first look has come to its end since the server started.
    is_known: bool,
    /// Whether all keys were searched, and looked at once, since then.
    is_caught_up: bool,
    /// Whether the user may not search.
    is_blind: bool,
    /// How many keys may be asked, and since when more may.
    allowance: f64,
    /// How many of those that are in view and due may be asked.
    allowance_in_view: f64,
    looked: Option<Instant>,
}

impl Station {
    pub fn at(address: String) -> Self {
        Self {
            address: address.as_str().into(),
            node: Node { address, ..Node::default() },
            links: HashMap::new(),
            keys: HashMap::new(),
            walks: Walks::default(),
            is_known: false,
            is_caught_up: false,
            is_blind: false,
            allowance: 0.0,
            allowance_in_view: MOST_LOOKED_AT as f64,
            looked: None,
        }
    }

    pub fn rows(&self) -> impl Iterator<Item = Arc<Row>> + '_ {
        self.keys.values().filter_map(|kept| kept.row.clone())
    }

    pub fn refused(&self) -> Option<Refused> {
        let mut all = self.keys.iter().filter_map(|(id, kept)| Some((id, kept.refused.as_ref()?)));
        let (mut least, mut why) = all.next()?;
        let mut count = 1;
        // The first by name, so that it does not change from look to look.
        for (id, own) in all {
            count += 1;
            if id < least {
                (least, why) = (id, own);
            }
        }
        Some(Refused { count, why: format!("{}: {why}", least.key) })
    }

    /// Keys that are there, as far as is known, and were not looked at yet.
    pub fn unseen(&self) -> usize {
        let new = self.keys.values().filter(|kept| kept.row.is_none() && kept.refused.is_none()).count();
        let beyond = if self.keys.len() < MOST_KEYS { 0 } else { self.walks.beyond(&self.node, self.keys.len()) };
        new + beyond
    }

    /// Whether the next look should come soon, for there are keys that were not looked at yet.
    pub fn is_catching_up(&self) -> bool {
        self.node.trouble.is_none() && !self.is_caught_up
    }

    /// Whether all keys are known, as far as a search can tell.
    pub fn is_searched(&self, servers: &Servers, families: &[Family]) -> bool {
        families.iter().all(|family| {
            let told = self.told(servers, *family);
            self.node.keys(*family) == Some(0) || self.walks.is_searched(*family, told, || self.known(*family))
        })
    }

    /// How many keys of a family there are; `None` if the module does not tell, or counts others too.
    fn told(&self, servers: &Servers, family: Family) -> Option<i64> {
        self.node.keys(family).filter(|_| servers.db().is_none())
    }

    fn known(&self, family: Family) -> usize {
        self.keys.values().filter(|kept| kept.family == family).count()
    }

    /// Looks; what goes wrong is said in the node.
    pub async fn look(&mut self, servers: &Servers, options: &Options, looked_at: &HashMap<KeyId, Instant>) {
        self.node.warnings.clear();
        self.node.trouble = self.try_look(servers, options, looked_at).await.err().map(|error| {
            // The connection may be one that nobody hears.
            self.links.clear();
            sentence(&error)
        });
    }

    async fn try_look(
        &mut self,
        servers: &Servers,
        options: &Options,
        looked_at: &HashMap<KeyId, Instant>,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        self.introduce(servers).await?;
        // At first there is a picture to be made whole, which costs more for some seconds.
        let rate = f64::from(options.keys_per_second) * if self.is_caught_up { 1.0 } else { CATCHING_UP };
        let passed = self.looked.map_or(Duration::ZERO, |looked| began.duration_since(looked));
        self.looked = Some(began);
        let every = options.every.as_secs_f64();
        self.allowance = (self.allowance + rate * passed.as_secs_f64()).min(rate * every);
        // As many as can be in view, once every time that is between two looks: not at each look, for pages bring more of them.
        let most_in_view = MOST_LOOKED_AT as f64;
        let more_in_view = most_in_view * passed.as_secs_f64() / every.max(1e-3);
        self.allowance_in_view = (self.allowance_in_view + more_in_view).min(most_in_view);
        self.discover(servers, options, began).await?;
        if self.is_known {
            let (most, most_due) = (self.allowance as usize, self.allowance_in_view as usize);
            let turn = self.turn(looked_at, Bounds { most, least: LEAST, due: options.every / 2, most_due });
            self.allowance = (self.allowance - turn.ids.len() as f64).max(0.0);
            self.allowance_in_view -= turn.due as f64;
            self.ask(servers, turn.ids).await?;
        } else {
            let all = Bounds { most: usize::MAX, least: LEAST, due: Duration::ZERO, most_due: usize::MAX };
            for ids in self.turn(looked_at, all).ids.chunks(TOGETHER) {
                self.ask(servers, ids.to_vec()).await?;
                if began.elapsed() > FIRST {
                    break;
                }
            }
        }
        self.is_known = true;
        self.is_caught_up = self.is_caught_up
            || ((self.is_blind || self.is_searched(servers, &options.families))
                && self.keys.values().all(|kept| kept.looked.is_some()));
        self.node.seen = Some(Instant::now());
        Ok(())
    }

    fn link(&mut self, servers: &Servers, db: Option<u32>) -> anyhow::Result<Tsgen> {
        // A cluster has one.
        let db = db.filter(|_| !servers.is_cluster);
        if let Some(link) = self.links.get(&db) {
            return Ok(link.clone());
        }
        let link = servers.open(&self.address, db)?;
        Ok(self.links.entry(db).or_insert(link).clone())
    }

    /// What the server says of itself.
    async fn introduce(&mut self, servers: &Servers) -> anyhow::Result<()> {
        let link = self.link(servers, None)?;
        let before = self.node.run_id.clone();
        let words = ["INFO", "server", "memory", "persistence", "replication", "keyspace", "tsgen"];
        match patiently(link.command(None, words)).await? {
            Ok(info) => {
                let info = text(&info);
                // What it counts while it loads is not what it has.
                anyhow::ensure!(field(&info, "loading") != Some("1"), "it is loading its data");
                self.node.read(&info);
                anyhow::ensure!(
                    self.node.module_version.is_some(),
                    "it does not have the module tsgen: MODULE LOAD /path/to/libtsgen.so"
                );
            }
            Err(error) if error.code() == Some("NOPERM") => {
                self.node.warnings.push(format!("INFO: {error}; give this user +info"));
            }
            Err(error) => return Err(error).context("INFO"),
        }
        if before != self.node.run_id && !before.is_empty() {
            // Started anew: nobody knows what it still has.
            (self.is_known, self.is_caught_up) = (false, false);
            self.walks = Walks::default();
            self.keys.values_mut().for_each(|kept| (kept.looked, kept.found) = (None, Instant::now()));
        }
        if let Some(db) = servers.db() {
            self.node.dbs = vec![db];
        } else if servers.is_cluster || self.node.module_version.is_none() {
            self.node.dbs = vec![0];
        }
        Ok(())
    }

    /// Looks for keys that are not known yet, some steps of SCAN a look, and only if there are any.
    async fn discover(&mut self, servers: &Servers, options: &Options, began: Instant) -> anyhow::Result<()> {
        for family in &options.families {
            if self.node.keys(*family) == Some(0) {
                self.keys.retain(|_, kept| kept.family != *family);
                continue;
            }
            let mut left = self.walks.steps(*family, self.told(servers, *family), self.known(*family));
            let is_first = !self.is_known;
            while left > 0 {
                let Some(Walk { db, cursor }) = self.walks.next(*family, &self.node.dbs) else { break };
                let link = self.link(servers, Some(db))?;
                let reply = match patiently(super::walk::step(&link, *family, &cursor)).await? {
                    Err(error) if error.code() == Some("NOPERM") => {
                        self.node.warnings.push(format!("SCAN: {error}; give this user +scan"));
                        self.is_blind = true;
                        return Ok(());
                    }
                    reply => reply.context("SCAN")?,
                };
                for key in reply.names {
                    let id = KeyId { db, key: Bytes(key) };
                    let is_other = self.keys.get(&id).is_some_and(|kept| kept.family != *family);
                    if is_other || (!self.keys.contains_key(&id) && self.keys.len() < MOST_KEYS) {
                        self.keys.insert(id, Kept::new(*family));
                        self.walks.found(*family);
                    }
                }
                let is_round = self.walks.went(*family, &self.node.dbs, reply.cursor);
                // The first round is as fast as it can be, as long as the first picture can wait.
                if is_round || !is_first || began.elapsed() > FIRST / 2 {
                    left -= 1;
                }
                if is_round {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whose turn it is.
    fn turn(&self, looked_at: &HashMap<KeyId, Instant>, bounds: Bounds) -> Turn {
        let ids: Vec<(&KeyId, &Kept)> = self.keys.iter().collect();
        let candidate = |(id, kept): &(&KeyId, &Kept)| Candidate {
            age: kept.looked.unwrap_or(kept.found).elapsed(),
            is_new: kept.looked.is_none(),
            is_looked_at: looked_at.contains_key(id) || (kept.looked.is_none() && self.is_latest(id, kept.family)),
            is_busy: kept
                .row
                .as_ref()
                .is_some_and(|row| row.info.leased > 0 || row.rates.is_some_and(|rates| rates.traffic() > 0.0)),
        };
        let candidates: Vec<Candidate> = ids.iter().map(candidate).collect();
        let Chosen { due, others } = chosen(&candidates, bounds);
        let id = |place: &usize| (ids[*place].0.clone(), ids[*place].1.family);
        Turn { ids: due.iter().chain(&others).map(id).collect(), due: due.len() }
    }

    /// Whether the server names it as the one of its family whose oldest ready entry is so for longest: that stands first in most lists, so
    /// it should not be missing in the first picture.
    fn is_latest(&self, id: &KeyId, family: Family) -> bool {
        self.node.latest.iter().any(|(of, name)| *of == family && name.as_bytes() == id.key.0)
    }

    /// Asks keys for their INFO, in one pipeline.
    async fn ask(&mut self, servers: &Servers, ids: Vec<(KeyId, Family)>) -> anyhow::Result<()> {
        for ids in ids.chunks(TOGETHER) {
            let mut asked = Vec::with_capacity(ids.len());
            for (id, family) in ids {
                let (tsgen, name, family) = (self.link(servers, Some(id.db))?, Name(id.key.0.clone()), *family);
                asked.push(async move {
                    let info = with_key!(family, tsgen, name.clone(), key => key.info().await)?;
                    let has_sources = family == Family::Tsgen && info.gate == "sources";
                    let sources = if has_sources { tsgen.elements(name).sources().await } else { Ok(Vec::new()) };
                    Ok((info, sources))
                });
            }
            let answers = patiently(join_all(asked)).await?;
            for ((id, family), answer) in ids.iter().zip(answers) {
                self.note(id, *family, answer)?;
            }
        }
        Ok(())
    }

    fn note(
        &mut self,
        id: &KeyId,
        family: Family,
        answer: Result<(Info, Result<Vec<Source>, Error>), Error>,
    ) -> anyhow::Result<()> {
        let now = Instant::now();
        let Some(kept) = self.keys.get_mut(id) else { return Ok(()) };
        match answer {
            Ok((info, sources)) => {
                let rates = kept.row.as_ref().map(|row| Rates::between(&row.info, &info, now.duration_since(row.seen)));
                let sources = sources.unwrap_or_else(|error| {
                    let warning = format!("TSGEN.SOURCES: {error}");
                    if !self.node.warnings.contains(&warning) {
                        self.node.warnings.push(warning);
                    }
                    Vec::new()
                });
                let before = kept.row.as_ref().and_then(|row| row.ready_since);
                let ready_since = ready_since(before, table::now(), info.oldest_ready_age);
                let (node, id) = (self.address.clone(), id.clone());
                kept.row = Some(Arc::new(Row { node, id, family, info, sources, rates, ready_since, seen: now }));
                (kept.refused, kept.looked) = (None, Some(now));
            }
            Err(error) if is_gone(&error) => drop(self.keys.remove(id)),
            Err(error) if error.passes() => return Err(error).with_context(|| family.command("INFO")),
            Err(error) => {
                let remedy = match error.code() {
                    Some("NOPERM") => {
                        format!("; give this user +{} and %R~{}", family.command("info").to_lowercase(), id.key)
                    }
                    _ => String::new(),
                };
                (kept.row, kept.refused, kept.looked) = (None, Some(format!("{error}{remedy}")), Some(now));
            }
        }
        Ok(())
    }
}

/// Waits for an answer for as long as a look waits for a server.
async fn patiently<T>(answer: impl Future<Output = T>) -> anyhow::Result<T> {
    timeout(PATIENCE, answer).await.map_err(|_| anyhow::anyhow!("no answer within {} s", PATIENCE.as_secs()))
}

/// Whether the key is not there any more: deleted, replaced by one of another type, or moved to another node.
fn is_gone(error: &Error) -> bool {
    match error {
        Error::Refused { code, text } => {
            matches!(code.as_str(), "WRONGTYPE" | "MOVED" | "ASK") || text.contains("no such key")
        }
        _ => false,
    }
}
