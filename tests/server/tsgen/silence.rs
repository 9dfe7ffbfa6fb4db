//! Sources that fall silent, come and go, and advances that go too far at once.

use crate::common::*;
use crate::harness::*;

/// The idle sources of `k`, by name.
fn idle(c: &mut Client) -> Vec<String> {
    let sources = c.ok("TSGEN.SOURCES k");
    let idle = sources.items().iter().filter(|source| source.items()[3].int() == 1);
    idle.map(|source| source.items()[0].text()).collect()
}

fn watermark(c: &mut Client) -> String {
    c.run("TSGEN.WATERMARK k").to_string()
}

/// Three partitions advance a watermark, one falls silent, and comes back.
#[test]
fn the_others_go_on_without_a_silent_partition_and_nothing_is_early_or_lost() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.play(
        r#"
        > TSGEN.CREATE k SOURCES 3 p0 p1 p2 SOURCEIDLE 2000
        OK
        > TSGEN.MADD k 20 a "" 30 b "" 50 c ""
        [1 1 1]
        > TSGEN.ADVANCE k 10 SOURCE p2
        nil
        > TSGEN.ADVANCE k 10 SOURCE p0
        nil
        > TSGEN.ADVANCE k 10 SOURCE p1
        10
        "#,
    );
    let mut worker = Blocked::new(&master, "TSGEN.CLAIM k w COUNT 10 BLOCK 20000");
    let mut events = Events::subscribe(&master);
    let mut feed = Feed::open(&master);
    // p0 and p1 go on; nothing of what p2 may still have to say is given out before its time is over.
    let last_word = c.ok("TSGEN.SOURCES k").items()[2].items()[2].int();
    wait_until("p2 is left out", || {
        c.ok("TSGEN.ADVANCE k 40 SOURCE p0");
        c.ok("TSGEN.ADVANCE k 30 SOURCE p1");
        idle(&mut c) == ["p2"]
    });
    assert!(server_ms(&mut c) >= last_word + 2000, "left out early");
    assert_eq!(watermark(&mut c), "30");
    let got = worker.reply();
    assert!(matches("[[<a> 1 'a' 20 ''] [<b> 1 'b' 30 '']]", &got.to_string(), &mut c.bindings), "{got}");
    let told = feed.take(&mut c);
    assert!(told.iter().any(|line| line.starts_with("TSGEN.AT ") && line.ends_with(" TSGEN.IDLE k p2")), "{told:#?}");
    assert!(events.take(&mut c).iter().any(|event| event.contains("tsgen.ready")));
    shows(&c.ok("TSGEN.INFO k"), "sourceidle 2000 idle-sources 1 maxjump 0");
    same_data(&master, &replica);
    // It comes back: what it brings is late and not lost, and it is waited for again.
    c.play(
        r#"
        > TSGEN.ADD k 12 late-1
        0
        > TSGEN.ADVANCE k 12 SOURCE p2
        30
        > TSGEN.ADVANCE k 60 SOURCE p0
        30
        > TSGEN.ADVANCE k 60 SOURCE p1
        30
        > TSGEN.CLAIM k w COUNT 10
        [[<l> 1 'late-1' 12 '']]
        > TSGEN.ADVANCE k 55 SOURCE p2
        55
        > TSGEN.CLAIM k w COUNT 10
        [[<c> 1 'c' 50 '']]
        > TSGEN.ACK k <a> <b> <c> <l>
        4
        "#,
    );
    assert_eq!(counts(&mut c, "k"), [0; 5]);
    same_data(&master, &replica);
}

#[test]
fn if_all_are_silent_the_watermark_stays() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k SOURCES 2 a b SOURCEIDLE 30\n OK\n > TSGEN.ADVANCE k 10 SOURCE a\n nil");
    wait_until("both are silent", || idle(&mut c) == ["a", "b"]);
    // Whichever was first to be so: nothing rose beyond what one has said.
    c.play("> TSGEN.ADD k 11 x\n 1\n > TSGEN.ADVANCE k 12 SOURCE b\n 12\n > TSGEN.CLAIM k w\n [[<t> 1 'x' 11 '']]");
}

