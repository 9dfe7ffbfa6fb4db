//! CLAIM with ACK, in all families alike: it acknowledges, then claims, in one write; what it acknowledges is done at once, whatever comes of
//! the claim.

use super::{expect_told, FAMILIES};
use crate::common::{counts, pair, AOF};
use crate::harness::*;

#[test]
fn it_acknowledges_and_then_claims_in_one_write() {
    for family in &FAMILIES {
        let (mut master, replica) = pair(&AOF);
        let mut c = master.client();
        family.make_ready(&mut c, "k", &["a", "b", "c", "d"]);
        let mut feed = Feed::open(&master);
        let mut events = Events::subscribe(&master);
        for (command, reply, told, seen) in [
            (
                "CLAIM # w",
                "[[<a> 1 …]]",
                &["TSGEN.AT <_1> @.CLAIM k w COUNT 1 LEASE 30000 TOKEN <a>"][..],
                &["claim"][..],
            ),
            (
                "CLAIM # w LEASE 5000 ACK <a>",
                "[[<b> 1 …]]",
                &["TSGEN.AT <_2> @.CLAIM k w COUNT 1 LEASE 5000 TOKEN <b> ACK <a>"],
                &["ack", "claim"],
            ),
            // A stale token is not told: nothing was acknowledged.
            (
                "claim # w count 2 ack <a> 7 9-11",
                "[[<c> 1 …] [<d> 1 …]]",
                &["TSGEN.AT <_3> @.CLAIM k w COUNT 2 LEASE 30000 TOKEN <c>"],
                &["claim"],
            ),
            ("CLAIM # w ACK <b>-<c> 1", "[]", &["@.ACK k <b>-<c> 1"], &["ack"]),
            ("CLAIM # w BLOCK 1 ACK <d>", "[]", &["@.ACK k <d>"], &["ack"]),
            ("CLAIM # w ACK <a>-<d>", "[]", &[], &[]),
            ("CLAIM none w ACK <a>-<d>", "[]", &[], &[]),
        ] {
            c.play(&format!("> {}\n {reply}", family.on(command, "k")));
            let told: Vec<String> = told.iter().map(|line| line.replace('@', family.name)).collect();
            expect_told(&mut feed, &mut c, &told);
            let seen = family.events("k", seen);
            let of_k: Vec<String> = events.take(&mut c).into_iter().filter(|event| event.starts_with("k ")).collect();
            assert_eq!(of_k, seen, "{} {command}", family.name);
        }
        assert_eq!(family.counts(&mut c, "k"), [0; 5], "{}", family.name);
        c.expect("EXISTS none", "0");
        same_data(&master, &replica);
        let digest = master.digest_all();
        master.restart(Stop::Kill);
        assert_eq!(master.digest_all(), digest, "{}", family.name);
    }
}

/// Another worker may have what it acknowledged for done, although the worker itself waits for more.
#[test]
fn what_it_acknowledges_is_done_while_it_waits() {
    for family in &FAMILIES {
        let (master, replica) = pair(&AOF);
        let mut c = master.client();
        family.make_ready(&mut c, "k", &["a"]);
        c.play(&format!("> {}\n [[<a> 1 …]]", family.on("CLAIM # w", "k")));
        let mut feed = Feed::open(&master);
        let token = c.bindings["a"].clone();
        let mut worker = Blocked::new(&master, &family.on(&format!("CLAIM # w BLOCK 0 ACK {token}"), "k"));
        assert_eq!(family.counts(&mut c, "k"), [0; 5], "{}", family.name);
        feed.expect(&mut c, &[&format!("{}.ACK k <a>", family.name)]);
        same_data(&master, &replica);
        family.make_ready(&mut c, "k", &["b"]);
        let served = worker.reply();
        assert_eq!(served.items()[0].items()[1], 1, "{served}");
        let told = feed.take(&mut c);
        // Before Redis 7.2 a key that has expired is told of by the timer, in one transaction with the claim.
        let last = told.iter().rfind(|line| *line != "EXEC");
        assert!(last.is_some_and(|last| last.contains(".CLAIM k w COUNT 1 LEASE 30000 TOKEN ")), "{told:?}");
        assert!(!told.iter().any(|line| line.contains(".ACK ")), "{told:?}");
        same_data(&master, &replica);
    }
}

