//! `tsgen doctor`: what endangers delivery, and what to do about it.

mod imports;
mod replicas;
mod slots;

use crate::args::Common;
use crate::bytes::Bytes;
use crate::family::Family;
use crate::sentence::sentence;
use crate::servers::{field, info, Servers};
use crate::watch::{self, Refused, Row};
use crate::{table, Outcome};
use imports::left_by_import;
use replicas::replicas;
use serde::Serialize;
use slots::without_their_slot;
use std::collections::BTreeSet;
use tsgen_client::reply::{list, pairs, text};
use tsgen_client::Tsgen;

/// Clocks that differ by more are told of.
const CLOCKS_MS: i64 = 500;
/// A timer that comes later than this in one of a hundred cases is told of.
const LATE_US: i64 = 100_000;

const NOT_LOADED: &str = "the module is not loaded";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Grade {
    /// What is accepted may be lost, or is not delivered.
    Error,
    /// It may become one, or is only so if nobody meant it.
    Warning,
    /// It could not be looked at.
    Unknown,
}

#[derive(Debug, Serialize)]
struct Finding {
    grade: Grade,
    /// The node, or the key.
    place: String,
    what: String,
    remedy: String,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, grade: Grade, place: impl ToString, what: impl ToString, remedy: impl ToString) {
        let (place, what, remedy) = (place.to_string(), what.to_string(), remedy.to_string());
        self.0.push(Finding { grade, place, what, remedy });
    }

    fn error(&mut self, place: impl ToString, what: impl ToString, remedy: impl ToString) {
        self.add(Grade::Error, place, what, remedy);
    }

    fn warning(&mut self, place: impl ToString, what: impl ToString, remedy: impl ToString) {
        self.add(Grade::Warning, place, what, remedy);
    }
}

/// A node that answers.
struct Place {
    node: String,
    tsgen: Tsgen,
}

/// What is compared between nodes.
struct Node {
    name: String,
    version: String,
    clock_ms: Option<i64>,
}

impl Findings {
    /// What nobody can say, for this user may not ask.
    fn unknown(&mut self, place: &Place, command: &str, error: impl std::fmt::Display) {
        self.add(
            Grade::Unknown,
            &place.node,
            format!("{command}: {error}"),
            format!(
                "give this user +{}, or look yourself",
                command.split(' ').next().unwrap_or_default().to_lowercase()
            ),
        );
    }
}

/// A section of INFO; empty, and told of, if this user may not see it.
async fn section(place: &Place, name: &str, found: &mut Findings) -> anyhow::Result<String> {
    match info(&place.tsgen, name).await {
        Err(error)
            if matches!(error.downcast_ref::<tsgen_client::Error>(), Some(tsgen_client::Error::Refused { .. })) =>
        {
            found.unknown(place, &format!("INFO {name}"), error.root_cause());
            Ok(String::new())
        }
        told => told,
    }
}

async fn config(place: &Place, name: &str, found: &mut Findings) -> Option<String> {
    match place.tsgen.command(None, ["CONFIG", "GET", name]).await {
        Ok(reply) => pairs(&reply).first().map(|(_, value)| text(value)),
        Err(error) => {
            found.unknown(place, &format!("CONFIG GET {name}"), error);
            None
        }
    }
}

/// By how much the node's clock is ahead of the one here, in ms; half of the time that asking takes is taken off.
async fn clock(place: &Place) -> Option<i64> {
    let before = table::now();
    let reply = place.tsgen.command(None, ["TIME"]).await.ok()?;
    let [seconds, micros] = list(&reply) else { return None };
    let here = before + (table::now() - before) / 2;
    Some(text(seconds).parse::<i64>().ok()? * 1000 + text(micros).parse::<i64>().ok()? / 1000 - here)
}