/// Nobody could report to a server that was down, paused or not yet the master: that is no silence.
#[test]
fn who_could_not_be_heard_is_not_left_out() {
    let mut clock = Clock::new();
    let mut server = Server::start_under(&clock, &AOF);
    let mut c = server.client();
    c.play(
        r#"
        > TSGEN.CREATE k SOURCES 2 a b SOURCEIDLE 60000 LATE REJECT
        OK
        > TSGEN.ADVANCE k 10 SOURCE a
        nil
        > TSGEN.ADVANCE k 10 SOURCE b
        10
        "#,
    );
    let speak = |c: &mut Client, to: i64| {
        let before = ticks(c);
        wait_until("the timer has looked", || ticks(c) > before + 1);
        // Were b left out, this would open the gate, and what b brings would be refused.
        c.expect(&format!("TSGEN.ADVANCE k {to} SOURCE a"), "10");
        assert_eq!(idle(c), Vec::<String>::new());
    };
    server.stop(Stop::Kill);
    clock.pass(3_600_000);
    server.start_again();
    speak(&mut server.client(), 20);

    let mut c = server.client();
    c.ok("CLIENT PAUSE 3600000 WRITE");
    clock.pass(1_800_000);
    let before = ticks(&mut c);
    wait_until("the timer knows of the pause", || ticks(&mut c) > before + 1);
    c.ok("CLIENT UNPAUSE");
    speak(&mut c, 30);

    // The clock is set: no time has passed.
    clock.step(3_600_000);
    speak(&mut c, 40);
    clock.step(-7_200_000);
    speak(&mut c, 50);
    // Now it has.
    clock.step(7_200_000);
    c.ok("TSGEN.ADVANCE k 60 SOURCE a");
    wait_until("b is left out", || {
        clock.pass(10_000);
        c.ok("TSGEN.ADVANCE k 60 SOURCE a");
        idle(&mut c) == ["b"]
    });
    assert_eq!(watermark(&mut c), "60");
}

#[test]
fn a_promoted_replica_decides_by_its_own_clock_from_then_on() {
    let mut clock = Clock::new();
    let (master, replica) = pair_under(&clock, &[]);
    let mut c = master.client();
    c.play(
        r#"
        > TSGEN.CREATE k SOURCES 3 a b c SOURCEIDLE 60000
        OK
        > TSGEN.ADVANCE k 10 SOURCE a
        nil
        "#,
    );
    wait_until("b and c are silent", || {
        clock.pass(10_000);
        c.ok("TSGEN.ADVANCE k 10 SOURCE a");
        idle(&mut c) == ["b", "c"]
    });
    c.expect("TSGEN.ADVANCE k 20 SOURCE b", "10");
    same_data(&master, &replica);
    assert_eq!(idle(&mut replica.client()), ["c"]);
    clock.pass(50_000);
    let mut c = promote(master, &replica);
    c.expect("TSGEN.ADVANCE k 30 SOURCE a", "20");
    assert_eq!(idle(&mut c), ["c"]);
    wait_until("b is silent", || {
        clock.pass(10_000);
        c.ok("TSGEN.ADVANCE k 30 SOURCE a");
        idle(&mut c) == ["b", "c"]
    });
    assert_eq!(watermark(&mut c), "30");
}

#[test]
fn what_was_decided_is_in_every_file_and_in_a_copy() {
    let mut server = Server::start(&AOF);
    let mut c = server.client();
    c.play(
        r#"
        > TSGEN.CREATE k SOURCES 2 a b SOURCEIDLE 40 MAXJUMP 100
        OK
        > TSGEN.ADVANCE k 10 SOURCE a
        nil
        "#,
    );
    wait_until("b is silent", || {
        c.ok("TSGEN.ADVANCE k 10 SOURCE a");
        idle(&mut c) == ["b"]
    });
    // From here on nothing changes by itself.
    c.ok("TSGEN.ALTER k SOURCEIDLE 1h");
    c.ok("TSGEN.ALTER k SOURCEIDLE 40");
    wait_until("both are silent", || idle(&mut c) == ["a", "b"]);
    same_from_files(&mut server, "k");
    assert_eq!(idle(&mut server.client()).len(), 2);
    shows(&server.client().ok("TSGEN.INFO k"), "sourceidle 40 idle-sources 2 maxjump 100");
}

