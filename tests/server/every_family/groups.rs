//! GROUPLIMIT and FAIR, in all families alike but TALLY: two entries of one name, the second of which is held back.

use super::{timed, Family, FAMILIES};
use crate::common::{pair, promote, refused, rewrite_as_commands, ticks, virtual_clock, AOF};
use crate::harness::*;

/// The families with groups whose entries become ready by themselves.
fn grouped() -> impl Iterator<Item = &'static Family> {
    timed().filter(|family| family.name != "TALLY")
}

/// A key `k` with one entry `a` that is leased, a second one that is held back, and the token of the first.
#[track_caller]
fn held_back(c: &mut Client, family: &Family, options: &str) -> i64 {
    c.ok(&family.on(&format!("CREATE # GROUPLIMIT 1 {options}"), "k"));
    family.add_ready(c, "k", "a");
    let claimed = c.ok(&family.on("CLAIM # w COUNT 9", "k"));
    family.add_ready(c, "k", "a");
    c.expect(&family.on("CLAIM # w COUNT 9", "k"), "[]");
    claimed.items()[0].items()[0].int()
}

#[test]
fn what_is_held_back_comes_once_there_is_room() {
    for family in grouped() {
        let server = Server::start(&[]);
        let mut c = server.client();
        let token = held_back(&mut c, family, "");
        let info = c.ok(&family.on("INFO #", "k"));
        for (field, value) in [("ready", 1), ("leased", 1), ("groups", 1), ("groups-at-limit", 1), ("grouplimit", 1)] {
            assert_eq!(info.field(field).int(), value, "{} {field}", family.name);
        }
        assert_eq!(info.field("fair").text(), "no");
        // Another group is not concerned.
        family.add_ready(&mut c, "k", "b");
        c.expect(&family.on("CLAIM # w COUNT 9", "k"), "[[…]]");
        // Neither a transaction nor a script gets more.
        c.play(&format!("> MULTI\n OK\n > {}\n QUEUED\n > EXEC\n [[]]", family.on("CLAIM # w", "k")));
        c.expect(&format!("EVAL \"return redis.call('{}', 'k', 'w')\" 1 k", family.on("CLAIM", "k")), "[]");
        c.expect(&family.on(&format!("NACK # {token} DELAY 3600000"), "k"), "1");
        // What rests is in hand as well: in TSGEN a superseded delivery is gone.
        let rests = family.counts(&mut c, "k")[3] == 1;
        assert_eq!(rests, family.name != "TSGEN");
        if rests {
            c.expect(&family.on("CLAIM # w", "k"), "[]");
            c.expect(&family.on("PROMOTE # ALL", "k"), "1");
        }
        c.expect(&family.on("CLAIM # w COUNT 9", "k"), "[[…]]");
    }
}

/// Whatever makes room wakes a worker that waits, and nothing else does.
#[test]
fn a_worker_that_waits_is_woken_when_there_is_room() {
    for family in grouped() {
        for makes_room in ["ACK # @", "NACK # @", "NACK # @ DEAD", "RELEASE # w", "ALTER # GROUPLIMIT 2"] {
            let server = Server::start(&[]);
            let mut c = server.client();
            let token = held_back(&mut c, family, "");
            let mut worker = Blocked::new(&server, &family.on("CLAIM # other BLOCK 0", "k"));
            family.add_ready(&mut c, "k", "a");
            assert!(worker.is_blocked(&mut c), "{} {makes_room}", family.name);
            c.ok(&family.on(&makes_room.replace('@', &token.to_string()), "k"));
            assert_eq!(worker.reply().items().len(), 1, "{} {makes_room}", family.name);
        }
        let mut clock = Clock::new();
        let server = Server::start_under(&clock, &[]);
        let mut c = server.client();
        held_back(&mut c, family, "LEASE 3600000");
        let mut worker = Blocked::new(&server, &family.on("CLAIM # other BLOCK 0", "k"));
        assert!(worker.is_blocked(&mut c), "{}", family.name);
        clock.pass(3_600_000);
        assert_eq!(worker.reply().items().len(), 1, "{}: the end of the lease", family.name);
    }
}

/// A worker that waits for what is held back costs the timer nothing.
#[test]
fn what_is_held_back_keeps_the_timer_asleep() {
    for family in grouped() {
        let server = Server::start(&[]);
        let mut c = server.client();
        held_back(&mut c, family, "LEASE 3600000");
        let worker = Blocked::new(&server, &family.on("CLAIM # other BLOCK 0", "k"));
        c.expect("TSGEN.CLAIM none w BLOCK 100", "[]");
        let before = ticks(&mut c);
        c.expect("TSGEN.CLAIM none w BLOCK 400", "[]");
        let looks = ticks(&mut c) - before;
        assert!(looks < 20, "{}: {looks} looks in 400 ms", family.name);
        assert!(worker.is_blocked(&mut c), "{}", family.name);
    }
}

