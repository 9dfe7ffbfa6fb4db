//! MCLAIM with BLOCK: what wakes a worker that waits for several keys, who is served first, and what leaves it waiting, as with BLMPOP.

use crate::common::*;
use crate::harness::*;

const ALL: &str = "TSGEN.MCLAIM 3 urgent normal bulk w BLOCK 0";

/// A server whose three queues are open.
fn queues() -> (Server, Client) {
    let server = Server::start(&[]);
    let mut c = server.client();
    for key in ["urgent", "normal", "bulk"] {
        c.ok(&format!("TSGEN.ADVANCE {key} 100"));
    }
    (server, c)
}

/// The keys of a reply, each with the ids of its entries.
#[track_caller]
fn ids(reply: &Reply) -> String {
    let of_key = |of: &Reply| {
        let ids: Vec<String> = of.items()[1].items().iter().map(|entry| entry.items()[2].text()).collect();
        format!("{} {}", of.items()[0].text(), ids.join(","))
    };
    assert!(matches!(reply, Reply::Array(_)), "{reply}");
    reply.items().iter().map(of_key).collect::<Vec<_>>().join("; ")
}

#[track_caller]
fn served(worker: &mut Blocked) -> String {
    ids(&worker.reply())
}

#[test]
fn urgent_before_normal_before_bulk_and_what_arrives_while_a_worker_waits_comes_first() {
    let (server, mut c) = queues();
    for (key, id) in [("bulk", "b1"), ("bulk", "b2"), ("normal", "n1"), ("urgent", "u1")] {
        c.ok(&format!("TSGEN.ADD {key} 1 {id}"));
    }
    let mut take = |options: &str| ids(&c.ok(&format!("TSGEN.MCLAIM 3 urgent normal bulk w {options}")));
    assert_eq!(take(""), "urgent u1");
    assert_eq!(take("BLOCK 0"), "normal n1");
    assert_eq!(take("COUNT 9"), "bulk b1,b2");
    // One worker waits, and everything comes in one turn of the server, the least urgent first.
    let mut worker = Blocked::new(&server, ALL);
    c.play("> MULTI\n OK\n > TSGEN.ADD bulk 1 b3\n QUEUED\n > TSGEN.ADD normal 1 n2\n QUEUED\n > TSGEN.ADD urgent 1 u2\n QUEUED\n > EXEC\n [0 0 0]");
    assert_eq!(served(&mut worker), "urgent u2");
    // Two wait for the same: so do they share what comes.
    c.ok("TSGEN.MCLAIM 3 urgent normal bulk w COUNT 9");
    let mut workers = [0, 1].map(|_| Blocked::new(&server, ALL));
    c.ok("EVAL \"for _, key in ipairs({'bulk', 'normal', 'urgent'}) do redis.call('TSGEN.MADD', key, 1, key .. 1, '', 1, key .. 2, '') end\" 0");
    assert_eq!(workers.each_mut().map(served), ["urgent urgent1", "urgent urgent2"]);
}

/// Also for a worker that wants more than one: as much as there is, the urgent first.
#[test]
fn a_worker_that_waits_for_many_takes_of_all_keys() {
    let (server, mut c) = queues();
    let mut worker = Blocked::new(&server, &format!("{ALL} COUNT 3"));
    c.ok("EVAL \"for _, key in ipairs({'bulk', 'normal', 'urgent'}) do redis.call('TSGEN.MADD', key, 1, key .. 1, '', 1, key .. 2, '') end\" 0");
    assert_eq!(served(&mut worker), "urgent urgent1,urgent2; normal normal1");
    assert_eq!(["urgent", "normal", "bulk"].map(|key| counts(&mut c, key)[1]), [0, 1, 2]);
}

