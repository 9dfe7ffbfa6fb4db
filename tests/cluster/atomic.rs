//! Slots that move as a whole, where servers do that (Redis 8.4, Valkey 9.0): what time does meanwhile, and what is left of it afterwards.

use crate::harness::*;

/// A slot of the first master with so many keys that its move takes a while, and its tag.
#[track_caller]
fn heavy_slot(cluster: &Cluster, keys: usize) -> (String, u16) {
    let tag = tags(0, 1000).next().expect("a tag");
    let set = |nth: usize| ["SET", &format!("{{{tag}}}:filler:{nth}"), "value"].map(|word| word.as_bytes().to_vec());
    cluster.nodes[0].client().pipeline((0..keys).map(set));
    let slot = slot_of(&tag);
    (tag, slot)
}

/// The master that sends a slot asks each command that it replicates for its keys.
#[test]
fn keys_of_all_families_are_made_while_a_slot_moves() {
    let cluster = Cluster::form();
    if !cluster.moves_atomically() {
        return;
    }
    let (tag, slot) = heavy_slot(&cluster, 60_000);
    let elsewhere = tags(0, 1000).nth(1).expect("another tag");
    let mut c = cluster.nodes[0].client();
    let moving = cluster.begin_atomic_move((slot, slot), 0, 1);
    let mut made = 0;
    while cluster.state_of(&moving) != "completed" {
        for tag in [&tag, &elsewhere] {
            let key = |name: &str| format!("{{{tag}}}:{name}:{made}");
            for line in [
                format!("TSGEN.ADD {} 1 a b", key("add")),
                format!("TSGEN.MADD {} 1 a b", key("madd")),
                format!("TSGEN.CREATE {} SINK {}", key("create"), key("stream")),
                format!("TSGEN.ALTER {} SINK {}", key("create"), key("other-stream")),
                format!("TSGEN.ADVANCE {} 1", key("advance")),
                format!("DEBOUNCE.PUSH {} g x", key("push")),
                format!("EXPIRY.CREATE {} PREFIX SINK SINK {}", key("watcher"), key("stream")),
                format!("TALLY.CREATE {} EVERY 1", key("tally")),
                format!("TALLY.INCR {} f", key("tally")),
                format!("THROTTLE.TAKE {} 5 1000", key("throttle")),
                format!("EVAL \"return redis.call('TSGEN.ADD', KEYS[1], '1', 'a')\" 1 {}", key("script")),
            ] {
                // Once the slot has gone, it is refused.
                let reply = c.run(&line).to_string();
                assert!(!reply.starts_with('-') || reply.contains("MOVED"), "{line}: {reply}");
            }
            c.ok("MULTI");
            let queued = c.run(&format!("TSGEN.ADD {} 1 a", key("multi"))).to_string();
            assert!(queued == "+QUEUED" || queued == "QUEUED" || queued.contains("MOVED"), "{queued}");
            c.run("EXEC");
        }
        made += 1;
    }
    assert!(made > 0, "the slot had moved before anything was done");
    cluster.wait_for_move(&moving);
    for node in [0, 1] {
        same_data(&cluster.nodes[node], &cluster.nodes[node + 3]);
    }
    // What was made before the slot went is at its new place.
    assert_eq!(cluster.run(1, &format!("TSGEN.INFO {{{tag}}}:add:0")).field("waiting").int(), 1);
}
