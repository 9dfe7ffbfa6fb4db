//! SINK of keys whose entries time makes ready, in all families alike.

use super::{timed, Family, FAMILIES};
use crate::common::*;
use crate::harness::*;

/// Waits until an append has failed.
#[track_caller]
fn wait_for_an_error(c: &mut Client, family: &Family) {
    wait_until("the failure is counted", || c.ok(&family.on("INFO #", "k")).field("sink-errors").int() > 0);
}

#[test]
fn claim_on_a_key_with_a_sink_is_an_error() {
    for family in &FAMILIES {
        let server = Server::start(&[]);
        let mut c = server.client();
        c.ok(&format!("{}{} SINK stream", family.on("CREATE #", "k"), family.create));
        for command in ["CLAIM # w", "CLAIM # w BLOCK 0"] {
            c.expect(&family.on(command, "k"), "-ERR the key has a SINK…");
        }
    }
}

#[test]
fn consumer_groups_read_it_as_any_stream() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        c.ok(&(family.by_time("k", 80) + " SINK stream"));
        c.ok("XGROUP CREATE stream workers $ MKSTREAM");
        c.ok(&family.add("k", "a", 80));
        c.expect("XREADGROUP GROUP workers w BLOCK 20000 STREAMS stream >", "[['stream' [['…' […'a' …]]]]]");
        let id = c.ok("XPENDING stream workers - + 10").items()[0].items()[0].text();
        c.expect(&format!("XACK stream workers {id}"), "1");
    }
}

#[test]
fn a_stream_of_the_wrong_type_keeps_the_entry_ready_and_is_retried() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        c.ok("SET stream wrong-type");
        c.ok(&(family.by_time("k", 50) + " SINK stream"));
        c.ok(&family.add("k", "a", 50));
        wait_for_an_error(&mut c, family);
        assert_eq!(family.counts(&mut c, "k"), [0, 1, 0, 0, 0], "{}", family.name);
        // What comes meanwhile is not held up, and not appended either.
        c.ok(&family.add("k", "b", 50));
        c.ok("DEL stream");
        wait_until("both are appended", || c.run("XLEN stream") == 2);
        c.expect("XRANGE stream - +", "[[…'a' …] […'b' …]]");
        assert_eq!(family.counts(&mut c, "k"), [0; 5], "{}", family.name);
    }
}

#[test]
fn at_maxmemory_the_entry_stays_and_goes_when_there_is_room() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        c.ok(&(family.by_time("k", 50) + " SINK stream"));
        // In one turn: a window may end at any moment.
        at_once(&mut c, &[&*family.add("k", "a", 50), "CONFIG SET maxmemory 1"]);
        wait_for_an_error(&mut c, family);
        c.expect("XLEN stream", "0");
        assert_eq!(family.counts(&mut c, "k"), [0, 1, 0, 0, 0], "{}", family.name);
        c.ok("CONFIG SET maxmemory 0");
        wait_until("it is retried", || c.run("XLEN stream") == 1);
    }
}

#[test]
fn alter_sets_and_removes_the_sink_of_what_waits_and_of_what_is_ready() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        c.ok(&family.by_time("k", 200));
        c.ok(&family.add("k", "a", 200));
        c.expect(&family.on("CLAIM # w BLOCK 20000", "k"), "[[<t> …]]");
        c.ok(&family.add("k", "b", 200));
        c.expect(&family.on("ALTER # SINK stream", "k"), "-ERR …");
        c.expect(&family.on("RELEASE # w", "k"), "1");
        c.ok(&family.on("ALTER # SINK stream", "k"));
        wait_until("both are in the stream", || c.run("XLEN stream") == 2);
        c.ok(&family.on("ALTER # SINK \"\"", "k"));
        c.ok(&family.add("k", "c", 200));
        c.expect(&family.on("CLAIM # w BLOCK 20000", "k"), "[[<u> 1 …'c' …]]");
        c.expect("XLEN stream", "2");
    }
}

#[test]
fn a_key_that_moves_takes_its_running_sink_along() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        c.ok(&(family.by_time("k", 120) + " SINK stream"));
        c.ok(&family.add("k", "a", 120));
        c.ok("RENAME k renamed");
        wait_until("it is in the stream", || c.run("XLEN stream") == 1);
        // In one turn, what ends before the move goes into the stream of the old database.
        let moved = at_once(&mut c, &[&*family.add("renamed", "b", 120), "MOVE renamed 3", "SELECT 3"]);
        assert_eq!(moved[1], 1, "{}", family.name);
        wait_until("it is in the stream of its database", || c.run("XLEN stream") == 1);
        at_once(&mut c, &[&*family.add("renamed", "c", 120), "SWAPDB 3 0", "SELECT 0"]);
        wait_until("and after SWAPDB", || c.run("XLEN stream") == 2);
    }
}
