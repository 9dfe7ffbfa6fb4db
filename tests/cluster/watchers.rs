//! Watchers in a cluster. One sees the keys of the node that holds it, so it matters where watcher and keys are.

use crate::harness::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A tag whose slot the first master owns, the slot, and the name of a watcher under it.
fn placed() -> (String, u16, String) {
    let tag = tags(0, 60).next().expect("a tag");
    let (slot, watcher) = (slot_of(&tag), format!("{{{tag}}}:watcher"));
    (tag, slot, watcher)
}

/// Takes what a watcher has ready within `ms`, up to `count`: key, value and reason of each.
#[track_caller]
fn take(router: &mut Router, watcher: &str, count: usize, ms: u32) -> Vec<[String; 3]> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let entries = router.ok(&format!("EXPIRY.CLAIM {watcher} me COUNT {} BLOCK {ms}", count - taken.len()));
        if entries.items().is_empty() {
            break;
        }
        for entry in entries.items() {
            assert_eq!(router.ok(&format!("EXPIRY.ACK {watcher} {}", entry.items()[0])), 1);
            let [key, value] = [2, 4].map(|nth| match &entry.items()[nth] {
                Reply::Nil => "(nil)".to_owned(),
                some => some.text(),
            });
            taken.push([key, value, entry.items()[6].text()]);
        }
    }
    taken
}

fn tracked(reply: &Reply) -> Vec<(String, i64)> {
    reply.items().iter().map(|one| (one.items()[0].text(), one.items()[1].int())).collect()
}

#[test]
fn a_watcher_sees_the_keys_of_its_node_only() {
    let cluster = Cluster::form();
    let (here, there) = (tags(0, 1000).next().expect("a tag"), tags(1, 1000).next().expect("a tag"));
    let watcher = format!("{{{here}}}:watcher");
    let mut router = cluster.router();
    router.ok(&format!("EXPIRY.CREATE {watcher} PREFIX job:"));
    let mut keys: Vec<String> = (0..100).map(|nth| format!("job:{nth}")).collect();
    keys.push(format!("job:{{{there}}}"));
    for key in &keys {
        router.ok(&format!("SET {key} v EX 1000"));
    }
    let seen: Vec<String> = tracked(&router.ok(&format!("EXPIRY.TRACKED {watcher} COUNT 1000")))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for key in &keys {
        assert_eq!(seen.contains(key), router.port_of(key) == cluster.nodes[0].port, "{key}");
    }
    assert!(seen.len() > 10 && seen.len() < 90, "{}", seen.len());
}

/// Either way all are tracked at the new node, with the deadlines they had, and delivered from there, once.
#[test]
fn watcher_and_keys_may_move_in_any_order() {
    let cluster = Cluster::form();
    let (tag, slot, watcher) = placed();
    let mut router = cluster.router();
    router.ok(&format!("EXPIRY.CREATE {watcher} PREFIX {{{tag}}}:k:"));
    let names: Vec<String> = (0..20).map(|nth| format!("{{{tag}}}:k:{nth:02}")).collect();
    let (mut from, mut to) = (0, 1);
    for (round, order) in ["watcher first", "watcher last", "watcher in the middle"].into_iter().enumerate() {
        let mut batches: Vec<&str> = names.iter().map(String::as_str).collect();
        batches.insert([0, names.len(), names.len() / 2][round], &watcher);
        for name in &names {
            router.ok(&format!("SET {name} {round} EX 100"));
        }
        let before = tracked(&router.ok(&format!("EXPIRY.TRACKED {watcher}")));
        assert_eq!(before.len(), names.len());
        cluster.begin_move(slot, from, to);
        for key in &batches {
            cluster.migrate(&[key], from, to);
        }
        cluster.end_move(slot, from, to);
        // The walk over the keys that were there before the watcher takes a tick or two.
        let mut after = Vec::new();
        wait_until(&format!("{order}: all are tracked"), || {
            after = tracked(&router.ok(&format!("EXPIRY.TRACKED {watcher}")));
            after.len() == names.len()
        });
        for (name, deadline) in &before {
            let now = after.iter().find(|(other, _)| other == name).expect("the same names").1;
            // MIGRATE tells how long a key has to live, not until when.
            assert!(
                (deadline - 2..deadline + 5_000).contains(&now),
                "{order}: {name} lived until {deadline}, now {now}"
            );
        }
        for name in &names {
            router.ok(&format!("PEXPIRE {name} 20"));
        }
        let mut taken = take(&mut router, &watcher, names.len(), 10_000);
        taken.sort();
        let expected: Vec<[String; 3]> =
            names.iter().map(|name| [name.clone(), round.to_string(), "expired".to_owned()]).collect();
        assert_eq!(taken, expected, "{order}");
        assert_eq!(take(&mut router, &watcher, 1, 100), Vec::<[String; 3]>::new(), "{order}: delivered twice");
        same_data(&cluster.nodes[to], &cluster.nodes[to + 3]);
        (from, to) = (to, from);
    }
}

