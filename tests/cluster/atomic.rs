//! Slots that move as a whole, where servers do that (Redis 8.4, Valkey 9.0): what time does meanwhile, and what is left of it afterwards.

use crate::families::FAMILIES;
use crate::harness::*;
use crate::settling::watchers;
use crate::traffic::Traffic;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

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

/// So many keys does the slot have that is moved slowly.
const KEYS: usize = 1_500;

/// Has the slot of [`KEYS`] keys moved, so slowly that it takes about `ms` until it can have a new owner.
#[track_caller]
fn begin_slow_move(cluster: &Cluster, slot: u16, (from, to): (usize, usize), ms: usize) -> AtomicMove {
    if cluster.nodes[0].has_valkey("9.0") {
        cluster.run(from, "DEBUG SLOTMIGRATION PREVENT-PAUSE 1");
    } else {
        cluster.run(from, &format!("CONFIG SET rdb-key-save-delay {}", ms * 1_000 / KEYS));
    }
    cluster.begin_atomic_move((slot, slot), from, to)
}

/// The same, to its end; `meanwhile` is done again and again.
#[track_caller]
fn move_slowly(cluster: &Cluster, slot: u16, (from, to): (usize, usize), ms: usize, mut meanwhile: impl FnMut()) {
    let until = now_ms() + ms as i64;
    let moving = begin_slow_move(cluster, slot, (from, to), ms);
    while now_ms() < until {
        assert!(cluster.state_of(&moving) != "completed", "it has moved too soon");
        meanwhile();
        std::thread::sleep(Duration::from_millis(3));
    }
    if cluster.nodes[0].has_valkey("9.0") {
        cluster.run(from, "DEBUG SLOTMIGRATION PREVENT-PAUSE 0");
    }
    cluster.wait_for_move(&moving);
}

/// All that is ready under a key within `ms`: the names of the entries, as often as they come.
#[track_caller]
fn drain(router: &mut Router, family: &str, key: &str, ms: u64) -> Vec<String> {
    let mut names = Vec::new();
    let mut until = Instant::now() + Duration::from_millis(ms);
    while Instant::now() < until {
        let entries = router.ok(&format!("{family}.CLAIM {key} me COUNT 1000 BLOCK 50"));
        for entry in entries.items() {
            names.push(entry.items()[2].text());
            router.ok(&format!("{family}.ACK {key} {}", entry.items()[0]));
        }
        if !entries.items().is_empty() {
            until = Instant::now() + Duration::from_millis(ms);
        }
    }
    names.sort();
    names
}

/// Names with a hash tag of keys that end one after the other, from a moment ago to some seconds from now.
#[track_caller]
fn ending_keys(c: &mut Client, tag: &str, count: usize, first_ms: i64, step_ms: i64) -> Vec<String> {
    let now = now_ms();
    let names: Vec<String> = (0..count).map(|nth| format!("{{{tag}}}:order:{nth:03}")).collect();
    let set = |(nth, name): (usize, &String)| {
        let at = (now + first_ms + step_ms * nth as i64).to_string();
        ["SET", name, "value", "PXAT", &at].map(|word| word.as_bytes().to_vec())
    };
    for reply in c.pipeline(names.iter().enumerate().map(set)) {
        assert_eq!(reply, "OK");
    }
    names
}

#[test]
fn watched_keys_that_move_with_their_watcher_are_delivered_once() {
    let cluster = Cluster::form();
    if !cluster.moves_atomically() {
        return;
    }
    let (tag, slot) = heavy_slot(&cluster, KEYS);
    let mut c = cluster.nodes[0].client();
    let watcher = format!("{{{tag}}}:watcher");
    c.ok(&format!("EXPIRY.CREATE {watcher} PREFIX {{{tag}}}:order:"));
    let names = ending_keys(&mut c, &tag, 300, 200, 10);
    move_slowly(&cluster, slot, (0, 1), 1_000, || {});
    let mut router = cluster.router();
    assert_eq!(drain(&mut router, "EXPIRY", &watcher, 4_000), names);
    assert_eq!(router.port_of(&watcher), cluster.nodes[1].port);
    assert_eq!(router.ok(&format!("EXPIRY.TRACKED {watcher}")).items().len(), 0);
    for node in [0, 1] {
        same_data(&cluster.nodes[node], &cluster.nodes[node + 3]);
    }
}

/// A watcher on each node, with the same prefix; and the keys of a slot that moves between them.
struct Watched {
    cluster: Cluster,
    /// The slot that moves, and its tag.
    tag: String,
    slot: u16,
    watchers: [String; 2],
}

