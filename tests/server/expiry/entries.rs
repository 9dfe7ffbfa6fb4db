//! EXPIRY itself: what a watched key's end looks like to a worker, and every command, option and field of the family.

use super::*;
use crate::common::refused;
use crate::harness::*;

#[test]
fn an_entry_is_token_deliveries_key_type_value_deadline_and_reason() {
    let (_server, mut c) = watching(&[]);
    c.ok("SET k:1 hello PX 60");
    let deadline = c.ok("PEXPIRETIME k:1").int();
    c.expect("EXPIRY.TRACKED w", &format!("[['k:1' {deadline}]]"));
    c.expect("EXPIRY.CLAIM w me BLOCK 10000", &format!("[[<t> 1 'k:1' 'string' 'hello' {deadline} 'expired']]"));
    c.play("> EXPIRY.TRACKED w\n []\n > EXISTS k:1\n 0\n > EXPIRY.ACK w <t>\n 1\n > EXPIRY.CLAIM w me\n []");
}

#[test]
fn every_delivery_command_works_on_expiries() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("EXPIRY.CREATE w PREFIX k: LEASE 60000 MAXDELIVERIES 3");
    for n in 1..=4 {
        c.ok(&format!("SET k:{n} v{n} PX {}", 20 * n));
    }
    wait_until("all have expired", || expiries(&mut c, "w") == [0, 4, 0, 0, 0]);
    c.play(
        r#"
        > EXPIRY.CLAIM w me COUNT 3
        [[<a> 1 'k:1' 'string' 'v1' <d1> 'expired'] [<b> 1 'k:2' 'string' 'v2' <d2> 'expired'] [<c> 1 'k:3' 'string' 'v3' <d3> 'expired']]
        > EXPIRY.PENDING w CONSUMER me COUNT 2
        [[<a> 'me' <_1> 1 'k:1'] [<b> 'me' <_2> 1 'k:2']]
        > EXPIRY.PENDING w AFTER <b>
        [[<c> 'me' <_3> 1 'k:3']]
        > EXPIRY.EXTEND w 90000 <a>
        1
        > EXPIRY.NACK w <b> DEAD REASON "no seats"
        1
        > EXPIRY.DEAD w
        [[<b> 1 'k:2' <_4> 'no seats']]
        > EXPIRY.NACK w <c> DELAY 3600000
        1
        > EXPIRY.REQUEUE w <b>
        1
        > EXPIRY.CLAIM w me
        [[<b2> 1 'k:2' 'string' 'v2' <d2> 'expired']]
        > EXPIRY.RELEASE w me
        2
        > EXPIRY.CLAIM w you COUNT 10
        [[<e> 1 'k:1' …] [<f> 1 'k:2' …] [<g> 1 'k:4' …]]
        > EXPIRY.ACK w <e>-<g>
        3
        > EXPIRY.ACK w <a>
        0
        > EXPIRY.DISCARD w ALL
        0
        > EXPIRY.ALTER w LEASE 5 MAXDELIVERIES 1
        OK
        "#,
    );
    assert_eq!(expiries(&mut c, "w"), [0, 0, 0, 1, 0]);
}

#[test]
fn info_tells_the_gate_the_counts_and_every_option() {
    let server = Server::start(&[]);
    let mut c = server.client().resp3();
    c.play("> EXPIRY.CREATE w PREFIX a: PREFIX \"\\x00\" MAXVALUE 100 KEEPEVICTED yes MAXHELD 7 LEASE 5 BACKOFF 6 SINK s SINKMAXLEN 7\n OK\n > SET a:1 x EX 1000\n OK");
    wait_until("it is seen", || expiries(&mut c, "w")[0] == 1);
    let deadline = c.ok("PEXPIRETIME a:1").int();
    c.expect(
        "EXPIRY.INFO w",
        &format!(
            "{{'gate' 'ttl' 'prefixes' ['a:' '\\x00'] 'maxvalue' 100 'keepevicted' 'yes' 'maxheld' 7 'held-bytes' 0 'values-dropped' 0 \
             'waiting' 1 'ready' 0 'leased' 0 'delayed' 0 'dead' 0 \
             'oldest-ready-age' nil 'oldest-lease-age' nil 'next-deadline' {} 'delivered' 0 'redelivered' 0 'acked' 0 'died' 0 \
             'late-arrivals' 0 'sink-errors' 0 'groups' 0 'groups-at-limit' 0 'lease' 5 'maxdeliveries' 16 'backoff' 6 'maxbackoff' 0 'maxlen' 0 'sink' 's' 'sinkmaxlen' 7 'grouplimit' 0 'fair' 'no' 'paused' 'no'}}",
            deadline + 1
        ),
    );
}

#[test]
fn in_resp3_entries_are_the_same_arrays() {
    let (server, mut c) = watching(&[]);
    c.ok("SET k:1 v PX 30");
    server
        .client()
        .resp3()
        .play("> EXPIRY.CLAIM w me BLOCK 10000\n [[<t> 1 'k:1' 'string' 'v' <d> 'expired']]\n > EXPIRY.TRACKED w\n []");
}

