//! The four families as far as tests treat them alike: keys that hold entries in every state, and the commands on these.
//!
//! What is true of all of them is tested once, over [`FAMILIES`]; what only one of them does has files of its own.

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
}

/// What the delivery commands show.
pub const DELIVERY_READS: [&str; 3] = ["INFO #", "PENDING #", "DEAD #"];

/// The delivery commands that write.
pub const DELIVERY_WRITES: [&str; 10] = [
    "ALTER # LEASE 5",
    "CLAIM # w",
    "CLAIM # w BLOCK 0",
    "ACK # 1",
    "NACK # 1",
    "EXTEND # 1 1",
    "RELEASE # w",
    "REQUEUE # ALL",
    "REQUEUE # 1",
    "DISCARD # ALL",
];

pub const FAMILIES: [Family; 4] = [
    Family {
        name: "TSGEN",
        make: fill_tsgen,
        keys: &["external", "sources", "clock", "empty", "piped"],
        create: "",
        reads: &["WATERMARK #", "GET # waiting", "RANGE # - +", "SOURCES #"],
        writes: &[
            "ADD # 1 a",
            "ADD # NX 1 a",
            "ADD # XX 1 a",
            "MADD # 1 a x",
            "ADVANCE # 1",
            "ADVANCE # 1 SOURCE a",
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
            "ADD clock 5 id payload",
            "MADD external 5 id payload 6 id2 payload",
            "ADVANCE external 5",
            "ADVANCE sources 5 SOURCE left",
            "WATERMARK external",
            "GET external id",
            "REM external id id2",
            "RANGE external 1 9 COUNT 5",
            "SOURCES sources",
        ],
    },
    Family {
        name: "DEBOUNCE",
        make: fill_debounce,
        keys: &["busy", "rules", "empty", "piped"],
        create: "",
        reads: &["GET # g", "GET # \"\"", "GET # \"col\\x00lecting\"", "GROUPS #"],
        writes: &["PUSH # g x", "FLUSH # g", "FLUSHALL #", "CANCEL # g"],
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
    },
    Family {
        name: "EXPIRY",
        make: fill_expiry,
        keys: &["watcher", "empty", "piped"],
        create: " PREFIX none:",
        reads: &["TRACKED #"],
        writes: &["ALTER # BACKOFF 7"],
        forms: &["CREATE n PREFIX p PREFIX q MAXVALUE 5", "TRACKED watcher COUNT 5 AFTER k:1"],
    },
    Family {
        name: "TALLY",
        make: fill_tally,
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
    },
];

impl Family {
    /// Makes its keys.
    #[track_caller]
    pub fn fill(&self, c: &mut Client) {
        // What the transcript bound last time is of no meaning any more.
        c.bindings.clear();
        (self.make)(c);
    }

    /// A command of this family on a key.
    pub fn on(&self, command: &str, key: &str) -> String {
        format!("{}.{}", self.name, command.replace('#', key))
    }

    /// All commands but CREATE on a key.
    pub fn all_on(&self, key: &str) -> Vec<String> {
        let commands = self.reads.iter().chain(self.writes).chain(&DELIVERY_READS).chain(&DELIVERY_WRITES);
        commands.map(|command| self.on(command, key)).collect()
    }

    /// Everything that commands show of the filled keys, to compare what is seen besides the digest.
    #[track_caller]
    pub fn view(&self, c: &mut Client) -> Vec<String> {
        let mut lines = Vec::new();
        for key in self.keys {
            for command in self.reads.iter().chain(&["PENDING #", "DEAD #"]) {
                // A clock's watermark moves by itself.
                let is_shown = !(*key == "clock" && command.starts_with("WATERMARK"));
                lines.extend(is_shown.then(|| c.ok(&self.on(command, key)).to_string()));
            }
            let info = c.ok(&self.on("INFO #", key));
            let moves = |name: &str| name.starts_with("oldest-") || (*key == "clock" && name == "watermark");
            let fields = info.items().chunks(2).filter(|field| !moves(&field[0].text()));
            lines.extend(fields.map(|field| format!("{key} {} {}", field[0], field[1])));
        }
        lines
    }

    /// DUMP payloads of the filled keys.
    #[track_caller]
    pub fn dumps(&self, c: &mut Client) -> Vec<Vec<u8>> {
        self.keys.iter().map(|key| c.ok(&format!("DUMP {key}")).bytes().to_vec()).collect()
    }

