//! PEEK, in all families alike: it shows what CLAIM gives, changes nothing, and is bounded.

use super::{timed, FAMILIES};
use crate::cmd;
use crate::common::{pair, AOF};
use crate::harness::*;

/// The entries of the one page that a reply of PEEK is.
#[track_caller]
fn whole(reply: &Reply) -> Vec<Reply> {
    let [cursor, entries] = reply.items() else { panic!("no page: {reply}") };
    assert_eq!(cursor.text(), "0", "{reply}");
    entries.items().to_vec()
}

#[test]
fn what_is_shown_is_what_claim_gives_and_nothing_changes() {
    for family in timed() {
        let (master, replica) = pair(&AOF);
        let mut c = master.client();
        for name in ["a", "b", "c", "d"] {
            family.add_ready(&mut c, "k", name);
        }
        let shown: Vec<Reply> = whole(&c.ok(&family.on("PEEK # READY", "k")));
        assert!(shown.iter().all(|entry| entry.field("token") == &Reply::Nil), "{shown:?}");
        let claimed = c.ok(&family.on("CLAIM # w COUNT 3 LEASE 3600000", "k"));
        let tokens: Vec<i64> = claimed.items().iter().map(|entry| entry.items()[0].int()).collect();
        let until = c.ok(&family.on("PENDING # COUNT 1", "k")).items()[0].items()[2].int();
        let [_, b, c3] = tokens[..] else { panic!("three: {claimed}") };
        c.expect(&family.on(&format!("NACK # {b} DELAY 3600000"), "k"), "1");
        c.expect(&family.on(&format!("NACK # {c3} DEAD REASON why"), "k"), "1");
        let mut feed = Feed::open(&master);
        let digest = master.digest_all();
        // What CLAIM has given of each, and no more than what is said of its state.
        let all: [(&str, usize, &[&str]); 4] = [
            ("LEASED", 0, &["token", "deliveries", "consumer", "until", "bytes", "entry"]),
            ("DELAYED", 1, &["token", "deliveries", "until", "bytes", "entry"]),
            ("DEAD", 2, &["token", "deliveries", "reason", "died-at", "bytes", "entry"]),
            ("READY", 3, &["token", "deliveries", "bytes", "entry"]),
        ];
        same_data(&master, &replica);
        for (state, nth, fields) in all {
            let peek = family.on(&format!("PEEK # {state}"), "k");
            let entries = whole(&c.ok(&peek));
            let [entry] = &entries[..] else { panic!("one is {state}: {entries:?}") };
            let names: Vec<String> = entry.items().iter().step_by(2).map(Reply::text).collect();
            assert_eq!(names, fields, "{} {state}", family.name);
            if nth < 3 {
                assert_eq!(entry.field("token").int(), tokens[nth]);
                let given = claimed.items()[nth].items()[2..].iter().map(Reply::to_string);
                let told = entry.field("entry").items().iter().map(Reply::to_string);
                assert_eq!(told.collect::<Vec<_>>(), given.collect::<Vec<_>>(), "{} {state}", family.name);
            } else {
                assert_eq!(entry.to_string(), shown[3].to_string(), "{}", family.name);
            }
            assert!(entry.field("bytes").int() > 0, "{entry}");
            // On the replica, in a transaction, in a script, and as a map.
            let told = c.ok(&peek).to_string();
            assert_eq!(replica.client().ok(&peek).to_string(), told);
            c.ok("MULTI");
            c.expect(&peek, "QUEUED");
            assert_eq!(c.ok("EXEC").to_string(), format!("[{told}]"));
            let script = format!("EVAL \"return redis.call('{}.PEEK', KEYS[1], '{state}')\" 1 k", family.name);
            assert_eq!(c.ok(&script).to_string(), told);
            let mut resp3 = master.client().resp3();
            let map = resp3.ok(&peek).items()[1].items()[0].to_string();
            assert!(map.starts_with("{'token' ") && map.ends_with("]}"), "{map}");
        }
        assert_eq!(whole(&c.ok(&family.on("PEEK # LEASED", "k")))[0].field("until").int(), until);
        assert_eq!(whole(&c.ok(&family.on("PEEK # DEAD", "k")))[0].field("reason").text(), "why");
        feed.expect(&mut c, &[]);
        c.ok("DEL feed:mark");
        assert_eq!(master.digest_all(), digest);
    }
}

