//! Keyspace events of TALLY: one per command that changed something, and `tally.ready` once for a window that ends.

use super::common::virtual_clock;
use super::debounce::server_ms;
use super::debounce_events::settled;
use super::tally::*;
use crate::harness::*;

#[test]
fn each_command_that_changes_something_tells_so() {
    let server = Server::start(&[]);
    let mut events = Events::subscribe(&server);
    let mut c = server.client();
    let mut told = |c: &mut Client, script: &str, expected: &[&str]| {
        c.play(script);
        let expected: Vec<String> = expected.iter().map(|event| format!("k tally.{event}")).collect();
        assert_eq!(events.take(c), expected, "{script}");
    };
    told(&mut c, "> TALLY.CREATE k MAXFIELDS 2 MAX 5\n OK", &["create"]);
    told(
        &mut c,
        "> TALLY.INCR k a\n 1\n > TALLY.INCR k a\n 2\n > TALLY.MINCR k a 1 a 1\n [3 4]",
        &["incr", "incr", "incr"],
    );
    told(&mut c, "> TALLY.INCR k b\n 1", &["incr", "ready"]);
    told(&mut c, "> TALLY.MINCR k a 1 b 1 c 1 d 1 e 1\n [1 1 1 1 1]", &["incr", "ready"]);
    told(&mut c, "> TALLY.SEAL k\n 1", &["seal", "ready"]);
    told(&mut c, "> TALLY.CLAIM k w COUNT 4\n [[<p> …] [<q> …] [<r> …] [<s> …]]", &["claim"]);
    told(&mut c, "> TALLY.ACK k <p>\n 1\n > TALLY.EXTEND k 99999 <q>\n 1", &["ack", "extend"]);
    told(&mut c, "> TALLY.NACK k <q> <r> DEAD\n 2\n > TALLY.REQUEUE k <q>\n 1", &["nack", "requeue"]);
    told(&mut c, "> TALLY.DISCARD k ALL\n 1\n > TALLY.RELEASE k w\n 1", &["discard", "release"]);
    told(&mut c, "> TALLY.ALTER k EVERY 5\n OK\n > TALLY.ALTER k EVERY 5\n OK", &["alter"]);
    let nothing = "> TALLY.SEAL k\n 0\n > TALLY.INCR k a 6\n -ERR …\n > TALLY.MINCR k a 1 b 6\n -ERR …\n > TALLY.ACK k 1\n 0\n > TALLY.GET k a\n …\n > TALLY.INCR none a\n -ERR …";
    told(&mut c, nothing, &[]);
}

#[test]
fn a_window_that_ends_by_time_is_announced_exactly_once() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 80");
    let mut events = Events::subscribe(&server);
    for _ in 0..2 {
        c.ok("TALLY.INCR k a");
        assert_eq!(settled(&server, &mut events, 2), ["k tally.incr", "k tally.ready"]);
        // Reads and claims of what has ended announce nothing.
        c.play("> TALLY.INFO k\n …\n > TALLY.CLAIM k w\n [[<_> …]]");
        assert_eq!(settled(&server, &mut events, 1), ["k tally.claim"]);
        c.bindings.clear();
    }
}

#[test]
fn a_window_sealed_before_its_time_is_not_announced_again_by_the_timer() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 80 MAXFIELDS 2");
    let mut events = Events::subscribe(&server);
    c.play("> TALLY.INCR k a\n 1\n > TALLY.SEAL k\n 1\n > TALLY.MINCR k a 1 b 1\n [1 1]");
    let told = ["incr", "seal", "ready", "incr", "ready"].map(|event| format!("k tally.{event}"));
    assert_eq!(settled(&server, &mut events, told.len()), told);
}

/// The increment finds a window that is over, and nobody has announced that yet: the timer may be slower than a client.
#[test]
fn a_window_that_an_increment_finds_over_is_announced_once_or_by_both_at_most() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 1");
    let mut events = Events::subscribe(&server);
    let mut windows = 0;
    let started = now_ms();
    while now_ms() < started + 300 {
        windows += usize::from(c.ok("TALLY.INCR k a") == 1);
    }
    let told = settled(&server, &mut events, 1);
    let ready = told.iter().filter(|event| *event == "k tally.ready").count();
    println!("{windows} windows, {ready} announcements");
    assert!(ready <= 2 * windows && ready >= 1, "{ready} announcements of {windows} windows");
    assert_eq!(told.last().map(String::as_str), Some("k tally.ready"), "the last one too");
}

#[test]
fn a_woken_worker_claims_after_the_announcement() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 100");
    let mut events = Events::subscribe(&server);
    let mut worker = Blocked::new(&server, "TALLY.CLAIM k w BLOCK 0");
    c.ok("TALLY.INCR k a");
    worker.reply();
    let told = settled(&server, &mut events, 3);
    let told: Vec<&String> = told.iter().filter(|event| *event != "k tally.sweep").collect();
    assert_eq!(told, ["k tally.incr", "k tally.ready", "k tally.claim"]);
}

#[test]
fn a_key_is_announced_under_the_name_and_in_the_database_it_has_by_then() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TALLY.CREATE k EVERY 150\n OK\n > TALLY.INCR k a\n 1\n > RENAME k renamed\n OK\n > COPY renamed copied\n 1\n > MOVE renamed 4\n 1");
    let mut events = Events::subscribe(&server);
    let mut told = settled(&server, &mut events, 2);
    told.sort();
    assert_eq!(told, ["copied tally.ready", "renamed tally.ready"]);
}

/// A virtual increment in the far future must not make the timer announce what has not happened.
#[test]
fn nothing_is_announced_before_the_servers_own_time_comes() {
    let server = virtual_clock();
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 1000");
    let mut events = Events::subscribe(&server);
    let later = server_ms(&mut c) + 3_600_000;
    c.ok(&format!("TSGEN.AT {later} TALLY.INCR k a"));
    assert_eq!(settled(&server, &mut events, 1), ["k tally.incr"]);
    assert_eq!(batches(&mut c, "k"), [1, 0, 0, 0, 0]);
}

/// A large window is sealed by the timer in a turn of its own; it is announced all the same, and once.
#[test]
fn a_large_window_is_announced_once_too() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 400 MAXFIELDS 100000");
    let mut events = Events::subscribe(&server);
    let mut command = vec![b"TALLY.MINCR".to_vec(), b"k".to_vec()];
    command.extend((0..20_000).flat_map(|i| [format!("f{i}").into_bytes(), b"1".to_vec()]));
    c.pipeline([command]);
    let told = settled(&server, &mut events, 2);
    let told: Vec<&String> = told.iter().filter(|event| *event != "k tally.sweep").collect();
    assert_eq!(told, ["k tally.incr", "k tally.ready"]);
    assert_eq!(claim(&mut c, "k", 1)[0].sums.len(), 20_000);
}

#[test]
fn a_promotion_does_not_announce_again_what_was_claimed_before() {
    let (mut master, replica) = (Server::start(&[]), Server::start(&[]));
    replica.replica_of(&master);
    let mut events = Events::subscribe(&replica);
    let mut c = master.client();
    c.play("> TALLY.CREATE k EVERY 50\n OK\n > TALLY.INCR k a\n 1\n > TALLY.CLAIM k w BLOCK 20000\n [[<t> …]]\n > TALLY.ACK k <t>\n 1");
    replica.wait_in_sync(&master);
    master.stop(Stop::Kill);
    replica.client().ok("REPLICAOF NO ONE");
    let told = settled(&replica, &mut events, 4);
    assert_eq!(told, ["create", "incr", "claim", "ack"].map(|event| format!("k tally.{event}")));
}
