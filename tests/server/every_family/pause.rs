//! PAUSED, in all families alike: what a paused key hands out (nothing), what goes on, and how it goes on when the pause ends.

use super::{timed, Family, FAMILIES};
use crate::common::{pair, promote, rewrite_as_commands, server_ms, ticks, virtual_clock, AOF};
use crate::harness::*;

/// A master with a key `k` that has the ready entries a, b and c, its replica, and a client.
#[track_caller]
fn ready_pair(family: &Family) -> (Server, Server, Client) {
    let (master, replica) = pair(&AOF);
    let mut c = master.client();
    add_ready(&mut c, family, &["a", "b", "c"]);
    (master, replica, c)
}

/// Adds ready entries of these names to `k`.
#[track_caller]
fn add_ready(c: &mut Client, family: &Family, names: &[&str]) {
    for name in names {
        family.add_ready(c, "k", name);
    }
}

/// Makes a paused key `k` that has ready entries of these names.
#[track_caller]
fn paused(c: &mut Client, family: &Family, names: &[&str]) {
    add_ready(c, family, names);
    c.expect(&family.on("ALTER # PAUSED yes", "k"), "OK");
}

#[test]
fn a_paused_key_hands_out_nothing_and_everything_else_goes_on() {
    for family in timed() {
        let (mut master, replica, mut c) = ready_pair(family);
        family.play(
            &mut c,
            r#"
            > F.INFO k
            [… 'paused' 'no'…]
            > F.CLAIM k w COUNT 2 LEASE 3600000
            [[<a> …] [<b> …]]
            > F.ALTER k PAUSED yes
            OK
            > F.ALTER k PAUSED yes
            OK
            > F.INFO k
            [… 'ready' 1 … 'paused' 'yes'…]
            > F.CLAIM k w COUNT 9
            []
            > F.CLAIM k w COUNT 9 BLOCK 20
            []
            > MULTI
            OK
            > F.CLAIM k w COUNT 9 BLOCK 0
            QUEUED
            > EXEC
            [[]]
            > EVAL "return redis.call('F.CLAIM', 'k', 'w', 'COUNT', 9)" 1 k
            []
            > F.ACK k <a>
            1
            > F.EXTEND k 7200000 <b>
            1
            > F.NACK k <b> DEAD REASON "while paused"
            1
            > F.DEAD k
            [[<b> 1 … 'while paused']]
            > F.REQUEUE k <b>
            1
            "#,
        );
        family.add_ready(&mut c, "k", "d");
        assert_eq!(family.counts(&mut c, "k")[1], 3, "{}: b, c and d are ready", family.name);
        same_data(&master, &replica);
        // It is in copies and files.
        c.ok("COPY k copied");
        let dump = c.call(&[b"DUMP", b"k"]);
        assert_eq!(c.call(&[b"RESTORE", b"restored", b"0", dump.bytes()]).to_string(), "OK");
        c.ok("RENAME restored renamed");
        for key in ["copied", "renamed"] {
            c.expect(&family.on("CLAIM # w", key), "[]");
            assert_eq!(family.counts(&mut c, key)[1], 3, "{}", family.name);
        }
        let digest = master.digest_all();
        c.ok("DEBUG RELOAD");
        assert_eq!(master.digest_all(), digest);
        same_data(&master, &replica);
        rewrite_as_commands(&mut c);
        drop(c);
        master.restart(Stop::Kill);
        assert_eq!(master.digest_all(), digest);
        let mut c = master.client();
        c.expect(&family.on("CLAIM # w", "k"), "[]");
        family.play(
            &mut c,
            "> F.ALTER k PAUSED no\n OK\n > F.CLAIM k w COUNT 9\n [[… …] [… …] [… …]]\n > F.CLAIM copied w\n []",
        );
    }
}

#[test]
fn a_paused_replica_that_is_promoted_stays_paused() {
    for family in timed() {
        let (master, replica) = pair(&[]);
        let mut c = master.client();
        paused(&mut c, family, &["a"]);
        c.ok("WAIT 1 20000");
        let mut c = promote(master, &replica);
        c.expect(&family.on("CLAIM # w BLOCK 50", "k"), "[]");
        let mut worker = Blocked::new(&replica, &family.on("CLAIM # w BLOCK 0", "k"));
        c.ok(&family.on("ALTER # PAUSED no", "k"));
        assert_eq!(worker.reply().items().len(), 1);
    }
}

