//! Which servers there are behind an URL: one, the master that Sentinels name, or the masters of a cluster; and their databases.

use crate::args::Common;
use anyhow::{bail, Context};
use percent_encoding::{utf8_percent_encode, NON_ALPHANUMERIC};
use redis::Value;
use std::collections::BTreeSet;
use tsgen_client::{Server, Tsgen};

/// An URL in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Url {
    scheme: String,
    /// `user:password`, as it stands in the URL.
    user: String,
    hosts: Vec<String>,
    /// The database, the name of the master, or the path of a socket.
    path: String,
    query: String,
}

impl Url {
    fn parse(text: &str) -> Self {
        let (scheme, rest) = text.split_once("://").unwrap_or(("redis", text));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (user, hosts, path) = if scheme.ends_with("unix") {
            ("", "", rest)
        } else {
            let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
            let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
            (user, hosts, path)
        };
        let hosts = hosts.split(',').map(str::to_owned).collect();
        Self { scheme: scheme.to_owned(), user: user.to_owned(), hosts, path: path.to_owned(), query: query.to_owned() }
    }

    fn text(&self) -> String {
        let at = if self.user.is_empty() { "" } else { "@" };
        let slash = if self.scheme.ends_with("unix") || self.path.is_empty() { "" } else { "/" };
        let asks = if self.query.is_empty() { "" } else { "?" };
        let (scheme, user, hosts) = (&self.scheme, &self.user, self.hosts.join(","));
        format!("{scheme}://{user}{at}{hosts}{slash}{}{asks}{}", self.path, self.query)
    }

    /// Sets a parameter of the query.
    fn set(&mut self, name: &str, value: &str) {
        let others = self.query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(name));
        let pairs: Vec<String> = others.map(str::to_owned).chain([format!("{name}={value}")]).collect();
        self.query = pairs.join("&");
    }

    fn with_credentials(mut self, user: Option<&str>, password: Option<&str>) -> Self {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        if self.scheme.ends_with("unix") {
            for (name, value) in [("user", user), ("pass", password)] {
                if let Some(value) = value {
                    self.set(name, &encoded(value));
                }
            }
            return self;
        }
        let (own_user, own_password) = self.user.split_once(':').unwrap_or((&self.user, ""));
        let user = user.filter(|_| own_user.is_empty()).map_or_else(|| own_user.to_owned(), encoded);
        let password = password.filter(|_| own_password.is_empty()).map_or_else(|| own_password.to_owned(), encoded);
        self.user = if user.is_empty() && password.is_empty() { String::new() } else { format!("{user}:{password}") };
        self
    }

    /// The same for one server, at this address.
    fn one(&self, host: &str) -> Self {
        Self { scheme: "redis".to_owned(), hosts: vec![host.to_owned()], path: String::new(), ..self.clone() }
    }

    /// The same in this database.
    fn in_db(&self, db: u32) -> Self {
        let mut url = self.clone();
        if url.scheme.ends_with("unix") {
            url.set("db", &db.to_string());
        } else {
            url.path = db.to_string();
        }
        url
    }

    /// The database that it names.
    fn db(&self) -> u32 {
        if self.scheme.ends_with("unix") {
            let db = self.query.split('&').find_map(|pair| pair.strip_prefix("db="));
            return db.and_then(|db| db.parse().ok()).unwrap_or(0);
        }
        self.path.parse().unwrap_or(0)
    }
}

/// One database of one master.
pub struct Place {
    /// The address of the master, without credentials.
    pub node: String,
    pub db: u32,
    pub tsgen: Tsgen,
}

/// What is behind the URL of the command line.
pub struct Servers {
    url: Url,
    db: Option<u32>,
    pub is_cluster: bool,
}

impl Servers {
    /// Finds the master, where Sentinels have to be asked. Where an URL has no user and no password, those of the command line count.
    pub async fn find(common: &Common) -> anyhow::Result<Self> {
        let from_file = common.password_file.as_ref().map(|file| {
            let text = std::fs::read_to_string(file).with_context(|| format!("--password-file {}", file.display()))?;
            anyhow::Ok(text.lines().next().unwrap_or_default().to_owned())
        });
        let password = from_file.transpose()?.or_else(|| common.password.clone());
        let url = Url::parse(&common.url).with_credentials(common.user.as_deref(), password.as_deref());
        let is_cluster = url.scheme == "cluster";
        if is_cluster && common.db.is_some_and(|db| db != 0) {
            bail!("--db: a cluster is looked at in its database 0 only");
        }
        let url = if url.scheme == "sentinel" { master(&url).await? } else { url };
        Ok(Self { url, db: common.db, is_cluster })
    }

