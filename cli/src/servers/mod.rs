//! Which servers there are behind an URL: one, the master that Sentinels name, or the masters of a cluster; and their databases.

mod tls;
mod url;

use crate::args::Common;
use anyhow::{bail, Context};
use redis::Value;
use std::collections::BTreeSet;
use tls::Tls;
use tokio::sync::Mutex;
use tsgen_client::reply::{list, text};
use tsgen_client::Tsgen;
use url::Url;

/// What is behind the URL of the command line.
pub struct Servers {
    url: Url,
    tls: Tls,
    db: Option<u32>,
    pub is_cluster: bool,
    /// Whom to ask where the masters are, by address: Sentinels, or nodes of the cluster. Who has answered last is asked first.
    guides: Mutex<Vec<(String, Tsgen)>>,
}

/// So many nodes of a cluster are asked at most where the masters are.
const GUIDES: usize = 50;

impl Servers {
    /// Reads the command line; nobody is asked yet. Where an URL has no user and no password, those of the command line count.
    pub fn of(common: &Common) -> anyhow::Result<Self> {
        let from_file = common.password_file.as_ref().map(|file| {
            let text = std::fs::read_to_string(file).with_context(|| format!("--password-file {}", file.display()))?;
            anyhow::Ok(text.lines().next().unwrap_or_default().to_owned())
        });
        let password = from_file.transpose()?.or_else(|| common.password.clone());
        let mut url = Url::parse(&common.url).with_credentials(common.user.as_deref(), password.as_deref());
        let tls = Tls::of(common, &mut url)?;
        let is_cluster = url.is_cluster();
        if is_cluster && common.db.is_some_and(|db| db != 0) {
            bail!("--db: a cluster is looked at in its database 0 only");
        }
        if url.is_sentinel() && url.path.is_empty() {
            bail!("--url: sentinel://host:port,host:port/master: the name of the master is missing");
        }
        let guides: Vec<&String> =
            if is_cluster || url.is_sentinel() { url.hosts.iter().collect() } else { Vec::new() };
        let open = |host: &String| {
            // The credentials are those of the master.
            let guide = if is_cluster { url.one(host) } else { url.one(host).without_credentials() };
            anyhow::Ok((host.clone(), Tsgen::from(tls.server(&guide)?)))
        };
        let guides = guides.into_iter().map(open).collect::<anyhow::Result<_>>()?;
        Ok(Self { url, tls, db: common.db, is_cluster, guides: Mutex::new(guides) })
    }

    /// The same servers, for somebody who keeps connections of its own. Nothing is read again: a password may have come from a pipe.
    pub async fn again(&self) -> Self {
        let guides = Mutex::new(self.guides.lock().await.clone());
        Self { url: self.url.clone(), tls: self.tls.clone(), db: self.db, is_cluster: self.is_cluster, guides }
    }

    /// Where single keys are looked for.
    pub async fn tsgen(&self) -> anyhow::Result<Tsgen> {
        if self.is_cluster {
            return self.connect(&self.url).await;
        }
        let master = self.masters().await?.swap_remove(0);
        self.connect(&self.of_node(&master, self.db)).await
    }

    /// The addresses of the masters, as they are now: that of the URL, that which Sentinels name, or those of a cluster that have slots.
    /// Connections to whom it asks are kept.
    pub async fn masters(&self) -> anyhow::Result<Vec<String>> {
        if self.is_cluster {
            self.masters_of_cluster().await
        } else if self.url.is_sentinel() {
            Ok(vec![self.master().await?])
        } else {
            Ok(vec![self.url.place()])
        }
    }