#[test]
fn any_of_its_keys_wakes_a_worker() {
    for key in ["urgent", "normal", "bulk"] {
        let (server, mut c) = queues();
        let mut worker = Blocked::new(&server, ALL);
        c.ok("TSGEN.ADD other 1 x");
        assert!(worker.is_blocked(&mut c));
        c.ok(&format!("TSGEN.ADD {key} 1 a"));
        assert!(!worker.is_blocked(&mut c), "{key}");
        assert_eq!(served(&mut worker), format!("{key} a"));
    }
}

#[test]
fn time_wakes_a_worker_for_whichever_key() {
    let (server, mut c) = queues();
    // The end of a lease.
    c.ok("TSGEN.ADD bulk 1 a");
    c.ok("TSGEN.CLAIM bulk lost LEASE 100");
    let mut worker = Blocked::new(&server, ALL);
    assert_eq!(served(&mut worker), "bulk a");
    // The clock; the key was not there when the worker began to wait.
    let mut worker = Blocked::new(&server, "TSGEN.MCLAIM 2 urgent clock w BLOCK 0");
    c.ok("TSGEN.CREATE clock CLOCK");
    c.ok("TSGEN.ADD clock +100 b");
    assert_eq!(served(&mut worker), "clock b");
}

/// A lease of an urgent entry has just ended when something else arrives.
#[test]
fn what_comes_back_is_urgent_still() {
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &[]);
    let mut c = server.client();
    for key in ["urgent", "normal"] {
        c.ok(&format!("TSGEN.ADVANCE {key} 100"));
    }
    c.ok("TSGEN.ADD urgent 1 u");
    c.ok("TSGEN.CLAIM urgent lost LEASE 60000");
    let mut worker = Blocked::new(&server, "TSGEN.MCLAIM 2 urgent normal w BLOCK 0");
    // Whether the timer or the ADD is first, the worker gets the urgent one.
    clock.pass(60_000);
    c.ok("TSGEN.ADD normal 1 n");
    assert_eq!(served(&mut worker), "urgent u");
}

#[test]
fn first_blocked_is_first_served_on_each_key() {
    let (server, mut c) = queues();
    let wait = |keys: &str| {
        let (command, count) = if keys.contains(' ') {
            ("MCLAIM", format!("{} ", keys.split(' ').count()))
        } else {
            ("CLAIM", String::new())
        };
        Blocked::new(&server, &format!("TSGEN.{command} {count}{keys} w BLOCK 0"))
    };
    let text = |worker: &mut Blocked| worker.reply().to_string();
    let mut workers =
        [wait("urgent"), wait("normal urgent"), wait("urgent normal"), wait("normal"), wait("normal bulk")];
    c.ok("TSGEN.ADD urgent 1 a");
    assert!(text(&mut workers[0]).contains("'a'"));
    c.ok("TSGEN.ADD urgent 1 b");
    assert!(text(&mut workers[1]).contains("'b'"));
    c.ok("TSGEN.ADD normal 1 c");
    assert!(text(&mut workers[2]).contains("'c'"));
    c.ok("TSGEN.ADD bulk 1 d");
    assert!(text(&mut workers[4]).contains("'d'"));
    assert!(workers[3].is_blocked(&mut c));
    c.ok("TSGEN.ADD normal 1 e");
    assert!(text(&mut workers[3]).contains("'e'"));
}

/// Woken for one key, a worker looks at its others too; but not at one for which somebody else has waited longer.
#[test]
fn nobody_is_robbed_by_a_worker_that_is_woken_for_another_key() {
    let (server, mut c) = queues();
    let mut older = Blocked::new(&server, "TSGEN.CLAIM urgent older BLOCK 0");
    let mut worker = Blocked::new(&server, "TSGEN.MCLAIM 2 urgent normal w BLOCK 0 COUNT 5");
    c.play("> MULTI\n OK\n > TSGEN.ADD normal 1 n\n QUEUED\n > TSGEN.ADD urgent 1 u\n QUEUED\n > EXEC\n [0 0]");
    assert_eq!(served(&mut worker), "normal n");
    assert!(older.reply().to_string().contains("'u'"));
}

