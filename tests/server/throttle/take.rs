//! THROTTLE.TAKE itself: its replies at any time, bad input, its time to live, and how it behaves where commands can be sent.
//!
//! Time is virtual and in the future, for a key whose time to live is over is gone.

use crate::common::virtual_clock;
use crate::harness::*;

#[test]
fn a_reply_is_allowed_limit_remaining_retry_after_and_reset_after() {
    virtual_clock().client().play(
        r#"
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 3 3000
        [1 3 2 -1 1000]
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 3 3000 COST 2
        [1 3 0 -1 3000]
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 3 3000
        [0 3 0 1000 3000]
        > TSGEN.AT 4000000000999 throttle.take k 3 3000
        [0 3 0 1 2001]
        > TSGEN.AT 4000000001000 THROTTLE.TAKE k 3 3000
        [1 3 0 -1 3000]
        > TSGEN.AT 4000000002500 THROTTLE.TAKE k 3 3000 cost 2
        [0 3 1 500 1500]
        > TSGEN.AT 4000000003000 THROTTLE.TAKE k 3 3000 COST 2
        [1 3 0 -1 3000]
        > TSGEN.AT 4000000009000 THROTTLE.TAKE k 3 3000
        [1 3 2 -1 1000]
        "#,
    );
}

#[test]
fn burst_is_how_much_there_may_be_at_once() {
    virtual_clock().client().play(
        r#"
        # One in ten seconds, five at once.
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 1 10000 BURST 5 COST 5
        [1 1 0 -1 50000]
        > TSGEN.AT 4000000009999 THROTTLE.TAKE k 1 10000 BURST 5
        [0 1 0 1 40001]
        > TSGEN.AT 4000000010000 THROTTLE.TAKE k 1 10000 BURST 5
        [1 1 0 -1 50000]
        # A hundred in a second, but evenly.
        > TSGEN.AT 4000000000000 THROTTLE.TAKE even 100 1000 COST 1 BURST 1
        [1 100 0 -1 10]
        > TSGEN.AT 4000000000009 THROTTLE.TAKE even 100 1000 BURST 1
        [0 100 0 1 1]
        > TSGEN.AT 4000000000010 THROTTLE.TAKE even 100 1000 BURST 1
        [1 100 0 -1 10]
        "#,
    );
}

/// The clock is told to the microsecond. By milliseconds, one each at most would come back.
#[test]
fn more_than_one_each_millisecond_come_back_one_by_one() {
    let (master, replica) = crate::common::pair(&["--tsgen.virtual-clock", "yes"]);
    let mut c = master.client();
    let take = "TSGEN.AT 4000000000000 THROTTLE.TAKE k 2000 1000 BURST 1";
    for (us, reply) in [
        (100, "[1 2000 0 -1 1]"),
        (100, "[0 2000 0 1 1]"),
        (599, "[0 2000 0 1 1]"),
        (600, "[1 2000 0 -1 1]"),
        (999, "[0 2000 0 1 1]"),
    ] {
        c.expect(&format!("{take} MICROS {us}"), reply);
    }
    c.play(
        r#"
        > TSGEN.AT 4000000000001 THROTTLE.TAKE k 2000 1000 BURST 1 MICROS 99
        [0 …]
        > TSGEN.AT 4000000000001 THROTTLE.TAKE k 2000 1000 BURST 1 MICROS 100
        [1 …]
        > TSGEN.AT 4000000000001 THROTTLE.TAKE k 2000 1000 MICROS 1000
        -ERR MICROS must be an integer between 0 and 999
        > THROTTLE.TAKE k 2000 1000 MICROS 5
        -ERR unknown option 'MICROS'
        "#,
    );
    same_data(&master, &replica);
}

