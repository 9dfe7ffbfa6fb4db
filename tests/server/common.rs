//! What the tests of this family share: servers in the settings they need, and keys that hold entries in every state.

use crate::harness::{Client, Server};

/// A server on which TSGEN.AT is open to everyone, so that a test says what time it is.
#[track_caller]
pub fn virtual_clock() -> Server {
    Server::start(&["--tsgen.virtual-clock", "yes"])
}

/// Exact counts of a key: waiting, ready, leased, delayed, dead.
#[track_caller]
pub fn counts(client: &mut Client, key: &str) -> [i64; 5] {
    let info = client.ok(&format!("TSGEN.INFO {key}"));
    ["waiting", "ready", "leased", "delayed", "dead"].map(|state| info.field(state).int())
}

/// One integer of TSGEN.INFO.
#[track_caller]
pub fn stat(client: &mut Client, key: &str, name: &str) -> i64 {
    client.ok(&format!("TSGEN.INFO {key}")).field(name).int()
}

/// Keys `external`, `sources`, `clock`, `empty` and `piped`, which hold entries in every state, binary names, and all options.
/// All leases and delays are long, so nothing changes by itself afterwards.
#[track_caller]
pub fn fill(client: &mut Client) {
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

/// The keys [`fill`] makes.
pub const FILLED: [&str; 5] = ["external", "sources", "clock", "empty", "piped"];