/// It has no one to ask any more: the deadline was the old node's, and so was the key.
#[test]
fn a_deadline_that_has_passed_but_was_not_told_of_moves_with_the_watcher() {
    let cluster = Cluster::form();
    let (tag, slot, watcher) = placed();
    let key = format!("{{{tag}}}:k");
    let mut router = cluster.router();
    router.ok(&format!("EXPIRY.CREATE {watcher} PREFIX {key}"));
    router.ok(&format!("SET {key} value PX 300"));
    cluster.begin_move(slot, 0, 1);
    // Nothing else runs in a transaction: the deadline passes in it, and the watcher leaves in it.
    let port = cluster.nodes[1].port;
    let mut c = cluster.nodes[0].client();
    c.ok("MULTI");
    c.ok("DEBUG SLEEP 0.4");
    c.ok(&format!("MIGRATE 127.0.0.1 {port} \"\" 0 10000 KEYS {watcher} {key}"));
    c.expect("EXEC", "[OK OK]");
    cluster.end_move(slot, 0, 1);
    let taken = take(&mut router, &watcher, 1, 10_000);
    assert_eq!((&taken[0][0], taken[0][2].as_str()), (&key, "expired"));
    assert_eq!(take(&mut router, &watcher, 1, 100), Vec::<[String; 3]>::new());
}

/// The node may not run commands on keys of a slot that is not its own yet. Strings it can read without.
#[test]
fn what_expires_at_the_new_node_before_the_slot_is_its_own_is_delivered_from_there() {
    let cluster = Cluster::form();
    let (tag, slot, watcher) = placed();
    let mut router = cluster.router();
    router.ok(&format!("EXPIRY.CREATE {watcher} PREFIX {{{tag}}}:k:"));
    router.ok(&format!("SET {{{tag}}}:k:came value EX 100"));
    cluster.begin_move(slot, 0, 1);
    cluster.migrate(&[&watcher, &format!("{{{tag}}}:k:came")], 0, 1);
    router.ok(&format!("SET {{{tag}}}:k:number 17 PX 100"));
    router.ok(&format!("HSET {{{tag}}}:k:hash field value"));
    router.ok(&format!("PEXPIRE {{{tag}}}:k:hash 100"));
    router.ok(&format!("PEXPIRE {{{tag}}}:k:came 100"));
    assert!(router.followed["ASK"] >= 4, "{:?}", router.followed);
    let mut taken = take(&mut router, &watcher, 3, 10_000);
    taken.sort();
    let told = taken.iter().map(|[key, value, _]| (key.rsplit(':').next().unwrap_or_default(), value.as_str()));
    assert_eq!(told.collect::<Vec<_>>(), [("came", "value"), ("hash", "(nil)"), ("number", "17")]);
    cluster.end_move(slot, 0, 1);
    assert_eq!(take(&mut router, &watcher, 1, 100), Vec::<[String; 3]>::new());
    same_data(&cluster.nodes[1], &cluster.nodes[4]);
}

/// The way to close the gap below: one MIGRATE, the watcher first. Keys expire all the while.
#[test]
fn nothing_is_missed_if_watcher_and_keys_move_in_one_step() {
    let cluster = Cluster::form();
    let (tag, slot, watcher) = placed();
    let mut router = cluster.router();
    router.ok(&format!("EXPIRY.CREATE {watcher} PREFIX {{{tag}}}:k:"));
    let names: Vec<String> = (0..500).map(|nth| format!("{{{tag}}}:k:{nth:03}")).collect();
    for (nth, name) in names.iter().enumerate() {
        router.ok(&format!("SET {name} v PX {}", 200 + nth));
    }
    let all: Vec<&str> = std::iter::once(&watcher).chain(&names).map(String::as_str).collect();
    let due = tracked(&router.ok(&format!("EXPIRY.TRACKED {watcher}")))[0].1;
    cluster.begin_move(slot, 0, 1);
    wait_until("some have expired", || now_ms() > due + 20);
    cluster.migrate(&all, 0, 1);
    cluster.end_move(slot, 0, 1);
    // One whose deadline passes on the way may come twice: for the deadline it had, and for the millisecond it got with the move.
    let mut keys = BTreeSet::new();
    wait_until("all are delivered", || {
        keys.extend(take(&mut router, &watcher, 500, 20).into_iter().map(|[key, ..]| key));
        keys.len() >= names.len()
    });
    assert!(keys.iter().eq(&names), "{keys:?}");
}

