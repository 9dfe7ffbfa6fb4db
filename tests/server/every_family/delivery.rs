//! The delivery commands and the key as a whole where time makes entries ready, in all families alike: at exact times, in RESP3,
//! MULTI, scripts and under WATCH.

use super::{timed, Family, FAMILIES};
use crate::common::*;
use crate::harness::*;

/// How the entries of a family look that [`every_delivery_command_works`] moves about.
struct Shown {
    family: &'static str,
    /// Three entries that are ready by 7000, in this order.
    made: &'static str,
    /// One more, that is ready after 7500 and by 8600.
    late: &'static str,
    /// What PENDING and DEAD call them.
    names: [&'static str; 4],
    /// What CLAIM tells of them after token and deliveries.
    entries: [&'static str; 4],
}

const SHOWN: [Shown; 3] = [
    Shown {
        family: "TSGEN",
        made: "> TSGEN.CREATE k CLOCK LEASE 500 MAXDELIVERIES 2 BACKOFF 100\n OK\n > TSGEN.AT 5000 TSGEN.MADD k 6000 a 1 6001 b \"\" 6002 c 4\n [1 1 1]",
        late: "TSGEN.ADD k 8500 d 5",
        names: ["'a'", "'b'", "'c'", "'d'"],
        entries: ["'a' 6000 '1'", "'b' 6001 ''", "'c' 6002 '4'", "'d' 8500 '5'"],
    },
    Shown {
        family: "DEBOUNCE",
        made: "> DEBOUNCE.CREATE k IDLE 1000 LEASE 500 MAXDELIVERIES 2 BACKOFF 100\n OK\n > TSGEN.AT 5000 DEBOUNCE.PUSH k a 1 2\n 2\n > TSGEN.AT 5001 DEBOUNCE.PUSH k b 3\n 1\n > TSGEN.AT 5002 DEBOUNCE.PUSH k c 4\n 1",
        late: "DEBOUNCE.PUSH k d 5",
        names: ["'a'", "'b'", "'c'", "'d'"],
        entries: [
            "'a' 'idle' ['1' 5000 '2' 5000]",
            "'b' 'idle' ['3' 5001]",
            "'c' 'idle' ['4' 5002]",
            "'d' 'idle' ['5' 7500]",
        ],
    },
    Shown {
        family: "TALLY",
        made: "> TALLY.CREATE k EVERY 1000 MAXFIELDS 1 LEASE 500 MAXDELIVERIES 2 BACKOFF 100\n OK\n > TSGEN.AT 5000 TALLY.MINCR k a 1 b 2 c 3\n [1 2 3]",
        late: "TALLY.INCR k d",
        names: ["'5120000'", "'5120001'", "'5120002'", "'7680000'"],
        entries: [
            "5120000 5000 5000 ['a' 1]",
            "5120001 5000 5000 ['b' 2]",
            "5120002 5000 5000 ['c' 3]",
            "7680000 7500 7500 ['d' 1]",
        ],
    },
];

#[test]
fn every_delivery_command_works() {
    for Shown { family, made, late, names: [name_a, name_b, name_c, _], entries: [a, b, c, d] } in SHOWN {
        let server = virtual_clock();
        let mut client = server.client();
        client.play(made);
        client.play(&format!(
            r#"
            > TSGEN.AT 7000 {family}.CLAIM k w1 COUNT 2
            [[7168000 1 {a}] [7168001 1 {b}]]
            > TSGEN.AT 7000 {family}.CLAIM k w2 LEASE 5000
            [[7168002 1 {c}]]
            > TSGEN.AT 7100 {family}.PENDING k
            [[7168000 'w1' 7500 1 {name_a}] [7168001 'w1' 7500 1 {name_b}] [7168002 'w2' 12000 1 {name_c}]]
            > TSGEN.AT 7100 {family}.PENDING k CONSUMER w1 COUNT 1 AFTER 7168000
            [[7168001 'w1' 7500 1 {name_b}]]
            > TSGEN.AT 7100 {family}.EXTEND k 1000 7168000
            1
            > TSGEN.AT 7100 {family}.NACK k 7168001
            1
            > TSGEN.AT 7199 {family}.CLAIM k w1
            []
            # Again, the same, in a new delivery; the last but one ends dead.
            > TSGEN.AT 7200 {family}.CLAIM k w1
            [[7372800 2 {b}]]
            > TSGEN.AT 7300 {family}.NACK k 7372800 REASON broken
            1
            > TSGEN.AT 7300 {family}.DEAD k
            [[7372800 2 {name_b} 7300 'broken']]
            > TSGEN.AT 7400 {family}.RELEASE k w2
            1
            > TSGEN.AT 7400 {family}.CLAIM k w3
            [[7577600 1 {c}]]
            > {family}.ACK k 7577600 7577600
            1
            > TSGEN.AT 7400 {family}.REQUEUE k ALL
            1
            > TSGEN.AT 7400 {family}.CLAIM k w3
            [[7577601 1 {b}]]
            > TSGEN.AT 7400 {family}.NACK k 7577601 DEAD
            1
            > TSGEN.AT 7400 {family}.DISCARD k 7577601
            1
            # The lease of the first has ended at 8100; it keeps its place before what was ready later.
            > TSGEN.AT 7500 {late}
            1
            > TSGEN.AT 8600 {family}.CLAIM k w4 COUNT 9
            [[8806400 2 {a}] [8806401 1 {d}]]
            > {family}.ACK k 8806400-8806401
            2
            "#
        ));
    }
}

#[test]
fn info_is_a_map_in_resp3_and_a_flat_array_in_resp2() {
    for family in &FAMILIES {
        let server = Server::start(&[]);
        let mut two = server.client();
        let mut three = server.client().resp3();
        family.fill(&mut two);
        for info in ["empty", "piped"].map(|key| family.on("INFO #", key)) {
            let flat = two.ok(&info);
            let Reply::Map(pairs) = three.ok(&info) else { panic!("{info}: not a map") };
            let flattened: Vec<Reply> = pairs.into_iter().flat_map(|(name, value)| [name, value]).collect();
            assert_eq!(flat, Reply::Array(flattened));
        }
        two.expect(&family.on("INFO #", "none"), "-ERR no such key");
    }
}

/// The commands as a script that replies what the last of them does.
fn script(commands: &[String]) -> String {
    let calls = commands.iter().map(|command| format!("redis.call('{}')", command.replace(' ', "', '")));
    let calls: Vec<String> = calls.collect();
    format!("EVAL \"local reply = {}\" 1 k", calls.join(" reply = ") + " return reply")
}

#[test]
fn commands_work_inside_multi_and_scripts_and_claim_does_not_block_there() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        let claim = family.on("CLAIM # w BLOCK 0", "k");
        c.ok("MULTI");
        for command in family.at_once("k", "a").iter().chain([&claim, &claim]) {
            c.expect(command, "QUEUED");
        }
        c.expect("EXEC", "[OK 1 1 [[<t> 1 …'a' …]] []]");
        let ack = family.on("ACK #", "k");
        c.play(&format!("> {}\n 1", script(&[format!("{ack} <t>")])));
        let [_, add, open] = family.at_once("k", "b");
        c.expect(&script(&[add, open, claim]), "[[<u> 1 …'b' …]]");
    }
}

