//! A Redis Cluster on loopback: three masters with a third of the slots each, and one replica of each.
//!
//! Nodes 0 to 2 begin as masters, and node `n + 3` as the replica of node `n`. A test that fails over keeps the count itself.

use super::programs::programs;
use super::server::is_as_new;
use super::{doing, wait_until, Client, Clock, Router, Server};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const SLOTS: u16 = 16_384;
const MASTERS: usize = 3;
/// While a cluster forms: nodes ping each other at least twice in it.
const FORMING: u32 = 1_000;
/// Long enough that a machine that stalls does not make nodes take each other for dead.
const CALM: u32 = 30_000;
/// For tests that kill nodes.
const ALERT: u32 = 1_500;

pub struct Cluster {
    pub nodes: Vec<Server>,
}

impl Cluster {
    /// Six nodes that agree about each other, with all replicas in sync.
    #[track_caller]
    pub fn form() -> Self {
        Self::form_with(&[])
    }

    /// The same; `args` are options of every server.
    #[track_caller]
    pub fn form_with(args: &[&str]) -> Self {
        Self::form_of(Server::start, args)
    }

    /// The same, under a clock.
    #[track_caller]
    pub fn form_under(clock: &Clock, args: &[&str]) -> Self {
        Self::form_of(|args| Server::start_under(clock, args), args)
    }

    /// The same with another build of the module, which may panic.
    #[track_caller]
    pub fn form_planted(module: &Path) -> Self {
        Self::form_of(|args| Server::start_with(module, args), &[])
    }

    #[track_caller]
    fn form_of(start: impl Fn(&[&str]) -> Server, args: &[&str]) -> Self {
        let timeout = FORMING.to_string();
        let mut all = vec!["--cluster-enabled", "yes", "--cluster-node-timeout", &timeout];
        // Replicas stay with their masters, also with one that has given all its slots away; and are fit for promotion at any time.
        all.extend(["--cluster-allow-replica-migration", "no", "--cluster-replica-validity-factor", "0"]);
        all.extend_from_slice(args);
        let cluster = Cluster { nodes: (0..2 * MASTERS).map(|_| start(&all)).collect() };
        cluster.introduce();
        for replica in MASTERS..2 * MASTERS {
            cluster.run(replica, &format!("CLUSTER REPLICATE {}", cluster.id(replica - MASTERS)));
        }
        cluster.wait_until_agreed();
        for replica in MASTERS..2 * MASTERS {
            cluster.nodes[replica].wait_in_sync(&cluster.nodes[replica - MASTERS]);
        }
        cluster.set_timeout(CALM);
        cluster
    }

    #[track_caller]
    fn introduce(&self) {
        for node in 0..self.nodes.len() {
            self.run(node, &format!("CLUSTER SET-CONFIG-EPOCH {}", node + 1));
        }
        for master in 0..MASTERS {
            let share = |nth: usize| nth * usize::from(SLOTS) / MASTERS;
            self.run(master, &format!("CLUSTER ADDSLOTSRANGE {} {}", share(master), share(master + 1) - 1));
        }
        for node in 1..self.nodes.len() {
            self.run(0, &format!("CLUSTER MEET 127.0.0.1 {}", self.nodes[node].port));
        }
        wait_until("every node knows every other", || {
            (0..self.nodes.len()).all(|node| {
                let known = self.run(node, "CLUSTER NODES").text();
                known.lines().count() == self.nodes.len() && !known.contains("handshake")
            })
        });
    }

    /// From now on nodes notice within some seconds that one is gone.
    #[track_caller]
    pub fn be_alert(&self) {
        self.set_timeout(ALERT);
    }

    #[track_caller]
    fn set_timeout(&self, ms: u32) {
        for node in 0..self.nodes.len() {
            self.run(node, &format!("CONFIG SET cluster-node-timeout {ms}"));
        }
    }

    /// Waits until all nodes that live tell the same of who owns and replicates which slots, and find the cluster well.
    #[track_caller]
    pub fn wait_until_agreed(&self) {
        wait_long("all nodes agree", || self.agrees());
    }

