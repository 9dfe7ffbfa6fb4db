//! Keys that a panic of the module has damaged: how they are saved, loaded, replicated and copied, and what it costs others that there are any.

use super::panics::*;
use crate::common::AOF;
use crate::harness::*;

#[test]
fn as_many_keys_are_damaged_as_have_been_and_were_not_deleted() {
    let server = Server::start(&["--tsgen.virtual-clock", "yes"]);
    let mut c = server.client();
    let each = |c: &mut Client, from: usize, to: usize, command: &str| {
        c.ok(&format!("EVAL \"for n = {from}, {to} do redis.call({command}) end\" 0"));
    };
    let damage = "'TSGEN.LOAD', 'k:' .. n, 'DAMAGED', ''";
    each(&mut c, 1, 300, damage);
    assert_eq!(info(&mut c, "damaged-keys"), 300);
    each(&mut c, 101, 200, "'DEL', 'k:' .. n");
    assert_eq!(info(&mut c, "damaged-keys"), 200);
    each(&mut c, 101, 200, "'TSGEN.ADD', 'k:' .. n, '1', 'a'");
    for (nth, sound) in [(100, false), (101, true), (200, true), (201, false)] {
        assert_eq!(c.run(&format!("TSGEN.GET k:{nth} a")).is_error(), !sound, "{nth}");
    }
    each(&mut c, 151, 200, damage);
    each(&mut c, 301, 450, damage);
    assert_eq!(info(&mut c, "damaged-keys"), 400);
    c.ok("FLUSHALL ASYNC");
    wait_until("they are freed", || info(&mut c, "damaged-keys") == 0);
}

/// Damaged keys of each family, and others.
fn fill(server: &Server) {
    let mut c = server.client();
    c.ok("TSGEN.MADD sound 1 a x 2 b y");
    c.ok("TSGEN.MADD tsgen 1 a x 2 b y");
    c.ok(&format!("DEBOUNCE.CREATE debounce IDLE {FAR}"));
    c.ok(&format!("TALLY.CREATE tally EVERY {FAR}"));
    c.ok("EXPIRY.CREATE expiry PREFIX no:");
    c.ok("SET text x");
    wait_for_rest(&mut c);
    for write in
        ["TSGEN.ADD tsgen 9 z", "DEBOUNCE.PUSH debounce g a", "TALLY.INCR tally f", "EXPIRY.ALTER expiry LEASE 77"]
    {
        damage(server, write);
    }
    // A limit is lent for a moment only: after it was made, and is taken from again.
    c.ok(&format!("THROTTLE.TAKE throttle 5 {FAR}"));
    plant(&mut c, 2);
    assert!(server.client().run(&format!("THROTTLE.TAKE throttle 5 {FAR}")).to_string().contains("internal error"));
    assert_eq!(info(&mut c, "damaged-keys"), 5);
}

#[track_caller]
fn still_damaged(server: &Server, how: &str) {
    let mut c = server.client();
    for command in [
        "TSGEN.GET tsgen a",
        "DEBOUNCE.GET debounce g",
        "TALLY.GET tally f",
        "EXPIRY.TRACKED expiry",
        "THROTTLE.TAKE throttle 5 60000",
    ] {
        let reply = c.run(command).to_string();
        if reply.starts_with("-READONLY") {
            continue;
        }
        assert!(reply.contains(DAMAGED), "{how}: {command}: {reply}");
    }
    c.play("> TSGEN.RANGE sound - +\n [['a' 1 'x'] ['b' 2 'y']]\n > GET text\n 'x'\n > DBSIZE\n 7");
    // Another thread may free those that were there before.
    wait_until(&format!("{how}: five keys are damaged"), || info(&mut c, "damaged-keys") == 5);
}

/// Not while it waits for another child of the server to end, either.
fn is_rewritten(c: &mut Client) -> bool {
    ["aof_rewrite_scheduled", "aof_rewrite_in_progress"].iter().all(|field| c.info("persistence", field) == "0")
}

