//! What watchers do when slots have moved as a whole (Redis 8.4, Valkey 9.0): whom they forget, whom they find, and who is forgotten.

use crate::harness::*;

/// How many watchers a node compares the events of keys with.
#[track_caller]
pub fn watchers(cluster: &Cluster, node: usize) -> usize {
    cluster.nodes[node].client().info("tsgen", "tsgen_watchers").parse().expect("a number")
}

#[test]
fn watchers_that_went_with_their_slots_are_compared_with_no_event_any_more() {
    const WATCHERS: usize = 100;
    let cluster = Cluster::form();
    if !cluster.moves_atomically() {
        return;
    }
    let tag = tags(0, 1000).next().expect("a tag");
    let slot = slot_of(&tag);
    let mut c = cluster.nodes[0].client();
    for nth in 0..WATCHERS {
        c.ok(&format!("EXPIRY.CREATE {{{tag}}}:{nth} PREFIX order:"));
    }
    for (from, to) in [(0, 1), (1, 0)] {
        wait_until("the replica knows all", || watchers(&cluster, from + 3) == WATCHERS);
        assert_eq!(watchers(&cluster, from), WATCHERS);
        cluster.move_atomically((slot, slot), from, to);
        assert_eq!(watchers(&cluster, to), WATCHERS);
        for node in [from, from + 3] {
            wait_until("they are forgotten where they were", || watchers(&cluster, node) == 0);
        }
    }
}

#[test]
fn a_watcher_is_not_told_of_keys_that_came_with_a_slot_and_ended_before_it_was_made() {
    let cluster = Cluster::form();
    if !cluster.moves_atomically() {
        return;
    }
    let tag = tags(0, 1000).next().expect("a tag");
    let slot = slot_of(&tag);
    let watcher = tags(1, 5_000).find(|tag| slot_of(tag) % 5_461 > 4_000).expect("a tag");
    let mut c = cluster.nodes[1].client();
    // Another one, so that events of keys are followed already.
    c.ok(&format!("EXPIRY.CREATE {{{watcher}}}:other PREFIX no:"));
    c.ok("DEBUG SET-ACTIVE-EXPIRE 0");
    let order = format!("{{{tag}}}:order");
    cluster.run(0, &format!("SET {order} value PX 2000"));
    let deadline = cluster.run(0, &format!("PEXPIRETIME {order}")).int();
    cluster.move_atomically((slot, slot), 0, 1);
    assert_eq!(c.ok(&format!("PEXPIRETIME {order}")).int(), deadline, "it came too late");
    wait_until("it has ended", || now_ms() > deadline);
    c.ok(&format!("EXPIRY.CREATE {{{watcher}}}:w PREFIX {{{tag}}}:"));
    assert_eq!(c.ok(&format!("EXISTS {order}")), 0);
    // What ends from now on is its concern.
    c.ok(&format!("SET {order} value PX 50"));
    let deadline = c.ok(&format!("PEXPIRETIME {order}"));
    let entries = c.ok(&format!("EXPIRY.CLAIM {{{watcher}}}:w me COUNT 10 BLOCK 10000"));
    let told: Vec<String> = entries.items().iter().map(|entry| entry.items()[5].to_string()).collect();
    assert_eq!(told, [deadline.to_string()]);
}

/// With the module that panics when it is told to.
#[test]
fn a_watcher_that_panics_when_a_slot_has_moved_leaves_the_others_to_forget_and_to_find_its_keys() {
    const KEYS: usize = 20;
    let cluster = Cluster::form_planted(planted());
    if !cluster.moves_atomically() {
        return;
    }
    let tag = tags(0, 1000).next().expect("a tag");
    let slot = slot_of(&tag);
    let watchers = [0, 1].map(|node| {
        let tags = tags(node, 5_000).filter(|tag| slot_of(tag) % 5_461 > 4_000).take(2);
        tags.map(|tag| format!("{{{tag}}}:watcher")).collect::<Vec<_>>()
    });
    let mut nodes = [0, 1].map(|node: usize| cluster.nodes[node].client());
    let caught = |c: &mut Client| c.info("tsgen", "tsgen_caught-panics");
    for step in 1..5 {
        let (from, to) = ((step + 1) % 2, step % 2);
        for (c, watchers) in nodes.iter_mut().zip(&watchers) {
            for watcher in watchers {
                c.ok(&format!("DEL {watcher}"));
                c.ok(&format!("EXPIRY.CREATE {watcher} PREFIX {{{tag}}}:"));
            }
        }
        for nth in 0..KEYS {
            nodes[from].ok(&format!("SET {{{tag}}}:{nth} value EX 3600"));
        }
        // How many keys those watchers of a node track that are sound, and how many are not.
        let told = |c: &mut Client, node: usize| {
            let told = watchers[node].iter().map(|watcher| c.run(&format!("EXPIRY.TRACKED {watcher}")));
            let (damaged, sound): (Vec<Reply>, Vec<Reply>) = told.partition(Reply::is_error);
            (sound.iter().map(|told| told.items().len()).collect::<Vec<_>>(), damaged.len())
        };
        wait_until("all are tracked", || told(&mut nodes[from], from) == (vec![KEYS; 2], 0));
        let before = nodes.each_mut().map(caught);
        // One step for each watcher that forgets, one for each key and watcher that finds it.
        plant(&mut nodes[from], step.div_ceil(2));
        plant(&mut nodes[to], step);
        cluster.move_atomically((slot, slot), from, to);
        // Only then may they be asked, which takes steps too.
        for (c, before) in nodes.iter_mut().zip(before) {
            wait_until("it has panicked", || caught(c) != before);
        }
        wait_until("the other has forgotten all", || told(&mut nodes[from], from) == (vec![0], 1));
        wait_until("the other has found all", || told(&mut nodes[to], to) == (vec![KEYS], 1));
    }
}