    fn agrees(&self) -> bool {
        let alive = self.nodes.iter().filter_map(|node| Client::try_connect(&node.socket()).ok());
        let told: Vec<_> = alive.map(what_it_tells).collect();
        told.iter().all(|one| one.is_some() && *one == told[0])
    }

    /// One command to one node, which must not be refused.
    #[track_caller]
    pub fn run(&self, node: usize, line: &str) -> super::Reply {
        self.nodes[node].client().ok(line)
    }

    /// The name by which nodes know this one.
    #[track_caller]
    pub fn id(&self, node: usize) -> String {
        self.run(node, "CLUSTER MYID").text()
    }

    /// A client that finds its way in this cluster.
    pub fn router(&self) -> Router {
        self.router_from(0)
    }

    /// The same, without the nodes before `first`: for when these do not answer.
    pub fn router_from(&self, first: usize) -> Router {
        Router::new(self.nodes[first..].iter().map(|node| (node.port, node.socket())).collect())
    }

    /// Announces that `slot` moves, as `redis-cli` does: keys that are not at `from` any more are looked for at `to`.
    #[track_caller]
    pub fn begin_move(&self, slot: u16, from: usize, to: usize) {
        self.run(to, &format!("CLUSTER SETSLOT {slot} IMPORTING {}", self.id(from)));
        self.run(from, &format!("CLUSTER SETSLOT {slot} MIGRATING {}", self.id(to)));
    }

    /// Moves keys in one MIGRATE.
    #[track_caller]
    pub fn migrate(&self, keys: &[&str], from: usize, to: usize) {
        assert!(self.migrate_what_is_left(keys, from, to), "none of {keys:?} is there");
    }

    /// The same for keys that may have expired meanwhile. Whether any was there.
    #[track_caller]
    pub fn migrate_what_is_left(&self, keys: &[&str], from: usize, to: usize) -> bool {
        let line = format!("MIGRATE 127.0.0.1 {} \"\" 0 10000 KEYS {}", self.nodes[to].port, keys.join(" "));
        let reply = self.run(from, &line);
        assert!(reply == "OK" || reply == "NOKEY", "{line}: {reply}");
        reply == "OK"
    }

    /// Gives the slot to `to`, and waits until all have heard of it.
    #[track_caller]
    pub fn end_move(&self, slot: u16, from: usize, to: usize) {
        for node in [to, from] {
            self.run(node, &format!("CLUSTER SETSLOT {slot} NODE {}", self.id(to)));
        }
        self.wait_until_agreed();
    }

    /// Moves the lowest `slots` slots of a master to another with `redis-cli --cluster reshard`, `batch` keys at a time.
    ///
    /// As administrators do, it has `--cluster fix` close slots that were left open, and goes on: on Valkey a master refuses a step (`NOREPLICAS`) that its replica has not confirmed within two
    /// seconds, and the program then stops where it is, with exit code 0.
    #[track_caller]
    pub fn reshard(&self, slots: u16, from: usize, to: usize, batch: usize) {
        let (source, target, batch) = (self.id(from), self.id(to), batch.to_string());
        let address = format!("127.0.0.1:{}", self.nodes[0].port);
        let wanted = self.slots_of(to) + slots;
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.slots_of(to) < wanted {
            assert!(Instant::now() < deadline, "gave up resharding");
            let missing = (wanted - self.slots_of(to)).to_string();
            let between = ["--cluster-from", &source, "--cluster-to", &target, "--cluster-slots", &missing];
            let how = ["reshard", &address, "--cluster-yes", "--cluster-pipeline", &batch];
            let (is_success, said) = self.run_tool(&[&how[..], &between].concat());
            let was_refused = said.contains("NOREPLICAS");
            assert!(is_success || was_refused, "redis-cli --cluster reshard has failed");
            assert!(was_refused || self.slots_of(to) >= wanted, "redis-cli --cluster reshard has moved too little");
            wait_long("all nodes agree", || {
                if was_refused && !self.agrees() {
                    self.close_slots(&address);
                }
                self.agrees()
            });
        }
    }