#[test]
fn files_and_replicas_keep_a_damaged_key_as_one() {
    let mut server = start(&["--appendonly", "yes", "--aof-use-rdb-preamble", "no"]);
    fill(&server);
    let mut c = server.client();
    still_damaged(&server, "at first");
    let digest = server.digest_all();
    c.ok("DEBUG RELOAD");
    still_damaged(&server, "DEBUG RELOAD");
    assert_eq!(server.digest_all(), digest);
    let replica = start(&[]);
    replica.replica_of(&server);
    still_damaged(&replica, "a full synchronization");
    assert_eq!(replica.digest_all(), digest);
    for preamble in ["no", "yes"] {
        c = server.client();
        c.ok(&format!("CONFIG SET aof-use-rdb-preamble {preamble}"));
        c.ok("BGREWRITEAOF");
        wait_until("the AOF is rewritten", || is_rewritten(&mut c));
        assert_eq!(c.info("persistence", "aof_last_bgrewrite_status"), "ok");
        server.restart(Stop::Kill);
        still_damaged(&server, &format!("a rewritten AOF, preamble {preamble}"));
    }
    c = server.client();
    let dump = c.run("DUMP tsgen").bytes().to_vec();
    c.ok("DEL tsgen");
    c.expect("TSGEN.CLAIM tsgen w", "[]");
    assert_eq!(crate::cmd!(c, "RESTORE", "tsgen", 0, &dump), "OK");
    still_damaged(&server, "RESTORE of what DUMP told");
    let sound = c.run("DUMP sound").bytes().to_vec();
    assert_eq!(crate::cmd!(c, "RESTORE", "tsgen", 0, &sound, "REPLACE"), "OK");
    c.expect("TSGEN.RANGE tsgen - +", "[['a' 1 'x'] ['b' 2 'y']]");
}

#[test]
fn a_key_that_cannot_be_written_spoils_no_file() {
    for how in ["SAVE", "BGREWRITEAOF"] {
        for step in 1..4 {
            let mut server =
                start(&["--appendonly", if how == "SAVE" { "no" } else { "yes" }, "--aof-use-rdb-preamble", "no"]);
            let mut c = server.client();
            c.play("> SET text x\n OK\n > TSGEN.MADD k 1 a x 2 b y\n [1 1]\n > TSGEN.ADD l 1 a x\n 1");
            plant(&mut c, step);
            c.ok(how);
            wait_until("it is written", || is_rewritten(&mut c));
            assert_eq!(c.info("persistence", "aof_last_bgrewrite_status"), "ok");
            plant(&mut c, 0);
            c.expect("TSGEN.RANGE k - +", "[['a' 1 'x'] ['b' 2 'y']]");
            if how == "SAVE" {
                server.stop(Stop::Kill);
                server.start_again();
            } else {
                server.restart(Stop::Kill);
            }
            let mut c = server.client();
            c.expect("GET text", "'x'");
            let found = [c.run("TSGEN.RANGE k - +").to_string(), c.run("TSGEN.RANGE l - +").to_string()];
            assert_eq!(
                found.iter().filter(|found| found.contains(DAMAGED)).count(),
                1,
                "{how}, step {step}: {found:?}"
            );
        }
    }
}

#[test]
fn the_aof_and_a_replica_have_the_key_as_it_was() {
    let mut master = start(&AOF);
    let replica = start(&[]);
    replica.replica_of(&master);
    let mut c = master.client();
    c.play("> TSGEN.MADD k 1 a x 2 b y\n [1 1]\n > TSGEN.ADVANCE k 1\n 1");
    damage(&master, "TSGEN.ADD k 9 z");
    replica.wait_in_sync(&master);
    replica.client().expect("TSGEN.RANGE k - +", "[['a' 1 'x'] ['b' 2 'y']]");
    let dump = replica.client().run("DUMP k").bytes().to_vec();
    assert_eq!(crate::cmd!(c, "RESTORE", "k", 0, &dump, "REPLACE"), "OK");
    c.expect("TSGEN.CLAIM k w", "[[<t> 1 'a' 1 'x']]");
    damage(&master, "TSGEN.ADD k 9 z");
    master.restart(Stop::Kill);
    master.client().expect("TSGEN.RANGE k - +", "[['b' 2 'y']]");
}

#[test]
fn a_panic_on_a_replica_or_while_an_aof_is_loaded_ends_neither() {
    let mut master = start(&AOF);
    let replica = start(&[]);
    replica.replica_of(&master);
    let mut c = master.client();
    c.ok("TSGEN.ADD k 1 a x");
    replica.wait_in_sync(&master);
    let mut r = replica.client();
    plant(&mut r, 1);
    c.ok("TSGEN.ADD k 2 b y");
    c.ok("SET text x");
    replica.wait_in_sync(&master);
    r.expect("GET text", "'x'");
    assert!(r.run("TSGEN.RANGE k - +").to_string().contains(DAMAGED));
    assert_eq!(master.client().info("stats", "sync_full"), "1", "the link has held");
    for step in 1..12 {
        master.stop(Stop::Kill);
        master.set_args(&["--appendonly", "yes", "--tsgen.planted-panic", &step.to_string()]);
        master.start_again();
        let mut c = master.client();
        c.expect("GET text", "'x'");
        let range = c.run("TSGEN.RANGE k - +").to_string();
        assert!(range.contains(DAMAGED) || range == "[['a' 1 'x'] ['b' 2 'y']]", "step {step}: {range}");
    }
}