async fn node(place: &Place, found: &mut Findings) -> anyhow::Result<Node> {
    let name = &place.node;
    let before = found.0.len();
    let told = section(place, "tsgen", found).await?;
    let version = field(&told, "tsgen_version").unwrap_or_default().to_owned();
    if told.trim().is_empty() && found.0.len() == before {
        found.error(name, NOT_LOADED, "MODULE LOAD /path/to/libtsgen.so, and a loadmodule line in its configuration");
        return Ok(Node { name: name.clone(), version, clock_ms: clock(place).await });
    }
    let number = |name: &str| field(&told, name).and_then(|value| value.parse::<i64>().ok()).unwrap_or(0);
    if number("tsgen_caught-panics") > 0 {
        found.error(
            name,
            format!("{} faults of the module were caught", number("tsgen_caught-panics")),
            "report them, with the server's log",
        );
    }
    if number("tsgen_damaged-keys") > 0 {
        found.error(
            name,
            format!("{} keys are damaged", number("tsgen_damaged-keys")),
            "the log names them: docs/recipes/monitoring.md, a damaged key",
        );
    }
    for (errors, last) in
        [("tsgen_sink-errors", "tsgen_sink-last-error"), ("tsgen_expiry-errors", "tsgen_expiry-last-error")]
    {
        if number(errors) > 0 {
            let last = field(&told, last).unwrap_or_default();
            found.warning(name, format!("{errors} is {}: {last}", number(errors)), "see whether it rises, and why");
        }
    }
    let late = number("tsgen_timer_lateness_us_p99");
    if late > LATE_US {
        found.warning(
            name,
            format!("in one of a hundred cases the timer came {} late", table::length(late / 1000)),
            "SLOWLOG GET and LATENCY DOCTOR tell what holds the server up",
        );
    }
    saving(place, found).await?;
    Ok(Node { name: name.clone(), version, clock_ms: clock(place).await })
}

/// How the node keeps what it has accepted.
async fn saving(place: &Place, found: &mut Findings) -> anyhow::Result<()> {
    let name = &place.node;
    if config(place, "appendonly", found).await.as_deref() == Some("no") {
        found.warning(
            name,
            "there is no AOF: a crash loses what was accepted since the last RDB file",
            "CONFIG SET appendonly yes, and the same in its configuration",
        );
    }
    if let Some(policy) = config(place, "maxmemory-policy", found).await.filter(|policy| policy != "noeviction") {
        let limit = config(place, "maxmemory", found).await;
        if limit.is_some_and(|limit| limit != "0") && !policy.starts_with("volatile-") {
            found.error(
                name,
                format!("maxmemory-policy is {policy}: a key that is evicted is lost with all it holds"),
                "CONFIG SET maxmemory-policy noeviction",
            );
        }
    }
    let persistence = section(place, "persistence", found).await?;
    for status in ["aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"] {
        if field(&persistence, status).is_some_and(|status| status != "ok") {
            found.error(name, format!("{status} is not ok"), "the server's log tells why: mostly a full disk");
        }
    }
    let replication = section(place, "replication", found).await?;
    if field(&replication, "role").is_some_and(|role| role != "master") {
        found.warning(
            name,
            "it is a replica: what it says is as old as its link",
            "give the URL of the master, of Sentinels or of the cluster",
        );
    } else if field(&replication, "connected_slaves") == Some("0") {
        found.warning(name, "it has no replica: the loss of its disk is the loss of all", "add one, if that matters");
    }
    Ok(())
}

fn key(row: &Row, found: &mut Findings) {
    let (info, family) = (&row.info, row.family);
    let name = &row.id.key;
    let place = format!("{family} {name} (db {})", row.id.db);
    if info.dead > 0 {
        found.warning(&place, format!("{} dead letters", info.dead), format!("tsgen dead {name} --by-reason"));
    }
    if info.paused {
        found.warning(&place, "it hands out nothing", format!("tsgen resume {name}, if nobody meant it"));
    }
    let most = info["maxlen"].integer();
    let all = row.entries();
    if most > 0 && all >= most / 10 * 9 {
        found.warning(
            &place,
            format!("it holds {all} entries of at most {most}"),
            "more workers, or a larger MAXLEN: writers will get FULL",
        );
    }
    let idle = info["idle-sources"].integer();
    if idle > 0 {
        found.warning(
            &place,
            format!("{idle} sources are silent and left out of the watermark"),
            format!("TSGEN.SOURCES {name}"),
        );
    }
    if family == Family::Tsgen
        && info.gate != "clock"
        && info.waiting > 0
        && info["watermark"] == tsgen_client::Figure::Nil
    {
        found.warning(
            &place,
            "elements wait, and no watermark was ever reported",
            "TSGEN.ADVANCE, by each of its sources",
        );
    }
}