/// What time has ended is told as if somebody had applied it: nobody works here, and no timer comes to this key.
#[test]
fn what_time_has_ended_is_shown_as_ended_on_master_and_replica() {
    for family in timed() {
        let (master, replica) = pair(&[]);
        let mut c = master.client();
        for name in ["a", "b"] {
            family.add_ready(&mut c, "k", name);
        }
        c.ok(&family.on("ALTER # MAXDELIVERIES 1", "k"));
        c.ok(&family.on("CLAIM # w LEASE 40", "k"));
        c.ok(&family.by_time("gate", 40));
        c.ok(&family.add("gate", "g", 40));
        c.ok("WAIT 1 20000");
        let mut feed = Feed::open(&master);
        for server in [&master, &replica] {
            let mut reader = server.client();
            let mut states = |key: &str| {
                let count = |state| whole(&reader.ok(&family.on(&format!("PEEK # {state}"), key))).len();
                ["READY", "DELAYED", "LEASED", "DEAD"].map(count)
            };
            wait_until("the lease has ended", || states("k") == [1, 0, 0, 1]);
            wait_until("the gate has opened", || states("gate") == [1, 0, 0, 0]);
            let entry = whole(&reader.ok(&family.on("PEEK # DEAD", "k")));
            assert_eq!(entry[0].field("reason").text(), "lease ended");
        }
        feed.expect(&mut c, &[]);
        // What it was shown as is what it is then.
        let shown = whole(&c.ok(&family.on("PEEK # READY", "gate")))[0].field("entry").items().to_vec();
        let claimed = c.ok(&family.on("CLAIM # w", "gate"));
        let claimed = &claimed.items()[0].items()[2..];
        // But for the number of a batch, which is nil until then.
        let first = usize::from(family.name == "TALLY");
        let [shown, claimed] =
            [&shown[first..], &claimed[first..]].map(|all| all.iter().map(Reply::to_string).collect::<Vec<_>>());
        assert_eq!(shown, claimed, "{}", family.name);
    }
}

const MIB: usize = 1024 * 1024;

/// The one entry with a content of 5 MiB, and where its content stands.
#[test]
fn a_content_that_is_too_large_is_nil_and_its_size_is_told() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let large = vec![b'x'; 5 * MIB];
    c.play("> TSGEN.CREATE t CLOCK\n OK\n > DEBOUNCE.CREATE d IDLE 3600000\n OK\n > TALLY.CREATE y EVERY 3600000\n OK\n > EXPIRY.CREATE e PREFIX e: MAXVALUE 67108864\n OK");
    assert_eq!(cmd!(c, "TSGEN.ADD", "t", 5, "id", &large), 0);
    assert_eq!(cmd!(c, "DEBOUNCE.PUSH", "d", "group", &large), 1);
    assert_eq!(cmd!(c, "DEBOUNCE.FLUSH", "d", "group"), 1);
    for n in 0..90 {
        let field = [vec![b'0' + n; 64 * 1024 - 1], vec![b'!']].concat();
        assert_eq!(cmd!(c, "TALLY.INCR", "y", &field), 1);
    }
    c.expect("TALLY.SEAL y", "90");
    assert_eq!(cmd!(c, "SET", "e:1", &large, "PX", 50), "OK");
    let mut told = Vec::new();
    for (peek, expected) in [
        ("TSGEN.PEEK t READY", "['id' 5 nil]"),
        ("DEBOUNCE.PEEK d READY", "['group' 'flush' nil]"),
        ("TALLY.PEEK y READY", "[nil … … nil]"),
        ("EXPIRY.PEEK e READY", "['e:1' 'string' nil … 'expired']"),
    ] {
        wait_until("it is ready", || !whole(&c.ok(peek)).is_empty());
        c.expect(peek, &format!("['0' [['token' nil 'deliveries' 0 'bytes' <_{}> 'entry' {expected}]]]", told.len()));
        told.push(whole(&c.ok(peek))[0].field("bytes").int());
    }
    assert!(told.iter().all(|bytes| (5 * MIB..7 * MIB).contains(&(*bytes as usize))), "{told:?}");
    assert_eq!(told[0], 5 * MIB as i64);
    // A group that is due and that nothing has fired, and such a window: the same.
    c.play("> DEBOUNCE.CREATE d2 IDLE 50\n OK");
    assert_eq!(cmd!(c, "DEBOUNCE.PUSH", "d2", "group", &large), 1);
    wait_until("it is due", || !whole(&c.ok("DEBOUNCE.PEEK d2 READY")).is_empty());
    c.expect("DEBOUNCE.PEEK d2 READY", "['0' [['token' nil 'deliveries' 0 'bytes' … 'entry' ['group' 'idle' nil]]]]");
}

