//! Keyspace events of what time makes ready, in all families alike: one announcement, when it is so, and not again.

use super::timed;
use crate::common::*;
use crate::harness::*;

#[test]
fn every_delivery_command_tells_so() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        for name in ["a", "b", "c", "d"] {
            family.add_ready(&mut c, "k", name);
        }
        let mut events = Events::subscribe(&server);
        let mut told = |commands: &[(&str, &str)], expected: &[&str]| {
            for (command, reply) in commands {
                let command = family.on(command, "k");
                c.play(&format!("> {command}\n {reply}"));
            }
            assert_eq!(events.take(&mut c), family.events("k", expected), "{commands:?}");
        };
        told(&[("CLAIM # w COUNT 4", "[[<p> …] [<q> …] [<r> …] [<s> …]]")], &["claim"]);
        told(&[("ACK # <p>", "1"), ("EXTEND # 99999 <q>", "1")], &["ack", "extend"]);
        told(&[("NACK # <q> <r> DEAD", "2"), ("REQUEUE # <q>", "1")], &["nack", "requeue"]);
        told(&[("NACK # <s> DELAY 99999", "1"), ("PROMOTE # <s>", "1"), ("PROMOTE # <s>", "0")], &["nack", "promote"]);
        told(&[("CLAIM # w COUNT 9", "[[…] […]]")], &["claim"]);
        told(&[("DISCARD # ALL", "1"), ("RELEASE # w", "2")], &["discard", "release"]);
        told(&[("ALTER # LEASE 5", "OK"), ("ALTER # LEASE 5", "OK")], &["alter"]);
        told(&[("ACK # 1", "0"), ("CLAIM none w", "[]"), ("PENDING #", "[]"), ("INFO #", "…")], &[]);
    }
}

#[test]
fn what_changes_nothing_tells_nothing() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        let mut events = Events::subscribe(&server);
        c.ok(&family.by_time("k", 50));
        c.ok(&family.add("k", "a", 50));
        assert_eq!(settled(&server, &mut events, 3), family.events("k", &["create", family.added(), "ready"]));
        family.idle(&mut c);
        assert_eq!(events.take(&mut c), [""; 0], "{}", family.name);
    }
}

#[test]
fn what_becomes_ready_by_time_is_announced_exactly_once() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        c.ok(&family.by_time("k", 80));
        let mut events = Events::subscribe(&server);
        c.ok(&family.add("k", "a", 80));
        assert_eq!(settled(&server, &mut events, 2), family.events("k", &[family.added(), "ready"]));
        // Reads and claims of it announce nothing; what comes after it is news again.
        c.ok(&family.on("INFO #", "k"));
        c.expect(&family.on("CLAIM # w", "k"), "[[<t> 1 …]]");
        c.ok(&family.add("k", "b", 80));
        assert_eq!(settled(&server, &mut events, 3), family.events("k", &["claim", family.added(), "ready"]));
    }
}

#[test]
fn a_woken_worker_claims_after_the_announcement() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        c.ok(&family.by_time("k", 100));
        let mut events = Events::subscribe(&server);
        let mut worker = Blocked::new(&server, &family.on("CLAIM # w BLOCK 0", "k"));
        c.ok(&family.add("k", "a", 100));
        worker.reply();
        let mut told = settled(&server, &mut events, 3);
        told.retain(|event| !event.ends_with(".sweep"));
        assert_eq!(told, family.events("k", &[family.added(), "ready", "claim"]));
    }
}

#[test]
fn a_key_is_announced_under_the_name_and_in_the_database_it_has_by_then() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        c.ok(&family.by_time("k", 150));
        let mut events = Events::subscribe(&server);
        // In one turn: a window may end at any moment.
        let add = family.add("k", "a", 150);
        let done = at_once(&mut c, &[&*add, "RENAME k renamed", "COPY renamed copied", "MOVE renamed 4"]);
        assert!(done[1] == "OK" && done[2] == 1 && done[3] == 1, "{done:?}");
        let mut told = settled(&server, &mut events, 3);
        assert_eq!(told.remove(0), family.events("k", &[family.added()])[0]);
        told.sort();
        assert_eq!(told, ["copied", "renamed"].map(|key| family.events(key, &["ready"]).remove(0)));
    }
}

/// What virtually came in the far future must not make the timer announce what has not happened.
#[test]
fn nothing_is_announced_before_the_servers_own_time_comes() {
    for family in timed() {
        let server = virtual_clock();
        let mut c = server.client();
        c.ok(&family.by_time("k", 1_000));
        let mut events = Events::subscribe(&server);
        let later = server_ms(&mut c) + 3_600_000;
        c.ok(&format!("TSGEN.AT {later} {}", family.add("k", "a", 1_000)));
        assert_eq!(settled(&server, &mut events, 1), family.events("k", &[family.added()]));
        assert_eq!(family.counts(&mut c, "k"), [1, 0, 0, 0, 0], "{}", family.name);
    }
}

#[test]
fn a_promotion_does_not_announce_again_what_was_claimed_before() {
    for family in timed() {
        let (master, replica) = pair(&[]);
        let mut events = Events::subscribe(&replica);
        let mut c = master.client();
        c.ok(&family.by_time("k", 50));
        c.ok(&family.add("k", "a", 50));
        c.expect(&family.on("CLAIM # w BLOCK 20000", "k"), "[[<t> …]]");
        c.play(&format!("> {}\n 1", family.on("ACK # <t>", "k")));
        replica.wait_in_sync(&master);
        promote(master, &replica);
        let told = settled(&replica, &mut events, 4);
        assert_eq!(told, family.events("k", &["create", family.added(), "claim", "ack"]));
    }
}