#[test]
fn it_stays_blocked_when_keys_go_away_and_is_served_when_they_come() {
    for command in [
        "DEL urgent",
        "UNLINK normal",
        "FLUSHALL",
        "FLUSHDB ASYNC",
        "RENAME urgent other",
        "MOVE bulk 5",
        "PEXPIRE urgent -1",
        "SET normal x",
    ] {
        let (server, mut c) = queues();
        c.ok("TSGEN.ADD urgent 500 later");
        let mut worker = Blocked::new(&server, ALL);
        c.ok(command);
        assert!(worker.is_blocked(&mut c), "{command}");
        c.play("> DEL normal\n …\n > TSGEN.ADVANCE normal 1\n …\n > TSGEN.ADD normal 1 b\n 0");
        assert_eq!(served(&mut worker), "normal b", "{command}");
    }
    let made = "> TSGEN.ADD other 1 a x\n 1\n > TSGEN.ADVANCE other 1\n 1";
    for (setup, command) in [
        (made.to_owned(), "RENAME other normal"),
        (made.to_owned(), "COPY other normal REPLACE"),
        (format!("> SELECT 1\n OK\n {made}\n > RENAME other normal\n OK"), "SWAPDB 0 1"),
        (format!("> DEL normal\n 1\n > SELECT 1\n OK\n {made}\n > RENAME other normal\n OK"), "MOVE normal 0"),
    ] {
        let (server, mut c) = queues();
        c.play(&setup);
        let mut worker = Blocked::new(&server, ALL);
        c.ok(command);
        assert_eq!(served(&mut worker), "normal a", "{command}");
    }
}

#[test]
fn the_end_of_a_wait() {
    let (server, mut c) = queues();
    for (how, reply) in [("", "[]"), ("TIMEOUT", "[]"), ("ERROR", "-UNBLOCKED …")] {
        let mut worker = Blocked::new(&server, ALL);
        c.expect(&format!("CLIENT UNBLOCK {} {how}", worker.id), "1");
        let got = worker.reply().to_string();
        assert!(matches(reply, &got, &mut c.bindings), "{how}: {got}");
    }
    c.expect("TSGEN.MCLAIM 2 urgent normal w BLOCK 50", "[]");
    let killed = Blocked::new(&server, ALL);
    let mut alive = Blocked::new(&server, ALL);
    c.expect(&format!("CLIENT KILL ID {}", killed.id), "1");
    wait_until("it is gone", || c.info("tsgen", "tsgen_blocked-clients") == "1");
    c.ok("TSGEN.ADD bulk 1 a");
    assert_eq!(served(&mut alive), "bulk a");
    assert_eq!(c.info("tsgen", "tsgen_blocked-clients").as_str(), "0");
}

#[test]
fn a_sink_that_is_set_meanwhile_is_an_error() {
    let (server, mut c) = queues();
    c.ok("TSGEN.ADD normal 500 later");
    let mut worker = Blocked::new(&server, ALL);
    c.ok("TSGEN.ALTER normal SINK stream");
    let told = worker.reply().to_string();
    assert!(told.starts_with("-ERR the key has a SINK"), "{told}");
}

#[test]
fn while_nothing_may_be_written_it_waits() {
    let (server, mut c) = queues();
    let mut worker = Blocked::new(&server, ALL);
    c.play("> MULTI\n OK\n > TSGEN.ADD bulk 1 b\n QUEUED\n > TSGEN.ADD urgent 1 u\n QUEUED\n > CLIENT PAUSE 60000 WRITE\n QUEUED\n > EXEC\n …");
    assert!(worker.is_blocked(&mut c));
    c.ok("CLIENT UNPAUSE");
    assert_eq!(served(&mut worker), "urgent u");
}

