//! Replicas, in all families alike: what they refuse, and what they are told of. Where time makes entries ready, they are told nothing that
//! only time did, are silent, and at work once promoted.

use super::{timed, DELIVERY_READS, DELIVERY_WRITES, FAMILIES};
use crate::common::*;
use crate::harness::*;
use std::collections::BTreeSet;

#[test]
fn what_changes_nothing_and_what_only_time_does_is_not_replicated() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        c.ok(&family.by_time("k", 50));
        c.ok(&family.add("k", "a", 50));
        let mut feed = Feed::open(&server);
        // It is ready, and the timer says so; but nobody has claimed it.
        wait_until("it is ready", || family.counts(&mut c, "k") == [0, 1, 0, 0, 0]);
        family.idle(&mut c);
        feed.expect(&mut c, &[]);
    }
}

#[test]
fn the_delivery_commands_carry_their_time_and_every_default() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        family.add_ready(&mut c, "k", "a");
        family.add_ready(&mut c, "k", "b");
        let mut feed = Feed::open(&server);
        for (command, reply, told) in [
            ("CLAIM # w COUNT 2", "[[<t> …] [<u> …]]", "TSGEN.AT <_1> @.CLAIM k w COUNT 2 LEASE 30000 TOKEN <t>"),
            ("EXTEND # 50000 <t>", "1", "TSGEN.AT <_2> @.EXTEND k 50000 <t>"),
            ("NACK # <t> DELAY 90000", "1", "TSGEN.AT <_3> @.NACK k <t> DELAY 90000"),
            ("NACK # <u> DEAD", "1", "TSGEN.AT <_4> @.NACK k <u> DEAD"),
            ("REQUEUE # ALL", "1", "TSGEN.AT <_5> @.REQUEUE k ALL"),
            ("CLAIM # w LEASE 77000", "[[<v> …]]", "TSGEN.AT <_6> @.CLAIM k w COUNT 1 LEASE 77000 TOKEN <v>"),
            ("RELEASE # w", "1", "TSGEN.AT <_7> @.RELEASE k w"),
            ("PROMOTE # <t>", "1", "TSGEN.AT <_10> @.PROMOTE k <t>"),
            ("CLAIM # w", "[[<y> …]]", "TSGEN.AT <_11> @.CLAIM k w COUNT 1 LEASE 30000 TOKEN <y>"),
            ("ACK # <y>", "1", "@.ACK k <y>"),
            ("CLAIM # w", "[[<x> …]]", "TSGEN.AT <_8> @.CLAIM k w COUNT 1 LEASE 30000 TOKEN <x>"),
            ("ACK # <x>", "1", "@.ACK k <x>"),
            ("ALTER # LEASE 5000", "OK", "TSGEN.AT <_9> @.ALTER k LEASE 5000"),
        ] {
            c.play(&format!("> {}\n {reply}", family.on(command, "k")));
            feed.expect(&mut c, &[&told.replace('@', family.name)]);
        }
    }
}

/// The replica's clock says that everything is due, and reads say so too. Yet it does nothing of its own.
#[test]
fn a_replica_is_silent_until_it_is_told() {
    for family in timed() {
        let (master, replica) = pair(&[]);
        let mut c = master.client();
        c.ok(&family.by_time("k", 50));
        c.ok(&(family.by_time("piped", 50) + " SINK stream"));
        replica.wait_in_sync(&master);
        let mut events = Events::subscribe(&replica);
        // The master can neither feed the sink nor hand anything out; the replica could.
        c.play(&format!(
            "> MULTI\n OK\n > {}\n QUEUED\n > {}\n QUEUED\n > CLIENT PAUSE 60000 WRITE\n QUEUED\n > EXEC\n …",
            family.add("k", "a", 50),
            family.add("piped", "a", 50)
        ));
        let mut r = replica.client();
        wait_until("both are due on the replica", || {
            ["k", "piped"].map(|key| family.counts(&mut r, key)) == [[0, 1, 0, 0, 0]; 2]
        });
        let started = now_ms();
        wait_until("some time has passed", || now_ms() > started + 300);
        r.expect("EXISTS stream", "0");
        r.expect(&family.on("CLAIM # w BLOCK 0", "k"), "-READONLY …");
        c.ok("CLIENT UNPAUSE");
        wait_until("the master feeds the sink", || c.run("XLEN stream") == 1);
        same_data(&master, &replica);
        assert_eq!(c.ok("XRANGE stream - +"), r.ok("XRANGE stream - +"));
        let told = events.take(&mut c);
        assert!(!told.iter().any(|event| event.ends_with(".ready")), "{told:?}");
    }
}