#[test]
fn at_a_time_of_its_own_a_command_finds_what_the_timer_would_have_decided() {
    let server = virtual_clock();
    let mut c = server.client();
    let mut feed = Feed::open(&server);
    c.play(
        r#"
        > TSGEN.AT 4000000000000 TSGEN.CREATE k SOURCES 2 a b SOURCEIDLE 60000
        OK
        > TSGEN.AT 4000000000000 TSGEN.ADVANCE k 10 SOURCE a
        nil
        > TSGEN.ADD k 10 x
        1
        > TSGEN.AT 4000000059999 TSGEN.ADVANCE k 20 SOURCE a
        nil
        > TSGEN.AT 4000000060000 TSGEN.CLAIM k w
        [[<t> 1 'x' 10 '']]
        > TSGEN.AT 4000000060001 TSGEN.SOURCES k
        [['a' 20 4000000059999 0] ['b' nil nil 1]]
        > TSGEN.AT 4000000119999 TSGEN.WATERMARK k
        20
        > TSGEN.SOURCES k
        [['a' 20 4000000059999 1] ['b' nil nil 1]]
        "#,
    );
    feed.expect(
        &mut c,
        &[
            "TSGEN.AT 4000000000000 TSGEN.CREATE k SOURCES 2 a b LATE ready SOURCEIDLE 60000 …",
            "TSGEN.AT 4000000000000 TSGEN.ADVANCE k 10 SOURCE a",
            "TSGEN.ADD k 10 x",
            "TSGEN.AT 4000000059999 TSGEN.ADVANCE k 20 SOURCE a",
            "MULTI",
            "TSGEN.AT 4000000060000 TSGEN.IDLE k b",
            "TSGEN.AT 4000000060000 TSGEN.CLAIM k w COUNT 1 LEASE 30000 TOKEN <t>",
            "EXEC",
            "TSGEN.AT 4000000119999 TSGEN.IDLE k a",
        ],
    );
}

#[test]
fn sources_come_and_go_while_a_worker_waits() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.play(
        r#"
        > TSGEN.CREATE k SOURCES 2 a b
        OK
        > TSGEN.MADD k 15 x "" 25 y ""
        [1 1]
        > TSGEN.ADVANCE k 30 SOURCE a
        nil
        > TSGEN.ADVANCE k 10 SOURCE b
        10
        "#,
    );
    let mut feed = Feed::open(&master);
    let mut worker = Blocked::new(&master, "TSGEN.CLAIM k w BLOCK 20000");
    let mut events = Told::of(&master, "tsgen");
    events.play("> TSGEN.ALTER k ADDSOURCE c ADDSOURCE d\n OK", &["alter"]);
    c.expect("TSGEN.SOURCES k", "[['a' 30 <_a> 0] ['b' 10 <_b> 0] ['c' nil nil 0] ['d' nil nil 0]]");
    c.play("> TSGEN.ADVANCE k 30 SOURCE b\n 10\n > TSGEN.ADVANCE k 20 SOURCE c\n 10");
    events.play("> TSGEN.ALTER k REMSOURCE d\n OK", &["advance", "advance", "alter", "ready", "claim"]);
    assert_eq!(worker.reply().items()[0].items()[2].text(), "x");
    let told = feed.take(&mut c);
    assert!(told.iter().any(|line| line.ends_with(" TSGEN.ALTER k ADDSOURCE c ADDSOURCE d")), "{told:#?}");
    c.expect("TSGEN.WATERMARK k", "20");
    // A name that is a word of an option, and SINK behind it.
    c.play(
        r#"
        > COMMAND GETKEYS TSGEN.ALTER k ADDSOURCE SINK REMSOURCE b SOURCEIDLE 5 MAXJUMP 7 SINK stream
        ['k' 'stream']
        > COMMAND GETKEYS TSGEN.CREATE k SOURCES 1 a SOURCEIDLE 5 MAXJUMP 7 SINK stream
        ['k' 'stream']
        "#,
    );
    same_data(&master, &replica);
    refused(
        &master,
        &[
            ("TSGEN.ALTER k ADDSOURCE a", "ADDSOURCE must be a name that no source of the key has"),
            ("TSGEN.ALTER k REMSOURCE nobody", "REMSOURCE must be one of the key's sources"),
            ("TSGEN.ALTER k REMSOURCE a REMSOURCE b REMSOURCE c", "REMSOURCE must leave at least one source"),
            ("TSGEN.ALTER k ADDSOURCE new REMSOURCE nobody", "REMSOURCE must be one of the key's sources"),
            (&format!("TSGEN.ALTER k ADDSOURCE {}", "x".repeat(65_537)), "ADDSOURCE must be at most 65536 bytes"),
            (
                &format!("TSGEN.ALTER k{}", (0..998).map(|n| format!(" ADDSOURCE {n}")).collect::<String>()),
                "more than 1000",
            ),
            ("TSGEN.ALTER k ADDSOURCE", "ADDSOURCE needs a value"),
            ("TSGEN.ALTER k SOURCEIDLE -1", "SOURCEIDLE must be an integer between 0"),
            ("TSGEN.ALTER k MAXJUMP x", "MAXJUMP must be an integer between 0"),
            ("TSGEN.ALTER k MAXJUMP 1 MAXJUMP 2", "MAXJUMP given twice"),
            ("TSGEN.CREATE n SOURCEIDLE 5", "SOURCEIDLE needs a key with SOURCES"),
            ("TSGEN.CREATE n CLOCK SOURCEIDLE 5", "SOURCEIDLE needs a key with SOURCES"),
            ("TSGEN.CREATE n CLOCK MAXJUMP 5", "MAXJUMP does not go with CLOCK"),
            ("TSGEN.IDLE k a", "unknown command"),
        ],
    );
    c.play("> TSGEN.CREATE e\n OK\n > TSGEN.CREATE t CLOCK\n OK");
    refused(
        &master,
        &[
            ("TSGEN.ALTER e ADDSOURCE a", "need a key with SOURCES"),
            ("TSGEN.ALTER t REMSOURCE a", "need a key with SOURCES"),
            ("TSGEN.ALTER e SOURCEIDLE 5", "SOURCEIDLE needs a key with SOURCES"),
            ("TSGEN.ALTER t MAXJUMP 5", "MAXJUMP does not go with CLOCK"),
        ],
    );
}

