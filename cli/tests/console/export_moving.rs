//! `export` of a key in which something moves meanwhile: all that is there all the time is in it, once.

use crate::harness::*;
use crate::run::{start_at, tsgen_at, url};
use crate::way::{halting, replace, through, Fate};

const HOUR: i64 = 3_600_000;

/// An export of `k`, during which two hours pass right before the `nth` command with this word.
#[track_caller]
fn moved(fill: impl FnOnce(&mut Client, &mut Clock), (word, nth): (&str, usize)) -> Vec<String> {
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &[]);
    fill(&mut server.client(), &mut clock);
    let (url, halt) = halting(&server, word, nth);
    let mut app = start_at(&url, &["export", "k"]);
    halt.reached();
    clock.pass(2 * HOUR);
    let family = word.split_once('.').map(|(family, _)| family);
    // The server tells at once of what is due; a key that is watched has to be gone.
    if family == Some("EXPIRY") {
        let mut c = server.client();
        wait_until("it has ended", || c.ok("EXPIRY.INFO k").field("waiting").int() == 0);
    }
    halt.pass();
    assert!(app.end().success(), "{:?}", app.lines());
    app.last_lines()
}

/// How often each of `names` is in such an export.
#[track_caller]
fn counts(fill: impl FnOnce(&mut Client, &mut Clock), halt: (&str, usize), names: &[&str]) -> Vec<usize> {
    let lines = moved(fill, halt);
    names.iter().map(|name| lines.iter().filter(|line| line.contains(&format!("\"{name}\""))).count()).collect()
}

#[test]
fn a_group_that_fires_while_it_is_read_is_exported_once() {
    let fill = |c: &mut Client, _: &mut Clock| {
        c.play("> DEBOUNCE.CREATE k IDLE 1h\n OK\n > DEBOUNCE.PUSH k due x\n 1\n > DEBOUNCE.FLUSH k due\n 1\n > DEBOUNCE.PUSH k fires x\n 1");
    };
    // Between what is ready and what collects; between the list of those that collect and what one of them holds; behind that.
    for halt in [("DEBOUNCE.GROUPS", 1), ("DEBOUNCE.GET", 1), ("READY", 3)] {
        assert_eq!(counts(fill, halt, &["due", "fires"]), [1, 1], "{halt:?}");
    }
}

#[test]
fn a_key_that_ends_while_its_watcher_is_read_is_exported_once() {
    let fill = |c: &mut Client, clock: &mut Clock| {
        c.play("> EXPIRY.CREATE k PREFIX e:\n OK\n > SET e:due x PX 60000\n OK\n > SET e:fires x PX 3600000\n OK");
        clock.pass(60_000);
        wait_until("it has ended", || c.ok("EXPIRY.INFO k").field("ready").int() == 1);
    };
    for halt in [("EXPIRY.TRACKED", 1), ("READY", 3)] {
        assert_eq!(counts(fill, halt, &["e:due", "e:fires"]), [1, 1], "{halt:?}");
    }
}

/// All that time alone moves: what waits, what is delayed, and what somebody holds.
#[test]
fn an_element_that_moves_while_it_is_read_is_exported_once() {
    let fill = |c: &mut Client, _: &mut Clock| {
        c.play(
            "> TSGEN.CREATE k CLOCK LEASE 1h\n OK\n > TSGEN.ADD k +0 rests x\n 0\n > TSGEN.CLAIM k w\n [[<d> …]]\n > TSGEN.NACK k <d> DELAY 1h\n 1
             > TSGEN.ADD k +0 held-up x\n 0\n > TSGEN.CLAIM k w\n [[<l> …]]\n > TSGEN.ADD k +0 due x\n 0\n > TSGEN.ADD k +1h waits x\n 1",
        );
    };
    for halt in [("READY", 2), ("LEASED", 1), ("DELAYED", 1), ("DEAD", 1), ("WAITING", 2), ("READY", 3)] {
        assert_eq!(counts(fill, halt, &["due", "held-up", "rests", "waits"]), [1, 1, 1, 1], "{halt:?}");
    }
}

/// What was in hand when it was read, and is a dead letter before these are read.
#[test]
fn what_dies_while_it_is_read_is_exported_once() {
    let fill = |c: &mut Client, _: &mut Clock| {
        c.play("> TALLY.CREATE k LEASE 1h MAXDELIVERIES 1\n OK\n > TALLY.INCR k dies\n 1\n > TALLY.SEAL k\n 1\n > TALLY.CLAIM k w\n [[… ['dies' 1]]]");
    };
    for halt in [("LEASED", 1), ("DELAYED", 1), ("DEAD", 1), ("READY", 3)] {
        assert_eq!(counts(fill, halt, &["dies"]), [1], "{halt:?}");
    }
}