#[test]
fn the_end_of_a_pause_wakes_those_who_wait_the_oldest_first() {
    for family in timed() {
        for end in [
            vec!["F.ALTER k PAUSED no"],
            vec!["MULTI", "F.ALTER k PAUSED no", "EXEC"],
            vec!["EVAL \"return redis.call('F.ALTER', 'k', 'PAUSED', 'no')\" 1 k"],
        ] {
            let server = Server::start(&[]);
            let mut c = server.client();
            paused(&mut c, family, &["a", "b"]);
            let waits: Vec<String> = (1..=3).map(|n| family.on(&format!("CLAIM # w{n} BLOCK 0"), "k")).collect();
            let mut workers: Vec<Blocked> = waits.iter().map(|wait| Blocked::new(&server, wait)).collect();
            // One more entry wakes nobody.
            family.add_ready(&mut c, "k", "c");
            assert!(workers.iter().all(|worker| worker.is_blocked(&mut c)), "{}", family.name);
            c.ok(&family.on("ALTER # PAUSED yes LEASE 50000", "k"));
            assert!(workers.iter().all(|worker| worker.is_blocked(&mut c)), "{}", family.name);
            for command in end {
                c.ok(&command.replace("F.", &format!("{}.", family.name)));
            }
            let tokens: Vec<i64> =
                workers.iter_mut().map(|worker| worker.reply().items()[0].items()[0].int()).collect();
            assert!(tokens.is_sorted(), "{}: {tokens:?}", family.name);
            let pending = c.ok(&family.on("PENDING #", "k"));
            let held = pending.items().iter().map(|lease| lease.items()[1].text());
            assert_eq!(held.collect::<Vec<_>>(), ["w1", "w2", "w3"], "{}", family.name);
        }
    }
}

/// An entry whose lease ends in the pause is ready again when the pause ends, or dead if that was its last delivery.
#[test]
fn leases_and_delays_end_in_a_paused_key() {
    for family in timed() {
        let server = virtual_clock();
        let mut c = server.client();
        add_ready(&mut c, family, &["a", "b"]);
        // By the clock of these commands all happens in the year 2109.
        family.play(
            &mut c,
            r#"
            > F.ALTER k MAXDELIVERIES 2
            OK
            > TSGEN.AT 4398046511104 F.CLAIM k w COUNT 2 LEASE 10
            [[<a> 1 …] [<b> 1 …]]
            > TSGEN.AT 4398046511104 F.NACK k <b> DELAY 20
            1
            > TSGEN.AT 4398046511104 F.ALTER k PAUSED yes
            OK
            > TSGEN.AT 4398046511113 F.PENDING k
            [[<a> …]]
            > TSGEN.AT 4398046511124 F.PENDING k
            []
            > TSGEN.AT 4398046511124 F.PENDING k DELAYED
            []
            > TSGEN.AT 4398046511124 F.CLAIM k w COUNT 2
            []
            > TSGEN.AT 4398046511124 F.ALTER k PAUSED no
            OK
            > TSGEN.AT 4398046511124 F.CLAIM k w COUNT 2 LEASE 10
            [[<a2> 2 …] [<b2> 2 …]]
            > TSGEN.AT 4398046511124 F.ALTER k PAUSED yes
            OK
            > TSGEN.AT 4398046511134 F.CLAIM k w COUNT 2
            []
            > TSGEN.AT 4398046511134 F.DEAD k
            [[<a2> 2 … 4398046511134 'lease ended'] [<b2> 2 … 4398046511134 'lease ended']]
            > TSGEN.AT 4398046511134 F.ACK k <a2>
            1
            > TSGEN.AT 4398046511134 F.DISCARD k ALL
            1
            "#,
        );
        assert_eq!(family.counts(&mut c, "k"), [0; 5], "{}", family.name);
    }
}

