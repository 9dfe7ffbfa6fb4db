//! INFO tsgen: what all keys hold together, and how late the timer is.

use crate::common::AOF;
use crate::harness::{wait_until, Client, Server, Stop};
use std::collections::{BTreeMap, BTreeSet};

/// One number of a field like `tsgen_tally:keys=1,ready=2`.
fn number(client: &mut Client, field: &str, name: &str) -> i64 {
    let numbers = client.info("tsgen", &format!("tsgen_{field}"));
    let found = numbers.split(',').find_map(|number| number.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    found.unwrap_or_else(|| panic!("no {name} in {field}: {numbers}"))
}

fn numbers<const N: usize>(client: &mut Client, family: &str, names: [&str; N]) -> [i64; N] {
    names.map(|name| number(client, family, name))
}

const STATES: [&str; 5] = ["waiting", "ready", "leased", "delayed", "dead"];
const TOTALS: [&str; 4] = ["delivered", "redelivered", "acked", "died"];

#[test]
fn entries_of_all_keys_and_databases_are_counted_by_family_and_state() {
    let mut server = Server::start(&AOF);
    let mut c = server.client();
    for db in [0, 3] {
        c.ok(&format!("SELECT {db}"));
        c.ok("TSGEN.CREATE k LEASE 3600000 BACKOFF 3600000");
        c.ok("TSGEN.MADD k 1 a '' 2 b '' 3 c '' 4 d '' 5 e '' 6 f '' 100 w ''");
        c.ok("TSGEN.ADVANCE k 6");
        let claimed = c.ok("TSGEN.CLAIM k w COUNT 5");
        let token = |nth: usize| claimed.items()[nth].items()[0].int();
        c.ok(&format!("TSGEN.ACK k {}", token(0)));
        c.ok(&format!("TSGEN.NACK k {}", token(1)));
        c.ok(&format!("TSGEN.NACK k {} DEAD", token(2)));
    }
    c.ok("TALLY.CREATE t EVERY 3600000");
    c.ok("TALLY.INCR t field");
    c.ok("DEBOUNCE.PUSH d g i");
    for _ in 0..2 {
        assert_eq!(numbers(&mut c, "tsgen", ["keys", "counted-keys"]), [2, 2]);
        assert_eq!(numbers(&mut c, "tsgen", STATES), [2, 2, 4, 2, 2]);
        assert_eq!(numbers(&mut c, "tsgen", TOTALS), [10, 0, 2, 2]);
        assert_eq!(numbers(&mut c, "tally", ["keys", "collecting", "ready"]), [1, 1, 0]);
        assert_eq!(numbers(&mut c, "debounce", ["keys", "collecting", "ready"]), [1, 1, 0]);
        assert_eq!(numbers(&mut c, "expiry", ["keys", "waiting", "ready"]), [0, 0, 0]);
        assert_eq!(c.info("tsgen", "tsgen_keys"), "4");
        server.restart(Stop::Kill);
        c = server.client();
    }
    c.ok("COPY k copy");
    assert_eq!(number(&mut c, "tsgen", "keys"), 3);
    c.ok("DEL k");
    c.ok("SWAPDB 0 3");
    c.ok("RENAME k moved");
    assert_eq!(numbers(&mut c, "tsgen", ["keys", "ready"]), [2, 2]);
    c.ok("FLUSHALL ASYNC");
    wait_until("all are gone", || c.info("tsgen", "tsgen_keys") == "0");
}

#[test]
fn lateness_is_told_of_looks_at_deadlines() {
    let server = Server::start(&[]);
    let mut c = server.client();
    assert_eq!(numbers(&mut c, "timer-lateness-us", ["looks", "p50", "p99", "max"]), [0, 0, 0, 0]);
    c.ok("DEBOUNCE.CREATE d IDLE 5");
    let mut group = 0;
    // One whose time was over before the timer was asked has no deadline to be late for, which happens on a machine that stalls.
    wait_until("twenty have been looked at", || {
        group += 1;
        c.ok(&format!("DEBOUNCE.PUSH d g{group} item"));
        number(&mut c, "timer-lateness-us", "looks") >= 20
    });
    let [p50, p99, max] = numbers(&mut c, "timer-lateness-us", ["p50", "p99", "max"]);
    // Two digits are kept, so the highest percentile may show a little more than the highest number.
    assert!(p50 > 0 && p50 <= p99 && p99 <= max + max / 50, "{p50} {p99} {max}");
}

/// The lines of the section: names and what is behind the colon.
#[track_caller]
fn lines(c: &mut Client) -> Vec<(String, String)> {
    let info = c.ok("INFO tsgen").text();
    let lines = info.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pair = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
    lines.map(|line| pair(line).unwrap_or_else(|| panic!("no field: {line}"))).collect()
}

/// Exporters take `name:number` and pass over all else, so every number has such a line, whatever other line it has, too.
#[test]
fn every_figure_has_a_plain_line_of_its_own_beside_the_old_ones() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.MADD k 1 a x 2 b y\n [1 1]\n > TSGEN.ADVANCE k 1\n 1\n > TALLY.CREATE y PAUSED yes\n OK");
    let all = lines(&mut c);
    let names: BTreeSet<&String> = all.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), all.len(), "each name once");
    let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let plain: BTreeMap<&str, i64> = all
        .iter()
        .filter(|(name, _)| is_plain(name))
        .filter_map(|(name, value)| Some((name.as_str(), value.parse().ok()?)))
        .collect();
    let mut told = 0;
    for (name, value) in &all {
        // A line of several numbers, and one whose name is not plain.
        let parts: Vec<(String, &str)> = match value.contains('=') {
            true => value
                .split(',')
                .map(|part| part.split_once('=').expect("a number with a name"))
                .map(|(of, number)| (format!("{name}_{of}"), number))
                .collect(),
            false => vec![(name.clone(), value)],
        };
        for (name, number) in parts {
            let Ok(number) = number.parse::<i64>() else { continue };
            let name = name.replace('-', "_");
            let known = plain.get(name.as_str()).unwrap_or_else(|| panic!("no plain line {name} in {all:#?}"));
            assert_eq!(*known, number, "{name}");
            told += 1;
        }
    }
    assert!(told > 100, "{told} figures");
    let expected = [
        ("tsgen_keys", 2),
        ("tsgen_tsgen_keys", 1),
        ("tsgen_tsgen_counted_keys", 1),
        ("tsgen_tsgen_waiting", 1),
        ("tsgen_tsgen_ready", 1),
        ("tsgen_tsgen_paused_keys", 0),
        ("tsgen_tally_collecting", 0),
        ("tsgen_tally_paused_keys", 1),
        ("tsgen_blocked_clients", 0),
        ("tsgen_timer_lateness_us_looks", 0),
        ("tsgen_debounce_oldest_ready_age_ms", 0),
    ];
    for (name, number) in expected {
        assert_eq!(plain.get(name), Some(&number), "{name}");
    }
}