/// Ten entries of 1 MiB: a page has no more than fits, and with the cursors they all come, once each.
#[test]
fn a_page_has_at_most_4_mib_and_the_cursor_leads_to_the_rest() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        let [create, ..] = family.at_once("k", "x");
        c.ok(&create);
        for n in 0..10 {
            let large = vec![b'a' + n; MIB - 2_000];
            match family.name {
                "TSGEN" => drop(cmd!(c, "TSGEN.ADD", "k", 1, format!("e{n}"), &large)),
                "DEBOUNCE" => drop(cmd!(c, "DEBOUNCE.PUSH", "k", format!("e{n}"), &large)),
                _ => {
                    for part in large.chunks(64 * 1024).enumerate() {
                        let field = [part.1, &[part.0 as u8 + b'!']].concat();
                        drop(cmd!(c, "TALLY.INCR", "k", &field[1..]));
                    }
                    c.ok("TALLY.SEAL k");
                }
            }
        }
        match family.name {
            "TSGEN" => c.ok("TSGEN.ADVANCE k 1"),
            "DEBOUNCE" => c.ok("DEBOUNCE.FLUSHALL k"),
            _ => c.ok("PING"),
        };
        let (mut cursor, mut pages, mut all) = ("0".to_owned(), Vec::new(), Vec::new());
        loop {
            let page = c.ok(&family.on(&format!("PEEK # READY COUNT 100 AFTER {cursor}"), "k"));
            let entries = page.items()[1].items();
            pages.push(entries.len());
            all.extend(entries.iter().map(|entry| entry.field("entry").to_string()));
            cursor = page.items()[0].text();
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(pages, [4, 4, 2], "{}", family.name);
        let claimed = c.ok(&family.on("CLAIM # w COUNT 4", "k"));
        assert_eq!(claimed.items().len(), 4, "{}", family.name);
        all.dedup();
        assert_eq!(all.len(), 10, "{}", family.name);
    }
}

/// COUNT is at most 10 000, by default 10, and a page of them does not hold up others.
#[test]
fn very_many_are_shown_page_by_page() {
    for family in &FAMILIES {
        let server = Server::start(&[]);
        let mut c = server.client();
        family.fill(&mut c);
        for state in ["READY", "DELAYED", "LEASED", "DEAD"] {
            let all = whole(&c.ok(&family.on(&format!("PEEK # {state} COUNT 10000"), family.keys[0])));
            assert!(!all.is_empty(), "{} has something {state}", family.name);
            let (mut cursor, mut shown) = ("0".to_owned(), Vec::new());
            loop {
                let page = c.ok(&family.on(&format!("PEEK # {state} COUNT 1 AFTER {cursor}"), family.keys[0]));
                shown.extend(page.items()[1].items().iter().map(Reply::to_string));
                cursor = page.items()[0].text();
                if cursor == "0" {
                    break;
                }
            }
            assert_eq!(shown, all.iter().map(Reply::to_string).collect::<Vec<_>>(), "{} {state}", family.name);
        }
    }
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("EVAL \"redis.call('TSGEN.ADVANCE', KEYS[1], 1) for id = 1, 10500 do redis.call('TSGEN.ADD', KEYS[1], 1, id) end\" 1 k");
    assert_eq!(c.ok("TSGEN.PEEK k READY").items()[1].items().len(), 10);
    let page = c.ok("TSGEN.PEEK k READY COUNT 10000");
    assert_eq!(page.items()[1].items().len(), 10_000);
    let rest = c.ok(&format!("TSGEN.PEEK k READY COUNT 10000 AFTER {}", page.items()[0].text()));
    assert_eq!((rest.items()[0].text().as_str(), rest.items()[1].items().len()), ("0", 500));
}