    /// The master that Sentinels name.
    async fn master(&self) -> anyhow::Result<String> {
        let mut guides = self.guides.lock().await;
        let mut failures = Vec::new();
        for nth in 0..guides.len() {
            let (host, sentinel) = &guides[nth];
            match sentinel.command(None, ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", &self.url.path]).await {
                Ok(Value::Array(address)) if address.len() == 2 => {
                    guides.swap(0, nth);
                    return Ok(joined(&text(&address[0]), &text(&address[1])));
                }
                Ok(_) => failures.push(format!("{host}: no such master")),
                Err(error) => failures.push(format!("{host}: {error}")),
            }
        }
        bail!("no Sentinel tells where {} is: {}", self.url.path, failures.join("; "))
    }

    async fn masters_of_cluster(&self) -> anyhow::Result<Vec<String>> {
        let mut guides = self.guides.lock().await;
        let mut failure = None;
        for nth in 0..guides.len() {
            let (host, tsgen) = &guides[nth];
            match tsgen.command(None, ["CLUSTER", "SLOTS"]).await {
                Ok(slots) => {
                    let own = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
                    let masters: BTreeSet<String> =
                        list(&slots).iter().filter_map(|range| address(range, own)).collect();
                    guides.swap(0, nth);
                    // Those of the URL may be gone some day.
                    for master in &masters {
                        if guides.len() < GUIDES && guides.iter().all(|(known, _)| known != master) {
                            guides.push((master.clone(), self.open(master, None)?));
                        }
                    }
                    return Ok(masters.into_iter().collect());
                }
                Err(error) => failure = failure.or(Some(anyhow::Error::from(error).context(host.clone()))),
            }
        }
        Err(failure.unwrap_or_else(|| anyhow::anyhow!("--url: a cluster without hosts")))
    }

    /// The URL of a master, and of a database if it is to be another than that of the URL.
    fn of_node(&self, master: &str, db: Option<u32>) -> Url {
        let is_named = self.is_cluster || self.url.is_sentinel();
        let url = if is_named { self.url.one(master) } else { self.url.clone() };
        match db {
            Some(db) if !self.is_cluster => url.in_db(db),
            _ => url,
        }
    }

    /// A database of a master. It connects when it is first needed.
    pub fn open(&self, master: &str, db: Option<u32>) -> anyhow::Result<Tsgen> {
        Ok(Tsgen::from(self.tls.server(&self.of_node(master, db))?))
    }

    /// Any node at an address, a replica for example.
    pub fn node(&self, address: &str) -> anyhow::Result<Tsgen> {
        Ok(Tsgen::from(self.tls.server(&self.url.one(address))?))
    }

    /// The only database to look at, if it is to be one.
    pub fn db(&self) -> Option<u32> {
        self.db
    }

    async fn connect(&self, url: &Url) -> anyhow::Result<Tsgen> {
        let tsgen = Tsgen::from(self.tls.server(url)?);
        tsgen.command(None, ["PING"]).await.with_context(|| url.place())?;
        Ok(tsgen)
    }

    /// Whether all masters answer.
    pub async fn check(&self) -> anyhow::Result<()> {
        for master in self.masters().await? {
            self.connect(&self.of_node(&master, None)).await?;
        }
        Ok(())
    }
}

/// The address of the master of a range of slots. A node that does not know its own name is where it was asked.
fn address(range: &Value, own: &str) -> Option<String> {
    let master = list(list(range).get(2)?);
    let (name, port) = (text(master.first()?), text(master.get(1)?));
    let name = if name.is_empty() || name == "?" { own } else { &name };
    Some(joined(name, &port))
}

/// A host and its port. An address of IPv6 has colons of its own.
pub fn joined(name: &str, port: &str) -> String {
    if name.contains(':') {
        format!("[{name}]:{port}")
    } else {
        format!("{name}:{port}")
    }
}

/// A section of INFO.
pub async fn info(tsgen: &Tsgen, section: &str) -> anyhow::Result<String> {
    Ok(text(&tsgen.command(None, ["INFO", section]).await.with_context(|| format!("INFO {section}"))?))
}

/// A line `name:value` of INFO.
pub fn field<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim_end)
}