#[test]
fn options_and_types_are_checked() {
    let (server, mut c) = watching(&[]);
    c.play("> SET string x\n OK\n > TSGEN.ADD t 1 a\n 1");
    let many: String = (0..101).map(|n| format!(" PREFIX p{n}")).collect();
    refused(
        &server,
        &[
            ("EXPIRY.CREATE n", "PREFIX is missing"),
            ("EXPIRY.CREATE n PREFIX", "PREFIX needs a value"),
            ("EXPIRY.CREATE n PREFIX a PREFIX", "PREFIX needs a value"),
            ("EXPIRY.CREATE n MAXVALUE 5", "PREFIX is missing"),
            ("EXPIRY.CREATE n PREFIX a PREFIX a", "each only once"),
            (&format!("EXPIRY.CREATE n{many}"), "1 to 100 times"),
            ("EXPIRY.CREATE n PREFIX a MAXVALUE", "MAXVALUE needs a value"),
            ("EXPIRY.CREATE n PREFIX a MAXVALUE -1", "MAXVALUE must be an integer between 0 and"),
            ("EXPIRY.CREATE n PREFIX a MAXVALUE x", "MAXVALUE must be an integer between 0 and"),
            ("EXPIRY.CREATE n PREFIX a MAXVALUE 99999999999", "MAXVALUE must be an integer between 0 and"),
            ("EXPIRY.CREATE n PREFIX a MAXVALUE 1 MAXVALUE 1", "MAXVALUE given twice"),
            ("EXPIRY.CREATE n PREFIX a KEEPEVICTED", "KEEPEVICTED needs a value"),
            ("EXPIRY.CREATE n PREFIX a KEEPEVICTED 1", "KEEPEVICTED must be yes or no"),
            ("EXPIRY.CREATE n PREFIX a KEEPEVICTED no KEEPEVICTED no", "KEEPEVICTED given twice"),
            ("EXPIRY.CREATE n PREFIX a MAXHELD -1", "MAXHELD must be an integer between 0 and"),
            ("EXPIRY.CREATE n PREFIX a MAXHELD 1 MAXHELD 1", "MAXHELD given twice"),
            ("EXPIRY.CREATE n PREFIX a MAXLEN 5", "'MAXLEN'"),
            ("EXPIRY.CREATE n PREFIX a IDLE 5", "'IDLE'"),
            ("EXPIRY.CREATE n PREFIX a SINK n", "SINK must be another key"),
            ("EXPIRY.CREATE w PREFIX a", "BUSYKEY"),
            ("EXPIRY.CREATE string PREFIX a", "BUSYKEY"),
            ("EXPIRY.ALTER w PREFIX a", "fixed when the key is created"),
            ("EXPIRY.ALTER w MAXVALUE 5", "fixed when the key is created"),
            ("EXPIRY.ALTER w KEEPEVICTED maybe", "KEEPEVICTED must be yes or no"),
            ("EXPIRY.ALTER w MAXHELD x", "MAXHELD must be an integer between 0 and"),
            ("EXPIRY.ALTER w MAXLEN 5", "'MAXLEN'"),
            ("EXPIRY.ALTER none LEASE 5", "no such key"),
            ("EXPIRY.INFO none", "no such key"),
            ("EXPIRY.TRACKED", "wrong number of arguments"),
            ("EXPIRY.TRACKED w COUNT 0", "COUNT must be an integer between 1 and 10000"),
            ("EXPIRY.TRACKED w COUNT 10001", "COUNT must be an integer between 1 and 10000"),
            ("EXPIRY.TRACKED w COUNT 1 COUNT 1", "COUNT given twice"),
            ("EXPIRY.TRACKED w AFTER", "AFTER needs a value"),
            ("EXPIRY.TRACKED w FOO", "'FOO'"),
            ("EXPIRY.TRACKED string", "WRONGTYPE"),
            ("EXPIRY.TRACKED t", "WRONGTYPE"),
            ("EXPIRY.CLAIM string w", "WRONGTYPE"),
            ("EXPIRY.ACK t 5", "WRONGTYPE"),
            ("TSGEN.ADD w 1 a", "WRONGTYPE"),
            ("DEBOUNCE.PUSH w g a", "WRONGTYPE"),
            ("GET w", "WRONGTYPE"),
        ],
    );
    c.play("> EXPIRY.TRACKED none\n []\n > EXPIRY.CLAIM none w\n []\n > TYPE w\n tsgen-exp");
}

#[test]
fn what_replicas_are_told_with_clients_cannot_say() {
    let (server, _) = watching(&[]);
    refused(
        &server,
        &[
            ("EXPIRY.FIRE w k:1 5 expired string forged", "ERR"),
            ("EXPIRY.EVICT w k:1 5", "ERR"),
            ("EXPIRY.DROPREADY w 1", "ERR"),
            ("EXPIRY.SWEEP w", "ERR"),
            ("TSGEN.AT 5 EXPIRY.FIRE w k:1 5 expired string forged", "tsgen.virtual-clock"),
        ],
    );
}

