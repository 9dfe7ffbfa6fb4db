//! Replicas of TSGEN keys: what they are told, literally, and that they always hold the same data.

use crate::common::*;
use crate::harness::*;

#[test]
fn time_independent_commands_are_repeated_verbatim() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k");
    c.play("> TSGEN.CREATE s SOURCES 1 a\n OK");
    let mut feed = Feed::open(&server);
    c.play(
        r#"
        > TSGEN.ADD k 1 a x
        1
        > tsgen.add k NX 2 b
        1
        > TSGEN.MADD k 3 c y 4 d ""
        [1 1]
        > TSGEN.REM k d nothing
        1
        > TSGEN.ADD s 1 a
        1
        "#,
    );
    feed.expect(
        &mut c,
        &[
            "TSGEN.ADD k 1 a x",
            "tsgen.add k NX 2 b",
            "TSGEN.MADD k 3 c y 4 d ''",
            "TSGEN.REM k d nothing",
            "TSGEN.ADD s 1 a",
        ],
    );
}

#[test]
fn a_claim_is_one_short_command_whatever_its_count() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let add = |i: usize| ["TSGEN.ADD", "k", "1", &format!("id{i}")].map(|word| word.as_bytes().to_vec());
    c.pipeline((0..1000).map(add));
    c.ok("TSGEN.ADVANCE k 1");
    let mut feed = Feed::open(&server);
    let claimed = c.ok("TSGEN.CLAIM k w COUNT 1000");
    let first = claimed.items()[0].items()[0].int();
    feed.expect(&mut c, &[&format!("TSGEN.AT <now> TSGEN.CLAIM k w COUNT 1000 LEASE 30000 TOKEN {first}")]);
    c.ok(&format!("TSGEN.ACK k {first}-{}", first + 999));
    feed.expect(&mut c, &[&format!("TSGEN.ACK k {first}-{}", first + 999)]);
}

#[test]
fn time_dependent_commands_carry_their_time_and_every_default() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.MADD k 1 a \"\" 2 b \"\" 3 c \"\"\n [1 1 1]\n > TSGEN.CREATE clock CLOCK\n OK");
    let mut feed = Feed::open(&server);
    c.play("> TSGEN.ADVANCE k 3\n 3\n > TSGEN.CLAIM k w COUNT 3 LEASE 77000\n [[<a> …] [<b> …] [<c> …]]");
    feed.expect(
        &mut c,
        &["TSGEN.AT <t0> TSGEN.ADVANCE k 3", "TSGEN.AT <t1> TSGEN.CLAIM k w COUNT 3 LEASE 77000 TOKEN <a>"],
    );
    c.play("> TSGEN.NACK k <a> DELAY 5000\n 1\n > TSGEN.NACK k <b> DEAD REASON why\n 1\n > TSGEN.EXTEND k 9000 <c>\n 1\n > TSGEN.RELEASE k w\n 1");
    c.play("> TSGEN.REQUEUE k <b>\n 1\n > TSGEN.CLAIM k w\n [[<d> 1 'b' …]]\n > TSGEN.NACK k <d> DEAD\n 1\n > TSGEN.DISCARD k ALL\n 1\n > TSGEN.ALTER k LEASE 5\n OK");
    let commands = feed.take(&mut c);
    let inner: Vec<&str> = commands.iter().map(|line| line.split_whitespace().nth(2).unwrap_or_default()).collect();
    assert_eq!(
        inner,
        ["NACK", "NACK", "EXTEND", "RELEASE", "REQUEUE", "CLAIM", "NACK", "DISCARD", "ALTER"]
            .map(|name| format!("TSGEN.{name}")),
        "{commands:#?}"
    );
    assert!(commands.iter().all(|line| line.starts_with("TSGEN.AT ")), "{commands:#?}");
    // A relative time is made absolute.
    let before = now_ms();
    c.expect("TSGEN.ADD clock +100000 a x", "1");
    let commands = feed.take(&mut c);
    let words: Vec<&str> = commands[0].split(' ').collect();
    assert_eq!((commands.len(), words[0], words[2]), (1, "TSGEN.AT", "TSGEN.ADD"));
    let due: i64 = words[4].parse().unwrap_or_else(|_| panic!("{commands:?}"));
    assert!((before + 100_000..=now_ms() + 100_000).contains(&due));
}

#[test]
fn a_first_write_tells_the_creation_with_every_option_first() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("CONFIG SET tsgen.lease 12345");
    let mut feed = Feed::open(&server);
    c.play("> TSGEN.ADD k 1 a\n 1");
    let commands = feed.take(&mut c);
    // Several effects of one command travel as one transaction.
    let commands: Vec<&String> = commands.iter().filter(|line| !matches!(line.as_str(), "MULTI" | "EXEC")).collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    assert!(commands[0].contains("TSGEN.CREATE k") && commands[0].contains("LEASE 12345"), "{commands:?}");
    assert!(commands[0].contains("MAXDELIVERIES 16") && commands[0].contains("BACKOFF 0"), "{commands:?}");
    assert!(commands[1].ends_with("TSGEN.ADD k 1 a"), "{commands:?}");
}