#[test]
fn the_oldest_ready_entry_of_each_family_is_told_with_its_key() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let oldest = |c: &mut Client, family: &str| {
        let age = c.info("tsgen", &format!("tsgen_{family}_oldest_ready_age_ms")).parse::<i64>().expect("a number");
        (age, c.info("tsgen", &format!("tsgen_{family}_oldest_ready_key")))
    };
    for family in ["tsgen", "debounce", "expiry", "tally"] {
        assert_eq!(oldest(&mut c, family), (0, String::new()));
    }
    let now = crate::common::server_ms(&mut c);
    for (key, ago) in [("young", 20_000), ("old", 90_000), ("middle", 50_000)] {
        c.ok(&format!("TSGEN.CREATE {key} CLOCK"));
        c.ok(&format!("TSGEN.ADD {key} {} a", now - ago));
    }
    let (age, key) = oldest(&mut c, "tsgen");
    assert!((90_000..150_000).contains(&age) && key == "old", "{key} {age}");
    // What is leased is not ready, and a pause keeps nothing from being old.
    c.ok("TSGEN.CLAIM old w LEASE 3600000");
    c.ok("TSGEN.ALTER middle PAUSED yes");
    let (age, key) = oldest(&mut c, "tsgen");
    assert!((50_000..110_000).contains(&age) && key == "middle", "{key} {age}");
    // Under another name it is told as soon as somebody has opened it there; here that is the timer.
    c.ok("RENAME middle moved");
    wait_until("its new name is known", || oldest(&mut c, "tsgen").1 == "moved");
    c.play("> COPY moved copy\n 1\n > DEL moved\n 1");
    assert_eq!(oldest(&mut c, "tsgen").1, "copy");
    c.ok("DEBUG RELOAD");
    assert_eq!(oldest(&mut c, "tsgen").1, "copy");
    // A name that is no text cannot break the section.
    let name: &[u8] = b"a\r\nb:1\xff";
    c.call(&[b"DEBOUNCE.PUSH", name, b"g", b"x"]);
    c.call(&[b"DEBOUNCE.FLUSH", name, b"g"]);
    wait_until("it has waited", || oldest(&mut c, "debounce").0 > 0);
    assert_eq!(oldest(&mut c, "debounce").1, "a\\r\\nb:1\\xff");
}

/// The timer knows nothing of this key, and nobody else opens it: the name that INFO lacks is looked for.
#[test]
fn a_key_that_was_renamed_or_moved_is_told_by_its_new_name() {
    let (master, replica) = crate::common::pair(&[]);
    let mut c = master.client();
    let oldest = |server: &Server| server.client().info("tsgen", "tsgen_tsgen_oldest_ready_key");
    let mut is_told_by_both = |lines: &[&str], name: &str| {
        lines.iter().for_each(|line| drop(c.ok(line)));
        wait_until("master and replica tell the name", || oldest(&master) == name && oldest(&replica) == name);
    };
    is_told_by_both(&["TSGEN.MADD plain 1 a x", "TSGEN.ADVANCE plain 1"], "plain");
    is_told_by_both(&["RENAME plain other"], "other");
    is_told_by_both(&["MOVE other 9"], "other");
    is_told_by_both(&["SELECT 9", "RENAME other again"], "again");
    is_told_by_both(&["SWAPDB 9 3"], "again");
    is_told_by_both(&["SELECT 3", "COPY again copy", "DEL again"], "copy");
    let payload = c.ok("DUMP copy").bytes().to_vec();
    c.ok("DEL copy");
    c.call(&[b"RESTORE", b"restored", b"0", &payload]);
    wait_until("both tell the name", || oldest(&master) == "restored" && oldest(&replica) == "restored");
}