#[test]
fn groups_and_turns_survive_whatever_saves_a_key() {
    for family in grouped() {
        for options in ["GROUPLIMIT 1", "FAIR yes", "GROUPLIMIT 2 FAIR yes"] {
            let (mut master, replica) = pair(&AOF);
            let mut c = master.client();
            c.ok(&family.on(&format!("CREATE # {options}"), "k"));
            for name in ["a", "b", "c", "a", "d"] {
                family.add_ready(&mut c, "k", name);
                c.ok(&family.on("CLAIM # w LEASE 3600000", "k"));
                family.add_ready(&mut c, "k", name);
            }
            same_data(&master, &replica);
            let before = c.ok(&family.on("INFO #", "k")).to_string();
            let digest = master.digest_all();
            c.ok("DEBUG RELOAD");
            assert_eq!(master.digest_all(), digest, "{} {options}", family.name);
            rewrite_as_commands(&mut c);
            c.ok("COPY k copied");
            let digest = master.digest_all();
            drop(c);
            master.restart(Stop::Kill);
            assert_eq!(master.digest_all(), digest, "{} {options}", family.name);
            let mut c = master.client();
            assert_eq!(c.ok(&family.on("INFO #", "k")).field("groups").int(), 4);
            assert!(before.contains("'groups' 4"), "{before}");
            // Both go on with the same entries, and the replica chooses the same.
            c.ok("DEL first");
            for _ in 0..4 {
                let names = |reply: Reply| -> Vec<String> {
                    let names = reply.items().iter().map(|entry| entry.items()[2].to_string());
                    names.collect()
                };
                let one = names(c.ok(&family.on("CLAIM # v COUNT 2", "k")));
                assert_eq!(one, names(c.ok(&family.on("CLAIM # v COUNT 2", "copied"))), "{} {options}", family.name);
            }
            wait_until("the replica is level", || replica.client().info("replication", "master_link_status") == "up");
            same_data(&master, &replica);
            let mut c = promote(master, &replica);
            c.ok(&family.on("CLAIM # x COUNT 9", "k"));
        }
    }
}

#[test]
fn options_of_groups_are_checked() {
    for family in FAMILIES.iter().filter(|family| family.name != "TALLY") {
        let server = Server::start(&[]);
        let mut c = server.client();
        for (key, options) in [("plain", ""), ("limited", " GROUPLIMIT 3"), ("fair", " FAIR yes"), ("piped", " SINK s")]
        {
            c.ok(&format!("{}{}{options}", family.on("CREATE #", key), family.create));
        }
        let create = format!("{}{}", family.on("CREATE #", "n"), family.create);
        let fixed = "GROUPLIMIT and FAIR are fixed";
        let cases = [
            (format!("{create} GROUPLIMIT"), "GROUPLIMIT needs a value"),
            (format!("{create} GROUPLIMIT 1000001"), "GROUPLIMIT must be an integer between 0 and 1000000"),
            (format!("{create} GROUPLIMIT 1 GROUPLIMIT 1"), "GROUPLIMIT given twice"),
            (format!("{create} FAIR 1"), "FAIR must be yes or no"),
            (format!("{create} FAIR yes SINK s"), "SINK cannot be combined"),
            (format!("{create} SINK s GROUPLIMIT 1"), "SINK cannot be combined"),
            (family.on("ALTER # SINK s", "limited"), "SINK cannot be combined"),
            (family.on("ALTER # SINK s", "fair"), "SINK cannot be combined"),
            (family.on("ALTER # GROUPLIMIT 1", "piped"), "SINK cannot be combined"),
            (family.on("ALTER # GROUPLIMIT 1", "plain"), fixed),
            (family.on("ALTER # FAIR yes", "plain"), fixed),
            (family.on("ALTER # GROUPLIMIT 1", "fair"), fixed),
            (family.on("ALTER # FAIR no", "fair"), fixed),
            (family.on("ALTER # GROUPLIMIT 0", "limited"), fixed),
        ];
        let cases: Vec<(&str, &str)> = cases.iter().map(|(command, named)| (&command[..], *named)).collect();
        refused(&server, &cases);
        c.expect(&family.on("ALTER # GROUPLIMIT 5 FAIR no", "limited"), "OK");
    }
    let server = Server::start(&[]);
    let unknown = "unknown option";
    refused(&server, &[("TALLY.CREATE y GROUPLIMIT 1", unknown), ("TALLY.CREATE y FAIR yes", unknown)]);
    server.client().ok("TALLY.CREATE y");
    refused(&server, &[("TALLY.ALTER y GROUPLIMIT 1", unknown)]);
}

#[test]
fn replicas_are_told_of_groups_and_of_nothing_where_there_are_none() {
    let server = virtual_clock();
    let mut c = server.client();
    c.ok("SET first 1");
    let mut feed = Feed::open(&server);
    c.play(
        r#"
        > TSGEN.CREATE k GROUPLIMIT 2 FAIR yes
        OK
        > TSGEN.CREATE plain GROUPLIMIT 0 FAIR no
        OK
        > TSGEN.ADD k GROUP g 1 a x
        1
        > TSGEN.ADD k XX GROUP h 1 a
        1
        > TSGEN.MADD k GROUP g 1 b x
        [1]
        > TSGEN.CREATE clock CLOCK FAIR yes
        OK
        > TSGEN.AT 1000 TSGEN.ADD clock GROUP g +10 a x
        1
        > TSGEN.AT 1000 TSGEN.MADD clock GROUP g +10 b x 2000 c x
        [1 1]
        "#,
    );
    let options = "LATE ready LEASE 30000 MAXDELIVERIES 16 BACKOFF 0 MAXBACKOFF 0 MAXLEN 0";
    feed.expect(
        &mut c,
        &[
            &format!("TSGEN.AT <now> TSGEN.CREATE k {options} GROUPLIMIT 2 FAIR yes"),
            &format!("TSGEN.AT <later> TSGEN.CREATE plain {options}"),
            "TSGEN.ADD k GROUP g 1 a x",
            "TSGEN.ADD k XX GROUP h 1 a",
            "TSGEN.MADD k GROUP g 1 b x",
            &format!("TSGEN.AT <last> TSGEN.CREATE clock CLOCK {options} FAIR yes"),
            "TSGEN.AT 1000 TSGEN.ADD clock GROUP g 1010 a x",
            "TSGEN.AT 1000 TSGEN.MADD clock GROUP g 1010 b x 2000 c x",
        ],
    );
}
