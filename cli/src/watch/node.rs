//! What is known of a master as a whole.

use crate::family::Family;
use std::time::{Duration, Instant};

/// A master as it was when it was last reached.
#[derive(Clone, Debug, Default)]
pub struct Node {
    pub address: String,
    /// Why it is not reached, in one sentence; `None`: it is.
    pub trouble: Option<String>,
    /// What could not be looked at, and which permission is missing, a sentence each.
    pub warnings: Vec<String>,
    /// When it answered last; `None`: never.
    pub seen: Option<Instant>,
    /// Of the module; `None` if it is not loaded, or nobody may know.
    pub module_version: Option<String>,
    /// `redis 7.0.15`, `valkey 8.1.0`.
    pub server: String,
    /// Different after each start of the server.
    pub run_id: String,
    pub uptime_s: u64,
    /// `master`, or `slave` if it is none (any more).
    pub role: String,
    pub replicas: u64,
    /// In bytes; `maxmemory` 0: no limit.
    pub used_memory: u64,
    pub maxmemory: u64,
    /// The numbers of `INFO tsgen`, by their plain names there, without `tsgen_` in front: `blocked_clients`, `timer_lateness_us_p99`,
    /// `tally_oldest_ready_age_ms`.
    pub figures: Vec<(String, i64)>,
    /// The key of each family whose oldest ready entry is so for longest, as far as the module tells and its name is plain.
    pub latest: Vec<(Family, String)>,
    /// Databases that have keys.
    pub dbs: Vec<u32>,
}

impl Node {
    /// A number of `INFO tsgen`.
    pub fn figure(&self, name: &str) -> Option<i64> {
        self.figures.iter().find(|(own, _)| own == name).map(|(_, n)| *n)
    }

    /// How old all this is; `None`: nothing was ever known.
    pub fn age(&self) -> Option<Duration> {
        self.seen.map(|seen| seen.elapsed())
    }

    /// So many keys of a family there are, over all databases; `None` if the module does not tell.
    pub fn keys(&self, family: Family) -> Option<i64> {
        self.figure(&format!("{}_keys", family.name().to_lowercase()))
    }

    /// Takes over what INFO tells. Of the two forms that the module has for its numbers, `a:b=1` and `a_b:1`, either will do.
    pub fn read(&mut self, info: &str) {
        self.figures.clear();
        self.dbs.clear();
        self.latest.clear();
        self.module_version = None;
        for line in info.lines() {
            let Some((name, value)) = line.trim_end().split_once(':') else { continue };
            let count = || value.parse().unwrap_or(0);
            match name {
                "redis_version" if self.server.is_empty() || self.server.starts_with("redis") => {
                    self.server = format!("redis {value}");
                }
                "valkey_version" => self.server = format!("valkey {value}"),
                "run_id" => value.clone_into(&mut self.run_id),
                "uptime_in_seconds" => self.uptime_s = count(),
                "role" => value.clone_into(&mut self.role),
                "connected_slaves" => self.replicas = count(),
                "used_memory" => self.used_memory = count(),
                "maxmemory" => self.maxmemory = count(),
                "tsgen_version" => self.module_version = Some(value.to_owned()),
                _ => self.read_other(name, value),
            }
        }
    }

    fn read_other(&mut self, name: &str, value: &str) {
        if let Some(db) = name.strip_prefix("db").and_then(|db| db.parse().ok()) {
            self.dbs.push(db);
        }
        let Some(name) = name.strip_prefix("tsgen_") else { return };
        let name = name.replace('-', "_");
        if let Some(family) = name.strip_suffix("_oldest_ready_key") {
            let family = Family::ALL.into_iter().find(|own| own.name().eq_ignore_ascii_case(family));
            return self.latest.extend(family.filter(|_| !value.is_empty()).map(|family| (family, value.to_owned())));
        }
        if let Ok(n) = value.parse() {
            return self.note(name, n);
        }
        for (part, n) in value.split(',').filter_map(|pair| pair.split_once('=')) {
            if let Ok(n) = n.parse() {
                self.note(format!("{name}_{}", part.replace('-', "_")), n);
            }
        }
    }

    fn note(&mut self, name: String, n: i64) {
        if self.figure(&name).is_none() {
            self.figures.push((name, n));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_read() {
        let mut node = Node::default();
        node.read("# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\nuptime_in_seconds:7\r\n# Memory\r\nused_memory:1190232\r\nmaxmemory:0\r\n# Replication\r\nrole:master\r\nconnected_slaves:2\r\n# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\ndb11:keys=2\r\n# tsgen\r\ntsgen_version:0.1.0\r\ntsgen_blocked-clients:3\r\ntsgen_timer-next-deadline:-1\r\ntsgen_timer-lateness-us:looks=0,p50=5,p99=70,max=90\r\ntsgen_tsgen:keys=4,counted-keys=4,ready=1\r\ntsgen_tsgen_ready:1\r\ntsgen_tsgen_oldest_ready_key:jobs\r\n");
        assert_eq!((node.server.as_str(), node.run_id.as_str(), node.uptime_s), ("redis 7.0.15", "abc", 7));
        assert_eq!((node.role.as_str(), node.replicas, node.used_memory), ("master", 2, 1_190_232));
        assert_eq!((node.module_version.as_deref(), node.dbs.as_slice()), (Some("0.1.0"), &[0, 11][..]));
        assert_eq!(
            ["blocked_clients", "timer_next_deadline", "timer_lateness_us_p99", "tsgen_counted_keys", "tsgen_ready"]
                .map(|name| node.figure(name)),
            [Some(3), Some(-1), Some(70), Some(4), Some(1)]
        );
        assert_eq!((node.keys(Family::Tsgen), node.keys(Family::Tally)), (Some(4), None));
        assert_eq!(node.latest, [(Family::Tsgen, "jobs".to_owned())]);
        // A server with another name, and without the module.
        node.read("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\n");
        assert_eq!((node.server.as_str(), &node.module_version, node.dbs.len()), ("valkey 8.1.0", &None, 0));
        node.read("redis_version:7.2.4\r\nvalkey_version:8.1.0\r\n");
        assert_eq!(node.server, "valkey 8.1.0");
    }
}
