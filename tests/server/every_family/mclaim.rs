//! MCLAIM, in all families alike: the keys in the order given, COUNT over all of them, one write, and what a replica, the AOF and subscribers see.

use super::{expect_told, FAMILIES};
use crate::common::{pair, AOF};
use crate::harness::*;

/// Events of the keys that the tests claim from.
fn of_queues(events: &mut Events, c: &mut Client) -> Vec<String> {
    let is_of_queue = |event: &String| event.starts_with("urgent ") || event.starts_with("normal ");
    events.take(c).into_iter().filter(is_of_queue).collect()
}

#[test]
fn keys_are_served_in_the_order_given_and_count_is_the_total() {
    for family in &FAMILIES {
        let (mut master, replica) = pair(&AOF);
        let mut c = master.client();
        family.make_ready(&mut c, "normal", &["a", "b", "c"]);
        family.make_ready(&mut c, "urgent", &["d", "e"]);
        let (mut feed, mut events) = (Feed::open(&master), Events::subscribe(&master));
        let claim = |key: &str, number: i64, count: i64, lease: i64, token: &str| {
            format!("TSGEN.AT <_{number}> {}.CLAIM {key} w COUNT {count} LEASE {lease} TOKEN <{token}>", family.name)
        };
        let ack = |rest: &str| format!("{}.ACK {rest}", family.name);
        let (multi, exec) = (|| "MULTI".to_owned(), || "EXEC".to_owned());
        let cases: [(&str, &str, Vec<String>, &[&str]); 9] = [
            // The first key is enough.
            (
                "MCLAIM 3 none urgent normal w",
                "[['urgent' [[<d> 1 …]]]]",
                vec![claim("urgent", 1, 1, 30_000, "d")],
                &["urgent @.claim"],
            ),
            // It is not; and named twice it counts once, in its first place.
            (
                "MCLAIM 3 urgent normal urgent w COUNT 3 LEASE 5000",
                "[['urgent' [[<e> 1 …]]] ['normal' [[<a> 1 …] [<b> 1 …]]]]",
                vec![multi(), claim("urgent", 2, 3, 5_000, "e"), claim("normal", 3, 2, 5_000, "a"), exec()],
                &["urgent @.claim", "normal @.claim"],
            ),
            // ACK for both, one stale token among them.
            (
                "mclaim 2 urgent normal w count 5 ack urgent <d> <e> ack normal <a> 7",
                "[['normal' [[<c> 1 …]]]]",
                vec![multi(), ack("urgent <d> <e>"), ack("normal <a> 7"), claim("normal", 4, 5, 30_000, "c"), exec()],
                &["urgent @.ack", "normal @.ack", "normal @.claim"],
            ),
            ("MCLAIM 2 urgent normal w ACK normal 7 ACK urgent <d>", "[]", vec![], &[]),
            // Tokens of one key mean nothing in another.
            ("MCLAIM 2 urgent normal w ACK urgent <b>-<c>", "[]", vec![], &[]),
            ("MCLAIM 1 normal w BLOCK 1 ACK normal <b>", "[]", vec![ack("normal <b>")], &["normal @.ack"]),
            ("MCLAIM 2 none none w", "[]", vec![], &[]),
            ("MCLAIM 1 none w ACK none 5", "[]", vec![], &[]),
            ("MCLAIM 1 none w BLOCK 1", "[]", vec![], &[]),
        ];
        for (command, reply, told, seen) in cases {
            c.play(&format!("> {}\n {reply}", family.on(command, "")));
            expect_told(&mut feed, &mut c, &told);
            let seen: Vec<String> = seen.iter().map(|event| event.replace('@', &family.name.to_lowercase())).collect();
            assert_eq!(of_queues(&mut events, &mut c), seen, "{} {command}", family.name);
        }
        c.expect("EXISTS none", "0");
        same_data(&master, &replica);
        assert_eq!(replica.client().info("tsgen", "tsgen_adopted-tokens").as_str(), "0");
        let digest = master.digest_all();
        master.restart(Stop::Kill);
        assert_eq!(master.digest_all(), digest, "{}", family.name);
    }
}