/// The limit that docs/cluster.md tells of. If this ever fails because something was delivered, so much the better.
#[test]
fn what_expires_apart_from_its_watcher_is_not_delivered() {
    let cluster = Cluster::form();
    let (tag, slot, watcher) = placed();
    let [behind, ahead, fence] = ["behind", "ahead", "fence"].map(|name| format!("{{{tag}}}:k:{name}"));
    let mut router = cluster.router();
    router.ok(&format!("EXPIRY.CREATE {watcher} PREFIX {{{tag}}}:k:"));
    router.ok(&format!("SET {behind} v EX 100"));
    router.ok(&format!("SET {ahead} v PX 500"));
    cluster.begin_move(slot, 0, 1);
    cluster.migrate(&[&ahead], 0, 1);
    let gone = |node: usize| cluster.run(node, "DBSIZE").int() == 0;
    wait_until("the one that went ahead has expired", || gone(1));
    router.ok(&format!("PEXPIRE {behind} 500"));
    assert_eq!(cluster.run(0, "DBSIZE"), 2, "watcher and key are at the old node");
    cluster.migrate(&[&watcher], 0, 1);
    wait_until("the one that stayed behind has expired", || gone(0));
    cluster.end_move(slot, 0, 1);
    router.ok(&format!("SET {fence} v PX 50"));
    assert_eq!(take(&mut router, &watcher, 1, 10_000)[0][0], fence);
}

