//! Keyspace events of TALLY: one per command that changed something, and `tally.ready` once for a window that ends.

use super::claim;
use crate::common::{settled, Told};
use crate::harness::*;

#[test]
fn each_command_that_changes_something_tells_so() {
    let server = Server::start(&[]);
    let mut k = Told::of(&server, "tally");
    k.play("> TALLY.CREATE k MAXFIELDS 2 MAX 5\n OK", &["create"]);
    k.play("> TALLY.INCR k a\n 1\n > TALLY.INCR k a\n 2\n > TALLY.MINCR k a 1 a 1\n [3 4]", &["incr", "incr", "incr"]);
    k.play("> TALLY.INCR k b\n 1", &["incr", "ready"]);
    k.play("> TALLY.MINCR k a 1 b 1 c 1 d 1 e 1\n [1 1 1 1 1]", &["incr", "ready"]);
    k.play("> TALLY.SEAL k\n 1", &["seal", "ready"]);
    k.play("> TALLY.ALTER k EVERY 5\n OK\n > TALLY.ALTER k EVERY 5\n OK", &["alter"]);
}

#[test]
fn a_window_sealed_before_its_time_is_not_announced_again_by_the_timer() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 80 MAXFIELDS 2");
    let mut events = Events::subscribe(&server);
    c.play("> TALLY.INCR k a\n 1\n > TALLY.SEAL k\n 1\n > TALLY.MINCR k a 1 b 1\n [1 1]");
    let told = ["incr", "seal", "ready", "incr", "ready"].map(|event| format!("k tally.{event}"));
    assert_eq!(settled(&server, &mut events, told.len()), told);
}

/// The increment finds a window that is over, and nobody has announced that yet: the timer may be slower than a client.
#[test]
fn a_window_that_an_increment_finds_over_is_announced_once_or_by_both_at_most() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 1");
    let mut events = Events::subscribe(&server);
    let mut windows = 0;
    let started = now_ms();
    while now_ms() < started + 300 {
        windows += usize::from(c.ok("TALLY.INCR k a") == 1);
    }
    let told = settled(&server, &mut events, 1);
    let ready = told.iter().filter(|event| *event == "k tally.ready").count();
    println!("{windows} windows, {ready} announcements");
    assert!(ready <= 2 * windows && ready >= 1, "{ready} announcements of {windows} windows");
    assert_eq!(told.last().map(String::as_str), Some("k tally.ready"), "the last one too");
}

/// A large window is sealed by the timer in a turn of its own; it is announced all the same, and once.
#[test]
fn a_large_window_is_announced_once_too() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 400 MAXFIELDS 100000");
    let mut events = Events::subscribe(&server);
    let mut command = vec![b"TALLY.MINCR".to_vec(), b"k".to_vec()];
    command.extend((0..20_000).flat_map(|i| [format!("f{i}").into_bytes(), b"1".to_vec()]));
    c.pipeline([command]);
    let told = settled(&server, &mut events, 2);
    let told: Vec<&String> = told.iter().filter(|event| *event != "k tally.sweep").collect();
    assert_eq!(told, ["k tally.incr", "k tally.ready"]);
    assert_eq!(claim(&mut c, "k", 1)[0].sums.len(), 20_000);
}
