//! Slots that nobody serves for a while (CLUSTER DELSLOTS, then ADDSLOTS): what time does meanwhile is told once somebody serves them again.

use crate::harness::*;

/// Nobody serves the slot any more, as every node sees it.
#[track_caller]
fn orphan(cluster: &Cluster, slot: u16) {
    for node in &cluster.nodes {
        // One that has heard of it from others may refuse.
        let _ = node.client().run(&format!("CLUSTER DELSLOTS {slot}"));
    }
    for node in &cluster.nodes {
        let owned = |range: &Reply| (range.items()[0].int()..=range.items()[1].int()).contains(&i64::from(slot));
        wait_until("nobody serves the slot", || !node.client().ok("CLUSTER SLOTS").items().iter().any(owned));
    }
}

#[track_caller]
fn adopt(cluster: &Cluster, slot: u16, node: usize) {
    cluster.run(node, &format!("CLUSTER ADDSLOTS {slot}"));
    cluster.wait_until_agreed();
}

/// One line of commands on keys with this tag.
fn tagged(tag: &str, line: &str) -> String {
    line.replace("{t}", &format!("{{{tag}}}"))
}

/// Something of each family that comes due in this many ms, and a stream for a sink.
#[track_caller]
fn fill(router: &mut Router, tag: &str, ms: u32) {
    for line in [
        "TSGEN.CREATE {t}:clock CLOCK",
        "TSGEN.ADD {t}:clock +{ms} element",
        "DEBOUNCE.CREATE {t}:groups IDLE {ms}",
        "DEBOUNCE.PUSH {t}:groups group item",
        "TALLY.CREATE {t}:tally EVERY {ms}",
        "TALLY.INCR {t}:tally field 5",
        "TSGEN.CREATE {t}:piped CLOCK SINK {t}:stream",
        "TSGEN.ADD {t}:piped +{ms} element",
        "EXPIRY.CREATE {t}:watcher PREFIX {t}:order",
        "SET {t}:order value PX {ms}",
    ] {
        router.ok(&tagged(tag, line).replace("{ms}", &ms.to_string()));
    }
}

/// What is delivered of it until nothing more comes.
#[track_caller]
fn drain(router: &mut Router, tag: &str) -> Vec<String> {
    let mut told = Vec::new();
    let keys = [("TSGEN", "clock"), ("DEBOUNCE", "groups"), ("TALLY", "tally"), ("EXPIRY", "watcher")];
    for block in [10_000, 300] {
        for (family, key) in keys {
            let entries = router.ok(&tagged(tag, &format!("{family}.CLAIM {{t}}:{key} me LEASE 1h BLOCK {block}")));
            told.extend(entries.items().iter().map(|entry| {
                let fields = entry.items();
                if family == "TALLY" {
                    format!("{key} {}", fields[5])
                } else {
                    format!("{key} {}", fields[2].text())
                }
            }));
        }
    }
    wait_until("the sink is fed", || router.ok(&tagged(tag, "XLEN {t}:stream")) != 0);
    told.push(format!("stream {}", router.ok(&tagged(tag, "XLEN {t}:stream"))));
    told
}

fn expected(tag: &str) -> Vec<String> {
    ["clock element", "groups group", "tally ['field' 5]", "watcher {t}:order", "stream 1"]
        .map(|line| tagged(tag, line))
        .to_vec()
}

#[test]
fn what_comes_due_in_a_slot_without_an_owner_is_delivered_once_it_has_one() {
    let cluster = Cluster::form_with(&["--cluster-require-full-coverage", "no"]);
    let tag = tags(0, 1000).next().expect("a tag");
    let slot = slot_of(&tag);
    let mut router = cluster.router();
    fill(&mut router, &tag, 1_500);
    let due = router.ok(&tagged(&tag, "PEXPIRETIME {t}:order")).int();
    orphan(&cluster, slot);
    assert!(now_ms() < due, "too late");
    wait_until("all is due", || now_ms() > due + 1_500);
    let mut c = cluster.nodes[0].client();
    c.expect(&tagged(&tag, "TSGEN.CLAIM {t}:clock me"), "-CLUSTERDOWN …");
    adopt(&cluster, slot, 0);
    assert_eq!(drain(&mut router, &tag), expected(&tag));
    same_data(&cluster.nodes[0], &cluster.nodes[3]);
}

/// Its keys stay where they are, unseen, until the slot is there again.
#[test]
fn what_comes_due_on_a_node_whose_slot_another_serves_is_delivered_once_it_is_back() {
    let cluster = Cluster::form_with(&["--cluster-require-full-coverage", "no"]);
    let tag = tags(0, 1000).next().expect("a tag");
    let slot = slot_of(&tag);
    let mut router = cluster.router();
    fill(&mut router, &tag, 1_500);
    let due = router.ok(&tagged(&tag, "PEXPIRETIME {t}:order")).int();
    orphan(&cluster, slot);
    adopt(&cluster, slot, 1);
    assert_eq!(router.ok(&tagged(&tag, "EXISTS {t}:clock")), 0, "the new owner has nothing of it");
    wait_until("all is due", || now_ms() > due + 1_500);
    fill(&mut router, &tag, 100);
    assert_eq!(drain(&mut router, &tag), expected(&tag), "what is new there");
    orphan(&cluster, slot);
    adopt(&cluster, slot, 0);
    assert_eq!(drain(&mut router, &tag), expected(&tag));
    same_data(&cluster.nodes[0], &cluster.nodes[3]);
}

/// A watcher whose slot is served, of keys whose slot is not.
#[test]
fn a_watcher_is_told_of_keys_whose_slot_had_no_owner_when_they_ended() {
    let cluster = Cluster::form_with(&["--cluster-require-full-coverage", "no"]);
    let tag = tags(0, 1000).next().expect("a tag");
    let slot = slot_of(&tag);
    let watcher = tags(0, 5_000).find(|tag| slot_of(tag) > 4_000).expect("a tag");
    let mut router = cluster.router();
    router.ok(&format!("EXPIRY.CREATE {{{watcher}}}:w PREFIX {{{tag}}}:"));
    router.ok(&tagged(&tag, "SET {t}:order value PX 1500"));
    let due = router.ok(&tagged(&tag, "PEXPIRETIME {t}:order")).int();
    orphan(&cluster, slot);
    assert!(now_ms() < due, "too late");
    wait_until("it has ended", || now_ms() > due + 1_500);
    adopt(&cluster, slot, 0);
    router.ok(&tagged(&tag, "SET {t}:fence value PX 100"));
    let mut told = Vec::new();
    wait_until("both are told", || {
        let entries = router.ok(&format!("EXPIRY.CLAIM {{{watcher}}}:w me LEASE 1h"));
        told.extend(entries.items().iter().map(|entry| entry.items()[2].text()));
        told.contains(&tagged(&tag, "{t}:fence"))
    });
    assert_eq!(told, [tagged(&tag, "{t}:order"), tagged(&tag, "{t}:fence")]);
}