#[test]
fn the_entries_are_those_of_claim_in_resp2_and_resp3() {
    for family in &FAMILIES {
        for is_resp3 in [false, true] {
            let server = Server::start(&[]);
            let mut c = if is_resp3 { server.client().resp3() } else { server.client() };
            family.make_ready(&mut c, "one", &["a"]);
            c.ok("COPY one two");
            let by_claim = c.ok(&family.on("CLAIM # w", "one"));
            let by_key = c.ok(&family.on("MCLAIM 2 one # w", "two"));
            // But for their tokens.
            let fields = |entry: &Reply| entry.items()[1..].iter().map(Reply::to_string).collect::<Vec<_>>();
            assert_eq!(by_key.items()[0].items()[0].text(), "two");
            let entry = &by_key.items()[0].items()[1].items()[0];
            assert_eq!(fields(entry), fields(&by_claim.items()[0]), "{}", family.name);
        }
    }
}

/// What it does while blocked goes out behind what woke it, in one MULTI if it is more than one thing.
#[test]
fn a_worker_that_waits_is_served_in_one_write() {
    for family in &FAMILIES {
        let (master, replica) = pair(&AOF);
        let mut c = master.client();
        family.make_ready(&mut c, "parked", &["a"]);
        c.ok("COPY parked parked2");
        let mut feed = Feed::open(&master);
        let mut worker = Blocked::new(&master, &family.on("MCLAIM 3 none urgent normal w COUNT 5 BLOCK 0", ""));
        assert_eq!(c.info("tsgen", "tsgen_blocked-clients").as_str(), "1", "one client, whatever it waits for");
        c.play("> MULTI\n OK\n > RENAME parked normal\n QUEUED\n > RENAME parked2 urgent\n QUEUED\n > EXEC\n [OK OK]");
        let served = worker.reply().to_string();
        let expected = "[['urgent' [[<u> 1 …]]] ['normal' [[<n> 1 …]]]]";
        assert!(matches(expected, &served, &mut c.bindings), "{}: {served}", family.name);
        let claim = |key: &str, number: i64, count: i64, token: &str| {
            format!("TSGEN.AT <_{number}> {}.CLAIM {key} w COUNT {count} LEASE 30000 TOKEN <{token}>", family.name)
        };
        let (first, second) = (claim("urgent", 1, 5, "u"), claim("normal", 2, 4, "n"));
        let moved = ["MULTI", "RENAME parked normal", "RENAME parked2 urgent", "EXEC"];
        let told = moved.into_iter().chain(["MULTI", &first, &second, "EXEC"]).collect::<Vec<_>>();
        feed.expect(&mut c, &told);
        same_data(&master, &replica);
        assert_eq!(c.info("tsgen", "tsgen_blocked-clients").as_str(), "0");
    }
}

#[test]
fn in_multi_in_scripts_and_under_watch() {
    for family in &FAMILIES {
        let (master, replica) = pair(&[]);
        let mut c = master.client();
        family.make_ready(&mut c, "urgent", &["a"]);
        family.make_ready(&mut c, "normal", &["b", "c"]);
        let mut watcher = master.client();
        watcher.play("> WATCH urgent\n OK");
        let mut other = master.client();
        other.play("> WATCH none\n OK");
        family.play(
            &mut c,
            r#"
            > MULTI
            OK
            > F.MCLAIM 3 none urgent normal w COUNT 2 BLOCK 0
            QUEUED
            > EXEC
            [[['urgent' [[<a> 1 …]]] ['normal' [[<b> 1 …]]]]]
            > EVAL "return redis.call('F.MCLAIM', 2, KEYS[1], KEYS[2], 'w', 'BLOCK', 0, 'ACK', KEYS[1], ARGV[1])" 2 urgent normal <a>
            [['normal' [[<c> 1 …]]]]
            > EVAL "return redis.call('F.MCLAIM', 2, KEYS[1], KEYS[2], 'w', 'BLOCK', 0)" 2 urgent normal
            []
            "#,
        );
        watcher.play("> MULTI\n OK\n > PING\n QUEUED\n > EXEC\n nil");
        other.play("> MULTI\n OK\n > PING\n QUEUED\n > EXEC\n [PONG]");
        same_data(&master, &replica);
    }
}