#[test]
fn tracked_keys_are_listed_by_deadline_in_pages() {
    let (_server, mut c) = watching(&[]);
    for (key, at) in [("c", 3), ("a", 1), ("e", 5), ("b", 2), ("d", 4)] {
        c.ok(&format!("SET k:{key} x PXAT {}", 8_000_000_000_000i64 + at));
    }
    c.play(
        r#"
        > EXPIRY.TRACKED w COUNT 2
        [['k:a' 8000000000001] ['k:b' 8000000000002]]
        > EXPIRY.TRACKED w AFTER k:b COUNT 2
        [['k:c' 8000000000003] ['k:d' 8000000000004]]
        > EXPIRY.TRACKED w COUNT 2 AFTER k:d
        [['k:e' 8000000000005]]
        > EXPIRY.TRACKED w AFTER k:e
        []
        "#,
    );
}

#[test]
fn every_key_of_a_command_is_known_to_redis() {
    let (_server, mut c) = watching(&[]);
    c.play(
        r#"
        > COMMAND GETKEYS EXPIRY.CREATE n PREFIX a PREFIX SINK MAXVALUE 5 SINK s SINKMAXLEN 4
        ['n' 's']
        > COMMAND GETKEYS EXPIRY.ALTER w LEASE 5 SINK s
        ['w' 's']
        > COMMAND GETKEYS EXPIRY.TRACKED w COUNT 5
        ['w']
        > COMMAND GETKEYS EXPIRY.CLAIM w me
        ['w']
        "#,
    );
}

#[test]
fn ready_is_told_as_a_keyspace_event_once_for_keys_that_end_together() {
    let (server, mut c) = watching(&[]);
    let mut events = Events::subscribe(&server);
    let at = now_ms() + 60;
    for n in 0..10 {
        c.ok(&format!("SET k:{n} v PXAT {at}"));
    }
    wait_until("all have expired", || expiries(&mut c, "w")[1] == 10);
    let told: Vec<String> = events.take(&mut c).into_iter().filter(|event| event.starts_with("w ")).collect();
    assert!(!told.is_empty() && told.iter().all(|event| event == "w expiry.ready"), "{told:?}");
    // Ten keys of one millisecond; Redis itself may find one of them first.
    assert!(told.len() <= 3, "at most once per tick and key: {}", told.len());
}

#[test]
fn a_user_must_be_allowed_to_read_every_key_of_the_prefix() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for (user, keys) in
        [("all", "~*"), ("some", "~w* ~k:*"), ("writer", "~w* %W~k:*"), ("ends", "~w* ~*o"), ("ends2", "~w* ~*so")]
    {
        c.ok(&format!("ACL SETUSER {user} on nopass +@all {keys}"));
    }
    let as_user = |user: &str, line: &str, expected: &str| {
        let mut u = server.client();
        u.ok(&format!("AUTH {user} x"));
        u.expect(line, expected);
    };
    as_user("all", "EXPIRY.CREATE w1 PREFIX \"\"", "OK");
    as_user("some", "EXPIRY.CREATE w2 PREFIX k: PREFIX k:5", "OK");
    as_user("some", "EXPIRY.CREATE w3 PREFIX k: PREFIX other", "-NOPERM …");
    as_user("some", "EXPIRY.CREATE w3 PREFIX k", "-NOPERM …");
    as_user("some", "EXPIRY.CREATE w3 PREFIX \"\"", "-NOPERM …");
    as_user("some", "EVAL \"return redis.call('EXPIRY.CREATE', KEYS[1], 'PREFIX', 'other')\" 1 w3", "-NOPERM …");
    as_user("writer", "EXPIRY.CREATE w3 PREFIX k:", "-NOPERM …");
    // Keys that end in o: that is not every key that begins with hello.
    as_user("ends", "EXPIRY.CREATE w3 PREFIX hello", "-NOPERM …");
    as_user("ends2", "EXPIRY.CREATE w3 PREFIX hello-so", "-NOPERM …");
    as_user("some", "EXPIRY.CREATE theirs PREFIX k:", "-NOPERM …");
    c.expect("EXISTS w3 theirs", "0");
}

#[test]
fn with_a_sink_expiries_become_stream_entries() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("EXPIRY.CREATE w PREFIX k: SINK stream");
    c.ok("SET k:1 \"a\\x00b\" PX 40");
    let at = c.ok("PEXPIRETIME k:1").int();
    let mut feed = Feed::open(&server);
    wait_until("it is in the stream", || c.run("XLEN stream") == 1);
    c.expect(
        "XRANGE stream - +",
        &format!("[['<id>' ['key' 'k:1' 'type' 'string' 'value' 'a\\x00b' 'deadline' '{at}' 'reason' 'expired']]]"),
    );
    assert_eq!(expiries(&mut c, "w"), [0; 5]);
    c.expect("EXPIRY.CLAIM w me", "-ERR the key has a SINK…");
    let told = feed.take(&mut c);
    let position =
        |what: &str| told.iter().position(|line| line.contains(what)).unwrap_or_else(|| panic!("{what} in {told:?}"));
    assert!(position("EXPIRY.FIRE w k:1") < position("XADD stream"));
    assert_eq!(position("XADD stream") + 1, position("EXPIRY.DROPREADY w 1"), "{told:?}");
}