    /// `redis-cli --cluster …`: whether its exit code is 0, and what it says.
    fn run_tool(&self, args: &[&str]) -> (bool, String) {
        let output = Command::new(&programs().cli).arg("--cluster").args(args).output();
        let output = output.expect("run the command line client");
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        // Shown if the test fails: the program's exit code does not tell of all that went wrong.
        println!("{said}");
        (output.status.success(), said)
    }

    /// How many slots a master has, as it says itself.
    #[track_caller]
    pub fn slots_of(&self, node: usize) -> u16 {
        let nodes = self.run(node, "CLUSTER NODES").text();
        let own = nodes.lines().find(|line| line.contains("myself")).expect("itself");
        let number = |text: &str| text.parse::<u16>().expect("a slot");
        let count = |range: &str| match range.split_once('-') {
            Some((first, last)) => number(last) - number(first) + 1,
            None => 1,
        };
        own.split(' ').skip(8).filter(|range| !range.starts_with('[')).map(count).sum()
    }

    /// The slots of which a node thinks that they are on their way.
    #[track_caller]
    pub fn open_slots(&self, node: usize) -> BTreeSet<u16> {
        let nodes = self.run(node, "CLUSTER NODES").text();
        // `[7->-id]`: it goes to that node; `[7-<-id]`: it comes from there.
        let open = nodes.split([' ', '\n']).filter_map(|word| word.strip_prefix('[')?.split_once('-'));
        open.map(|(slot, _)| slot.parse().expect("a slot")).collect()
    }

    /// Has `--cluster fix` close all slots. It does so for masters; a replica may have repeated what its master then refused, and learns from the master that nothing is open.
    #[track_caller]
    fn close_slots(&self, address: &str) {
        // It fails where a node does not answer yet.
        let _ = self.run_tool(&["fix", address, "--cluster-yes"]);
        let open: Vec<BTreeSet<u16>> = (0..self.nodes.len()).map(|node| self.open_slots(node)).collect();
        let is_master = |node: usize| self.nodes[node].client().info("replication", "role") == "master";
        let (masters, replicas): (Vec<usize>, Vec<usize>) = (0..self.nodes.len()).partition(|node| is_master(*node));
        if masters.iter().all(|node| open[*node].is_empty()) {
            for slot in replicas.iter().flat_map(|node| &open[*node]) {
                for master in &masters {
                    // A replica that is not back yet has it refused once more.
                    let _ = self.nodes[*master].client().run(&format!("CLUSTER SETSLOT {slot} STABLE"));
                }
            }
        }
    }

    /// Whether this server moves slots as a whole, with all their keys: Redis 8.4 and newer, Valkey 9.0 and newer.
    pub fn moves_atomically(&self) -> bool {
        self.nodes[0].has_valkey("9.0") || self.nodes[0].has_version("8.4")
    }

    /// Whether [`Self::reshard`] moves slots so: the client of Redis 8.10 and newer.
    pub fn reshards_atomically(&self) -> bool {
        let output = Command::new(&programs().cli).args(["--version"]).output().expect("run the command line client");
        let version = String::from_utf8_lossy(&output.stdout);
        let client = version.strip_prefix("redis-cli ").and_then(|rest| rest.split_whitespace().next());
        self.moves_atomically() && client.is_some_and(|client| is_as_new(client, "8.10"))
    }

    /// Has the slots from `first` to `last` moved as a whole, without waiting. Only where [`Self::moves_atomically`].
    #[track_caller]
    pub fn begin_atomic_move(&self, (first, last): (u16, u16), from: usize, to: usize) -> AtomicMove {
        if self.nodes[0].has_valkey("9.0") {
            let line = format!("CLUSTER MIGRATESLOTS SLOTSRANGE {first} {last} NODE {}", self.id(to));
            self.run(from, &line);
            AtomicMove { by: from, id: None }
        } else {
            let id = self.run(to, &format!("CLUSTER MIGRATION IMPORT {first} {last}")).text();
            AtomicMove { by: to, id: Some(id) }
        }
    }