/// A timer that looked for entries of which nobody may have any would look for ever.
#[test]
fn a_paused_key_with_workers_that_wait_or_a_sink_keeps_the_timer_asleep() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        paused(&mut c, family, &["a", "b", "c"]);
        // Leases that end in the pause, and a sink.
        for name in ["d", "e"] {
            family.add_ready(&mut c, "leases", name);
        }
        c.expect(&family.on("CLAIM # w COUNT 2 LEASE 30", "leases"), "[[…] […]]");
        c.ok(&family.on("ALTER # PAUSED yes", "leases"));
        let [create, add, open] = family.at_once("piped", "f");
        for command in [create + " SINK stream PAUSED yes", add, open] {
            c.ok(&command);
        }
        let workers = ["k", "leases"].map(|key| Blocked::new(&server, &family.on("CLAIM # w BLOCK 0", key)));
        let used = |c: &mut Client| -> f64 {
            let cpu = |name: &str, c: &mut Client| c.info("cpu", name).parse::<f64>().expect("seconds");
            cpu("used_cpu_sys", c) + cpu("used_cpu_user", c)
        };
        let (before, cpu, started) = (ticks(&mut c), used(&mut c), now_ms());
        c.expect(&family.on("CLAIM # other BLOCK 600", "k"), "[]");
        let (spent, ms) = (ticks(&mut c) - before, now_ms() - started);
        assert!(spent < 20 + ms / 100, "{}: {spent} ticks in {ms} ms", family.name);
        // A spinning timer takes a core.
        let busy = (used(&mut c) - cpu) * 1_000.0;
        assert!(busy < ms as f64 / 2.0, "{}: {busy} ms of {ms}", family.name);
        c.expect("EXISTS stream", "0");
        assert_eq!(family.counts(&mut c, "piped")[1], 1, "{}", family.name);
        for (mut worker, key) in workers.into_iter().zip(["k", "leases"]) {
            c.ok(&family.on("ALTER # PAUSED no", key));
            assert_eq!(worker.reply().items().len(), 1, "{}", family.name);
        }
    }
}

#[test]
fn a_sink_stops_and_takes_what_is_ready_when_the_pause_ends() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        c.ok(&(family.by_time("k", 30) + " SINK stream PAUSED yes"));
        c.ok(&family.add("k", "a", 30));
        wait_until("it is ready", || family.counts(&mut c, "k") == [0, 1, 0, 0, 0]);
        c.ok(&family.add("k", "b", 30));
        wait_until("the other is, too", || family.counts(&mut c, "k") == [0, 2, 0, 0, 0]);
        c.expect("EXISTS stream", "0");
        c.ok(&family.on("ALTER # PAUSED no", "k"));
        wait_until("both are in the stream", || c.run("XLEN stream") == 2);
        // And it stops again.
        c.ok(&family.on("ALTER # PAUSED yes", "k"));
        c.ok(&family.add("k", "c", 30));
        wait_until("it is ready", || family.counts(&mut c, "k") == [0, 1, 0, 0, 0]);
        c.expect("XLEN stream", "2");
        c.expect(&family.on("CLAIM # w BLOCK 0", "k"), "-ERR the key has a SINK…");
    }
}

/// `PAUSED no` is the default everywhere, so nobody is told of it.
#[test]
fn a_pause_is_replicated_with_the_key_and_on_its_own() {
    for family in &FAMILIES {
        let server = Server::start(&[]);
        let mut c = server.client();
        let mut feed = Feed::open(&server);
        for (options, is_paused) in [("", false), (" PAUSED yes", true), (" PAUSED NO", false)] {
            c.ok(&format!("{}{}{options}", family.on("CREATE #", "k"), family.create));
            let told = feed.take(&mut c);
            assert_eq!(told.len(), 1, "{told:?}");
            assert_eq!(
                (told[0].ends_with(" PAUSED yes"), told[0].contains("PAUSED")),
                (is_paused, is_paused),
                "{told:?}"
            );
            c.ok("DEL k");
            feed.take(&mut c);
        }
        c.ok(&format!("{}{} PAUSED no", family.on("CREATE #", "k"), family.create));
        feed.take(&mut c);
        c.ok(&family.on("ALTER # PAUSED no", "k"));
        feed.expect(&mut c, &[]);
        c.ok(&family.on("ALTER # PAUSED YES", "k"));
        feed.expect(&mut c, &[&format!("TSGEN.AT <_1> {}.ALTER k PAUSED YES", family.name)]);
        c.expect(&family.on("CLAIM # w", "k"), "[]");
        c.expect(&family.on("INFO #", "k"), "[… 'paused' 'yes'…]");
        feed.expect(&mut c, &[]);
        // The stream of a sink behind it is found all the same.
        c.expect(&format!("COMMAND GETKEYS {} PAUSED yes SINK s", family.on("ALTER #", "k")), "['k' 's']");
    }
}