/// Redis would remove the key at once, for it lives by the real clock: the limit would be full again at each take.
#[test]
fn a_take_at_a_time_that_is_over_limits_as_any() {
    let (master, replica) = crate::common::pair(&["--tsgen.virtual-clock", "yes", "--appendonly", "yes"]);
    let mut c = master.client();
    c.play(
        r#"
        > TSGEN.AT 1000 THROTTLE.TAKE k 2 1000
        [1 2 1 -1 500]
        > TSGEN.AT 1000 THROTTLE.TAKE k 2 1000
        [1 2 0 -1 1000]
        > TSGEN.AT 1499 THROTTLE.TAKE k 2 1000
        [0 2 0 1 501]
        > TSGEN.AT 1500 THROTTLE.TAKE k 2 1000
        [1 2 0 -1 1000]
        > TTL k
        -1
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 2 1000
        [1 2 1 -1 500]
        > PEXPIRETIME k
        4000000000500
        > TSGEN.AT 1000 THROTTLE.TAKE other 2 1000
        [1 2 1 -1 500]
        "#,
    );
    let view = |server: &Server| ["k", "other"].map(|key| server.client().ok(&format!("PEXPIRETIME {key}")).int());
    assert_eq!(view(&master), [4_000_000_000_500, -1]);
    same_data(&master, &replica);
    assert_eq!(view(&replica), view(&master));
    let (digest, seen) = (master.digest_all(), view(&master));
    c.ok("DEBUG LOADAOF");
    assert_eq!((master.digest_all(), view(&master)), (digest, seen));
}

/// 142.857… ms each: at which millisecond the n-th is back is the ceiling of n times that, with no drift.
#[test]
fn a_period_that_the_limit_does_not_divide_is_exact() {
    let server = virtual_clock();
    let mut c = server.client();
    for (limit, period) in [(7, 1_000), (60, 60_000), (3, 1_000)] {
        let start = 4_000_000_000_000_i64;
        let key = format!("k{limit}");
        let mut take = |at: i64| c.ok(&format!("TSGEN.AT {at} THROTTLE.TAKE {key} {limit} {period}")).items()[0].int();
        (0..limit).for_each(|_| assert_eq!(take(start), 1));
        for nth in 1..=500 {
            let back = start + (nth * period + limit - 1) / limit;
            assert_eq!([take(back - 1), take(back), take(back)], [0, 1, 0], "number {nth} of {limit} per {period}");
        }
    }
}

#[test]
fn a_cost_of_nothing_looks_and_neither_makes_nor_changes_a_key() {
    let server = virtual_clock();
    let mut c = server.client();
    c.play(
        r#"
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 2 1000 COST 0
        [1 2 2 -1 0]
        > EXISTS k
        0
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 2 1000 COST 2
        [1 2 0 -1 1000]
        "#,
    );
    let digest = server.digest("k");
    c.play("> TSGEN.AT 4000000000500 THROTTLE.TAKE k 2 1000 COST 0\n [1 2 1 -1 500]\n > PEXPIRETIME k\n 4000000001000");
    assert_eq!(server.digest("k"), digest);
}

#[test]
fn what_was_taken_at_another_rate_stays_taken_until_its_time() {
    virtual_clock().client().play(
        r#"
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 10 10000 COST 10
        [1 10 0 -1 10000]
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 1 1000 BURST 2
        [0 1 0 9000 10000]
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 1 1000 BURST 2 COST 0
        [0 1 0 8000 10000]
        > TSGEN.AT 4000000009000 THROTTLE.TAKE k 1 1000 BURST 2
        [1 1 0 -1 2000]
        > TSGEN.AT 4000000009000 THROTTLE.TAKE k 1 1000 BURST 5
        [1 1 2 -1 3000]
        > DEL k
        1
        > TSGEN.AT 4000000009000 THROTTLE.TAKE k 1 1000 BURST 2
        [1 1 1 -1 1000]
        "#,
    );
}

