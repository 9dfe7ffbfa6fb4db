//! Replicas that synchronise, in full or in part, in all families alike: what they hold afterwards, and what they answer meanwhile.

use super::{timed, Family, DELIVERY_READS, FAMILIES};
use crate::common::pair;
use crate::harness::*;

#[test]
fn a_full_sync_and_a_stream_of_writes_carry_entries_in_every_state() {
    for family in &FAMILIES {
        let master = Server::start(&[]);
        let mut c = master.client();
        family.fill(&mut c);
        // With a file in between and without, and behind another replica.
        let replicas = [&[][..], &["--repl-diskless-load", "swapdb"], &[]].map(Server::start);
        replicas[0].replica_of(&master);
        replicas[1].replica_of(&master);
        replicas[2].replica_of(&replicas[0]);
        for _ in 0..2 {
            for replica in &replicas {
                same_data(&master, replica);
                assert_eq!(family.view(&mut replica.client()), family.view(&mut c), "{}", family.name);
                for key in family.keys {
                    assert_eq!(master.digest(key), replica.digest(key), "{} {key}", family.name);
                }
            }
            // And now the same as it happens.
            c.ok("FLUSHALL");
            family.fill(&mut c);
        }
    }
}

#[test]
fn a_partial_resync_goes_on_where_it_stopped() {
    for family in &FAMILIES {
        let (master, replica) = pair(&[]);
        let mut c = master.client();
        family.fill(&mut c);
        replica.wait_in_sync(&master);
        let full_syncs = c.info("stats", "sync_full");
        for _ in 0..30 {
            c.ok("CLIENT KILL TYPE replica SKIPME yes");
            c.ok(&family.on(family.writes[0], family.keys[0]));
            c.ok(&family.on("CLAIM # w LEASE 1", family.keys[0]));
        }
        same_data(&master, &replica);
        assert_eq!(c.info("stats", "sync_full"), full_syncs, "{}", family.name);
        assert_ne!(c.info("stats", "sync_partial_ok").as_str(), "0", "{}", family.name);
    }
}

/// A replica that has fallen so far behind that it loads all again, in no hurry and beside what it has; and that.
#[track_caller]
fn loading_beside(family: &Family, us_per_key: u32) -> (Server, Server, Vec<Vec<u8>>) {
    let small = ["--repl-diskless-sync", "yes", "--repl-backlog-size", "16kb"];
    let master = Server::start(&small);
    // It hears clients every so many bytes.
    let heard = ["--repl-diskless-load", "swapdb", "--loading-process-events-interval-bytes", "1024"];
    let replica = Server::start(&heard);
    // Where it is used, the child that saves talks to the replica itself, and goes on when its server is killed. Not every server knows it.
    for server in [&master, &replica] {
        server.client().run("CONFIG SET repl-rdb-channel no");
    }
    let mut c = master.client();
    family.fill(&mut c);
    let set = |nth: usize| ["SET", &format!("filler:{nth}"), "x"].map(|word| word.as_bytes().to_vec());
    c.pipeline((0..3_000).map(set));
    replica.replica_of(&master);
    let before = family.dumps(&mut replica.client());
    replica.signal("STOP");
    c.ok("CLIENT KILL TYPE replica");
    for nth in 0..10 {
        c.ok(&format!("SET large:{nth} {}", "x".repeat(10_000)));
    }
    let write = family.on(family.writes[0], family.keys[0]);
    c.run(&write);
    c.ok(&format!("CONFIG SET rdb-key-save-delay {us_per_key}"));
    replica.signal("CONT");
    let mut r = replica.client();
    wait_until("the replica loads beside what it has", || r.info("persistence", "async_loading") == "1");
    (master, replica, before)
}

/// `repl-diskless-load swapdb`.
#[test]
fn a_replica_answers_from_what_it_has_while_it_loads_all_again() {
    for family in &FAMILIES {
        let (master, replica, _) = loading_beside(family, 1_000);
        let (mut c, mut r) = (master.client(), replica.client());
        let mut reads = 0;
        while r.info("persistence", "async_loading") == "1" {
            for read in DELIVERY_READS.iter().chain(family.reads) {
                let reply = r.run(&family.on(read, family.keys[0]));
                assert!(!reply.is_error(), "{read}: {reply}");
            }
            reads += 1;
        }
        assert!(reads > 0, "nothing was read meanwhile");
        c.ok("CONFIG SET rdb-key-save-delay 0");
        same_data(&master, &replica);
        // Nothing is left of what stood here before, and what came is complete.
        assert_eq!(family.view(&mut c), family.view(&mut r), "{}", family.name);
    }
}

#[test]
fn a_replica_whose_master_dies_while_it_loads_all_again_goes_on_with_what_it_has() {
    for family in timed() {
        let (mut master, replica, before) = loading_beside(family, 3_000);
        master.stop(Stop::Kill);
        let mut r = replica.client();
        wait_until("loading has failed", || r.info("persistence", "async_loading") == "0");
        assert_eq!(family.dumps(&mut r), before, "{}", family.name);
        r.ok("REPLICAOF NO ONE");
        r.ok(&(family.by_time("late", 50)));
        r.ok(&family.add("late", "a", 50));
        r.expect(&family.on("CLAIM # w BLOCK 10000", "late"), "[[<v> …]]");
    }
}