    /// The filled keys as [`Self::dumps`] found them, and nothing else.
    #[track_caller]
    pub fn restore(&self, c: &mut Client, dumps: &[Vec<u8>]) {
        c.ok("FLUSHALL");
        for (key, dump) in self.keys.iter().zip(dumps) {
            assert_eq!(crate::cmd!(c, "RESTORE", *key, 0, dump), "OK");
        }
    }

    /// Exact counts of a key: before the gate, ready, leased, delayed, dead.
    #[track_caller]
    pub fn counts(&self, c: &mut Client, key: &str) -> [i64; 5] {
        let info = c.ok(&self.on("INFO #", key));
        let before = if matches!(self.name, "DEBOUNCE" | "TALLY") { "collecting" } else { "waiting" };
        [before, "ready", "leased", "delayed", "dead"].map(|state| info.field(state).int())
    }
}

#[track_caller]
fn fill_tsgen(client: &mut Client) {
    client.play(
        r#"
        > TSGEN.CREATE external LEASE 3600000 MAXDELIVERIES 3 BACKOFF 1000000 MAXBACKOFF 5000000 MAXLEN 1000
        OK
        > TSGEN.MADD external 1 leased l 2 delayed d 3 dead x 4 released r 5 ready p 6 "bin\x00ary" "\x00\xff" 100 waiting w -5 oldest ""
        [1 1 1 1 1 1 1 1]
        > TSGEN.ADVANCE external 6
        6
        > TSGEN.CLAIM external worker-1
        [[<_> 1 'oldest' -5 '']]
        > TSGEN.ACK external <_>
        1
        > TSGEN.CLAIM external worker-1
        [[<leased> 1 'leased' 1 'l']]
        > TSGEN.CLAIM external worker-2 COUNT 2
        [[<delayed> 1 'delayed' 2 'd'] [<dead> 1 'dead' 3 'x']]
        > TSGEN.NACK external <delayed> DELAY 7200000
        1
        > TSGEN.NACK external <dead> DEAD REASON "no such thing"
        1
        > TSGEN.CLAIM external worker-3
        [[<_2> 1 'released' 4 'r']]
        > TSGEN.RELEASE external worker-3
        1
        > TSGEN.CREATE sources SOURCES 2 left right LATE REJECT LEASE 3600000
        OK
        > TSGEN.MADD sources 10 a 1 20 b 2
        [1 1]
        > TSGEN.ADVANCE sources 30 SOURCE left
        nil
        > TSGEN.ADVANCE sources 10 SOURCE right
        10
        > TSGEN.CREATE clock CLOCK LEASE 3600000
        OK
        > TSGEN.ADD clock +3600000 later "in an hour"
        1
        > TSGEN.CREATE empty
        OK
        > TSGEN.CREATE piped SINK stream SINKMAXLEN 100
        OK
        > TSGEN.ADD piped 10 waiting x
        1
        "#,
    );
}

#[track_caller]
fn fill_debounce(client: &mut Client) {
    client.play(
        r#"
        > DEBOUNCE.CREATE busy IDLE 3600000 MAXITEMS 3 LEASE 3600000 MAXDELIVERIES 3 BACKOFF 1000000 MAXBACKOFF 5000000 MAXLEN 1000
        OK
        > DEBOUNCE.PUSH busy leased a b c
        0
        > DEBOUNCE.PUSH busy delayed d e f
        0
        > DEBOUNCE.PUSH busy dead "" g h
        0
        > DEBOUNCE.PUSH busy released i
        1
        > DEBOUNCE.FLUSH busy released
        1
        > DEBOUNCE.PUSH busy acked j k l
        0
        > DEBOUNCE.PUSH busy ready m n o p q r s
        1
        > DEBOUNCE.PUSH busy "" "\x00\xff%n" t
        2
        > DEBOUNCE.PUSH busy "col\x00lecting" u
        1
        > DEBOUNCE.CLAIM busy worker-1
        [[<leased> 1 'leased' 'full' …]]
        > DEBOUNCE.CLAIM busy worker-2 COUNT 2
        [[<delayed> 1 'delayed' 'full' …] [<dead> 1 'dead' 'full' ['' …]]]
        > DEBOUNCE.NACK busy <delayed> DELAY 7200000
        1
        > DEBOUNCE.NACK busy <dead> DEAD REASON "no such thing"
        1
        > DEBOUNCE.CLAIM busy worker-3 COUNT 2
        [[<_1> 1 'released' 'flush' …] [<acked> 1 'acked' …]]
        > DEBOUNCE.ACK busy <acked>
        1
        > DEBOUNCE.RELEASE busy worker-3
        1
        > DEBOUNCE.CREATE rules IDLE 7200000 MAXWAIT 3600000 UNIQUE no
        OK
        > DEBOUNCE.PUSH rules g x x y
        3
        > DEBOUNCE.PUSH rules g x
        4
        > DEBOUNCE.CREATE empty
        OK
        > DEBOUNCE.CREATE piped IDLE 3600000 SINK stream SINKMAXLEN 100
        OK
        > DEBOUNCE.PUSH piped g x
        1
        "#,
    );
}

