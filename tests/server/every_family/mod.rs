//! The four families as far as tests treat them alike: keys that hold entries in every state, and the commands on these.
//!
//! What is true of all of them is tested once, over [`FAMILIES`], and so is what lies across several of them. What only one of them does is in the
//! folder of that family.

mod acl;
mod alter;
mod backlog;
mod behaviour;
mod claim_ack;
mod clock_steps;
mod compaction;
mod conversation;
mod crowd;
mod damaged_keys;
mod defrag;
mod delivery;
mod durations;
mod errors;
mod events;
mod fill;
mod golden;
mod groups;
mod hostile;
mod limits;
mod mclaim;
mod names;
mod not_promised;
pub mod panics;
mod pause;
mod peek;
mod persistence;
mod promote;
mod replication;
mod restore;
mod saved;
mod shown;
mod sink;
mod sync;
mod waiting;
mod words;

use crate::harness::*;

/// A family. In its commands `#` stands for a key of its own; they are written without the family's name.
pub struct Family {
    pub name: &'static str,
    /// Makes [`Self::keys`], whose entries are in every state, with binary names and all options. Leases, delays and windows are
    /// long, so that nothing changes by itself afterwards.
    make: fn(&mut Client),
    /// The first has entries in every state; `piped` has a sink.
    pub keys: &'static [&'static str],
    /// What CREATE must be given after the key.
    pub create: &'static str,
    /// What its own commands show.
    pub reads: &'static [&'static str],
    /// Its own commands that write. The first one changes the first key.
    pub writes: &'static [&'static str],
    /// Its own commands and options on the filled keys, in their shortest and longest forms, for hostile input.
    pub forms: &'static [&'static str],
    /// None where it is Redis that ends the time, and each node for itself, as in EXPIRY. [`Family::make_ready`] does without it there; a family
    /// of yet another kind says in that how its entries come to be ready.
    pub timed: Option<Timed>,
}

