//! What [the guarantees](../../../docs/guarantees.md) do not say, shown. Should one of these tests fail, the page says too little.

use super::timed;
use crate::common::*;
use crate::harness::*;

/// A master and a replica that was promoted while the master went on, with an entry `a` that is leased in both.
fn parted(family: &super::Family) -> [Server; 2] {
    let (old, new) = pair(&[]);
    let mut c = old.client();
    family.make_ready(&mut c, "k", &["a"]);
    c.expect(&family.on("CLAIM # w LEASE 500", "k"), "[[<t> 1 …]]");
    assert_eq!(c.run("WAIT 1 10000"), 1);
    new.client().ok("REPLICAOF NO ONE");
    [old, new]
}

/// WAIT tells that no replica had it.
#[test]
fn an_entry_that_no_replica_had_received_is_lost_by_a_failover() {
    for family in timed() {
        let [old, new] = parted(family);
        let mut c = old.client();
        wait_until("the replica is gone", || c.info("replication", "connected_slaves") == "0");
        family.add_ready(&mut c, "k", "b");
        c.expect("WAIT 1 100", "0");
        old.replica_of(&new);
        let mut c = new.client();
        c.expect(&family.on("CLAIM # w COUNT 10 BLOCK 20000", "k"), "[[<u> 2 …'a' …]]");
        c.expect(&family.on("CLAIM # w COUNT 10", "k"), "[]");
    }
}

#[test]
fn an_entry_whose_ack_no_replica_had_received_is_handed_out_again_by_a_failover() {
    for family in timed() {
        let [old, new] = parted(family);
        let mut c = old.client();
        let token = c.ok(&family.on("PENDING #", "k")).items()[0].items()[0].int();
        c.expect(&family.on(&format!("ACK # {token}"), "k"), "1");
        old.replica_of(&new);
        new.client().expect(&family.on("CLAIM # w BLOCK 20000", "k"), "[[<u> 2 …'a' …]]");
    }
}

#[test]
fn work_that_outlasts_its_lease_is_done_twice() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        family.make_ready(&mut c, "k", &["a"]);
        c.expect(&family.on("CLAIM # slow LEASE 20", "k"), "[[<t> 1 …'a' …]]");
        c.expect(&family.on("CLAIM # other BLOCK 20000", "k"), "[[<u> 2 …'a' …]]");
        c.play(&format!("> {}\n 0\n > {}\n 1", family.on("ACK # <t>", "k"), family.on("ACK # <u>", "k")));
    }
}

#[test]
fn an_add_that_is_repeated_after_the_ack_is_a_new_element_without_remember() {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > TSGEN.CREATE k
        OK
        > TSGEN.ADVANCE k 100
        100
        > TSGEN.ADD k 5 order-1 "two books"
        0
        > TSGEN.CLAIM k w
        [[<t> 1 'order-1' …]]
        > TSGEN.ACK k <t>
        1
        > TSGEN.ADD k 5 order-1 "two books"
        0
        > TSGEN.CLAIM k w
        [[<u> 1 'order-1' …]]
        "#,
    );
}

/// A crash in the middle of a write leaves a transaction without its end in the AOF, with half a command. Redis, and Valkey before 9, cut off the half command and leave the MULTI: what is
/// answered from then on is dropped by the next start. `redis-check-aof --fix`, before the first one, cuts off the transaction.
#[test]
fn what_is_written_behind_half_a_transaction_in_the_aof_may_be_dropped_by_the_next_start() {
    for is_mended in [false, true] {
        let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
        let mut c = server.client();
        c.play("> TSGEN.ADD k 1 before\n1\n> MULTI\nOK\n> TSGEN.ADD k 1 one\nQUEUED\n> TSGEN.ADD k 1 two\nQUEUED");
        c.expect("EXEC", "[1 1]");
        server.stop(Stop::Kill);
        let file = aof::increments(&server).pop().expect("the file that is written");
        let bytes = std::fs::read(&file).expect("what it has");
        let two = bytes.windows(3).rposition(|word| word == b"two").expect("the last command");
        aof::truncate(&file, two as u64 + 1);
        assert!(!is_mended || aof::cut_half_transaction(&server));
        server.start_again();
        // All of the transaction is gone, or none.
        let mut c = server.client();
        c.play("> TSGEN.RANGE k - +\n[['before' 1 …]]\n> TSGEN.ADD k 1 after\n1");
        server.restart(Stop::Kill);
        let left = server.client().ok("TSGEN.RANGE k - +").items().len();
        // Once it is there: a server that has learnt better keeps it.
        assert!(left == 2 || !is_mended && left == 1 && !server.has_valkey("9.0"), "{left} are left");
        println!("mended {is_mended}: what was written behind it is {}", ["dropped", "kept"][left - 1]);
    }
}
