//! Workers that are blocked on a key whose slot goes elsewhere.

use crate::harness::*;

/// A key that exists and has nothing to hand out.
fn empty_key(cluster: &Cluster, node: usize) -> (String, u16) {
    let tag = tags(node, 1000).next().expect("a tag");
    let key = format!("{{{tag}}}:k");
    cluster.run(node, &format!("TSGEN.CREATE {key}"));
    (key, slot_of(&tag))
}

fn blocked_clients(node: &Server) -> String {
    node.client().info("tsgen", "tsgen_blocked-clients")
}

/// As with BLPOP and XREAD: Redis looks after blocked clients about once a second.
#[test]
fn a_worker_whose_slot_has_moved_is_told_moved() {
    let cluster = Cluster::form();
    let (key, slot) = empty_key(&cluster, 0);
    let mut worker = Blocked::new(&cluster.nodes[0], &format!("TSGEN.CLAIM {key} me BLOCK 0"));
    let mut native = Blocked::new(&cluster.nodes[0], &format!("BLPOP {key}:list 0"));
    cluster.begin_move(slot, 0, 1);
    cluster.migrate(&[&key], 0, 1);
    let mut observer = cluster.nodes[0].client();
    assert!(worker.is_blocked(&mut observer), "the key has moved, the slot has not");
    cluster.end_move(slot, 0, 1);
    let moved = format!("-MOVED {slot} 127.0.0.1:{}", cluster.nodes[1].port);
    assert_eq!(worker.reply().to_string(), moved);
    assert_eq!(native.reply().to_string(), moved);
    assert_eq!(blocked_clients(&cluster.nodes[0]), "0");
    // Nothing is left of it that could take an entry.
    let mut router = cluster.router();
    router.ok(&format!("TSGEN.ADD {key} 1 a"));
    router.ok(&format!("TSGEN.ADVANCE {key} 1"));
    assert_eq!(router.ok(&format!("TSGEN.CLAIM {key} other")).items()[0].items()[1], 1);
}

/// MCLAIM waits for all of its keys, of which none need be there.
#[test]
fn a_worker_that_waits_for_several_keys_is_told_moved_too() {
    let cluster = Cluster::form();
    let (key, slot) = empty_key(&cluster, 0);
    let keys = format!("{key}:urgent {key} {key}:bulk");
    let mut worker = Blocked::new(&cluster.nodes[0], &format!("TSGEN.MCLAIM 3 {keys} me BLOCK 0"));
    cluster.begin_move(slot, 0, 1);
    cluster.migrate(&[&key], 0, 1);
    assert!(worker.is_blocked(&mut cluster.nodes[0].client()), "the key has moved, the slot has not");
    cluster.end_move(slot, 0, 1);
    assert_eq!(worker.reply().to_string(), format!("-MOVED {slot} 127.0.0.1:{}", cluster.nodes[1].port));
    assert_eq!(blocked_clients(&cluster.nodes[0]), "0");
    let mut worker = Blocked::new(&cluster.nodes[1], &format!("TSGEN.MCLAIM 3 {keys} me BLOCK 0"));
    cluster.run(1, &format!("TSGEN.ADVANCE {key}:bulk 1"));
    cluster.run(1, &format!("TSGEN.ADD {key}:bulk 1 a"));
    assert_eq!(worker.reply().items()[0].items()[0].text(), format!("{key}:bulk"));
}

#[test]
fn a_worker_that_waits_for_several_keys_ends_with_its_master() {
    let cluster = Cluster::form();
    let (key, _) = empty_key(&cluster, 0);
    let mut worker = Blocked::new(&cluster.nodes[0], &format!("TSGEN.MCLAIM 2 {key} {key}:bulk me BLOCK 0"));
    cluster.run(3, "CLUSTER FAILOVER");
    let reply = worker.reply().to_string();
    let expected = if cluster.nodes[0].has_valkey("9.0") { "-MOVED" } else { "-UNBLOCKED" };
    assert!(reply.starts_with(expected), "{reply}");
    cluster.wait_for_role(0, "slave");
    assert_eq!(blocked_clients(&cluster.nodes[0]), "0");
}

#[test]
fn a_worker_that_came_with_asking_is_served_there_before_and_after_the_move_ends() {
    let cluster = Cluster::form();
    let (key, slot) = empty_key(&cluster, 0);
    cluster.begin_move(slot, 0, 1);
    cluster.migrate(&[&key], 0, 1);
    let ask = |line: &str| {
        let mut c = cluster.nodes[1].client();
        c.ok("ASKING");
        c.run(line)
    };
    let workers = [0, 1].map(|_| {
        let mut client = cluster.nodes[1].client();
        let id = client.ok("CLIENT ID").int();
        client.ok("ASKING");
        client.send(&[b"TSGEN.CLAIM", key.as_bytes(), b"me", b"BLOCK", b"0"]);
        let worker = Blocked { client, id };
        let mut observer = cluster.nodes[1].client();
        wait_until("the worker blocks", || worker.is_blocked(&mut observer));
        worker
    });
    let [mut first, mut second] = workers;
    assert_eq!(ask(&format!("TSGEN.ADVANCE {key} 2")), 2);
    assert_eq!(ask(&format!("TSGEN.ADD {key} 1 a")), 0);
    first.client.bindings.clear();
    assert_eq!(first.reply().items()[0].items()[2].text(), "a");
    cluster.end_move(slot, 0, 1);
    cluster.run(1, &format!("TSGEN.ADD {key} 2 b"));
    assert_eq!(second.reply().items()[0].items()[2].text(), "b");
}

#[test]
fn a_worker_is_unblocked_and_disconnected_when_its_master_hands_over() {
    let cluster = Cluster::form();
    let (key, slot) = empty_key(&cluster, 0);
    let mut worker = Blocked::new(&cluster.nodes[0], &format!("TSGEN.CLAIM {key} me BLOCK 0"));
    cluster.run(3, "CLUSTER FAILOVER");
    let reply = worker.reply().to_string();
    // Valkey 9 sends it on, as any other client.
    let expected = if cluster.nodes[0].has_valkey("9.0") { "-MOVED" } else { "-UNBLOCKED" };
    assert!(reply.starts_with(expected), "{reply}");
    if expected == "-UNBLOCKED" {
        assert!(worker.client.try_read().is_err(), "the connection is closed");
    }
    cluster.wait_for_role(0, "slave");
    cluster.nodes[0].client().expect(
        &format!("TSGEN.CLAIM {key} me BLOCK 0"),
        &format!("-MOVED {slot} 127.0.0.1:{}", cluster.nodes[3].port),
    );
    assert_eq!(blocked_clients(&cluster.nodes[0]), "0");
}