/// What the import of an export says, and how many entries and dead letters its copy has.
#[track_caller]
fn copied(lines: &[String]) -> (String, i64, i64) {
    let there = Server::start(&[]);
    let told = tsgen_at(&url(&there), &["import", "copy"], &format!("{}\n", lines.join("\n"))).done();
    let info = there.client().ok("TSGEN.INFO copy");
    let count = |names: &[&str]| names.iter().map(|name| info.field(name).int()).sum();
    (
        told.lines().next().unwrap_or_default().to_owned(),
        count(&["waiting", "ready", "leased", "delayed"]),
        count(&["dead"]),
    )
}

/// In hand when it was listed, and a dead letter when it is asked for one by one.
#[test]
fn what_dies_between_the_list_and_its_turn_is_exported_as_dead() {
    let fill = |c: &mut Client, _: &mut Clock| {
        c.play("> TSGEN.CREATE k LEASE 1h MAXDELIVERIES 1\n OK\n > TSGEN.ADVANCE k 9\n 9\n > TSGEN.MADD k 1 e1 x 2 e2 x 3 e3 x\n [0 0 0]\n > TSGEN.CLAIM k w COUNT 3\n [[<a> …] [<b> …] [<c> …]]");
    };
    let lines = moved(fill, ("TSGEN.GET", 2));
    let of = |id: &str| lines.iter().filter(|line| line.contains(&format!("\"id\":\"{id}\""))).collect::<Vec<_>>();
    for (id, state) in [("e1", "leased"), ("e2", "dead"), ("e3", "dead")] {
        let [line] = of(id)[..] else { panic!("{lines:?}") };
        assert!(line.contains(&format!("\"state\":\"{state}\"")) && !line.contains("is_replaced"), "{line}");
    }
    assert_eq!(copied(&lines), ("imported 3".to_owned(), 1, 2));
}

/// A run that was in hand when it was listed and has died since, and the next run, which it left behind.
#[test]
fn a_run_that_dies_while_it_is_read_is_exported_beside_the_next_one() {
    let fill = |c: &mut Client, _: &mut Clock| {
        c.play("> TSGEN.CREATE k CLOCK LEASE 1h MAXDELIVERIES 1\n OK\n > TSGEN.ADD k EVERY 9h +0 rec x\n 0\n > TSGEN.CLAIM k w\n [[<a> …]]");
    };
    for halt in [("READY", 2), ("LEASED", 1), ("TSGEN.GET", 1), ("DELAYED", 1), ("DEAD", 1)] {
        let lines = moved(fill, halt);
        assert_eq!(copied(&lines), ("imported 2".to_owned(), 1, 1), "{halt:?} {lines:?}");
    }
}

/// Of a module that does not know what is asked there is no line, rather than some of them.
#[test]
fn an_older_module_is_said_before_the_first_line() {
    let server = Server::start(&[]);
    server.client().play("> TSGEN.ADVANCE k 5\n 5\n > TSGEN.MADD k 1 a x 9 b x\n [0 1]");
    for (text, by, lacks) in
        [("WAITING", "NOWHERE", "TSGEN.PEEK with WAITING"), ("TSGEN.PEEK", "TSGEN.POKE", "TSGEN.PEEK")]
    {
        let ask = move |bytes: &mut [u8]| {
            replace(bytes, text, by);
            Fate::Passes
        };
        let ran = tsgen_at(&through(&server, ask, |_| {}), &["export", "k"], "");
        assert_eq!(ran.out, "", "{text}");
        let said = ran.failed(1);
        assert!(said.contains(&format!("is older than this program, and has no {lacks}: ")), "{said}");
    }
}

/// An export of `k`, during which the test does something right before the `nth` command with this word: how it ended, its lines, and what it said.
#[track_caller]
fn disturbed(
    server: &Server,
    (word, nth): (&str, usize),
    disturb: impl FnOnce(&mut Client),
) -> (Option<i32>, Vec<String>) {
    let (url, halt) = halting(server, word, nth);
    let mut app = start_at(&url, &["export", "k"]);
    halt.reached();
    disturb(&mut server.client());
    halt.pass();
    let code = app.end().code();
    (code, app.last_lines())
}

/// With what was counted before the export began, and not as something that is missing.
#[test]
fn a_window_that_is_sealed_while_its_key_is_read_is_exported_once() {
    let fill = |c: &mut Client, _: &mut Clock| {
        c.play(
            "> TALLY.CREATE k EVERY 1h\n OK\n > TALLY.INCR k due\n 1\n > TALLY.SEAL k\n 1\n > TALLY.INCR k open\n 1",
        );
    };
    // The last look at the key comes when all that is ready has been read twice.
    for halt in [("READY", 2), ("LEASED", 1), ("DEAD", 1), ("READY", 3), ("TALLY.INFO", 2)] {
        let lines = moved(fill, halt);
        let count = |name: &str| lines.iter().filter(|line| line.contains(&format!("\"{name}\""))).count();
        assert_eq!(
            (count("due"), count("open"), lines.last().map(String::as_str)),
            (1, 1, Some("{\"end\":2}")),
            "{halt:?}"
        );
    }
}