    /// Where single keys are looked for.
    pub async fn tsgen(&self) -> anyhow::Result<Tsgen> {
        let url = match self.db {
            Some(db) if !self.is_cluster => self.url.in_db(db),
            _ => self.url.clone(),
        };
        connect(&url).await
    }

    /// Each master, with its database of the URL.
    pub async fn nodes(&self) -> anyhow::Result<Vec<Place>> {
        let urls = if self.is_cluster { masters(&self.url).await? } else { vec![self.url.clone()] };
        let mut places = Vec::new();
        for url in urls {
            let node = if url.scheme.ends_with("unix") { url.path.clone() } else { url.hosts.join(",") };
            places.push(Place { node, db: self.db.unwrap_or(url.db()), tsgen: connect(&url).await? });
        }
        Ok(places)
    }

    /// Each database that has keys, of each master; or the one of the command line.
    pub async fn places(&self) -> anyhow::Result<Vec<Place>> {
        let mut places = Vec::new();
        for node in self.nodes().await? {
            let dbs = match self.db {
                Some(db) => BTreeSet::from([db]),
                None => databases(&info(&node.tsgen, "keyspace").await?),
            };
            for db in dbs {
                let url = if self.is_cluster { self.url.one(&node.node) } else { self.url.in_db(db) };
                places.push(Place { node: node.node.clone(), db, tsgen: connect(&url).await? });
            }
        }
        Ok(places)
    }
}

async fn connect(url: &Url) -> anyhow::Result<Tsgen> {
    let place = if url.hosts.concat().is_empty() { url.path.clone() } else { url.hosts.join(",") };
    let server = Server::at(&url.text()).with_context(|| format!("--url: {place}"))?;
    let tsgen = Tsgen::from(server);
    tsgen.command(None, ["PING"]).await.with_context(|| place)?;
    Ok(tsgen)
}

/// The master that Sentinels name.
async fn master(url: &Url) -> anyhow::Result<Url> {
    if url.path.is_empty() {
        bail!("--url: sentinel://host:port,host:port/master: the name of the master is missing");
    }
    let mut failures = Vec::new();
    for host in &url.hosts {
        let asked = async {
            let sentinel = Tsgen::from(Server::at(&format!("redis://{host}"))?);
            sentinel.command(None, ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", &url.path]).await
        };
        match asked.await {
            Ok(Value::Array(address)) if address.len() == 2 => {
                return Ok(url.one(&format!("{}:{}", text(&address[0]), text(&address[1]))));
            }
            Ok(_) => failures.push(format!("{host}: no such master")),
            Err(error) => failures.push(format!("{host}: {error}")),
        }
    }
    bail!("no Sentinel tells where {} is: {}", url.path, failures.join("; "))
}

/// The masters of a cluster that have slots.
async fn masters(url: &Url) -> anyhow::Result<Vec<Url>> {
    let mut failure = None;
    for host in &url.hosts {
        let seed = url.one(host);
        let slots = match connect(&seed).await {
            Ok(tsgen) => tsgen.command(None, ["CLUSTER", "SLOTS"]).await.map_err(anyhow::Error::from),
            Err(error) => Err(error),
        };
        match slots {
            Ok(slots) => {
                let own = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
                let addresses: BTreeSet<String> = list(&slots).iter().filter_map(|range| address(range, own)).collect();
                return Ok(addresses.iter().map(|address| url.one(address)).collect());
            }
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| anyhow::anyhow!("--url: a cluster without hosts")))
}

/// The address of the master of a range of slots. A node that does not know its own name is where it was asked.
fn address(range: &Value, own: &str) -> Option<String> {
    let master = list(list(range).get(2)?);
    let (name, port) = (text(master.first()?), text(master.get(1)?));
    let name = if name.is_empty() || name == "?" { own } else { &name };
    // An address of IPv6 has colons of its own.
    Some(if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") })
}

/// A section of INFO.
pub async fn info(tsgen: &Tsgen, section: &str) -> anyhow::Result<String> {
    Ok(text(&tsgen.command(None, ["INFO", section]).await.with_context(|| format!("INFO {section}"))?))
}

/// A line `name:value` of INFO.
pub fn field<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim_end)
}