#[test]
fn a_claim_or_an_advance_that_changes_nothing_is_not_replicated() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.ADD k 5 a\n 1\n > TSGEN.ADVANCE k 1\n 1");
    let mut feed = Feed::open(&server);
    c.play(
        r#"
        > TSGEN.CLAIM k w
        []
        > TSGEN.CLAIM k w BLOCK 20
        []
        > TSGEN.ADVANCE k 1
        1
        > TSGEN.ADVANCE k 0
        1
        > TSGEN.REQUEUE k ALL
        0
        > TSGEN.DISCARD k ALL
        0
        "#,
    );
    feed.expect(&mut c, &[]);
}

/// MAXDELIVERIES 1, LEASE 1: the second claim replies empty, but the entry died in it. Were that not replicated, the digests
/// would differ from here on.
#[test]
fn a_claim_that_replies_empty_but_buried_something_is_replicated() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.play("> TSGEN.CREATE k MAXDELIVERIES 1\n OK\n > TSGEN.ADD k 1 a\n 1\n > TSGEN.ADVANCE k 1\n 1\n > TSGEN.CLAIM k w LEASE 1\n [[<t> …]]");
    wait_until("the lease is over", || counts(&mut c, "k") == [0, 0, 0, 0, 1]);
    let mut feed = Feed::open(&master);
    c.expect("TSGEN.CLAIM k w", "[]");
    feed.expect(&mut c, &["TSGEN.AT <now> TSGEN.CLAIM k w COUNT 1 LEASE 30000 TOKEN <_>"]);
    assert_eq!(counts(&mut c, "k"), [0, 0, 0, 0, 1]);
    same_data(&master, &replica);
}

#[test]
fn a_blocked_claim_is_replicated_after_what_woke_it() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.ADVANCE k 5");
    let mut one = Blocked::new(&server, "TSGEN.CLAIM k w1 BLOCK 0");
    let mut two = Blocked::new(&server, "TSGEN.CLAIM k w2 BLOCK 0 LEASE 500");
    let mut feed = Feed::open(&server);
    c.expect("TSGEN.MADD k 1 a x 2 b y", "[0 0]");
    feed.expect(
        &mut c,
        &[
            "TSGEN.MADD k 1 a x 2 b y",
            "TSGEN.AT <_1> TSGEN.CLAIM k w1 COUNT 1 LEASE 30000 TOKEN <a>",
            "TSGEN.AT <_2> TSGEN.CLAIM k w2 COUNT 1 LEASE 500 TOKEN <b>",
        ],
    );
    assert_eq!(one.reply().items()[0].items()[0].int(), c.bound("a"));
    assert_eq!(two.reply().items()[0].items()[0].int(), c.bound("b"));
}

#[test]
fn commands_in_a_transaction_stay_in_it() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k");
    let mut feed = Feed::open(&server);
    c.play("> MULTI\n OK\n > TSGEN.ADD k 1 a\n QUEUED\n > TSGEN.ADVANCE k 1\n QUEUED\n > TSGEN.CLAIM k w\n QUEUED\n > SET x 1\n QUEUED\n > EXEC\n [1 1 [[<t> …]] OK]");
    let expected = [
        "MULTI",
        "TSGEN.ADD k 1 a",
        "TSGEN.AT <t1> TSGEN.ADVANCE k 1",
        "TSGEN.AT <t2> TSGEN.CLAIM k w COUNT 1 LEASE 30000 TOKEN <t>",
        "SET x 1",
        "EXEC",
    ];
    feed.expect(&mut c, &expected);
}

#[test]
fn reads_on_a_replica_answer_as_if_swept() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.play("> TSGEN.ADD k 1 a x\n 1\n > TSGEN.ADVANCE k 1\n 1\n > TSGEN.CLAIM k w LEASE 100\n [[<t> …]]");
    replica.wait_in_sync(&master);
    let mut r = replica.client();
    wait_until("the replica sees the lease end", || r.run("TSGEN.GET k a") == "['ready' 1 'x']");
    same_data(&master, &replica);
}

#[test]
fn a_promoted_replica_goes_on_with_leases_and_tokens_intact() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.play("> TSGEN.MADD k 1 a \"\" 2 b \"\" 3 c \"\"\n [1 1 1]\n > TSGEN.ADVANCE k 3\n 3\n > TSGEN.CLAIM k w LEASE 3600000\n [[<a> …]]\n > TSGEN.CLAIM k w LEASE 4000\n [[<b> …]]");
    replica.wait_in_sync(&master);
    let bindings = c.bindings.clone();
    let mut c = promote(master, &replica);
    c.bindings = bindings;
    c.play("> TSGEN.CLAIM k w2\n [[<c> 1 'c' 3 '']]\n > TSGEN.ACK k <a>\n 1\n > TSGEN.ACK k <a>\n 0");
    assert!(c.bound("c") > c.bound("b"));
    c.expect("TSGEN.CLAIM k heir BLOCK 20000", "[[<d> 2 'b' 2 '']]");
}

#[test]
fn a_demoted_master_unblocks_its_workers_with_an_error() {
    let (master, other) = (Server::start(&[]), Server::start(&[]));
    let mut worker = Blocked::new(&master, "TSGEN.CLAIM k w BLOCK 0");
    master.replica_of(&other);
    assert!(worker.reply().is_error());
    other.client().play("> TSGEN.ADD k 1 a\n 1\n > TSGEN.ADVANCE k 1\n 1");
    same_data(&other, &master);
}
