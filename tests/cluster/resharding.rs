//! Slots that move to another master, by hand and by redis-cli, with applications at work.

use crate::families::{Family, FAMILIES};
use crate::harness::*;
use crate::state;
use crate::traffic::Traffic;

#[test]
fn a_key_moves_with_everything_in_it() {
    let cluster = Cluster::form();
    let tag = tags(0, 1000).next().expect("a tag");
    let slot = slot_of(&tag);
    let mut router = cluster.router();
    let held = state::fill(&mut router, &tag);
    let before = held.digests(&cluster.nodes[0]);
    cluster.begin_move(slot, 0, 2);
    let keys = held.keys();
    cluster.migrate(&keys.iter().map(String::as_str).collect::<Vec<_>>(), 0, 2);
    assert_eq!(held.digests(&cluster.nodes[2]), before, "digests after MIGRATE");
    cluster.end_move(slot, 0, 2);
    assert_eq!(cluster.run(0, &format!("CLUSTER COUNTKEYSINSLOT {slot}")), 0);
    same_data(&cluster.nodes[0], &cluster.nodes[3]);
    same_data(&cluster.nodes[2], &cluster.nodes[5]);
    held.use_up(&mut router);
    assert_eq!(router.port_of(&keys[0]), cluster.nodes[2].port);
    same_data(&cluster.nodes[2], &cluster.nodes[5]);
}

/// What a client meets that has just these keys to do with: the old node answers for what it still has and sends on for the rest.
#[test]
fn while_a_slot_moves_its_keys_are_served_where_they_are() {
    let cluster = Cluster::form();
    let tag = tags(0, 1000).next().expect("a tag");
    let slot = slot_of(&tag);
    let (mut from, mut to) = (cluster.nodes[0].client(), cluster.nodes[1].client());
    let key = format!("{{{tag}}}:k");
    let ask = format!("-ASK {slot} 127.0.0.1:{}", cluster.nodes[1].port);
    from.ok(&format!("TSGEN.MADD {key} 1 a x 2 b y 3 c z"));
    from.ok(&format!("TSGEN.ADVANCE {key} 2"));
    cluster.begin_move(slot, 0, 1);

    from.expect(&format!("TSGEN.CLAIM {key} before"), "[[<a> 1 'a' 1 'x']]");
    from.expect(&format!("TSGEN.ADD {{{tag}}}:new 1 a"), &ask);
    // Two keys of which one is here: neither node has both.
    from.expect(&format!("TSGEN.ALTER {key} SINK {{{tag}}}:new"), "-TRYAGAIN …");

    cluster.migrate(&[&key], 0, 1);
    from.expect(&format!("TSGEN.CLAIM {key} before"), &ask);
    to.expect(&format!("TSGEN.CLAIM {key} after"), &format!("-MOVED {slot} 127.0.0.1:{}", cluster.nodes[0].port));
    to.ok("ASKING");
    to.expect(&format!("TSGEN.CLAIM {key} after"), "[[<b> 1 'b' 2 'y']]");
    to.bindings.extend(from.bindings.clone());
    to.ok("ASKING");
    to.expect(&format!("TSGEN.ACK {key} <a>"), "1");

    cluster.end_move(slot, 0, 1);
    from.expect(&format!("TSGEN.CLAIM {key} before"), &format!("-MOVED {slot} 127.0.0.1:{}", cluster.nodes[1].port));
    to.expect(&format!("TSGEN.ACK {key} <b>"), "1");
    to.play(&format!("> TSGEN.ADVANCE {key} 3\n 3\n > TSGEN.CLAIM {key} after\n [[<c> 1 'c' 3 'z']]"));
}

/// By the client that belongs to the server. Where that moves slots key by key, watchers are left to `watchers.rs`: what expires apart
/// from its watcher is not delivered.
#[test]
fn applications_go_on_while_slots_are_resharded() {
    let cluster = Cluster::form();
    let is_atomic = cluster.reshards_atomically();
    let families: Vec<&Family> = FAMILIES.iter().filter(|family| is_atomic || family.name != "EXPIRY").collect();
    let tags = tags(0, 60).take(6).collect();
    let traffic = Traffic { families, tags, options: "", waits_for_replica: false };
    let outcome = traffic.run(&cluster.router(), || {
        for _ in 0..3 {
            cluster.reshard(60, 0, 1, 10);
            cluster.reshard(60, 1, 0, 10);
        }
    });
    outcome.assert_once();
    assert!(outcome.followed.contains_key("MOVED"), "no client met MOVED: {:?}", outcome.followed);
    assert_eq!(outcome.followed.contains_key("ASK"), !is_atomic, "clients that met ASK: {:?}", outcome.followed);
    for node in 0..2 {
        same_data(&cluster.nodes[node], &cluster.nodes[node + 3]);
    }
}

/// On Valkey a master refuses to open or close a slot if its replica does not confirm it in time. That is no fault of the module, and no reason to fail: the harness sees it.
#[test]
fn a_reshard_that_a_master_refuses_is_mended_and_goes_on() {
    let cluster = Cluster::form();
    if !cluster.nodes[0].has_valkey("8.0") || cluster.reshards_atomically() {
        return;
    }
    let key = format!("{{{}}}:k", tags(0, 200).next().expect("a tag"));
    let mut router = cluster.router();
    router.ok(&format!("TSGEN.ADD {key} 1 a x"));
    let before = cluster.slots_of(1);
    scope(|threads| {
        threads.spawn(|| {
            let mut c = cluster.nodes[1].client();
            wait_until("slots move", || cluster.slots_of(1) > before);
            cluster.nodes[4].signal("STOP");
            wait_until("it has refused", || c.try_info("errorstats", "errorstat_NOREPLICAS").is_some());
            cluster.nodes[4].signal("CONT");
        });
        cluster.reshard(200, 0, 1, 10);
    });
    // The program rounds up.
    assert!((before + 200..=before + 201).contains(&cluster.slots_of(1)));
    assert!((0..cluster.nodes.len()).all(|node| cluster.open_slots(node).is_empty()));
    assert_eq!(router.port_of(&key), cluster.nodes[1].port);
    assert_eq!(router.ok(&format!("TSGEN.ADVANCE {key} 1")), 1);
    same_data(&cluster.nodes[1], &cluster.nodes[4]);
}