#[test]
fn a_clock_that_steps_back_delays_and_forgives_nothing() {
    let mut clock = Clock::at_noon();
    let server = Server::start_under(&clock, &[]);
    let mut c = server.client();
    c.expect("THROTTLE.TAKE k 2 10000 COST 2", "[1 2 0 -1 10000]");
    clock.step(-60_000);
    c.expect("THROTTLE.TAKE k 2 10000", "[0 2 0 <a> <b>]");
    assert!(c.bound("a") > 60_000);
    clock.step(60_000);
    clock.pass(5_000);
    c.expect("THROTTLE.TAKE k 2 10000", "[1 2 0 -1 <_>]");
}

#[test]
fn the_key_lives_until_it_is_full_again_and_removes_itself() {
    let server = virtual_clock();
    let mut c = server.client();
    c.play(
        r#"
        > TSGEN.AT 4000000000000 THROTTLE.TAKE k 7 1000
        [1 7 6 -1 143]
        > PEXPIRETIME k
        4000000000143
        > TSGEN.AT 4000000000100 THROTTLE.TAKE k 7 1000 COST 5
        [1 7 1 -1 758]
        > PEXPIRETIME k
        4000000000858
        > PERSIST k
        1
        > TSGEN.AT 4000000000100 THROTTLE.TAKE k 7 1000 COST 2
        [0 7 1 43 758]
        > PTTL k
        -1
        > TSGEN.AT 4000000000144 THROTTLE.TAKE k 7 1000
        [1 7 1 -1 856]
        > PEXPIRETIME k
        4000000001000
        > THROTTLE.TAKE real 1 50
        [1 1 0 -1 50]
        "#,
    );
    // Nobody touches it: DBSIZE counts what is there.
    wait_until("it is gone", || c.run("DBSIZE") == 1);
    c.play("> EXISTS real\n 0\n > THROTTLE.TAKE real 1 100000\n [1 1 0 -1 100000]");
}

#[test]
fn a_key_of_another_type_is_refused() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        r#"
        > SET text 1
        OK
        > TSGEN.ADD gen 1 a
        1
        > THROTTLE.TAKE t 5 100000
        [1 5 4 -1 20000]
        > THROTTLE.TAKE text 5 1000
        -WRONGTYPE Operation against a key holding the wrong kind of value: it is a string, not a THROTTLE key
        > THROTTLE.TAKE gen 5 1000 COST 0
        -WRONGTYPE Operation against a key holding the wrong kind of value: it is a TSGEN key, not a THROTTLE key; its commands begin with TSGEN.
        > TSGEN.ADD t 1 a
        -WRONGTYPE Operation against a key holding the wrong kind of value: it is a THROTTLE key, not a TSGEN key; its commands begin with THROTTLE.
        > EXPIRY.CLAIM t w
        -WRONGTYPE …
        > INCR t
        -WRONGTYPE …
        > TYPE t
        tsgen-thr
        "#,
    );
    assert!(c.ok("MEMORY USAGE t").int() < 100);
}

