//! INFO tsgen: what all keys hold together, and how late the timer is.

use crate::common::AOF;
use crate::harness::{wait_until, Client, Server, Stop};

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