#[test]
fn in_multi_in_scripts_and_under_watch() {
    for family in &FAMILIES {
        let (master, replica) = pair(&[]);
        let mut c = master.client();
        family.make_ready(&mut c, "k", &["a", "b", "c"]);
        family.play(&mut c, "> F.CLAIM k w\n [[<a> 1 …]]");
        let mut feed = Feed::open(&master);
        family.play(&mut c, "> MULTI\n OK\n > F.CLAIM k w BLOCK 0 ACK <a>\n QUEUED\n > F.CLAIM k w ACK 5\n QUEUED\n > EXEC\n [[[<b> 1 …]] [[<c> 1 …]]]");
        let claim =
            |token: &str| format!("TSGEN.AT <_{token}> {}.CLAIM k w COUNT 1 LEASE 30000 TOKEN <{token}>", family.name);
        let ack = |tokens: &str| format!("{}.ACK k {tokens}", family.name);
        feed.expect(&mut c, &["MULTI", &format!("{} ACK <a>", claim("b")), &claim("c"), "EXEC"]);
        // WATCH sees an acknowledgement without a claim.
        let mut watcher = master.client();
        watcher.play("> WATCH k\n OK");
        family.play(
            &mut c,
            "> EVAL \"return redis.call('F.CLAIM', KEYS[1], 'w', 'BLOCK', 0, 'ACK', ARGV[1], ARGV[2])\" 1 k <b> 5\n []",
        );
        feed.expect(&mut c, &[&ack("<b> 5")]);
        watcher.play("> MULTI\n OK\n > PING\n QUEUED\n > EXEC\n nil");
        watcher.play("> WATCH k\n OK");
        family.play(&mut c, "> F.CLAIM k w ACK <b>\n []");
        watcher.play("> MULTI\n OK\n > PING\n QUEUED\n > EXEC\n [PONG]");
        same_data(&master, &replica);
    }
}

#[test]
fn what_is_refused_acknowledges_nothing() {
    let server = Server::start(&[]);
    let mut c = server.client();
    // More than one command may settle.
    c.ok("TSGEN.ADVANCE k 9");
    for batch in 0..11 {
        let elements: Vec<String> = (0..1000).map(|n| format!("1 {batch}-{n} x")).collect();
        c.ok(&format!("TSGEN.MADD k {}", elements.join(" ")));
    }
    c.ok("TSGEN.CLAIM k w COUNT 10000");
    c.ok("TSGEN.CLAIM k w COUNT 1000");
    let refused = |c: &mut Client, command: &str, error: &str| {
        let before = server.digest_all();
        c.expect(command, error);
        assert_eq!(server.digest_all(), before, "{command}");
    };
    for command in [
        "TSGEN.CLAIM k w ACK 1-4611686018427387904",
        "TSGEN.MCLAIM 1 k w ACK k 1-4611686018427387904",
        "TSGEN.MCLAIM 1 k w ACK k 1 ACK k 1-4611686018427387904",
    ] {
        refused(&mut c, command, "-ERR …");
    }
    // Not enough replicas: as for any write.
    c.ok("CONFIG SET min-replicas-to-write 1");
    for command in ["TSGEN.CLAIM k w ACK 1-4611686018427387904", "TSGEN.MCLAIM 1 k w ACK k 1-4611686018427387904"] {
        refused(&mut c, command, "-NOREPLICAS …");
    }
    assert_eq!(counts(&mut c, "k"), [0, 0, 11_000, 0, 0]);
}

/// With GROUPLIMIT 1 the next of a group is held back until the one before is done.
#[test]
fn what_it_acknowledges_lets_the_next_of_its_group_go() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.play(
        r#"
        > TSGEN.CREATE k GROUPLIMIT 1
        OK
        > TSGEN.ADVANCE k 9
        9
        > TSGEN.MADD k GROUP g 1 a "" 2 b "" 3 c "" 4 d ""
        [0 0 0 0]
        > TSGEN.CLAIM k w COUNT 9
        [[<a> 1 'a' 1 '']]
        > TSGEN.CLAIM k w COUNT 9
        []
        > TSGEN.CLAIM k w COUNT 9 ACK <a>
        [[<b> 1 'b' 2 '']]
        > TSGEN.MCLAIM 2 none k w COUNT 9 ACK k <b>
        [['k' [[<c> 1 'c' 3 '']]]]
        # It gets what it wants elsewhere, so this one is another's.
        > TSGEN.ADVANCE other 9
        9
        > TSGEN.ADD other 1 x
        0
        "#,
    );
    let mut worker = Blocked::new(&master, "TSGEN.CLAIM k next BLOCK 0");
    c.expect("TSGEN.MCLAIM 2 other k w ACK k <c>", "[['other' [[<x> 1 'x' 1 '']]]]");
    assert_eq!(worker.reply().items()[0].items()[2].text(), "d");
    same_data(&master, &replica);
}
