//! Replicas: what they are told, literally, and that they always hold the same data.

use crate::common::*;
use crate::every_family::{timed, Family, DELIVERY_READS, DELIVERY_WRITES, FAMILIES};
use crate::harness::*;
use std::collections::BTreeSet;

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
fn a_full_sync_and_a_stream_of_writes_carry_entries_in_every_state() {
    for family in &FAMILIES {
        let master = Server::start(&[]);
        let mut c = master.client();
        family.fill(&mut c);
        // With a file in between and without, and behind another replica.
        let replicas = [&[][..], &["--repl-diskless-load", "swapdb"], &[]].map(Server::start);
        replicas[0].replica_of(&master);
        replicas[1].replica_of(&master);
        replicas[2].replica_of(&replicas[0]);
        for _ in 0..2 {
            for replica in &replicas {
                same_data(&master, replica);
                assert_eq!(family.view(&mut replica.client()), family.view(&mut c), "{}", family.name);
                for key in family.keys {
                    assert_eq!(master.digest(key), replica.digest(key), "{} {key}", family.name);
                }
            }
            // And now the same as it happens.
            c.ok("FLUSHALL");
            family.fill(&mut c);
        }
    }
}

#[test]
fn a_replica_refuses_what_writes_and_answers_what_reads() {
    for family in &FAMILIES {
        let (master, replica) = pair(&[]);
        family.fill(&mut master.client());
        replica.wait_in_sync(&master);
        let mut r = replica.client();
        for command in family.writes.iter().chain(&DELIVERY_WRITES) {
            r.expect(&family.on(command, family.keys[0]), "-READONLY …");
        }
        r.expect(&format!("{}{}", family.on("CREATE #", "n"), family.create), "-READONLY …");
        for command in family.reads.iter().chain(&DELIVERY_READS) {
            r.ok(&family.on(command, family.keys[0]));
        }
        same_data(&master, &replica);
    }
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
fn a_partial_resync_goes_on_where_it_stopped() {
    for family in &FAMILIES {
        let (master, replica) = pair(&[]);
        let mut c = master.client();
        family.fill(&mut c);
        replica.wait_in_sync(&master);
        let full_syncs = c.info("stats", "sync_full");
        for _ in 0..30 {
            c.ok("CLIENT KILL TYPE replica SKIPME yes");
            c.ok(&family.on(family.writes[0], family.keys[0]));
            c.ok(&family.on("CLAIM # w LEASE 1", family.keys[0]));
        }
        same_data(&master, &replica);
        assert_eq!(c.info("stats", "sync_full"), full_syncs, "{}", family.name);
        assert_ne!(c.info("stats", "sync_partial_ok").as_str(), "0", "{}", family.name);
    }
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

/// A master of Redis 8.4 or newer that feeds a slot migration asks each replicated command for its keys; a command that tells them itself
/// would then replicate again, without end.
#[test]
fn what_is_replicated_has_its_keys_at_fixed_places() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let mut feed = Feed::open(&server);
    for family in &FAMILIES {
        c.ok("FLUSHALL");
        family.fill(&mut c);
        let first = family.keys[0];
        for write in family.writes.iter().chain(&DELIVERY_WRITES).filter(|write| !write.contains("BLOCK")) {
            c.run(&family.on(write, first));
        }
        for options in ["LEASE 7", "SINK # SINKMAXLEN 3", "SINK sink"] {
            c.run(&family.on(&format!("ALTER # {options}"), first));
        }
        let create = format!("{}{}", family.on("CREATE #", "by-script"), family.create);
        let words: Vec<String> = create.split(' ').map(|word| format!("'{word}'")).collect();
        c.ok(&format!(r#"EVAL "return redis.call({})" 0"#, words.join(",")));
        c.ok("MULTI");
        c.ok(&format!("{}{} SINK stream", family.on("CREATE #", "in-multi"), family.create));
        c.ok("EXEC");
    }
    c.play("> TSGEN.MADD made 1 a x\n [1]\n > TSGEN.ADVANCE advanced 1\n 1\n > DEBOUNCE.PUSH pushed g x\n 1\n > THROTTLE.TAKE t 1 1000\n […]");
    let told: BTreeSet<String> = feed
        .take(&mut c)
        .iter()
        .filter_map(|line| line.split(' ').next().map(str::to_ascii_lowercase))
        .filter(|name| name.contains('.'))
        .collect();
    assert!(told.contains("tsgen.at") && told.contains("tsgen.add") && told.len() > 5, "{told:?}");
    let tell_their_keys: Vec<&String> = told
        .iter()
        .filter(|name| c.ok(&format!("COMMAND INFO {name}")).items()[0].items()[2].to_string().contains("movablekeys"))
        .collect();
    assert_eq!(tell_their_keys, Vec::<&String>::new());
    // The check would see one.
    assert!(c.ok("COMMAND INFO TSGEN.CREATE").items()[0].items()[2].to_string().contains("movablekeys"));
}

/// A replica that has fallen so far behind that it loads all again, in no hurry and beside what it has; and that.
#[track_caller]
fn loading_beside(family: &Family, us_per_key: u32) -> (Server, Server, Vec<Vec<u8>>) {
    let small = ["--repl-diskless-sync", "yes", "--repl-backlog-size", "16kb"];
    let master = Server::start(&small);
    // It hears clients every so many bytes.
    let heard = ["--repl-diskless-load", "swapdb", "--loading-process-events-interval-bytes", "1024"];
    let replica = Server::start(&heard);
    // Where it is used, the child that saves talks to the replica itself, and goes on when its server is killed. Not every server knows it.
    for server in [&master, &replica] {
        server.client().run("CONFIG SET repl-rdb-channel no");
    }
    let mut c = master.client();
    family.fill(&mut c);
    let set = |nth: usize| ["SET", &format!("filler:{nth}"), "x"].map(|word| word.as_bytes().to_vec());
    c.pipeline((0..3_000).map(set));
    replica.replica_of(&master);
    let before = family.dumps(&mut replica.client());
    replica.signal("STOP");
    c.ok("CLIENT KILL TYPE replica");
    for nth in 0..10 {
        c.ok(&format!("SET large:{nth} {}", "x".repeat(10_000)));
    }
    let write = family.on(family.writes[0], family.keys[0]);
    c.run(&write);
    c.ok(&format!("CONFIG SET rdb-key-save-delay {us_per_key}"));
    replica.signal("CONT");
    let mut r = replica.client();
    wait_until("the replica loads beside what it has", || r.info("persistence", "async_loading") == "1");
    (master, replica, before)
}

/// `repl-diskless-load swapdb`.
#[test]
fn a_replica_answers_from_what_it_has_while_it_loads_all_again() {
    for family in &FAMILIES {
        let (master, replica, _) = loading_beside(family, 1_000);
        let (mut c, mut r) = (master.client(), replica.client());
        let mut reads = 0;
        while r.info("persistence", "async_loading") == "1" {
            for read in DELIVERY_READS.iter().chain(family.reads) {
                let reply = r.run(&family.on(read, family.keys[0]));
                assert!(!reply.is_error(), "{read}: {reply}");
            }
            reads += 1;
        }
        assert!(reads > 0, "nothing was read meanwhile");
        c.ok("CONFIG SET rdb-key-save-delay 0");
        same_data(&master, &replica);
        // Nothing is left of what stood here before, and what came is complete.
        assert_eq!(family.view(&mut c), family.view(&mut r), "{}", family.name);
    }
}

#[test]
fn a_replica_whose_master_dies_while_it_loads_all_again_goes_on_with_what_it_has() {
    for family in timed() {
        let (mut master, replica, before) = loading_beside(family, 3_000);
        master.stop(Stop::Kill);
        let mut r = replica.client();
        wait_until("loading has failed", || r.info("persistence", "async_loading") == "0");
        assert_eq!(family.dumps(&mut r), before, "{}", family.name);
        r.ok("REPLICAOF NO ONE");
        r.ok(&(family.by_time("late", 50)));
        r.ok(&family.add("late", "a", 50));
        r.expect(&family.on("CLAIM # w BLOCK 10000", "late"), "[[<v> …]]");
    }
}
