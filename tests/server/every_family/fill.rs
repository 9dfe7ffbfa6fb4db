//! Keys of each family that hold entries in every state.

use crate::harness::*;

#[track_caller]
pub fn tsgen(client: &mut Client) {
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
        > TSGEN.CREATE jobs CLOCK LEASE 3600000 MAXDELIVERIES 1
        OK
        > TSGEN.ADD jobs EVERY 1d 1000 waiting w
        0
        > TSGEN.ADD jobs EVERY 2d 2000 leased l
        0
        > TSGEN.CLAIM jobs w
        [[<died> 1 'waiting' 1000 'w']]
        > TSGEN.NACK jobs <died>
        1
        > TSGEN.CLAIM jobs w
        [[<_0> 1 'leased' 2000 'l']]
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
pub fn debounce(client: &mut Client) {
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
pub fn expiry(client: &mut Client) {
    client.play(
        r#"
        > EXPIRY.CREATE watcher PREFIX k: MAXVALUE 10 KEEPEVICTED yes MAXHELD 1000 LEASE 3600000 MAXDELIVERIES 3 BACKOFF 1000000 MAXBACKOFF 5000000
        OK
        > EXPIRY.CREATE empty PREFIX "none:" PREFIX "\x00"
        OK
        > EXPIRY.CREATE piped PREFIX none: SINK stream SINKMAXLEN 100
        OK
        "#,
    );
    let values = ["leased", "delayed", "dead", "released", "acked", "too-long-for-this", "\"\\x00\\xff%n\""];
    // One after the other, and each late enough for its value to be copied before. Under valgrind (`make memcheck`) that takes a second.
    let first = if std::env::var_os("TSGEN_SLOW_SERVER").is_some() { 3_000 } else { 250 };
    for (nth, value) in values.iter().enumerate() {
        client.ok(&format!("SET k:{nth} {value} PX {}", first + nth));
    }
    wait_until("all have expired", || client.ok("EXPIRY.INFO watcher").field("ready").int() == values.len() as i64);
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
pub fn tally(client: &mut Client) {
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