impl Watched {
    #[track_caller]
    fn new() -> Option<Self> {
        let cluster = Cluster::form();
        if !cluster.moves_atomically() {
            return None;
        }
        let (tag, slot) = heavy_slot(&cluster, KEYS);
        // In high slots, which stay.
        let watchers = [0, 1].map(|node| {
            let tag = tags(node, 5_000).find(|tag| slot_of(tag) % 5_461 > 4_000).expect("a tag");
            format!("{{{tag}}}:watcher")
        });
        for (node, watcher) in watchers.iter().enumerate() {
            cluster.run(node, &format!("EXPIRY.CREATE {watcher} PREFIX {{{tag}}}:order:"));
        }
        Some(Watched { cluster, tag, slot, watchers })
    }

    /// What each watcher delivers until nothing more comes for so long.
    #[track_caller]
    fn drain(&self, ms: u64) -> [Vec<String>; 2] {
        let mut router = self.cluster.router();
        [0, 1].map(|node| drain(&mut router, "EXPIRY", &self.watchers[node], ms))
    }

    #[track_caller]
    fn tracked(&self, node: usize) -> usize {
        self.cluster.run(node, &format!("EXPIRY.TRACKED {} COUNT 1000", self.watchers[node])).items().len()
    }

    #[track_caller]
    fn same_data(&self) {
        for node in [0, 1] {
            same_data(&self.cluster.nodes[node], &self.cluster.nodes[node + 3]);
        }
    }
}

#[test]
fn watched_keys_that_move_away_from_their_watcher_are_delivered_once_where_they_end() {
    let Some(w) = Watched::new() else { return };
    let names = ending_keys(&mut w.cluster.nodes[0].client(), &w.tag, 300, 200, 10);
    move_slowly(&w.cluster, w.slot, (0, 1), 1_000, || {});
    let [here, there] = w.drain(4_000);
    assert!(!there.is_empty(), "all had ended before the slot moved");
    let mut all = [here, there].concat();
    all.sort();
    assert_eq!(all, names);
    w.same_data();
}

#[test]
fn a_node_does_not_tell_of_keys_that_it_has_given_away() {
    let Some(w) = Watched::new() else { return };
    let names = ending_keys(&mut w.cluster.nodes[0].client(), &w.tag, 20, 4_000, 1);
    wait_until("they are tracked", || w.tracked(0) == 20);
    w.cluster.move_atomically((w.slot, w.slot), 0, 1);
    let mut there = w.cluster.nodes[1].client();
    for name in &names {
        there.ok(&format!("PERSIST {name}"));
    }
    wait_until("they are forgotten", || w.tracked(0) == 0);
    assert_eq!(w.drain(5_000), [Vec::<String>::new(), Vec::new()]);
}

/// What became of them elsewhere is not known here.
#[test]
fn a_slot_that_comes_back_brings_only_the_keys_that_are_left() {
    let Some(w) = Watched::new() else { return };
    let names = ending_keys(&mut w.cluster.nodes[0].client(), &w.tag, 20, 8_000, 1);
    wait_until("they are tracked", || w.tracked(0) == 20);
    w.cluster.move_atomically((w.slot, w.slot), 0, 1);
    wait_until("they are tracked there", || w.tracked(1) == 20);
    let mut there = w.cluster.nodes[1].client();
    for name in &names[..10] {
        there.ok(&format!("DEL {name}"));
    }
    for name in &names[10..15] {
        there.ok(&format!("PERSIST {name}"));
    }
    w.cluster.move_atomically((w.slot, w.slot), 1, 0);
    wait_until("what is left is tracked", || w.tracked(0) == 5 && w.tracked(1) == 0);
    assert_eq!(w.drain(9_000), [names[15..].to_vec(), Vec::new()]);
    w.same_data();
}

#[test]
fn after_a_move_that_is_called_off_all_is_as_if_nothing_had_been() {
    let Some(w) = Watched::new() else { return };
    let mut c = w.cluster.nodes[0].client();
    let moving_watcher = format!("{{{}}}:watcher", w.tag);
    c.ok(&format!("EXPIRY.CREATE {moving_watcher} PREFIX {{{}}}:order:", w.tag));
    let clock = format!("{{{}}}:clock", w.tag);
    c.ok(&format!("TSGEN.CREATE {clock} CLOCK"));
    c.ok(&format!("TSGEN.ADD {clock} +1500 a"));
    let names = ending_keys(&mut c, &w.tag, 100, 500, 20);
    let moving = begin_slow_move(&w.cluster, w.slot, (0, 1), 8_000);
    let come = || {
        let told = w.cluster.nodes[1].client().info("keyspace", "db0");
        told.strip_prefix("keys=").and_then(|rest| rest.split(',').next()?.parse::<usize>().ok())
    };
    // Valkey does not count them, but waits once all have come.
    let all_come = || w.cluster.state_of(&moving) == "waiting-to-pause";
    wait_until("keys have come", || come().is_some_and(|keys| keys > 300) || all_come());
    assert!(w.cluster.cancel_move(&moving), "it had moved already");
    let [here, there] = w.drain(4_000);
    assert_eq!((here, there), (names.clone(), Vec::new()));
    wait_until("the watcher that had come is forgotten", || watchers(&w.cluster, 1) == 1);
    let mut router = w.cluster.router();
    assert_eq!(drain(&mut router, "EXPIRY", &moving_watcher, 500), names);
    assert_eq!(drain(&mut router, "TSGEN", &clock, 500), ["a"]);
    w.same_data();
}

