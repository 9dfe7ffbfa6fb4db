//! Ids that are remembered once their work is done.

use crate::common::*;
use crate::harness::*;

const TEN_MINUTES: i64 = 600_000;

/// A producer's connection broke after its ADD. It repeats that ten minutes after the work was done, and again after a restart and on a replica that
/// was promoted.
#[test]
fn an_add_that_is_repeated_after_the_work_was_done_adds_nothing() {
    let mut clock = Clock::new();
    let (mut master, replica) = pair_under(&clock, &AOF);
    let mut c = master.client();
    c.play("> TSGEN.CREATE k REMEMBER 1h\n OK\n > TSGEN.ADVANCE k 100\n 100");
    let mut producer = master.client();
    producer.send(&[b"TSGEN.ADD", b"k", b"5", b"order-1", b"two books"]);
    drop(producer);
    c.play(
        r#"
        > TSGEN.CLAIM k w BLOCK 20000
        [[<t> 1 'order-1' 5 'two books']]
        > TSGEN.ADD k 5 order-1 "two books"
        nil
        > TSGEN.ACK k <t>
        1
        "#,
    );
    let repeats = |c: &mut Client| {
        c.play(
            r#"
            > TSGEN.ADD k 5 order-1 "two books"
            nil
            > TSGEN.ADD k NX 5 order-1 "two books"
            nil
            > TSGEN.ADD k XX 5 order-1
            nil
            > TSGEN.MADD k 5 order-1 "two books" 5 order-1 ""
            [nil nil]
            > TSGEN.CLAIM k w
            []
            > TSGEN.GET k order-1
            nil
            "#,
        );
        shows(&c.ok("TSGEN.INFO k"), "remember 3600000 remembermax 1000000 remembered 1");
    };
    clock.pass(TEN_MINUTES);
    repeats(&mut c);
    same_data(&master, &replica);
    master.restart(Stop::Kill);
    repeats(&mut master.client());
    replica.wait_in_sync(&master);
    let mut c = promote(master, &replica);
    clock.pass(TEN_MINUTES);
    repeats(&mut c);
    clock.pass(3 * 20 * TEN_MINUTES);
    c.expect("TSGEN.ADD k 5 order-1", "0");
}

#[test]
fn what_depends_on_time_carries_it_and_what_changes_nothing_is_not_told() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let mut feed = Feed::open(&server);
    c.play(
        r#"
        > TSGEN.CREATE k REMEMBER 1h REMEMBERMAX 10
        OK
        > TSGEN.ADVANCE k 9
        9
        > TSGEN.MADD k 1 a "" 2 b ""
        [0 0]
        > TSGEN.CLAIM k w
        [[<a> …]]
        > TSGEN.ADD k 1 a
        nil
        > TSGEN.ACK k <a>
        1
        > TSGEN.ADD k 1 a
        nil
        > TSGEN.MADD k 1 a "" 20 c ""
        [nil 1]
        > TSGEN.MADD k 1 a ""
        [nil]
        > TSGEN.REM k a
        0
        > TSGEN.REM k a
        0
        > TSGEN.ADD k 1 a
        0
        "#,
    );
    feed.expect(
        &mut c,
        &[
            "TSGEN.AT <_0> TSGEN.CREATE k LATE ready REMEMBER 3600000 REMEMBERMAX 10 …",
            "TSGEN.AT <_1> TSGEN.ADVANCE k 9",
            "TSGEN.AT <_2> TSGEN.MADD k 1 a '' 2 b ''",
            "TSGEN.AT <_3> TSGEN.CLAIM k w COUNT 1 LEASE 30000 TOKEN <a>",
            "TSGEN.AT <_4> TSGEN.ACK k <a>",
            "TSGEN.AT <_5> TSGEN.MADD k 1 a '' 20 c ''",
            "TSGEN.REM k a",
            "TSGEN.AT <_6> TSGEN.ADD k 1 a",
        ],
    );
}

/// What is over is forgotten by the timer, without anybody's help, and on replicas the same.
#[test]
fn the_timer_forgets_what_is_over() {
    let mut clock = Clock::new();
    let (master, replica) = pair_under(&clock, &[]);
    let mut c = master.client();
    c.play("> TSGEN.CREATE k REMEMBER 60s\n OK\n > TSGEN.ADVANCE k 9\n 9");
    for n in 0..30 {
        let add = |i: i32| ["TSGEN.ADD", "k", "1", &format!("{n}-{i}")].map(|word| word.as_bytes().to_vec());
        c.pipeline((0..100).map(add));
        let claimed = c.ok("TSGEN.CLAIM k w COUNT 100");
        let first = claimed.items()[0].items()[0].int();
        c.expect(&format!("TSGEN.ACK k {first}-{}", first + 99), "100");
    }
    assert_eq!(stat(&mut c, "k", "remembered"), 3_000);
    let mut feed = Feed::open(&master);
    clock.pass(61_500);
    wait_until("all is forgotten", || stat(&mut c, "k", "remembered") == 0);
    let told = feed.take(&mut c);
    assert_eq!(told.iter().filter(|line| line.ends_with(" TSGEN.FORGET k")).count(), 3, "{told:#?}");
    same_data(&master, &replica);
    assert_eq!(stat(&mut replica.client(), "k", "remembered"), 0);
}