#[test]
fn a_failover_ends_its_wait_and_another_takes_over() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    c.play("> TSGEN.ADVANCE urgent 9\n 9\n > TSGEN.ADVANCE normal 9\n 9");
    let mut worker = Blocked::new(&master, "TSGEN.MCLAIM 2 urgent normal w BLOCK 0");
    fail_over(&master, &replica);
    let reply = worker.client.try_read().map(|reply| reply.to_string());
    assert!(reply.as_ref().is_ok_and(|reply| reply.starts_with('-')), "{reply:?}");
    let mut worker = Blocked::new(&replica, "TSGEN.MCLAIM 2 urgent normal w BLOCK 0");
    replica.client().ok("TSGEN.ADD normal 1 a");
    assert_eq!(served(&mut worker), "normal a");
    same_data(&replica, &master);
}

#[test]
fn many_keys_and_the_same_key_again_and_again() {
    let (server, mut c) = queues();
    let names: Vec<String> = (0..5_000).map(|n| format!("k{}", n % 2_500)).collect();
    let keys = names.join(" ");
    let mut worker = Blocked::new(&server, &format!("TSGEN.MCLAIM 5000 {keys} w BLOCK 0 COUNT 9"));
    c.play("> MULTI\n OK\n > TSGEN.ADVANCE k7 5\n QUEUED\n > TSGEN.ADD k2400 1 x\n QUEUED\n > TSGEN.ADVANCE k2400 5\n QUEUED\n > TSGEN.ADD k7 1 y\n QUEUED\n > EXEC\n …");
    assert_eq!(served(&mut worker), "k7 y; k2400 x");
    assert_eq!(c.info("tsgen", "tsgen_blocked-clients").as_str(), "0");
}

/// The next one goes on.
#[test]
fn a_reply_ends_with_the_key_at_which_it_reaches_4_mib() {
    let (_server, mut c) = queues();
    let large = "x".repeat(3 << 20);
    for key in ["urgent", "normal", "bulk"] {
        c.ok(&format!("TSGEN.ADD {key} 1 a {large}"));
    }
    let take = |c: &mut Client| {
        let reply = c.ok("TSGEN.MCLAIM 3 urgent normal bulk w COUNT 9");
        reply.items().iter().map(|of| of.items()[0].text()).collect::<Vec<_>>()
    };
    assert_eq!(take(&mut c), ["urgent", "normal"]);
    assert_eq!(take(&mut c), ["bulk"]);
}

/// 30 000 leases have ended at once, all entries of three keys are dead, and nothing is ready but in the fourth. One call ends those of one key.
#[test]
fn a_call_ends_no_more_leases_than_a_claim_and_one_key_does() {
    let (master, replica) = pair(&[]);
    let mut c = master.client();
    for key in ["k0", "k1", "k2", "last"] {
        c.ok(&format!("TSGEN.CREATE {key} MAXDELIVERIES 1"));
        c.ok(&format!("TSGEN.ADVANCE {key} 5"));
        for batch in 0..10 {
            let elements: Vec<String> = (0..1_000).map(|n| format!("1 {batch}-{n} x")).collect();
            c.ok(&format!("TSGEN.MADD {key} {}", elements.join(" ")));
        }
    }
    // In a script nothing else happens meanwhile, and time passes all the same.
    let script = "for _, key in ipairs({'k0', 'k1', 'k2'}) do redis.call('TSGEN.CLAIM', key, 'lost', 'COUNT', 10000, 'LEASE', 1) end \
        local n = 0 for _ = 1, 3000000 do n = n + 1 end \
        return {redis.call('TSGEN.MCLAIM', 4, 'k0', 'k1', 'k2', 'last', 'w', 'COUNT', 2), \
        redis.call('TSGEN.INFO', 'k0'), redis.call('TSGEN.INFO', 'k1'), redis.call('TSGEN.INFO', 'k2')}";
    let reply = c.call(&[b"EVAL", script.as_bytes(), b"0"]);
    assert_eq!(ids(&reply.items()[0]), "last 0-0,0-1");
    let leased = [1, 2, 3].map(|key| reply.items()[key].field("leased").int());
    // INFO looks at 2000 leases that have ended.
    assert_eq!(leased, [0, 8_000, 8_000]);
    same_data(&master, &replica);
}
