//! A cluster under torture: slots move, as a whole where the server can, else key by key, and masters hand over or are killed and come back, while clients work with all families.
//!
//! Files are synced before each reply, and nobody takes over without having everything. So nothing that was answered may be lost.

use crate::crowd::{at_work, CLIENTS};
use crate::harness::{aof, doing, same_data, slot_of, wait_long, wait_until, Clock, Cluster, Random, Stop};
use crate::load::Load;
use crate::nodes::Nodes;
use crate::pair::{assert_clean, begin, Sync};
use crate::stage::Stage;
use crate::{finish, number, seconds, terms, Played, Schedule};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tsgen_history::{History, Report};

const TAGS: [&str; 6] = ["{a}", "{b}", "{c}", "{d}", "{l}", "{w}"];

#[test]
fn what_was_promised_holds_while_slots_move_and_masters_hand_over() {
    let first = number("SEED").unwrap_or(1);
    let mut total = Report::default();
    // A cluster takes its time: one for four pairs.
    for seed in first..first + number("SCHEDULES").unwrap_or(4).div_ceil(4) {
        let schedule = Schedule::of(seed);
        let (history, done) = play(seed, Duration::from_secs(seconds()));
        println!("seed {seed}, in a cluster: {} calls; {done}", history.calls.len());
        schedule.judged(&history, &mut total);
    }
    print!("{total}");
}

fn play(seed: u64, length: Duration) -> (History, String) {
    let clock = Clock::new().noting_syncs();
    let mut cluster = Cluster::form_under(&clock, &["--appendonly", "yes", "--appendfsync", "always"]);
    let nodes: Vec<(u16, PathBuf)> = cluster.nodes.iter().map(|node| (node.port, node.socket())).collect();
    let mut router = cluster.router();
    let begun = begin(clock.now_ms(), |line| drop(router.ok(line)));
    let stage = Stage::new(clock, PathBuf::new());
    let history = History { terms: terms(Sync::Always), ..History::default() };
    let client = |number| Load::among(Nodes::new(nodes.clone()), &stage, number, seed);
    let (loads, done) = at_work(&stage, client, || {
        let mut mover = Mover { random: Random::new(seed), done: [0; 5], elected: BTreeSet::new() };
        let until = Instant::now() + length;
        while Instant::now() < until {
            mover.disturb(&mut cluster, &stage);
        }
        mover.told()
    });
    cluster.wait_until_agreed();
    let mut drainer = Load::among(Nodes::new(nodes), &stage, CLIENTS, seed);
    drainer.open_all();
    wait_until("everything is worked off", || drainer.drain());
    drainer.read_streams();
    for replica in 0..cluster.nodes.len() {
        if let Some(master) = master_of(&cluster, replica) {
            same_data(&cluster.nodes[master], &cluster.nodes[replica]);
        }
    }
    for node in &mut cluster.nodes {
        node.assert_alive();
        assert_clean(node);
    }
    let played = Played { history, loads, drainer, begun, steps: stage.steps() };
    (finish(played), done)
}

/// The node whose replica this one is.
fn master_of(cluster: &Cluster, node: usize) -> Option<usize> {
    let mut c = cluster.nodes[node].client();
    (c.info("replication", "role") == "slave").then(|| {
        let port: u16 = c.info("replication", "master_port").parse().expect("a port");
        cluster.nodes.iter().position(|node| node.port == port).expect("a node")
    })
}

struct Mover {
    random: Random,
    /// Moves as a whole, key by key, and those that were called off; nodes that handed over, and that were killed.
    done: [usize; 5],
    /// Replicas that have taken over.
    elected: BTreeSet<usize>,
}

impl Mover {
    fn told(&self) -> String {
        let [whole, keys, off, over, killed] = self.done;
        format!("{whole} slots moved as a whole, {keys} key by key, {off} were called off; {over} masters handed over, {killed} nodes were killed")
    }