#[test]
fn options_may_be_altered_and_are_in_every_file() {
    let mut server = Server::start(&AOF);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k REMEMBER 1h REMEMBERMAX 3\n OK\n > TSGEN.ADVANCE k 9\n 9");
    let work = |c: &mut Client, id: &str| {
        c.expect(&format!("TSGEN.ADD k 1 {id}"), "0");
        let token = c.ok("TSGEN.CLAIM k w").items()[0].items()[0].int();
        c.expect(&format!("TSGEN.ACK k {token}"), "1");
    };
    ["a", "b", "c", "d"].iter().for_each(|id| work(&mut c, id));
    // The oldest is forgotten first.
    c.play("> TSGEN.ADD k 1 b\n nil\n > TSGEN.ADD k 50 a\n 1\n > TSGEN.ALTER k REMEMBERMAX 2\n OK");
    wait_until("two are left", || stat(&mut c, "k", "remembered") == 2);
    c.play("> TSGEN.ADD k 50 b\n 1\n > TSGEN.ADD k 50 c\n nil\n > TSGEN.ADD k 50 d\n nil");
    same_from_files(&mut server, "k");
    let mut c = server.client();
    c.play("> TSGEN.ADD k 50 d\n nil\n > TSGEN.ALTER k REMEMBER 0\n OK\n > TSGEN.ADD k 50 d\n 1");
    wait_until("nothing is left", || stat(&mut c, "k", "remembered") == 0);
    // Without a memory an ACK depends on no time again.
    let mut feed = Feed::open(&server);
    c.play("> TSGEN.ADD k 1 e\n 0\n > TSGEN.CLAIM k w\n [[<e> …]]\n > TSGEN.ADD k 1 e\n 0\n > TSGEN.ACK k <e>\n 1");
    let told = feed.take(&mut c);
    assert_eq!(told.last().map(String::as_str), Some(&*format!("TSGEN.ACK k {}", c.bound("e"))), "{told:#?}");
    refused(
        &server,
        &[
            ("TSGEN.CREATE n REMEMBER", "REMEMBER needs a value"),
            ("TSGEN.CREATE n REMEMBER x", "REMEMBER must be an integer between 0"),
            ("TSGEN.CREATE n REMEMBER 1h REMEMBER 1h", "REMEMBER given twice"),
            ("TSGEN.ALTER k REMEMBERMAX 0", "REMEMBERMAX must be an integer between 1"),
            ("TSGEN.FORGET k", "unknown command"),
        ],
    );
    c.play("> COMMAND GETKEYS TSGEN.CREATE k REMEMBER 5 REMEMBERMAX 7 SINK stream\n ['k' 'stream']");
}

/// What is done and remembered takes no room of MAXLEN; what a sink has taken is remembered; and a dead letter that is acknowledged after all.
#[test]
fn what_a_sink_took_is_remembered_and_nothing_counts_to_maxlen() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.play("> TSGEN.CREATE k REMEMBER 1h MAXLEN 1 SINK stream\n OK\n > TSGEN.ADVANCE k 9\n 9\n > TSGEN.ADD k 1 a\n 0");
    wait_until("the stream has it", || c.run("XLEN stream") == "1");
    c.play("> TSGEN.ADD k 1 a\n nil\n > TSGEN.ADD k 1 b\n 0");
    wait_until("the stream has the other, too", || c.run("XLEN stream") == "2");
    c.play(
        "> TSGEN.ADD k 1 b\n nil\n > TSGEN.ADD k 99 c\n 1\n > TSGEN.ADD k 99 d\n -FULL …\n > TSGEN.ADD k 99 a\n nil",
    );
    same_data(&master, &replica);
    c.play(
        r#"
        > TSGEN.CREATE clock CLOCK REMEMBER 1h MAXDELIVERIES 1 LATE REJECT
        OK
        > TSGEN.ADD clock +1 a
        1
        > TSGEN.CLAIM clock w BLOCK 20000 LEASE 1
        [[<a> …]]
        > TSGEN.ACK clock <a>
        1
        > TSGEN.ADD clock 5 a
        nil
        > TSGEN.ADD clock 5 b
        -LATE …
        > EVAL "return redis.call('TSGEN.ADD', KEYS[1], '+1', 'a')" 1 clock
        nil
        > MULTI
        OK
        > TSGEN.REM clock a
        QUEUED
        > TSGEN.ADD clock +1h a
        QUEUED
        > EXEC
        [0 1]
        "#,
    );
    same_data(&master, &replica);
}

/// The other ways to acknowledge: before a claim in one command, of one key and of several.
#[test]
fn what_a_claim_acknowledges_is_remembered() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.play(
        r#"
        > TSGEN.CREATE k REMEMBER 1h
        OK
        > TSGEN.ADVANCE k 9
        9
        > TSGEN.MADD k 1 a "" 2 b "" 3 c ""
        [0 0 0]
        > TSGEN.CLAIM k w
        [[<a> …]]
        "#,
    );
    let mut feed = Feed::open(&master);
    c.play(
        r#"
        > TSGEN.CLAIM k w ACK <a>
        [[<b> 1 'b' 2 '']]
        > TSGEN.MCLAIM 1 k w ACK k <b>
        [['k' [[<c> 1 'c' 3 '']]]]
        > TSGEN.CLAIM k w ACK <c>
        []
        > TSGEN.MADD k 1 a "" 1 b "" 1 c ""
        [nil nil nil]
        "#,
    );
    let told = feed.take(&mut c);
    let told: Vec<_> = told.iter().filter(|line| line.contains("TSGEN.")).collect();
    assert!(told.len() == 4 && told.iter().all(|line| line.starts_with("TSGEN.AT ")), "{told:#?}");
    same_data(&master, &replica);
    assert_eq!(stat(&mut replica.client(), "k", "remembered"), 3);
}
