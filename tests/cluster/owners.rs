//! Slots that nobody serves for a while (CLUSTER DELSLOTS, then ADDSLOTS): what time does meanwhile is told once somebody serves them again.

use crate::harness::*;

/// A cluster, and one slot of its first node that is taken from it.
struct Orphaned {
    cluster: Cluster,
    router: Router,
    /// The hash tag of all keys in the slot.
    tag: String,
    slot: u16,
}

impl Orphaned {
    fn form() -> Self {
        let cluster = Cluster::form_with(&["--cluster-require-full-coverage", "no"]);
        let tag = tags(0, 1000).next().expect("a tag");
        Orphaned { router: cluster.router(), slot: slot_of(&tag), tag, cluster }
    }

    /// A line of commands on keys with the tag, which `{t}` stands for.
    fn tagged(&self, line: &str) -> String {
        line.replace("{t}", &format!("{{{}}}", self.tag))
    }

    #[track_caller]
    fn ok(&mut self, line: &str) -> Reply {
        let line = self.tagged(line);
        self.router.ok(&line)
    }

    /// Nobody serves the slot any more, as every node sees it.
    #[track_caller]
    fn orphan(&self) {
        let (nodes, slot) = (&self.cluster.nodes, i64::from(self.slot));
        for node in nodes {
            // One that has heard of it from others may refuse.
            let _ = node.client().run(&format!("CLUSTER DELSLOTS {slot}"));
        }
        for node in nodes {
            let owned = |range: &Reply| (range.items()[0].int()..=range.items()[1].int()).contains(&slot);
            wait_until("nobody serves the slot", || !node.client().ok("CLUSTER SLOTS").items().iter().any(owned));
        }
    }

    #[track_caller]
    fn adopt(&self, node: usize) {
        self.cluster.run(node, &format!("CLUSTER ADDSLOTS {}", self.slot));
        self.cluster.wait_until_agreed();
    }

    /// The slot has no owner. Returns when `{t}:order` ends, which is still to come.
    #[track_caller]
    fn orphan_before_order_ends(&mut self) -> i64 {
        let due = self.ok("PEXPIRETIME {t}:order").int();
        self.orphan();
        assert!(now_ms() < due, "too late");
        due
    }

    /// Makes something of each family that comes due in this many ms, and a stream for a sink.
    #[track_caller]
    fn fill(&mut self, ms: u32) {
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
            self.ok(&line.replace("{ms}", &ms.to_string()));
        }
    }

    /// What is delivered of it until nothing more comes.
    #[track_caller]
    fn drain(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        let keys = [("TSGEN", "clock"), ("DEBOUNCE", "groups"), ("TALLY", "tally"), ("EXPIRY", "watcher")];
        for block in [10_000, 300] {
            for (family, key) in keys {
                let entries = self.ok(&format!("{family}.CLAIM {{t}}:{key} me LEASE 1h BLOCK {block}"));
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
        wait_until("the sink is fed", || self.ok("XLEN {t}:stream") != 0);
        told.push(format!("stream {}", self.ok("XLEN {t}:stream")));
        told
    }

    fn expected(&self) -> Vec<String> {
        ["clock element", "groups group", "tally ['field' 5]", "watcher {t}:order", "stream 1"]
            .map(|line| self.tagged(line))
            .to_vec()
    }
}

#[test]
fn what_comes_due_in_a_slot_without_an_owner_is_delivered_once_it_has_one() {
    let mut slot = Orphaned::form();
    slot.fill(1_500);
    let due = slot.orphan_before_order_ends();
    wait_until("all is due", || now_ms() > due + 1_500);
    let mut c = slot.cluster.nodes[0].client();
    c.expect(&slot.tagged("TSGEN.CLAIM {t}:clock me"), "-CLUSTERDOWN …");
    slot.adopt(0);
    assert_eq!(slot.drain(), slot.expected());
    same_data(&slot.cluster.nodes[0], &slot.cluster.nodes[3]);
}

/// Its keys stay where they are, unseen, until the slot is there again.
#[test]
fn what_comes_due_on_a_node_whose_slot_another_serves_is_delivered_once_it_is_back() {
    let mut slot = Orphaned::form();
    slot.fill(1_500);
    let due = slot.orphan_before_order_ends();
    slot.adopt(1);
    assert_eq!(slot.ok("EXISTS {t}:clock"), 0, "the new owner has nothing of it");
    wait_until("all is due", || now_ms() > due + 1_500);
    slot.fill(100);
    assert_eq!(slot.drain(), slot.expected(), "what is new there");
    slot.orphan();
    slot.adopt(0);
    assert_eq!(slot.drain(), slot.expected());
    same_data(&slot.cluster.nodes[0], &slot.cluster.nodes[3]);
}

/// A watcher whose slot is served, of keys whose slot is not.
#[test]
fn a_watcher_is_told_of_keys_whose_slot_had_no_owner_when_they_ended() {
    let mut slot = Orphaned::form();
    let watcher = tags(0, 5_000).find(|tag| slot_of(tag) > 4_000).expect("a tag");
    slot.ok(&format!("EXPIRY.CREATE {{{watcher}}}:w PREFIX {{t}}:"));
    slot.ok("SET {t}:order value PX 1500");
    let due = slot.orphan_before_order_ends();
    wait_until("it has ended", || now_ms() > due + 1_500);
    slot.adopt(0);
    slot.ok("SET {t}:fence value PX 100");
    let (order, fence) = (slot.tagged("{t}:order"), slot.tagged("{t}:fence"));
    let mut told = Vec::new();
    wait_until("both are told", || {
        let entries = slot.ok(&format!("EXPIRY.CLAIM {{{watcher}}}:w me LEASE 1h"));
        told.extend(entries.items().iter().map(|entry| entry.items()[2].text()));
        told.contains(&fence)
    });
    assert_eq!(told, [order, fence]);
}