    fn disturb(&mut self, cluster: &mut Cluster, stage: &Stage) {
        std::thread::sleep(Duration::from_millis(self.random.below(200)));
        let tag = *self.random.pick(&TAGS);
        let which = self.random.below(10);
        let _at = doing(format!("disturbance {which} of {tag}"));
        match which {
            0..=3 => self.move_slot(cluster, tag),
            4..=5 => self.hand_over(cluster, tag),
            6 => {
                let node = owner(cluster, tag);
                self.kill(cluster, stage, node);
            }
            7 => {
                let node = (0..cluster.nodes.len()).find(|node| master_of(cluster, *node).is_some());
                self.kill(cluster, stage, node.expect("a replica"));
            }
            8 => {
                let node = &cluster.nodes[owner(cluster, tag)];
                node.signal("STOP");
                std::thread::sleep(Duration::from_millis(self.random.below(300)));
                node.signal("CONT");
            }
            _ => drop(cluster.run(owner(cluster, tag), "CLIENT KILL TYPE normal")),
        }
    }

    /// To another master. Watched keys go with their watcher only where slots move as a whole.
    fn move_slot(&mut self, cluster: &Cluster, tag: &str) {
        let from = owner(cluster, tag);
        let others: Vec<usize> =
            (0..cluster.nodes.len()).filter(|node| *node != from && master_of(cluster, *node).is_none()).collect();
        let (to, slot) = (*self.random.pick(&others), slot_of(tag));
        if cluster.moves_atomically() {
            let of = cluster.begin_atomic_move((slot, slot), from, to);
            let is_off = self.random.one_in(6) && cluster.cancel_move(&of);
            wait_long("the slot has moved, or not", || {
                ["completed", "failed", "canceled"].contains(&&*cluster.state_of(&of))
            });
            let has_moved = cluster.state_of(&of) == "completed";
            assert!(has_moved || is_off, "the move {}: {}", cluster.state_of(&of), cluster.nodes[from].log());
            self.done[if has_moved { 0 } else { 2 }] += 1;
            cluster.wait_until_agreed();
        } else if tag != "{w}" {
            cluster.begin_move(slot, from, to);
            let keys = cluster.run(from, &format!("CLUSTER GETKEYSINSLOT {slot} 100"));
            for key in keys.items() {
                // A rate limit that is full again has expired. Whether anything else is missing, the judge sees.
                cluster.migrate_what_is_left(&[&key.text()], from, to);
                std::thread::sleep(Duration::from_millis(self.random.below(10)));
            }
            cluster.end_move(slot, from, to);
            self.done[1] += 1;
        }
    }

    /// The master waits for its replica, and makes way for it.
    ///
    /// Each node takes over once. Who does it twice within four times the timeout of nodes counts the votes of its last election on Redis (8.10 too), and is a master of an
    /// old epoch for a moment, which the others do not accept: that is no failover, and nothing is promised of it.
    fn hand_over(&mut self, cluster: &Cluster, tag: &str) {
        let master = owner(cluster, tag);
        let replica = (0..cluster.nodes.len()).find(|node| master_of(cluster, *node) == Some(master));
        let replica = replica.expect("a replica of each master");
        if !self.elected.insert(replica) {
            return;
        }
        let mut c = cluster.nodes[replica].client();
        wait_until("the replica stands", || c.info("replication", "master_link_status") == "up");
        cluster.run(replica, "CLUSTER FAILOVER");
        cluster.wait_for_role(replica, "master");
        cluster.wait_until_agreed();
        self.done[3] += 1;
    }

    /// kill -9, or the power goes, and the node comes back.
    fn kill(&mut self, cluster: &mut Cluster, stage: &Stage, node: usize) {
        let server = &mut cluster.nodes[node];
        server.stop(Stop::Kill);
        if self.random.one_in(2) {
            aof::cut_power(server, &stage.clock.read().expect("a clock"));
        }
        aof::cut_half_transaction(server);
        server.start_again();
        cluster.wait_until_agreed();
        self.done[4] += 1;
    }
}

/// The node that has the slot of a tag, as the first node that is well tells.
fn owner(cluster: &Cluster, tag: &str) -> usize {
    let told = cluster.router().port_of(&format!("{tag}x"));
    cluster.nodes.iter().position(|node| node.port == told).expect("a node")
}