#[test]
fn a_window_that_ends_while_its_slot_moves_is_one_batch() {
    let cluster = Cluster::form();
    if !cluster.moves_atomically() {
        return;
    }
    let (tag, slot) = heavy_slot(&cluster, KEYS);
    let mut c = cluster.nodes[0].client();
    // Some of them come before their windows end. Windows as large as these are sealed by the timer.
    let tallies: Vec<String> = (0..5).map(|nth| format!("{{{tag}}}:tally:{nth}")).collect();
    let incr =
        |tally: &str, nth: usize| ["TALLY.INCR", tally, &format!("field-{nth}")].map(|word| word.as_bytes().to_vec());
    for tally in &tallies {
        c.ok(&format!("TALLY.CREATE {tally} EVERY 3000 MAXFIELDS 100000"));
        c.pipeline((0..10_500).map(|nth| incr(tally, nth)));
    }
    let mut router = cluster.router();
    let mut take = |batches: &mut BTreeMap<(String, String), i64>| {
        for tally in &tallies {
            for entry in router.ok(&format!("TALLY.CLAIM {tally} me COUNT 10")).items() {
                let sum = entry.items()[5].items().iter().skip(1).step_by(2).map(Reply::int).sum();
                batches.insert((tally.clone(), entry.items()[2].to_string()), sum);
            }
        }
    };
    let mut batches = BTreeMap::new();
    move_slowly(&cluster, slot, (0, 1), 4_000, || take(&mut batches));
    assert_eq!(batches.len(), tallies.len(), "the windows should have ended before the slot had moved");
    // Whoever had one comes back to it: a database that has added that number must not be given another.
    for tally in &tallies {
        cluster.run(1, &format!("TALLY.RELEASE {tally} me"));
    }
    take(&mut batches);
    assert_eq!(batches.values().collect::<Vec<_>>(), [&10_500; 5], "{batches:?}");
    same_data(&cluster.nodes[1], &cluster.nodes[4]);
}

#[test]
fn a_blocked_worker_is_told_moved_when_its_slot_has_moved_as_a_whole() {
    let cluster = Cluster::form();
    if !cluster.moves_atomically() {
        return;
    }
    let tag = tags(0, 1000).next().expect("a tag");
    let slot = slot_of(&tag);
    let key = format!("{{{tag}}}:clock");
    cluster.run(0, &format!("TSGEN.CREATE {key} CLOCK"));
    cluster.run(0, &format!("TSGEN.ADD {key} +3000 a"));
    let mut worker = Blocked::new(&cluster.nodes[0], &format!("TSGEN.CLAIM {key} me BLOCK 0"));
    cluster.move_atomically((slot, slot), 0, 1);
    assert_eq!(worker.reply().to_string(), format!("-MOVED {slot} 127.0.0.1:{}", cluster.nodes[1].port));
    let mut worker = Blocked::new(&cluster.nodes[1], &format!("TSGEN.CLAIM {key} me BLOCK 0"));
    assert_eq!(worker.reply().items()[0].items()[2].text(), "a");
}

/// Leases are long, so whatever came twice would have been handed out twice.
#[test]
fn applications_go_on_while_slots_move_as_a_whole() {
    let cluster = Cluster::form();
    if !cluster.moves_atomically() {
        return;
    }
    let tags = tags(0, 60).take(6).collect();
    let traffic = Traffic { families: FAMILIES.iter().collect(), tags, options: "", waits_for_replica: false };
    let outcome = traffic.run(&cluster.router(), || {
        for _ in 0..4 {
            cluster.move_atomically((0, 59), 0, 1);
            cluster.move_atomically((0, 59), 1, 0);
        }
    });
    outcome.assert_once();
    assert!(outcome.followed.contains_key("MOVED"), "{:?}", outcome.followed);
    for node in 0..2 {
        same_data(&cluster.nodes[node], &cluster.nodes[node + 3]);
    }
}
