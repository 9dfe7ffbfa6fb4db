//! CLAIM with BLOCK: what wakes a worker, and when.

use crate::harness::*;

/// A blocked worker, and what the test does to wake it: it must be served in the same turn of the server's loop.
#[track_caller]
fn wakes(setup: &str, command: &str, entry: &str) {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(setup);
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k blocked BLOCK 0");
    let bindings = c.bindings.clone();
    let reply = c.run(command);
    assert!(!reply.is_error(), "{command}: {reply}");
    assert!(!worker.is_blocked(&mut c), "{command} did not wake the worker");
    let served = worker.reply().to_string();
    assert!(matches(entry, &served, &mut bindings.clone()), "expected {entry}, got {served}");
}

const ONE_LEASED: &str = "> TSGEN.ADD k 1 a x\n 1\n > TSGEN.ADVANCE k 1\n 1\n > TSGEN.CLAIM k w1\n [[<t> 1 'a' 1 'x']]";

#[test]
fn an_add_that_is_late_wakes() {
    wakes("> TSGEN.ADVANCE k 5\n 5", "TSGEN.ADD k 5 a x", "[[<u> 1 'a' 5 'x']]");
}

#[test]
fn a_madd_wakes() {
    wakes("> TSGEN.ADVANCE k 5\n 5", "TSGEN.MADD k 9 b y 5 a x", "[[<u> 1 'a' 5 'x']]");
}

#[test]
fn an_advance_wakes() {
    wakes("> TSGEN.ADD k 5 a x\n 1", "TSGEN.ADVANCE k 5", "[[<u> 1 'a' 5 'x']]");
}

#[test]
fn an_advance_of_the_last_source_wakes() {
    wakes(
        "> TSGEN.CREATE k SOURCES 2 l r\n OK\n > TSGEN.ADD k 5 a x\n 1\n > TSGEN.ADVANCE k 9 SOURCE l\n nil",
        "TSGEN.ADVANCE k 6 SOURCE r",
        "[[<u> 1 'a' 5 'x']]",
    );
}

#[test]
fn a_nack_without_delay_wakes() {
    wakes(ONE_LEASED, "TSGEN.NACK k <t>", "[[<u> 2 'a' 1 'x']]");
}

#[test]
fn a_release_wakes() {
    wakes(ONE_LEASED, "TSGEN.RELEASE k w1", "[[<u> 1 'a' 1 'x']]");
}

#[test]
fn a_requeue_wakes() {
    let setup = format!("{ONE_LEASED}\n > TSGEN.NACK k <t> DEAD\n 1");
    wakes(&setup, "TSGEN.REQUEUE k ALL", "[[<u> 1 'a' 1 'x']]");
    wakes(&setup, "TSGEN.REQUEUE k <t>", "[[<u> 1 'a' 1 'x']]");
}

#[test]
fn a_script_and_a_transaction_wake() {
    wakes(
        "> TSGEN.ADVANCE k 5\n 5",
        "EVAL \"return redis.call('TSGEN.ADD', 'k', 5, 'a', 'x')\" 1 k",
        "[[<u> 1 'a' 5 'x']]",
    );
    let server = Server::start(&[]);
    let mut c = server.client();
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k w BLOCK 0");
    c.play("> MULTI\n OK\n > TSGEN.ADD k 5 a\n QUEUED\n > TSGEN.ADVANCE k 5\n QUEUED");
    assert!(worker.is_blocked(&mut server.client()));
    c.expect("EXEC", "[1 5]");
    assert!(!worker.is_blocked(&mut c));
    assert!(worker.reply().to_string().contains("'a'"));
}

#[test]
fn a_transaction_that_takes_back_what_it_added_wakes_nobody() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.ADVANCE k 5");
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k w BLOCK 0");
    c.play("> MULTI\n OK\n > TSGEN.ADD k 5 a\n QUEUED\n > TSGEN.REM k a\n QUEUED\n > EXEC\n [0 1]");
    assert!(worker.is_blocked(&mut c));
    c.ok("TSGEN.ADD k 5 b");
    assert!(worker.reply().to_string().contains("'b'"));
}