/// How what was added to a key becomes ready by itself after a time. `#` stands for the key, `@` for the time in milliseconds, `&`
/// for a name that the entry can be told by: an id, a group or a field.
pub struct Timed {
    create: &'static str,
    add: &'static str,
    /// The event of `add`.
    added: &'static str,
    /// What adds an entry that is ready at once, on a key made with no options.
    at_once: [&'static str; 2],
    /// Its own commands that change nothing, and their replies, while a key `k` of 50 ms has nothing but a ready entry by the name of
    /// `a`; there is no key `none`.
    idle: &'static [(&'static str, &'static str)],
}

/// What the delivery commands show.
pub const DELIVERY_READS: [&str; 7] =
    ["INFO #", "PENDING #", "DEAD #", "PEEK # READY", "PEEK # DELAYED", "PEEK # LEASED", "PEEK # DEAD"];

/// The delivery commands that write.
pub const DELIVERY_WRITES: [&str; 16] = [
    "ALTER # LEASE 5",
    "CLAIM # w",
    "CLAIM # w BLOCK 0",
    "CLAIM # w ACK 1",
    "MCLAIM 1 # w",
    "MCLAIM 1 # w BLOCK 0",
    "MCLAIM 1 # w ACK # 1",
    "ACK # 1",
    "NACK # 1",
    "EXTEND # 1 1",
    "RELEASE # w",
    "PROMOTE # ALL",
    "PROMOTE # 1",
    "REQUEUE # ALL",
    "REQUEUE # 1",
    "DISCARD # ALL",
];

pub static FAMILIES: [Family; 4] = [
    Family {
        name: "TSGEN",
        make: fill::tsgen,
        keys: &["external", "sources", "clock", "jobs", "empty", "piped"],
        create: "",
        reads: &["WATERMARK #", "GET # waiting", "RANGE # - +", "SOURCES #"],
        writes: &[
            "ADD # 1 a",
            "ADD # NX 1 a",
            "ADD # XX 1 a",
            "MADD # 1 a x",
            "ADVANCE # 1",
            "ADVANCE # 1 SOURCE a",
            "ADD # EVERY 1 1 a",
            "ADD # XX EVERY 315360000000 9223372036854775807 leased",
            "REM # leased dead delayed",
        ],
        forms: &[
            "CREATE n",
            "CREATE n CLOCK LATE REJECT",
            "CREATE n SOURCES 2 a b",
            "ALTER external WATERMARK 5 LATE READY",
            "ADD external 5 id payload",
            "ADD external NX 5 id payload",
            "ADD external XX 5 id",
            "CREATE n GROUPLIMIT 1 FAIR yes",
            "ADD grouped GROUP g 5 id payload",
            "ADD grouped NX GROUP g 5 id payload",
            "MADD grouped GROUP g 5 id payload",
            "ADD clock 5 id payload",
            "ADD clock EVERY 5 5 id payload",
            "ADD clock XX EVERY 5 GROUP g 5 id payload",
            "MADD external 5 id payload 6 id2 payload",
            "ADVANCE external 5",
            "ADVANCE sources 5 SOURCE left",
            "WATERMARK external",
            "GET external id",
            "REM external id id2",
            "RANGE external 1 9 COUNT 5",
            "SOURCES sources",
        ],
        timed: Some(Timed {
            create: "CREATE # CLOCK",
            add: "ADD # +@ & x",
            added: "add",
            at_once: ["ADD # 1 & x", "ADVANCE # 1"],
            idle: &[
                ("ADD k NX 9 a", "nil"),
                ("ADD k XX 9 b", "nil"),
                ("ADD none XX 9 b", "nil"),
                ("ADD k x y", "-ERR …"),
                ("ADVANCE k 1", "-ERR …"),
                ("REM k none", "0"),
                ("GET k a", "['ready' …]"),
            ],
        }),
    },
    Family {
        name: "DEBOUNCE",
        make: fill::debounce,
        keys: &["busy", "rules", "empty", "piped"],
        create: "",
        reads: &["GET # g", "GET # \"\"", "GET # \"col\\x00lecting\"", "GROUPS #"],
        writes: &["PUSH # g x", "CANCEL # g", "FLUSH # g", "FLUSHALL #"],
        forms: &[
            "CREATE n IDLE 5 MAXWAIT 5 MAXITEMS 5 UNIQUE no",
            "ALTER busy IDLE 5 MAXWAIT 5 MAXITEMS 5",
            "PUSH busy g item item2",
            "GET busy g",
            "GROUPS busy COUNT 5 AFTER g",
            "FLUSH busy g h",
            "FLUSHALL busy COUNT 5",
            "CANCEL busy g h",
        ],
        timed: Some(Timed {
            create: "CREATE # IDLE @",
            add: "PUSH # & x",
            added: "push",
            at_once: ["PUSH # & x", "FLUSH # &"],
            idle: &[
                ("GET k a", "nil"),
                ("GROUPS k", "[]"),
                ("FLUSH k a", "0"),
                ("FLUSHALL k", "0"),
                ("CANCEL k a", "0"),
                ("FLUSH none a", "0"),
                ("PUSH k a", "-ERR …"),
                ("ALTER k IDLE 50", "OK"),
            ],
        }),
    },
    Family {
        name: "EXPIRY",
        make: fill::expiry,
        keys: &["watcher", "empty", "piped"],
        create: " PREFIX none:",
        reads: &["TRACKED #"],
        writes: &["ALTER # BACKOFF 7"],
        forms: &[
            "CREATE n PREFIX p PREFIX q MAXVALUE 5 KEEPEVICTED yes MAXHELD 5",
            "TRACKED watcher COUNT 5 AFTER k:1",
        ],
        timed: None,
    },
    Family {
        name: "TALLY",
        make: fill::tally,
        keys: &["sums", "uuids", "empty", "piped"],
        create: "",
        reads: &["GET # 67e55044-10b1-426f-9247-bb680e5fe0c8"],
        writes: &[
            "INCR # 67e55044-10b1-426f-9247-bb680e5fe0c8",
            "MINCR # 67e55044-10b1-426f-9247-bb680e5fe0c8 1 00000000-0000-0000-0000-000000000000 2",
            "SEAL #",
        ],
        forms: &[
            "CREATE n EVERY 5 FIELD UUID MIN 5 MAX 5 MAXFIELDS 5",
            "ALTER sums EVERY 5 MAXFIELDS 5",
            "INCR sums a",
            "INCR sums a 5",
            "INCR uuids 67e55044-10b1-426f-9247-bb680e5fe0c8 5",
            "MINCR sums a 5 b 6",
            "MINCR sums \"\" 5 b 6 b 7 d 8",
            "GET sums a",
            "SEAL sums",
        ],
        timed: Some(Timed {
            create: "CREATE # EVERY @ MAX 5",
            add: "INCR # &",
            added: "incr",
            at_once: ["INCR # &", "SEAL #"],
            idle: &[
                ("SEAL k", "0"),
                ("GET k a", "1"),
                ("INCR k a 6", "-ERR …"),
                ("MINCR k a 1 a 6", "-ERR …"),
                ("MINCR k b 1 a 6", "-ERR …"),
                ("INCR none a", "-ERR …"),
                ("SEAL none", "0"),
                ("ALTER k EVERY 50", "OK"),
            ],
        }),
    },
];

/// The families whose entries become ready by themselves after a time.
pub fn timed() -> impl Iterator<Item = &'static Family> {
    FAMILIES.iter().filter(|family| family.timed.is_some())
}