/// Two workers wait, two letters are dead and one entry waits for an hour too long. Nobody need stop or start a worker.
#[test]
fn an_operator_stops_looks_puts_right_and_goes_on() {
    for family in timed() {
        let (master, replica, mut c) = ready_pair(family);
        family.play(
            &mut c,
            r#"
            > F.CLAIM k worker COUNT 3
            [[<a> 1 …] [<b> 1 …] [<c> 1 …]]
            > F.NACK k <a> DEAD REASON "no such address"
            1
            > F.NACK k <b> DEAD REASON "no text"
            1
            > F.NACK k <c> DELAY 1h
            1
            "#,
        );
        let mut workers =
            ["w1", "w2"].map(|w| Blocked::new(&master, &family.on(&format!("CLAIM # {w} COUNT 2 BLOCK 0"), "k")));
        family.play(&mut c, "> F.ALTER k PAUSED yes\n OK");
        // Work goes on to come in.
        add_ready(&mut c, family, &["d", "e", "f"]);
        let shown = |c: &mut Client, state: &str| {
            let page = c.ok(&family.on(&format!("PEEK # {state}"), "k"));
            assert_eq!(page.items()[0].text(), "0");
            page.items()[1].items().to_vec()
        };
        let dead = shown(&mut c, "DEAD");
        let reasons: Vec<String> = dead.iter().map(|letter| letter.field("reason").text()).collect();
        assert_eq!(reasons, ["no such address", "no text"], "{}", family.name);
        for (letter, name) in dead.iter().zip(["'a'", "'b'"]) {
            assert!(letter.field("entry").to_string().contains(name), "{letter}");
        }
        let tokens: Vec<i64> = dead.iter().map(|letter| letter.field("token").int()).collect();
        c.expect(&family.on(&format!("DISCARD # {} {}", tokens[0], tokens[1]), "k"), "2");
        let ready = shown(&mut c, "READY");
        let names = ready.iter().map(|entry| entry.field("entry").to_string());
        assert!(names.zip(["'d'", "'e'", "'f'"]).all(|(entry, name)| entry.contains(name)), "{ready:?}");
        let delayed = shown(&mut c, "DELAYED");
        let [late] = &delayed[..] else { panic!("one is delayed: {delayed:?}") };
        assert!(late.field("until").int() > server_ms(&mut c) + 3_500_000, "{late}");
        c.expect(&family.on(&format!("PROMOTE # {}", late.field("token").int()), "k"), "1");
        assert!(workers.iter().all(|worker| worker.is_blocked(&mut c)), "{}", family.name);
        family.play(&mut c, "> F.ALTER k PAUSED no\n OK");
        // The first gets what is oldest: what was promoted, with its second delivery.
        let got: Vec<Vec<Reply>> = workers.iter_mut().map(|worker| worker.reply().items().to_vec()).collect();
        assert_eq!(got.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2], "{}", family.name);
        let deliveries: Vec<i64> = got.iter().flatten().map(|entry| entry.items()[1].int()).collect();
        assert_eq!(deliveries, [2, 1, 1, 1], "{}", family.name);
        for entry in got.iter().flatten() {
            c.expect(&family.on(&format!("ACK # {}", entry.items()[0].int()), "k"), "1");
        }
        assert_eq!(family.counts(&mut c, "k"), [0; 5], "{}", family.name);
        same_data(&master, &replica);
    }
}

/// EXPIRY is the family where Redis ends the time: keys that end in the pause are kept with their values, and no timer spins.
#[test]
fn a_paused_watcher_goes_on_to_watch() {
    let (master, replica) = pair(&AOF);
    let mut c = master.client();
    c.play("> EXPIRY.CREATE w PREFIX a: PAUSED yes\n OK\n > EXPIRY.CREATE piped PREFIX a: SINK stream PAUSED yes\n OK");
    let worker = Blocked::new(&master, "EXPIRY.CLAIM w w COUNT 9 BLOCK 0");
    c.play("> SET a:1 one PX 30\n OK\n > SET a:2 two PX 30\n OK");
    for key in ["w", "piped"] {
        wait_until("both have ended", || c.ok(&format!("EXPIRY.INFO {key}")).field("ready").int() == 2);
    }
    let before = ticks(&mut c);
    c.expect("EXPIRY.CLAIM w other BLOCK 500", "[]");
    let spent = ticks(&mut c) - before;
    assert!(spent < 100, "{spent} ticks");
    assert!(worker.is_blocked(&mut c));
    c.play("> EXPIRY.PEEK w READY\n ['0' [[… ['a:1' 'string' 'one' … 'expired']] [… ['a:2' 'string' 'two' … 'expired']]]]\n > EXISTS stream\n 0");
    c.play("> EXPIRY.ALTER w PAUSED no\n OK\n > EXPIRY.ALTER piped PAUSED no\n OK");
    let mut worker = worker;
    assert_eq!(worker.reply().items().len(), 2);
    wait_until("both are in the stream", || c.run("XLEN stream") == 2);
    same_data(&master, &replica);
}