#[test]
fn an_element_that_still_waits_wakes_nobody() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let worker = Blocked::new(&server, "TSGEN.CLAIM k w BLOCK 0");
    c.play(
        "> TSGEN.ADD k 5 a\n 1\n > TSGEN.ADVANCE k 4\n 4\n > TSGEN.CREATE other\n OK\n > TSGEN.ALTER k LEASE 9\n OK",
    );
    assert!(worker.is_blocked(&mut c));
}

#[test]
fn the_end_of_a_lease_wakes_on_time() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.ADD k 1 a\n 1\n > TSGEN.ADVANCE k 1\n 1");
    let before = now_ms();
    c.expect("TSGEN.CLAIM k w1 LEASE 150", "[[<t> 1 'a' 1 '']]");
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k w2 BLOCK 0");
    let served = worker.reply().to_string();
    let waited = now_ms() - before;
    assert!(matches("[[<u> 2 'a' 1 '']]", &served, &mut c.bindings), "{served}");
    assert!((150..2_000).contains(&waited), "woken after {waited} ms");
}

#[test]
fn the_end_of_a_lease_wakes_a_worker_that_was_there_before_the_claim() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.ADVANCE k 1");
    let mut first = Blocked::new(&server, "TSGEN.CLAIM k w1 BLOCK 0 LEASE 100");
    let mut second = Blocked::new(&server, "TSGEN.CLAIM k w2 BLOCK 0");
    c.expect("TSGEN.ADD k 1 a", "0");
    assert!(first.reply().to_string().contains(" 1 'a' 1 "));
    assert!(second.reply().to_string().contains(" 2 'a' 1 "));
}

#[test]
fn the_end_of_a_backoff_wakes_on_time() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k BACKOFF 150\n OK\n > TSGEN.ADD k 1 a\n 1\n > TSGEN.ADVANCE k 1\n 1\n > TSGEN.CLAIM k w1\n [[<t> …]]");
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k w2 BLOCK 0");
    let before = now_ms();
    c.expect("TSGEN.NACK k <t>", "1");
    assert!(worker.reply().to_string().contains(" 2 'a' 1 "));
    let waited = now_ms() - before;
    assert!((150..2_000).contains(&waited), "woken after {waited} ms");
}

#[test]
fn the_clock_wakes_on_time() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k CLOCK");
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k w BLOCK 0");
    let before = now_ms();
    c.expect("TSGEN.ADD k +150 a", "1");
    let served = worker.reply();
    let arrived = now_ms();
    let due = served.items()[0].items()[3].int();
    assert!(due >= before + 150 && arrived >= due, "due {due}, arrived {arrived}");
    assert!(arrived < due + 2_000, "{} ms late", arrived - due);
}

#[test]
fn the_clock_wakes_for_an_element_that_was_there_first() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k CLOCK");
    c.ok("TSGEN.ADD k +300 later");
    c.ok("TSGEN.ADD k +100 sooner");
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k w BLOCK 0");
    assert!(worker.reply().to_string().contains("'sooner'"));
    c.expect("TSGEN.CLAIM k w BLOCK 20000", "[[<t> 1 'later' <_> '']]");
}

#[test]
fn a_key_that_arrives_with_ready_entries_wakes() {
    let setup = "> TSGEN.ADD other 1 a x\n 1\n > TSGEN.ADVANCE other 1\n 1";
    wakes(setup, "RENAME other k", "[[<u> 1 'a' 1 'x']]");
    wakes(setup, "RENAMENX other k", "[[<u> 1 'a' 1 'x']]");
    wakes(setup, "COPY other k", "[[<u> 1 'a' 1 'x']]");
    wakes(&format!("> SELECT 1\n OK\n {setup}\n > RENAME other k\n OK"), "SWAPDB 0 1", "[[<u> 1 'a' 1 'x']]");
    wakes(&format!("> SELECT 1\n OK\n {setup}\n > RENAME other k\n OK"), "MOVE k 0", "[[<u> 1 'a' 1 'x']]");
}