#[test]
fn a_promoted_replica_goes_on_with_what_waits_and_what_is_leased() {
    for family in timed() {
        let (master, replica) = pair(&[]);
        let mut c = master.client();
        c.ok(&family.by_time("k", 700));
        c.ok(&(family.by_time("piped", 700) + " SINK stream"));
        family.add_ready(&mut c, "leased", "a");
        c.expect(&family.on("CLAIM # w LEASE 700", "leased"), "[[<t> 1 …]]");
        c.ok(&family.add("piped", "a", 700));
        let added_at = server_ms(&mut c);
        c.ok(&family.add("k", "a", 700));
        replica.wait_in_sync(&master);
        let mut c = promote(master, &replica);
        c.expect(&family.on("CLAIM # heir BLOCK 20000", "k"), "[[<u> 1 …'a' …]]");
        assert!(server_ms(&mut c) >= added_at + 700, "{}", family.name);
        wait_until("the sink is fed", || c.run("XLEN stream") == 1);
        c.expect(&family.on("CLAIM # heir BLOCK 20000", "leased"), "[[<v> 2 …'a' …]]");
    }
}

/// Loaded by a full sync and never written to since: the promoted replica's timer must know the keys from loading alone.
#[test]
fn a_replica_promoted_right_after_a_full_sync_goes_on_too() {
    for family in timed() {
        for args in [&[][..], &["--repl-diskless-load", "swapdb"]] {
            let (master, replica) = (Server::start(&[]), Server::start(args));
            let mut c = master.client();
            c.ok(&(family.by_time("piped", 400) + " SINK stream"));
            c.ok(&family.add("piped", "a", 400));
            replica.replica_of(&master);
            // What is due by then is the replica's to append if the master did not get to it.
            let mut c = promote(master, &replica);
            wait_until("the sink is fed", || c.run("XLEN stream") == 1);
        }
    }
}

#[test]
fn wait_counts_replicas_for_our_writes() {
    for family in timed() {
        let (master, _replica) = pair(&[]);
        let mut c = master.client();
        let waits = [family.by_time("h", 3_600_000), family.add("h", "a", 3_600_000), family.add("h", "a", 3_600_000)];
        let delivers = ["CLAIM # w", "ACK # 1-4611686018427387904"].map(|command| family.on(command, "k"));
        for command in waits.iter().chain(&family.at_once("k", "a")).chain(&delivers) {
            c.ok(command);
            c.expect("WAIT 1 20000", "1");
        }
        assert_eq!(family.counts(&mut c, "k"), [0; 5], "{}", family.name);
    }
}

/// All commands that write, on keys with entries in every state.
#[test]
fn replicas_publish_the_events_of_what_they_repeat() {
    for family in timed() {
        let (master, replica) = pair(&[]);
        let (mut here, mut there) = (Events::subscribe(&master), Events::subscribe(&replica));
        let mut c = master.client();
        family.fill(&mut c);
        for command in family.writes.iter().chain(&DELIVERY_WRITES).filter(|command| !command.contains("BLOCK")) {
            c.run(&family.on(command, family.keys[0]));
        }
        family.add_ready(&mut c, "k", "a");
        let (published, told) = (there.take(&mut c), here.take(&mut c));
        assert_eq!(published, told);
        let names = ["create", family.added(), "ready", "claim", "ack", "nack", "release", "alter"];
        for event in names.iter().flat_map(|name| family.events("", &[*name])) {
            assert!(told.iter().any(|told| told.ends_with(&event)), "no{event} in {told:?}");
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