/// The recipe for keys of any slot, and for resharding without a gap: each master has a watcher of its own, in a slot that stays.
#[test]
fn with_a_watcher_on_each_master_every_key_is_delivered_once_while_slots_are_resharded() {
    const KEYS: usize = 500;
    let cluster = Cluster::form();
    // The highest slots of each master: redis-cli moves the lowest first.
    let watchers: Vec<String> = (0..3)
        .map(|node| {
            let stays = (node * 5461 + 5000) as u16..(node * 5461 + 5461) as u16;
            let tag = (0..).map(|nth| format!("w{nth}")).find(|tag| stays.contains(&slot_of(tag)));
            format!("{{{}}}:watcher", tag.expect("a tag"))
        })
        .collect();
    let mut router = cluster.router();
    for watcher in &watchers {
        router.ok(&format!("EXPIRY.CREATE {watcher} PREFIX job:"));
    }
    let tags: Vec<String> = tags(0, 60).take(10).collect();
    let (mut expected, written) = (BTreeMap::new(), AtomicUsize::new(0));
    scope(|scope| {
        // To and fro until enough was written meanwhile, on a fast machine more often.
        let resharding = scope.spawn(|| {
            for round in 0..20 {
                cluster.reshard(60, 0, 1, 10);
                cluster.reshard(60, 1, 0, 10);
                if round >= 2 && written.load(Ordering::Relaxed) > KEYS {
                    break;
                }
            }
        });
        for nth in 0.. {
            if resharding.is_finished() {
                break;
            }
            let key = format!("job:{nth}:{{{}}}", tags[nth % tags.len()]);
            router.ok(&format!("SET {key} {nth} PX {}", 30 + nth % 50));
            expected.insert(key, nth.to_string());
            written.store(expected.len(), Ordering::Relaxed);
            // Some hundred a second are enough, however long the slots take.
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let mut taken = BTreeMap::new();
    let (mut by, mut doubled) = (BTreeMap::new(), Vec::new());
    wait_until("every key was delivered", || {
        for watcher in &watchers {
            for [key, value, _] in take(&mut router, watcher, 10_000, 1) {
                *by.entry(watcher).or_insert(0) += 1;
                if taken.insert(key.clone(), value).is_some() {
                    doubled.push(key);
                }
            }
        }
        taken.len() >= expected.len()
    });
    // A key that arrives with a millisecond to live may be gone before its value is copied.
    let is_right = |key: &String, value: &String| value == "(nil)" || expected.get(key) == Some(value);
    let wrong: Vec<_> = taken.iter().filter(|(key, value)| !is_right(key, value)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let without = taken.values().filter(|value| *value == "(nil)").count();
    assert!(without * 500 < taken.len(), "{without} of {} came without their values", taken.len());
    assert_eq!(doubled, Vec::<String>::new());
    assert!(by.len() == 2 && expected.len() > KEYS, "{} keys, delivered by {by:?}", expected.len());
}

/// Redis refuses commands on all keys then, and time goes on all the same.
#[test]
fn what_comes_due_while_the_cluster_is_down_is_delivered_once_it_is_up() {
    let mut cluster = Cluster::form();
    let (tag, _, watcher) = placed();
    let mut router = cluster.router();
    router.ok(&format!("EXPIRY.CREATE {watcher} PREFIX {{{tag}}}:k"));
    router.ok(&format!("SET {{{tag}}}:k value EX 100"));
    router.ok(&format!("DEBOUNCE.CREATE {{{tag}}}:queue IDLE 100000 SINK {{{tag}}}:stream"));
    let mut worker = Blocked::new(&cluster.nodes[0], &format!("EXPIRY.CLAIM {watcher} blocked BLOCK 0"));
    cluster.be_alert();
    // Without its replica a master that goes takes its slots with it.
    cluster.nodes[4].stop(Stop::Kill);
    cluster.nodes[1].stop(Stop::Kill);
    let mut c = cluster.nodes[0].client();
    c.ok(&format!("PEXPIRE {{{tag}}}:k 6000"));
    c.ok(&format!("DEBOUNCE.ALTER {{{tag}}}:queue IDLE 6000"));
    c.ok(&format!("DEBOUNCE.PUSH {{{tag}}}:queue group item"));
    let deadline = c.ok(&format!("PEXPIRETIME {{{tag}}}:k")).int();
    wait_long("the cluster is down", || c.ok("CLUSTER INFO").text().contains("cluster_state:fail"));
    assert!(now_ms() < deadline - 1_000, "too late: values are copied half a second before the deadline");
    assert_eq!(worker.reply().to_string(), "-CLUSTERDOWN The cluster is down");
    wait_long("the key has expired", || c.ok("DBSIZE") == 2);
    wait_long("the sink was tried", || c.info("tsgen", "tsgen_sink-errors") != "0");
    c.expect(&format!("EXPIRY.CLAIM {watcher} me"), "-CLUSTERDOWN …");
    cluster.nodes[1].start_again();
    let taken = take(&mut router, &watcher, 1, 10_000);
    assert_eq!(taken, [[format!("{{{tag}}}:k"), "value".to_owned(), "expired".to_owned()]]);
    wait_until("the sink was fed", || router.ok(&format!("XLEN {{{tag}}}:stream")) == 1);
}

/// Redis 7.0 deletes the keys of such a slot without a word to modules.
#[test]
fn a_node_whose_slot_was_taken_by_force_does_not_tell_of_its_keys() {
    let cluster = Cluster::form();
    let tag = tags(0, 1000).next().expect("a tag");
    let (slot, watcher) = (slot_of(&tag), tags(0, 5_000).find(|tag| slot_of(tag) > 4_000).expect("a tag"));
    let mut c = cluster.nodes[0].client();
    c.ok(&format!("EXPIRY.CREATE {{{watcher}}}:w PREFIX {{{tag}}}:"));
    for nth in 0..10 {
        c.ok(&format!("SET {{{tag}}}:{nth} value PX 3000"));
    }
    wait_until("they are tracked", || c.ok(&format!("EXPIRY.TRACKED {{{watcher}}}:w")).items().len() == 10);
    cluster.run(1, &format!("CLUSTER SETSLOT {slot} NODE {}", cluster.id(1)));
    cluster.run(1, "CLUSTER BUMPEPOCH");
    cluster.wait_until_agreed();
    wait_until("its keys are gone", || c.ok(&format!("CLUSTER COUNTKEYSINSLOT {slot}")) == 0);
    assert_eq!(c.ok(&format!("EXPIRY.CLAIM {{{watcher}}}:w me COUNT 100 BLOCK 4000")).items().len(), 0);
    // What is its own is told as ever.
    c.ok(&format!("EXPIRY.CREATE {{{watcher}}}:v PREFIX {{{watcher}}}:k:"));
    c.ok(&format!("SET {{{watcher}}}:k:1 value PX 50"));
    assert_eq!(c.ok(&format!("EXPIRY.CLAIM {{{watcher}}}:v me BLOCK 5000")).items().len(), 1);
}