#[test]
fn watch_notices_a_change_and_ignores_what_changes_nothing() {
    for family in timed() {
        let server = Server::start(&[]);
        let (mut c, mut other) = (server.client(), server.client());
        c.ok(&family.by_time("waits", 3_600_000));
        c.ok(&family.add("waits", "a", 3_600_000));
        c.ok(&family.by_time("k", 50));
        c.ok(&family.add("k", "a", 50));
        wait_until("it is ready", || family.counts(&mut c, "k") == [0, 1, 0, 0, 0]);
        let transaction = "> WATCH k waits\n OK\n > MULTI\n OK\n > PING\n QUEUED";
        c.play(transaction);
        family.idle(&mut other);
        other.expect(&family.on("CLAIM # w", "waits"), "[]");
        c.expect("EXEC", "[PONG]");
        // The same again, which may change no more than a time; that is a change too.
        c.play(transaction);
        other.ok(&family.add("waits", "a", 3_600_001));
        c.expect("EXEC", "nil");
    }
}

/// The token of the one entry that is claimed.
#[track_caller]
fn token(c: &mut Client, family: &Family) -> i64 {
    c.ok(&family.on("CLAIM # w", "k")).items()[0].items()[0].int()
}

/// What becomes of a key after which it, or another of its name, goes on. It had an older self, which is restored as it was.
const FATES: [&str; 6] = ["nothing", "DEL k", "RENAME k other", "FLUSHALL", "a restart", "its older self"];

#[test]
fn tokens_rise_whatever_becomes_of_the_key() {
    for family in timed() {
        let mut server = Server::start(&AOF);
        let mut c = server.client();
        family.add_ready(&mut c, "k", "a");
        let older = c.call(&[b"DUMP", b"k"]).bytes().to_vec();
        let mut last = token(&mut c, family);
        for fate in FATES {
            // The first token of a new key is of its millisecond.
            let now = server_ms(&mut c);
            wait_until("the clock has moved", || server_ms(&mut c) > now);
            match fate {
                "nothing" => {}
                "a restart" => {
                    server.restart(Stop::Kill);
                    c = server.client();
                }
                "its older self" => {
                    assert_eq!(crate::cmd!(c, "RESTORE", "k", 0, &older, "REPLACE"), "OK");
                }
                command => drop(c.ok(command)),
            }
            if fate != "its older self" {
                family.add_ready(&mut c, "k", &fate.replace(' ', "-"));
            }
            let next = token(&mut c, family);
            assert!(next > last, "{}: {next} after {last} and {fate}", family.name);
            last = next;
        }
    }
}

#[test]
fn the_token_of_what_was_handed_back_settles_nothing() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        family.add_ready(&mut c, "k", "a");
        for back in ["NACK # <t> DELAY 0", "RELEASE # w"] {
            let token = token(&mut c, family);
            let on = |command: &str| family.on(&command.replace("<t>", &token.to_string()), "k");
            c.expect(&on(back), "1");
            c.expect(&on("ACK # <t>"), "0");
            assert_eq!(family.counts(&mut c, "k"), [0, 1, 0, 0, 0], "{} after {back}", family.name);
            // Nor once somebody else has it.
            assert_eq!(c.ok(&family.on("CLAIM # other", "k")).items().len(), 1);
            for late in ["ACK # <t>", "EXTEND # 5 <t>", "NACK # <t> DEAD"] {
                c.expect(&on(late), "0");
            }
            assert_eq!(family.counts(&mut c, "k"), [0, 0, 1, 0, 0], "{} after {back}", family.name);
            c.expect(&family.on("RELEASE # other", "k"), "1");
        }
    }
}