#[test]
fn arguments_are_checked_and_a_bad_one_changes_nothing() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("THROTTLE.TAKE k 5 1000000");
    let before = server.digest_all();
    let limit = "ERR limit must be an integer between 1 and 1000000000";
    let period = "ERR period must be an integer between 1 and 315360000000 (ms), or one with a unit: 30s, 5m, 2h, 7d";
    for (command, expected) in [
        ("THROTTLE.TAKE k", "ERR wrong number of arguments"),
        ("THROTTLE.TAKE k 5", "ERR wrong number of arguments"),
        ("THROTTLE.TAKE k 0 1000", limit),
        ("THROTTLE.TAKE k -1 1000", limit),
        ("THROTTLE.TAKE k 1.5 1000", limit),
        ("THROTTLE.TAKE k 05 1000", limit),
        ("THROTTLE.TAKE k 1000000001 1000", limit),
        ("THROTTLE.TAKE k 9223372036854775808 1000", limit),
        ("THROTTLE.TAKE k 5 0", period),
        ("THROTTLE.TAKE k 5 315360000001", period),
        ("THROTTLE.TAKE k 5 x", period),
        ("THROTTLE.TAKE k 5 1000 FOO", "ERR unknown option 'FOO'"),
        ("THROTTLE.TAKE k 5 1000 1", "ERR unknown option '1'"),
        ("THROTTLE.TAKE k 5 1000 BURST", "ERR BURST needs a value"),
        ("THROTTLE.TAKE k 5 1000 COST", "ERR COST needs a value"),
        ("THROTTLE.TAKE k 5 1000 BURST 0", "ERR BURST must be an integer between 1 and 1000000000"),
        ("THROTTLE.TAKE k 5 1000 BURST 1000000001", "ERR BURST must be an integer between 1 and 1000000000"),
        // Ten years are five periods of two: what is taken must be back within them.
        ("THROTTLE.TAKE k 2 63072000000 BURST 11", "ERR BURST must be an integer between 1 and 10"),
        ("THROTTLE.TAKE k 1 315360000000 BURST 2", "ERR BURST must be an integer between 1 and 1"),
        ("THROTTLE.TAKE k 5 1000 BURST 5 BURST 5", "ERR BURST given twice"),
        ("THROTTLE.TAKE k 5 1000 COST 1 COST 1", "ERR COST given twice"),
        ("THROTTLE.TAKE k 5 1000 COST -1", "ERR COST must be an integer between 0 and 5"),
        ("THROTTLE.TAKE k 5 1000 COST 6", "ERR COST must be an integer between 0 and 5"),
        ("THROTTLE.TAKE none 5 1000 COST 4 BURST 3", "ERR COST must be an integer between 0 and 3"),
        ("THROTTLE.LOAD k LAST x", "ERR this is how an AOF rebuilds a key"),
        ("TSGEN.AT 5 THROTTLE.TAKE k 5 1000", "tsgen.virtual-clock"),
    ] {
        let reply = c.run(command);
        assert!(reply.is_error() && reply.to_string().contains(expected), "{command}: {reply}");
        assert_eq!(server.digest_all(), before, "{command} changed something");
    }
}

#[test]
fn the_edges_of_every_range_are_taken() {
    virtual_clock().client().play(
        r#"
        > TSGEN.AT 8796093022207 THROTTLE.TAKE a 1000000000 315360000000 COST 1000000000
        [1 1000000000 0 -1 315360000000]
        > TSGEN.AT 8796093022207 THROTTLE.TAKE b 1 315360000000
        [1 1 0 -1 315360000000]
        > PEXPIRETIME b
        9111453022207
        > TSGEN.AT 8796093022207 THROTTLE.TAKE c 1000000000 1 BURST 1000000000 COST 1000000000
        [1 1000000000 0 -1 1]
        > TSGEN.AT 8796093022207 THROTTLE.TAKE d 1 1 BURST 1000000000 COST 999999999
        [1 1 1 -1 999999999]
        > TSGEN.AT 0 THROTTLE.TAKE a 1000000000 315360000000
        [0 1000000000 0 8796093022523 9111453022207]
        > TSGEN.AT 0 THROTTLE.TAKE e 1 1
        [1 1 0 -1 1]
        > EXISTS e
        1
        > TSGEN.AT 0 THROTTLE.TAKE e 1 1
        [0 1 0 1 1]
        "#,
    );
}

