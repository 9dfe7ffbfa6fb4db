//! Elements that come again: which id comes how often, and which dead letters are runs of it, move with the slot and live on in the replica.

use crate::harness::*;

const HOUR: i64 = 3_600_000;

#[track_caller]
fn bound(c: &Client, name: &str) -> i64 {
    c.bindings[name].parse().expect("an integer")
}

/// One run is leased, one is dead and its next one waits, and one is held by a worker that does not come back.
#[track_caller]
fn fill(c: &mut Client, key: &str) {
    c.play(&format!(
        r#"
        > TSGEN.CREATE {key} CLOCK MAXDELIVERIES 1
        OK
        > TSGEN.ADD {key} EVERY 1h +0 report sales
        0
        > TSGEN.CLAIM {key} before LEASE 1h
        [[<report> 1 'report' <began> 'sales']]
        > TSGEN.ADD {key} EVERY 1h +0 prune logs
        0
        > TSGEN.CLAIM {key} before LEASE 1h
        [[<prune> 1 'prune' <pruned> 'logs']]
        > TSGEN.NACK {key} <prune> DEAD REASON disk
        1
        > TSGEN.GET {key} prune
        ['waiting' <later> 'logs' {HOUR}]
        > TSGEN.ADD {key} EVERY 1h +0 backup disks
        0
        > TSGEN.CLAIM {key} lost LEASE 500
        [[<backup> 1 'backup' <backed> 'disks']]
        "#
    ));
}

/// Every run is followed by one, wherever it was begun; and the dead ones by none.
#[track_caller]
fn go_on(c: &mut Client, key: &str) {
    c.play(&format!(
        r#"
        > TSGEN.ACK {key} <report>
        1
        > TSGEN.ACK {key} <report>
        0
        > TSGEN.GET {key} report
        ['waiting' <next> 'sales' {HOUR}]
        > TSGEN.GET {key} prune
        ['waiting' <later> 'logs' {HOUR}]
        "#
    ));
    assert_eq!(bound(c, "next"), bound(c, "began") + HOUR, "the run after the one that was leased");
    wait_until("the run of the worker that is lost is dead", || c.ok(&format!("TSGEN.DEAD {key}")).items().len() == 2);
    let backup = c.ok(&format!("TSGEN.GET {key} backup"));
    assert_eq!(backup.items()[1].int(), bound(c, "backed") + HOUR, "{backup}");
    c.play(&format!(
        r#"
        > TSGEN.REQUEUE {key} <prune>
        1
        > TSGEN.CLAIM {key} after COUNT 9
        [[<again> 1 'prune' <pruned> 'logs']]
        > TSGEN.ACK {key} <again>
        1
        > TSGEN.GET {key} prune
        ['waiting' <later> 'logs' {HOUR}]
        > TSGEN.INFO {key}
        [… 'recurring' 3]
        "#
    ));
}

#[test]
fn recurring_elements_move_with_their_slot_and_outlive_their_master() {
    let mut cluster = Cluster::form();
    let mut tags = tags(0, 1000);
    let (mut from, mut to) = (cluster.nodes[0].client(), cluster.nodes[1].client());
    let mut check_move = |move_slot: &dyn Fn(&str, u16)| {
        let tag = tags.next().expect("a tag");
        let key = format!("{{{tag}}}:k");
        fill(&mut from, &key);
        move_slot(&key, slot_of(&tag));
        to.bindings = std::mem::take(&mut from.bindings);
        go_on(&mut to, &key);
        same_data(&cluster.nodes[1], &cluster.nodes[4]);
        key
    };
    let key = check_move(&|key, slot| {
        cluster.begin_move(slot, 0, 1);
        cluster.migrate(&[key], 0, 1);
        cluster.end_move(slot, 0, 1);
    });
    if cluster.moves_atomically() {
        check_move(&|_, slot| cluster.move_atomically((slot, slot), 0, 1));
    }
    // A run that is leased when its master dies is acknowledged at the replica.
    let mut worker = cluster.nodes[1].client();
    worker.play(&format!(
        r#"
        > TSGEN.ADD {key} XX +0 report
        0
        > TSGEN.CLAIM {key} before LEASE 1h
        [[<last> 1 'report' <began> 'sales']]
        "#
    ));
    let bindings = worker.bindings.clone();
    cluster.be_alert();
    assert_eq!(cluster.run(1, "WAIT 1 10000"), 1);
    cluster.nodes[1].stop(Stop::Kill);
    wait_long("the replica is master", || cluster.nodes[4].client().info("replication", "role") == "master");
    cluster.wait_until_agreed();
    let mut c = cluster.nodes[4].client();
    c.bindings = bindings;
    let ack = format!("TSGEN.ACK {key} {}", c.bindings["last"]);
    wait_until("the cluster serves the key again", || !c.run(&ack).is_error());
    let next = c.ok(&format!("TSGEN.GET {key} report"));
    assert_eq!(next.items()[1].int(), bound(&c, "began") + HOUR, "{next}");
    c.expect(&format!("TSGEN.INFO {key}"), "[… 'recurring' 3]");
}
