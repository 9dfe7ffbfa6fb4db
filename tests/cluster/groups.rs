//! Keys whose entries are in groups, with GROUPLIMIT and FAIR: what is in hand, what is held back and whose turn it is move with the slot.

use crate::harness::*;

/// Two elements are in hand, one of them delayed, and the group `a` has the lowest turn of those that can be served.
#[track_caller]
fn fill(c: &mut Client, key: &str) {
    c.play(&format!(
        r#"
        > TSGEN.CREATE {key} GROUPLIMIT 1 FAIR yes
        OK
        > TSGEN.MADD {key} GROUP a 1 a1 "" 2 a2 "" 3 a3 ""
        [1 1 1]
        > TSGEN.MADD {key} GROUP b 4 b1 "" 5 b2 ""
        [1 1]
        > TSGEN.MADD {key} GROUP c 6 c1 "" 7 c2 ""
        [1 1]
        > TSGEN.ADVANCE {key} 9
        9
        > TSGEN.CLAIM {key} before COUNT 2 LEASE 1h
        [[<a> 1 'a1' …] [<b> 1 'b1' …]]
        > TSGEN.NACK {key} <b> DELAY 1h
        1
        "#
    ));
}

/// What is in hand holds its group back still, and the turns go on where they were.
#[track_caller]
fn use_up(c: &mut Client, key: &str) {
    c.play(&format!(
        r#"
        > TSGEN.INFO {key}
        [… 'groups' 3 'groups-at-limit' 2 …]
        > TSGEN.PEEK {key} READY
        ['0' [[… 'held' 0 … ['c1' …]] [… 'held' 0 … ['c2' …]] [… 'held' 1 … ['a2' …]] [… 'held' 1 … ['a3' …]] [… 'held' 1 … ['b2' …]]]]
        > TSGEN.CLAIM {key} after COUNT 9
        [[<c> 1 'c1' …]]
        > TSGEN.PROMOTE {key} <b>
        1
        > TSGEN.ACK {key} <c> <a>
        2
        > TSGEN.CLAIM {key} after COUNT 9
        [[<a2> 1 'a2' …] [<b1> 2 'b1' …] [<c2> 1 'c2' …]]
        > TSGEN.ACK {key} <a2> <b1> <c2>
        3
        > TSGEN.CLAIM {key} after COUNT 9
        [[<a3> 1 'a3' …] [<b2> 1 'b2' …]]
        > TSGEN.ACK {key} <a3> <b2>
        2
        > TSGEN.INFO {key}
        [… 'groups' 0 'groups-at-limit' 0 …]
        "#
    ));
}

/// Fills a key on the first master, has its slot moved to the second, and uses the key up there.
#[track_caller]
fn check_move(cluster: &Cluster, key: &str, move_slot: impl FnOnce()) {
    let (mut from, mut to) = (cluster.nodes[0].client(), cluster.nodes[1].client());
    fill(&mut from, key);
    let before = cluster.nodes[0].digest(key);
    move_slot();
    assert_eq!(cluster.nodes[1].digest(key), before, "the digest after the move");
    same_data(&cluster.nodes[0], &cluster.nodes[3]);
    same_data(&cluster.nodes[1], &cluster.nodes[4]);
    to.bindings.extend(from.bindings.clone());
    use_up(&mut to, key);
    same_data(&cluster.nodes[1], &cluster.nodes[4]);
}

#[test]
fn groups_move_with_their_slot() {
    let cluster = Cluster::form();
    let mut tags = tags(0, 1000);
    let tag = tags.next().expect("a tag");
    let (key, slot) = (format!("{{{tag}}}:k"), slot_of(&tag));
    check_move(&cluster, &key, || {
        cluster.begin_move(slot, 0, 1);
        cluster.migrate(&[&key], 0, 1);
        cluster.end_move(slot, 0, 1);
    });
    if cluster.moves_atomically() {
        let tag = tags.next().expect("another tag");
        let (key, slot) = (format!("{{{tag}}}:k"), slot_of(&tag));
        check_move(&cluster, &key, || cluster.move_atomically((slot, slot), 0, 1));
    }
}