/// Every argument in turn replaced by odd texts, dropped and doubled.
#[test]
fn odd_texts_and_numbers_in_every_place_hurt_nothing() {
    const COMMANDS: [&str; 3] = [
        "THROTTLE.TAKE k 5 1000 BURST 5 COST 2",
        "TSGEN.AT 4000000000000 THROTTLE.TAKE k 5 1000",
        "THROTTLE.LOAD n LAST x",
    ];
    const VALUES: [&[u8]; 12] = [
        b"",
        b"\0",
        b"%n%s%n%s",
        b"\r\n",
        b"\xff\xfe\x80",
        b"COST",
        b"-0",
        b"+1",
        b"1e9",
        b"9223372036854775807",
        b"-9223372036854775808",
        b"18446744073709551616",
    ];
    let mut server = virtual_clock();
    let mut c = server.client();
    for command in COMMANDS {
        let words: Vec<Vec<u8>> = command.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        for index in 1..words.len() {
            let replaced = VALUES.iter().map(|value| {
                let mut changed = words.clone();
                changed[index] = value.to_vec();
                changed
            });
            let (mut shorter, mut longer) = (words.clone(), words.clone());
            shorter.remove(index);
            longer.insert(index, words[index].clone());
            for variant in replaced.chain([shorter, longer]) {
                c.call(&variant.iter().map(Vec::as_slice).collect::<Vec<_>>());
            }
        }
    }
    assert_eq!(c.info("tsgen", "tsgen_caught-panics").as_str(), "0");
    server.assert_alive();
}

#[test]
fn it_works_in_multi_in_scripts_and_in_resp3() {
    let server = Server::start(&[]);
    let mut other = server.client();
    server.client().resp3().play(
        r#"
        > MULTI
        OK
        > THROTTLE.TAKE k 2 1000000
        QUEUED
        > THROTTLE.TAKE k 2 1000000
        QUEUED
        > THROTTLE.TAKE k 2 1000000
        QUEUED
        > EXEC
        [[1 2 1 -1 500000] [1 2 0 -1 <a>] [0 2 0 <b> <c>]]
        > EVAL "return redis.call('THROTTLE.TAKE', KEYS[1], 3, 9000, 'COST', 2)" 1 script
        [1 3 1 -1 6000]
        > WATCH script
        OK
        > THROTTLE.TAKE script 3 9000 COST 0
        [1 3 1 -1 <d>]
        > THROTTLE.TAKE script 3 9000 COST 3
        [0 3 1 <e> <f>]
        > MULTI
        OK
        > PING
        QUEUED
        > EXEC
        [PONG]
        > WATCH script
        OK
        "#,
    );
    // A take that was allowed breaks a transaction that watches the key.
    let mut c = server.client();
    c.ok("WATCH script");
    other.ok("THROTTLE.TAKE script 3 9000");
    c.play("> MULTI\n OK\n > PING\n QUEUED\n > EXEC\n nil");
}

#[test]
fn only_a_take_that_was_allowed_tells_so() {
    let server = Server::start(&[]);
    let mut events = Events::subscribe(&server);
    let mut c = server.client();
    for command in [
        "THROTTLE.TAKE k 2 1000000",
        "THROTTLE.TAKE k 2 1000000 COST 0",
        "THROTTLE.TAKE k 2 1000000 COST 2",
        "THROTTLE.TAKE k 2 1000000",
        "THROTTLE.TAKE k 2 1000000",
        "THROTTLE.TAKE none 2 1000 COST 0",
    ] {
        c.ok(command);
    }
    assert_eq!(events.take(&mut c), ["k throttle.take", "k throttle.take"]);
}

#[test]
fn at_maxmemory_it_is_refused_as_what_adds() {
    Server::start(&[]).client().play(
        "> CONFIG SET maxmemory 1\n OK\n > THROTTLE.TAKE k 2 1000\n -OOM …\n > EXISTS k\n 0\n > CONFIG SET maxmemory 0\n OK\n > THROTTLE.TAKE k 2 1000\n [1 2 1 -1 500]",
    );
}

#[test]
fn a_write_pause_holds_it_up_and_nothing_is_lost() {
    let mut server = Server::start(&["--appendonly", "yes"]);
    let mut c = server.client();
    c.ok("CLIENT PAUSE 300 WRITE");
    c.expect("THROTTLE.TAKE k 2 1000000", "[1 2 1 -1 500000]");
    server.assert_alive();
}