/// Without keys that still live: these are tracked by each node for itself, and are no part of the value.
#[track_caller]
fn fill_expiry(client: &mut Client) {
    client.play(
        r#"
        > EXPIRY.CREATE watcher PREFIX k: MAXVALUE 10 LEASE 3600000 MAXDELIVERIES 3 BACKOFF 1000000 MAXBACKOFF 5000000
        OK
        > EXPIRY.CREATE empty PREFIX "none:" PREFIX "\x00"
        OK
        > EXPIRY.CREATE piped PREFIX none: SINK stream SINKMAXLEN 100
        OK
        "#,
    );
    let values = ["leased", "delayed", "dead", "released", "acked", "too-long-for-this", "\"\\x00\\xff%n\""];
    for (so_far, value) in values.iter().enumerate() {
        client.ok(&format!("SET k:{so_far} {value} PX 5"));
        wait_until("it has expired", || client.ok("EXPIRY.INFO watcher").field("ready").int() == so_far as i64 + 1);
    }
    client.play(
        r#"
        > EXPIRY.CLAIM watcher worker-1
        [[<leased> 1 'k:0' 'string' 'leased' <_0> 'expired']]
        > EXPIRY.CLAIM watcher worker-2 COUNT 2
        [[<delayed> 1 'k:1' …] [<dead> 1 'k:2' …]]
        > EXPIRY.NACK watcher <delayed> DELAY 7200000
        1
        > EXPIRY.NACK watcher <dead> DEAD REASON "no such thing"
        1
        > EXPIRY.CLAIM watcher worker-3 COUNT 2
        [[<_1> 1 'k:3' …] [<acked> 1 'k:4' …]]
        > EXPIRY.ACK watcher <acked>
        1
        > EXPIRY.RELEASE watcher worker-3
        1
        "#,
    );
}

#[track_caller]
fn fill_tally(client: &mut Client) {
    client.play(
        r#"
        > TALLY.CREATE sums EVERY 3600000 MAXFIELDS 3 LEASE 3600000 MAXDELIVERIES 3 BACKOFF 1000000 MAXBACKOFF 5000000 MAXLEN 1000
        OK
        > TALLY.MINCR sums leased 1 b -2 c 9223372036854775807
        [1 -2 9223372036854775807]
        > TALLY.MINCR sums delayed 1 b 2 c 3
        [1 2 3]
        > TALLY.MINCR sums dead 1 "" 2 "\x00\xff%n" 3
        [1 2 3]
        > TALLY.INCR sums released
        1
        > TALLY.SEAL sums
        1
        > TALLY.INCR sums acked
        1
        > TALLY.SEAL sums
        1
        > TALLY.MINCR sums ready -9223372036854775808 b 1 ready 1 c 1
        [-9223372036854775808 1 -9223372036854775807 1]
        > TALLY.MINCR sums "col\x00lecting" 5 "" -6 "" 0
        [5 -6 -6]
        > TALLY.CLAIM sums worker-1
        [[<leased> 1 <_b> <_o> <_s> ['b' -2 'c' 9223372036854775807 'leased' 1]]]
        > TALLY.CLAIM sums worker-2 COUNT 2
        [[<delayed> 1 …] [<dead> 1 … ['' 2 '\x00\xff%n' 3 'dead' 1]]]
        > TALLY.NACK sums <delayed> DELAY 7200000
        1
        > TALLY.NACK sums <dead> DEAD REASON "no such thing"
        1
        > TALLY.CLAIM sums worker-3 COUNT 2
        [[<_1> 1 … ['released' 1]] [<acked> 1 … ['acked' 1]]]
        > TALLY.ACK sums <acked>
        1
        > TALLY.RELEASE sums worker-3
        1
        > TALLY.CREATE uuids EVERY 7200000 FIELD UUID MIN -3 MAX 4
        OK
        > TALLY.INCR uuids 67E55044-10B1-426F-9247-BB680E5FE0C8 4
        4
        > TALLY.CREATE empty
        OK
        > TALLY.CREATE piped EVERY 3600000 SINK stream SINKMAXLEN 100
        OK
        > TALLY.INCR piped f
        1
        "#,
    );
}
