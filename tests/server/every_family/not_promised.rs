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
