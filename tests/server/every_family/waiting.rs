//! Workers that wait, and whose connections the server ends.

use crate::harness::*;

/// Redis before 7.2 takes a client for the current one that it has asked last for a key that time has made ready, if there was nothing for it; and looks at it for ever, also once CLIENT
/// KILL has freed it, when time writes two commands at once.
#[test]
fn a_worker_that_waits_may_be_killed_by_its_id() {
    let server = &mut Server::start_where_freed_is_overwritten(&["--appendonly", "yes"]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k CLOCK\n OK\n > TALLY.CREATE sums EVERY 400 SINK stream\n OK");
    let mut first = Blocked::new(server, "TSGEN.CLAIM k first BLOCK 0");
    let second = Blocked::new(server, "TSGEN.CLAIM k second BLOCK 0");
    c.play("> TALLY.INCR sums f 1\n 1\n > TSGEN.ADD k +50 a\n 1");
    assert_eq!(first.reply().items().len(), 1);
    c.expect(&format!("CLIENT KILL ID {}", second.id), "1");
    wait_until("the window is over", || c.run("XLEN stream") == 1);
    server.assert_alive();
}

/// Who is called by the timer may leave something for the next, and another may wait in vain behind that one: whom it asks is taken for the current client, too.
#[test]
fn a_worker_behind_several_that_time_serves_may_be_killed_by_its_id() {
    let server = &mut Server::start_where_freed_is_overwritten(&["--appendonly", "yes"]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k CLOCK\n OK\n > TALLY.CREATE sums EVERY 400 SINK stream\n OK");
    let mut served = ["first", "second"].map(|name| Blocked::new(server, &format!("TSGEN.CLAIM k {name} BLOCK 0")));
    let last = Blocked::new(server, "TSGEN.CLAIM k last BLOCK 0");
    c.play("> TALLY.INCR sums f 1\n 1\n > TSGEN.MADD k +50 a x +50 b y\n [1 1]");
    served.iter_mut().for_each(|worker| assert_eq!(worker.reply().items().len(), 1));
    c.expect(&format!("CLIENT KILL ID {}", last.id), "1");
    wait_until("the window is over", || c.run("XLEN stream") == 1);
    server.assert_alive();
}

/// The same with keys that have ended, whose deliveries are made outside of commands, too.
#[test]
fn a_worker_that_waits_for_ends_may_be_killed_by_its_id() {
    let server = &mut Server::start_where_freed_is_overwritten(&["--appendonly", "yes"]);
    let mut c = server.client();
    c.play("> EXPIRY.CREATE k PREFIX p:\n OK\n > TALLY.CREATE sums EVERY 400 SINK stream\n OK");
    let mut first = Blocked::new(server, "EXPIRY.CLAIM k first BLOCK 0");
    let second = Blocked::new(server, "EXPIRY.CLAIM k second BLOCK 0");
    c.play("> TALLY.INCR sums f 1\n 1\n > SET p:a x PX 50\n OK");
    assert_eq!(first.reply().items().len(), 1);
    c.expect(&format!("CLIENT KILL ID {}", second.id), "1");
    wait_until("the window is over", || c.run("XLEN stream") == 1);
    server.assert_alive();
}