#[test]
fn a_user_needs_every_key() {
    for family in &FAMILIES {
        let server = Server::start(&[]);
        let mut c = server.client();
        family.make_ready(&mut c, "mine", &["a"]);
        family.make_ready(&mut c, "theirs", &["b"]);
        c.ok("ACL SETUSER u on nopass ~mine* %R~read* %W~write* +@all");
        let mut u = server.client();
        u.ok("AUTH u x");
        for (keys, is_allowed) in [
            ("2 mine mine2", true),
            ("2 mine theirs", false),
            ("2 theirs mine", false),
            ("1 theirs", false),
            ("2 mine read", false),
            ("2 mine write", false),
        ] {
            let reply = u.run(&family.on(&format!("MCLAIM {keys} w"), "")).to_string();
            assert_eq!(reply.starts_with("-NOPERM"), !is_allowed, "{keys}: {reply}");
        }
        let getkeys = family.on("MCLAIM 3 a b a w COUNT 5 ACK b 7 ACK a 8", "");
        c.expect(&format!("COMMAND GETKEYS {getkeys}"), "['a' 'b' 'a']");
        for wrong in ["MCLAIM 2 a", "MCLAIM x a w", "MCLAIM 0 a w", "MCLAIM -1 a w"] {
            c.expect(&format!("COMMAND GETKEYS {}", family.on(wrong, "")), "-ERR …");
        }
    }
}

/// It does what BLMPOP does with a name that is not this command's to serve; what replicas repeat is CLAIM.
#[test]
fn the_envelope_takes_claim_only() {
    let server = Server::start(&["--tsgen.virtual-clock", "yes"]);
    server.client().play("> TSGEN.AT 1000 TSGEN.MCLAIM 1 k w\n -ERR TSGEN.AT takes a command of this module that changes or reads one key");
}

#[test]
fn a_paused_key_gives_nothing_and_the_end_of_its_pause_wakes() {
    for family in &FAMILIES {
        let (master, replica) = pair(&[]);
        let mut c = master.client();
        family.make_ready(&mut c, "urgent", &["a", "b"]);
        family.make_ready(&mut c, "normal", &["c"]);
        family.play(
            &mut c,
            r#"
            > F.CLAIM urgent w
            [[<a> 1 …]]
            > F.ALTER urgent PAUSED yes
            OK
            # What is acknowledged is done all the same.
            > F.MCLAIM 2 urgent normal w COUNT 9 ACK urgent <a>
            [['normal' [[<c> 1 …]]]]
            > F.MCLAIM 2 urgent normal w BLOCK 20 ACK urgent <a> ACK normal <c>
            []
            "#,
        );
        assert_eq!(family.counts(&mut c, "urgent"), [0, 1, 0, 0, 0], "{}", family.name);
        let mut worker = Blocked::new(&master, &family.on("MCLAIM 2 urgent normal w BLOCK 0", ""));
        family.play(&mut c, "> F.ALTER urgent PAUSED no\n OK");
        let served = worker.reply().to_string();
        assert!(matches("[['urgent' [[<b> 1 …]]]]", &served, &mut c.bindings), "{}: {served}", family.name);
        same_data(&master, &replica);
    }
}

/// A worker waits for two keys. It is woken for one, which somebody else empties in the same turn, and the other has expired by then. Redis 7.0
/// deleted that in the worker's name, who got no reply, and aborted.
#[test]
fn a_key_that_has_expired_when_a_worker_is_woken_for_nothing_is_survived() {
    for family in FAMILIES.iter().filter(|family| family.name != "EXPIRY") {
        let (master, replica) = pair(&[]);
        let mut c = master.client();
        c.ok("DEBUG SET-ACTIVE-EXPIRE 0");
        for key in ["expires", "k"] {
            family.add_ready(&mut c, key, "a");
            c.ok(&family.on("CLAIM # w", key));
        }
        let mut worker = Blocked::new(&master, &format!("{}.MCLAIM 2 expires k w BLOCK 60000", family.name));
        c.ok("MULTI");
        family.add_ready(&mut c, "k", "b");
        for command in [&family.on("CLAIM # somebody", "k"), "PEXPIRE expires 1", "DEBUG SLEEP 0.02"] {
            c.expect(command, "QUEUED");
        }
        let done = c.ok("EXEC").to_string();
        assert!(done.contains("'b'"), "somebody has got it: {done}");
        // Not by this worker, but it is gone.
        c.expect("EXISTS expires", "0");
        family.add_ready(&mut c, "k", "c");
        let reply = worker.reply().to_string();
        assert!(reply.starts_with("[['k' ") && reply.contains("'c'"), "{}: {reply}", family.name);
        same_data(&master, &replica);
    }
}