    /// How a move stands: what it is doing, or `completed`, `failed`, `canceled`.
    #[track_caller]
    pub fn state_of(&self, of: &AtomicMove) -> String {
        let told = match &of.id {
            Some(id) => self.run(of.by, &format!("CLUSTER MIGRATION STATUS ID {id}")),
            None => self.run(of.by, "CLUSTER GETSLOTMIGRATIONS"),
        };
        // The one that began last is the first.
        let state = told.items()[0].field("state").text();
        match &*state {
            "success" => "completed".to_owned(),
            "cancelled" => "canceled".to_owned(),
            _ => state,
        }
    }

    /// Waits until a move has ended and all have heard of it; it must not fail.
    #[track_caller]
    pub fn wait_for_move(&self, of: &AtomicMove) {
        wait_long("the slots have moved", || {
            let state = self.state_of(of);
            assert!(state != "failed" && state != "canceled", "the move {state}: {}", self.nodes[of.by].log());
            state == "completed"
        });
        self.wait_until_agreed();
    }

    /// Moves slots as a whole.
    #[track_caller]
    pub fn move_atomically(&self, slots: (u16, u16), from: usize, to: usize) {
        self.wait_for_move(&self.begin_atomic_move(slots, from, to));
    }

    /// Calls a move off. False if it has ended already.
    #[track_caller]
    pub fn cancel_move(&self, of: &AtomicMove) -> bool {
        let line = match &of.id {
            Some(id) => format!("CLUSTER MIGRATION CANCEL ID {id}"),
            None => "CLUSTER CANCELSLOTMIGRATIONS".to_owned(),
        };
        let reply = self.nodes[of.by].client().run(&line);
        !reply.is_error() && reply != 0
    }

    /// Waits until this node calls itself a master or a replica (`master`, `slave`).
    #[track_caller]
    pub fn wait_for_role(&self, node: usize, role: &str) {
        let told = || Client::try_connect(&self.nodes[node].socket()).ok()?.try_info("replication", "role");
        wait_long(&format!("node {node} is a {role}"), || told().as_deref() == Some(role));
    }
}

/// Slots on their way, as [`Cluster::begin_atomic_move`] has sent them.
pub struct AtomicMove {
    /// The node that knows how it stands.
    by: usize,
    /// Its name, where moves have one.
    id: Option<String>,
}

/// What a node tells of the others, if it finds the cluster well.
fn what_it_tells(mut client: Client) -> Option<Vec<String>> {
    let mut lines: Vec<String> = client.ok("CLUSTER NODES").text().lines().map(role_and_slots).collect();
    lines.sort();
    client.ok("CLUSTER INFO").text().contains("cluster_state:ok").then_some(lines)
}

/// Of a line of CLUSTER NODES what all nodes should agree about: id, role, whom it replicates, slots.
fn role_and_slots(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let flags: Vec<&str> = words[2].split(',').filter(|flag| *flag != "myself").collect();
    format!("{} {} {} {}", words[0], flags.join(","), words[3], words[8..].join(" "))
}

/// The slot of a key: that of its hash tag, if it has one.
pub fn slot_of(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    crc16(tag.filter(|tag| !tag.is_empty()).unwrap_or(key).as_bytes()) % SLOTS
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 })
    })
}

/// Hash tags whose slots are among the lowest `slots` ones of the master `node`: those that move first.
pub fn tags(node: usize, slots: u16) -> impl Iterator<Item = String> {
    let first = (node * usize::from(SLOTS) / MASTERS) as u16;
    (0..).map(|nth| format!("t{nth}")).filter(move |tag| (first..first + slots).contains(&slot_of(tag)))
}

/// Waits for a condition of another process that may take many seconds, such as an election.
#[track_caller]
pub fn wait_long(what: &str, mut condition: impl FnMut() -> bool) {
    let _at = doing(format!("waits until {what}"));
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