#[test]
fn an_advance_in_the_wrong_unit_is_refused_unless_it_is_forced() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.play(
        r#"
        > TSGEN.CREATE k MAXJUMP 3600000
        OK
        > TSGEN.ADD k 1700000100000 a
        1
        # The first is free.
        > TSGEN.ADVANCE k 1700000000000
        1700000000000
        > TSGEN.ADVANCE k 1700000000000000
        -JUMP 1700000000000000 is 1698300000000000 above 1700000000000, and MAXJUMP is 3600000; is it in the right unit? If so, ADVANCE … FORCE
        > TSGEN.GET k a
        ['waiting' 1700000100000 '']
        > TSGEN.ADVANCE k 1700003600001
        -JUMP …
        "#,
    );
    let mut feed = Feed::open(&master);
    c.play(
        r#"
        > TSGEN.ADVANCE k 1700003600001
        -JUMP …
        > TSGEN.ADVANCE k 1700003600000
        1700003600000
        > TSGEN.ADVANCE k 1800000000000 FORCE
        1800000000000
        > TSGEN.ADVANCE k 5 FORCE FORCE
        -ERR FORCE given twice
        > TSGEN.CREATE s SOURCES 2 a b MAXJUMP 10
        OK
        > TSGEN.ADVANCE s 100 SOURCE a
        nil
        > TSGEN.ADVANCE s 111 SOURCE a
        -JUMP 111 is 11 above 100, and MAXJUMP is 10; …
        > TSGEN.ADVANCE s 111 SOURCE a FORCE
        nil
        > TSGEN.ALTER s SOURCE a 90
        OK
        > TSGEN.ADVANCE s 95 SOURCE b
        90
        > TSGEN.ALTER s MAXJUMP 0
        OK
        > TSGEN.ADVANCE s 9000000000000000000 SOURCE a
        95
        "#,
    );
    let told = feed.take(&mut c);
    assert_eq!(told.iter().filter(|line| line.contains("ADVANCE k")).count(), 2, "{told:#?}");
    assert!(told.iter().any(|line| line.ends_with(" TSGEN.ADVANCE k 1800000000000 FORCE")), "{told:#?}");
    same_data(&master, &replica);
}