/// Whether these commands, and no others but the marks of [`Events`], were replicated since the last call.
#[track_caller]
pub fn expect_told(feed: &mut Feed, c: &mut Client, patterns: &[String]) {
    let told: Vec<String> = feed.take(c).into_iter().filter(|line| !line.starts_with("SET mark:")).collect();
    let is_same = told.len() == patterns.len()
        && patterns.iter().zip(&told).all(|(pattern, line)| matches(pattern, line, &mut c.bindings));
    assert!(is_same, "expected to be replicated:\n  {}\ngot:\n  {}", patterns.join("\n  "), told.join("\n  "));
}

impl Family {
    /// Makes its keys.
    #[track_caller]
    pub fn fill(&self, c: &mut Client) {
        // What the transcript bound last time is of no meaning any more.
        c.bindings.clear();
        (self.make)(c);
    }

    /// Plays a transcript in which `F.` stands for the family.
    #[track_caller]
    pub fn play(&self, c: &mut Client, text: &str) {
        c.play(&text.replace("F.", &format!("{}.", self.name)));
    }

    /// A command of this family on a key.
    pub fn on(&self, command: &str, key: &str) -> String {
        format!("{}.{}", self.name, command.replace('#', key))
    }

    /// CREATE of a key whose entries become ready this long after they were added.
    pub fn by_time(&self, key: &str, ms: i64) -> String {
        self.on(self.timed().create, key).replace('@', &ms.to_string())
    }

    /// What adds an entry of this name to such a key. Where the time is the entry's, not the key's, it is this one.
    pub fn add(&self, key: &str, name: &str, ms: i64) -> String {
        self.on(self.timed().add, key).replace('&', name).replace('@', &ms.to_string())
    }

    /// What makes a key, and an entry of this name in it that is ready at once.
    pub fn at_once(&self, key: &str, name: &str) -> [String; 3] {
        let [add, open] = self.timed().at_once;
        ["CREATE #", add, open].map(|command| self.on(command, key).replace('&', name))
    }

    /// Makes a key with entries of these names, all ready, whatever the family.
    #[track_caller]
    pub fn make_ready(&self, c: &mut Client, key: &str, names: &[&str]) {
        if self.timed.is_some() {
            names.iter().for_each(|name| self.add_ready(c, key, name));
            return;
        }
        c.run(&self.on(&format!("CREATE # PREFIX {key}:"), key));
        // A worker that waits may have them already.
        let [_, ready, leased, ..] = self.counts(c, key);
        for name in names {
            c.ok(&format!("SET {key}:{name} x PX 1"));
            wait_until("it is over", || c.run(&format!("EXISTS {key}:{name}")) == 0);
        }
        wait_until("they are told", || {
            let [_, now_ready, now_leased, ..] = self.counts(c, key);
            now_ready + now_leased == ready + leased + names.len() as i64
        });
    }

    /// Adds an entry that is ready at once, to a key that is made if it is not there.
    #[track_caller]
    pub fn add_ready(&self, c: &mut Client, key: &str, name: &str) {
        let [create, add, open] = self.at_once(key, name);
        c.run(&create);
        c.ok(&add);
        c.ok(&open);
    }

    fn timed(&self) -> &Timed {
        self.timed.as_ref().expect("a family of which time makes entries ready")
    }

    /// Runs its own commands that change nothing, and those of delivery, on a key `k` of 50 ms that has nothing but a ready entry
    /// by the name of `a`.
    #[track_caller]
    pub fn idle(&self, c: &mut Client) {
        let of_delivery = [("CLAIM none w", "[]"), ("ACK k 1 2-3", "0"), ("NACK k 1", "0"), ("EXTEND k 100 1", "0")];
        let more = [("RELEASE k w", "0"), ("PENDING k", "[]"), ("DEAD k", "[]")];
        for (command, reply) in self.timed().idle.iter().chain(&of_delivery).chain(&more) {
            c.expect(&self.on(command, "k"), reply);
        }
        c.expect(&format!("{}{}", self.on("CREATE #", "k"), self.create), "-BUSYKEY …");
        c.ok(&self.on("INFO #", "k"));
    }

    /// The events of this family by these names on a key.
    pub fn events(&self, key: &str, names: &[&str]) -> Vec<String> {
        names.iter().map(|name| format!("{key} {}.{name}", self.name.to_lowercase())).collect()
    }

    /// The name of its event when something was added.
    pub fn added(&self) -> &'static str {
        self.timed().added
    }

    /// All commands but CREATE on a key.
    pub fn all_on(&self, key: &str) -> Vec<String> {
        let commands = self.reads.iter().chain(self.writes).chain(&DELIVERY_READS).chain(&DELIVERY_WRITES);
        commands.map(|command| self.on(command, key)).collect()
    }
}