#[test]
fn acl_cluster_and_docs_know_its_key_flags_and_arguments() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let info = c.ok("COMMAND INFO throttle.take");
    let info = info.items()[0].items();
    assert_eq!([info[1].int(), info[3].int(), info[4].int()], [-4, 1, 1]);
    assert_eq!(info[2].to_string(), "[write denyoom module fast]");
    let docs = c.ok("COMMAND DOCS throttle.take").to_string();
    for documented in ["'token' 'BURST'", "'token' 'COST'", "'limit' 'type' 'integer'", "'period' 'type' 'string'"] {
        assert!(docs.contains(documented), "{documented} is not in {docs}");
    }
    c.play(
        r#"
        > COMMAND GETKEYS THROTTLE.TAKE k 5 1000 BURST 7
        ['k']
        > ACL SETUSER limited on nopass ~k* %W~w* +@all
        OK
        > AUTH limited any
        OK
        > THROTTLE.TAKE k 5 1000
        [1 5 4 -1 200]
        > THROTTLE.TAKE other 5 1000
        -NOPERM …
        # It tells how much others have taken, so who may only write may not.
        > THROTTLE.TAKE w 5 1000
        -NOPERM …
        "#,
    );
}

/// Its keys have a time to live, however they got their names, and are not what EXPIRY delivers.
#[test]
fn its_keys_are_never_watched() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> THROTTLE.TAKE k:before 1 100000\n [1 …]\n > EXPIRY.CREATE w PREFIX k:\n OK\n > THROTTLE.TAKE t 1 100000\n [1 …]");
    let dump = c.ok("DUMP t").bytes().to_vec();
    assert_eq!(crate::cmd!(c, "RESTORE", "k:restored", 100_000, &dump), "OK");
    c.play(
        r#"
        > THROTTLE.TAKE k:taken 1 100000
        [1 …]
        > COPY t k:copied
        1
        > THROTTLE.TAKE k:expire 1 100000
        [1 …]
        > EXPIRE k:expire 5000
        1
        > RENAME t k:renamed
        OK
        > SET k:text v EX 5000
        OK
        "#,
    );
    wait_until("the watcher has walked over all keys", || c.run("EXPIRY.TRACKED w").to_string().contains("k:text"));
    c.expect("EXPIRY.TRACKED w", "[['k:text' <_>]]");
    // What comes after them is delivered, so they were not.
    for key in ["k:before", "k:restored", "k:taken", "k:copied", "k:expire", "k:renamed"] {
        c.expect(&format!("PEXPIRE {key} 1"), "1");
    }
    c.play("> SET k:fence v PX 60\n OK\n > EXPIRY.CLAIM w me COUNT 10 BLOCK 10000\n [[<_t> 1 'k:fence' …]]");
    assert_eq!(c.ok("EXISTS k:before k:restored k:taken k:copied k:expire k:renamed"), 0);
}

/// They come under a watched name and expire before anybody could look at what they are.
#[test]
fn a_key_of_ours_that_comes_and_goes_in_one_turn_of_the_loop_is_not_delivered() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> EXPIRY.CREATE w PREFIX k:\n OK");
    // Touched, or found by the look at what was seen.
    for touch in ["EXISTS k:gen k:renamed", "EXISTS none"] {
        let turn = [
            // The server reads all that follows at once.
            "DEBUG SLEEP 0.05",
            "THROTTLE.TAKE t 1 3",
            "RENAME t k:renamed",
            "TSGEN.ADD k:gen 1 a",
            "PEXPIRE k:gen 1",
            "DEBUG SLEEP 0.02",
            touch,
            "SET k:fence v PX 30",
        ];
        c.pipeline(turn.map(words));
        c.expect("EXPIRY.CLAIM w me COUNT 10 BLOCK 10000", "[[<_> 1 'k:fence' …]]");
        c.bindings.clear();
    }
}