/// Its number is gone with the delivery.
#[test]
fn a_batch_that_is_released_while_its_key_is_read_is_exported_once() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TALLY.CREATE k LEASE 1h\n OK\n > TALLY.INCR k f\n 1\n > TALLY.SEAL k\n 1\n > TALLY.CLAIM k w\n [[… ['f' 1]]]");
    let (code, lines) = disturbed(&server, ("READY", 3), |c| assert_eq!(c.ok("TALLY.RELEASE k w"), 1));
    let text = lines.join("\n");
    assert!(code == Some(0) && text.matches("\"f\"").count() == 1 && text.contains("{\"end\":1}"), "{code:?} {text}");
}

/// It holds only what was added meanwhile.
#[test]
fn a_window_that_is_opened_while_its_key_is_read_is_not_said_to_be_missing() {
    let server = Server::start(&[]);
    server.client().play("> TALLY.CREATE k EVERY 1h\n OK\n > TALLY.INCR k a\n 1");
    let (code, lines) = disturbed(&server, ("READY", 3), |c| {
        c.play("> TALLY.SEAL k\n 1\n > TALLY.INCR k b\n 1\n > TALLY.INCR k c\n 1");
    });
    let text = lines.join("\n");
    assert!(code == Some(0) && !text.contains("open window"), "{code:?} {text}");
    assert!(text.contains("\"a\"") && text.contains("{\"end\":1}"), "{text}");
}

/// Collecting it is asked for by GET, which shows groups of any size; fired by PEEK, which shows none of so many bytes.
#[test]
fn a_large_group_that_fires_while_it_is_read_is_exported_once() {
    let fill = |c: &mut Client, _: &mut Clock| {
        c.ok("DEBOUNCE.CREATE k IDLE 1h");
        c.ok("EVAL \"for i = 1, 5 do redis.call('DEBOUNCE.PUSH', KEYS[1], 'large', i .. string.rep('x', 1024 * 1024)) end\" 1 k");
        c.ok("DEBOUNCE.PUSH k small x");
    };
    let lines = moved(fill, ("READY", 3));
    let of = |id: &str| lines.iter().filter(|line| line.contains(&format!("\"id\":\"{id}\""))).count();
    assert_eq!((of("large"), of("small"), lines.last().map(String::as_str)), (1, 1, Some("{\"end\":2}")));
}

#[test]
fn a_key_with_a_large_value_that_ends_while_its_watcher_is_read_is_exported_once() {
    let fill = |c: &mut Client, _: &mut Clock| {
        c.play("> EXPIRY.CREATE k PREFIX e: MAXVALUE 100000000\n OK");
        c.ok("EVAL \"redis.call('SET', KEYS[1], string.rep('x', 5 * 1024 * 1024), 'PX', 3600000)\" 1 e:large");
    };
    let lines = moved(fill, ("READY", 3));
    assert_eq!(lines.iter().filter(|line| line.contains("\"e:large\"")).count(), 1);
}

/// What takes the place of a delivery is not taken for it, though it has its id and its timestamp.
#[test]
fn an_element_that_replaces_a_delivery_of_its_timestamp_is_exported() {
    for (halt, payload) in [(("TSGEN.GET", 1), "new"), (("DELAYED", 1), "new"), (("DELAYED", 1), "old")] {
        let server = Server::start(&[]);
        server.client().play("> TSGEN.ADVANCE k 9\n 9\n > TSGEN.ADD k 5 e old\n 0\n > TSGEN.CLAIM k w\n [[…]]");
        let (code, lines) = disturbed(&server, halt, |c| drop(c.ok(&format!("TSGEN.ADD k 5 e {payload}"))));
        let text = lines.join("\n");
        assert_eq!(code, Some(0), "{text}");
        let is_replaced = text.contains("is_replaced");
        assert_eq!(is_replaced, halt.0 == "TSGEN.GET", "{text}");
        let there = Server::start(&[]);
        tsgen_at(&url(&there), &["import", "copy"], &format!("{text}\n")).done();
        there.client().expect("TSGEN.PEEK copy READY", &format!("['0' [[… 'deliveries' 0 … ['e' 5 '{payload}']]]]"));
    }
}

#[test]
fn deliveries_that_begin_while_a_key_is_read_are_counted_and_said() {
    let server = Server::start(&[]);
    server.client().play("> TSGEN.ADVANCE k 9\n 9\n > TSGEN.MADD k 1 a x 2 b x\n [0 0]");
    let (code, lines) = disturbed(&server, ("LEASED", 1), |c| drop(c.ok("TSGEN.CLAIM k w")));
    let text = lines.join("\n");
    assert!(code == Some(4) && text.contains("not exact: k: 1 deliveries began while it was read"), "{code:?} {text}");
}