/// The databases that `INFO keyspace` names; 0 if it names none.
fn databases(keyspace: &str) -> BTreeSet<u32> {
    let named = keyspace.lines().filter_map(|line| line.strip_prefix("db")?.split_once(':')?.0.parse().ok());
    let named: BTreeSet<u32> = named.collect();
    if named.is_empty() {
        BTreeSet::from([0])
    } else {
        named
    }
}

pub fn list(reply: &Value) -> &[Value] {
    match reply {
        Value::Array(items) | Value::Set(items) => items,
        _ => &[],
    }
}

/// The names and values of what is a map in RESP3 and a flat array in RESP2.
pub fn pairs(reply: &Value) -> Vec<(String, &Value)> {
    match reply {
        Value::Map(pairs) => pairs.iter().map(|(name, value)| (text(name), value)).collect(),
        _ => list(reply).chunks_exact(2).map(|pair| (text(&pair[0]), &pair[1])).collect(),
    }
}

pub fn bytes(reply: &Value) -> Vec<u8> {
    match reply {
        Value::BulkString(bytes) => bytes.clone(),
        Value::SimpleString(text) => text.clone().into_bytes(),
        Value::VerbatimString { text, .. } => text.clone().into_bytes(),
        Value::Int(n) => n.to_string().into_bytes(),
        _ => Vec::new(),
    }
}

pub fn text(reply: &Value) -> String {
    String::from_utf8_lossy(&bytes(reply)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(url: &str, user: Option<&str>, password: Option<&str>) -> String {
        Url::parse(url).with_credentials(user, password).text()
    }

    #[test]
    fn an_url_is_what_it_was() {
        for url in [
            "redis://localhost:6379",
            "redis://ada:secret@host:1/3?protocol=resp3",
            "unix:///run/redis.sock?db=2",
            "sentinel://:secret@a:1,b:2/mymaster",
            "cluster://a:1,b:2",
        ] {
            assert_eq!(Url::parse(url).text(), url);
        }
        assert_eq!(Url::parse("host:1").text(), "redis://host:1");
    }

    #[test]
    fn credentials_come_in_where_there_are_none() {
        assert_eq!(with("redis://h:1/2", None, Some("a b@c")), "redis://:a%20b%40c@h:1/2");
        assert_eq!(with("redis://h:1", Some("ada"), Some("x")), "redis://ada:x@h:1");
        assert_eq!(with("redis://eve:y@h:1", Some("ada"), Some("x")), "redis://eve:y@h:1");
        assert_eq!(with("redis://eve@h:1", None, Some("x")), "redis://eve:x@h:1");
        assert_eq!(with("cluster://a:1,b:2", None, Some("x")), "cluster://:x@a:1,b:2");
        assert_eq!(with("unix:///s?db=2", Some("ada"), Some("x")), "unix:///s?db=2&user=ada&pass=x");
        assert_eq!(with("redis://h:1", None, None), "redis://h:1");
    }

    #[test]
    fn a_database_is_named() {
        assert_eq!(Url::parse("redis://h:1/2").in_db(3).text(), "redis://h:1/3");
        assert_eq!(Url::parse("unix:///s?db=2&user=a").in_db(3).text(), "unix:///s?user=a&db=3");
        assert_eq!(
            (Url::parse("redis://h/4").db(), Url::parse("unix:///s?db=2").db(), Url::parse("h").db()),
            (4, 2, 0)
        );
    }

    #[test]
    fn databases_are_those_with_keys() {
        assert_eq!(databases("# Keyspace\r\ndb0:keys=1,expires=0\r\ndb11:keys=2\r\n"), BTreeSet::from([0, 11]));
        assert_eq!(databases("# Keyspace\r\n"), BTreeSet::from([0]));
    }
}