fn compare(nodes: &[Node], found: &mut Findings) {
    let versions: BTreeSet<&str> =
        nodes.iter().map(|node| node.version.as_str()).filter(|version| !version.is_empty()).collect();
    if versions.len() > 1 {
        found.warning(
            "all",
            format!("nodes have different versions of the module: {versions:?}"),
            "end the upgrade: docs/recipes/upgrade.md",
        );
    }
    for node in nodes {
        match node.clock_ms {
            Some(ahead) if ahead.abs() > CLOCKS_MS => {
                let way = if ahead > 0 { "ahead of" } else { "behind" };
                // To the second: more than that asking over a network does not tell.
                let by = (ahead.abs() + 500) / 1000 * 1000;
                found.warning(
                    &node.name,
                    format!("its clock is {} {way} the one here", table::length(by)),
                    "let a time service set both: after a failover the clock of the other node counts",
                );
            }
            _ => {}
        }
    }
}

pub async fn run(common: &Common) -> anyhow::Result<Outcome> {
    let servers = Servers::of(common)?;
    let mut found = Findings::default();
    let (mut nodes, mut failure) = (Vec::new(), None);
    for address in servers.masters().await? {
        let place = Place { tsgen: servers.open(&address, None)?, node: address };
        match node(&place, &mut found).await {
            Ok(node) => {
                nodes.push(node);
                nodes.extend(replicas(&servers, &place, &mut found).await);
            }
            Err(error) => {
                found.error(
                    &place.node,
                    format!("it is not reached: {}", sentence(&error)),
                    "see whether it runs, and its log",
                );
                failure = Some(error.context(place.node));
            }
        }
    }
    // Where nobody answers, there is nothing to say.
    if let Some(error) = failure.filter(|_| nodes.is_empty()) {
        return Err(error);
    }
    compare(&nodes, &mut found);
    if found.0.iter().all(|finding| finding.what != NOT_LOADED) {
        let keys = watch::whole(servers.again().await, &Family::ALL).await?;
        for row in &keys.rows {
            // What is in it is not handed out yet.
            if left_by_import(&servers, row, &mut found).await? {
                continue;
            }
            key(row, &mut found);
            if keys.is_cluster {
                without_their_slot(row, &mut found);
            }
        }
        if let Some(Refused { count, why }) = &keys.refused {
            found.add(
                Grade::Unknown,
                "keys",
                format!("{count} keys could not be read; the first: {why}"),
                "let this user read them (ACL SETUSER … ~* +@read)",
            );
        }
        for node in &keys.nodes {
            for warning in node.warnings.iter().filter(|warning| !warning.starts_with("INFO")) {
                found.add(Grade::Unknown, &node.address, warning, "without it there is nothing to say of keys");
            }
        }
    }
    let Findings(mut found) = found;
    found.sort_by_key(|finding| finding.grade);
    if common.json {
        table::json(&found)?;
    } else if found.is_empty() {
        table::line("nothing found")?;
    }
    for finding in found.iter().filter(|_| !common.json) {
        let grade = match finding.grade {
            Grade::Error => "error",
            Grade::Warning => "warning",
            Grade::Unknown => "unknown",
        };
        let [place, what, remedy] = [&finding.place, &finding.what, &finding.remedy].map(Bytes::from);
        table::line(format!("{grade}: {place}: {what}\n    {remedy}"))?;
    }
    Ok(if found.is_empty() { Outcome::Done } else { Outcome::Failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_differ_are_told_of() {
        let node = |version: &str, clock_ms| Node { name: "n".into(), version: version.into(), clock_ms };
        let told = |nodes: &[Node]| {
            let mut found = Findings::default();
            compare(nodes, &mut found);
            found.0.into_iter().map(|finding| finding.what).collect::<Vec<_>>()
        };
        assert_eq!(told(&[node("0.1.0", Some(3)), node("0.1.0", None), node("", Some(-500))]), Vec::<String>::new());
        let said = told(&[node("0.1.0", Some(-501)), node("0.2.0", Some(0))]);
        assert_eq!(
            said,
            [
                "nodes have different versions of the module: {\"0.1.0\", \"0.2.0\"}",
                "its clock is 1s behind the one here"
            ]
        );
    }
}
