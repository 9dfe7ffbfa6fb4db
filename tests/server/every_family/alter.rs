//! Options of retry that are changed while very many leases have ended, or groups have come due. The times are to come, so the timer does nothing.

use crate::common::*;
use crate::harness::*;

const BEHIND: &str = "-ERR MAXDELIVERIES, BACKOFF and MAXBACKOFF cannot be changed while more than 10000 …try again";

/// Each try settles 10 000, on master and replica alike, by the options as they were.
#[test]
fn options_of_retry_are_changed_once_what_has_ended_is_settled_by_the_old_ones() {
    let (master, replica) = pair(&["--tsgen.virtual-clock", "yes"]);
    let mut c = master.client();
    c.ok("TSGEN.AT 8000000000000 TSGEN.CREATE k MAXDELIVERIES 1");
    for from in (0..25_000).step_by(5_000) {
        let mut madd: Vec<Vec<u8>> = words("TSGEN.AT 8000000000000 TSGEN.MADD k");
        madd.extend((from..from + 5_000).flat_map(|n| ["1".into(), format!("id-{n:05}").into(), "x".into()]));
        c.pipeline([madd]);
    }
    c.ok("TSGEN.AT 8000000000000 TSGEN.ADVANCE k 1");
    for _ in 0..5 {
        assert_eq!(c.ok("TSGEN.AT 8000000000000 TSGEN.CLAIM k w COUNT 5000 LEASE 10").items().len(), 5_000);
    }
    // No option of retry: nothing to settle.
    c.expect("TSGEN.AT 8000000000020 TSGEN.ALTER k LEASE 77", "OK");
    c.expect("TSGEN.AT 8000000000020 TSGEN.ALTER k MAXDELIVERIES 1", "OK");
    c.expect("TSGEN.AT 8000000000020 TSGEN.ALTER k MAXDELIVERIES 5", BEHIND);
    same_data(&master, &replica);
    c.expect("TSGEN.AT 8000000000020 TSGEN.ALTER k LEASE 78 BACKOFF 5", BEHIND);
    c.expect("TSGEN.INFO k", "[… 'lease' 77 …]");
    c.expect("TSGEN.AT 8000000000020 TSGEN.ALTER k MAXDELIVERIES 5", "OK");
    assert_eq!(stat(&mut c, "k", "dead"), 25_000, "one delivery was all they had");
    same_data(&master, &replica);
}

/// Nobody takes these groups, so nothing but the command itself settles them.
#[test]
fn groups_that_came_due_are_settled_try_by_try() {
    let server = virtual_clock();
    let mut c = server.client();
    c.ok("TSGEN.AT 8000000000000 DEBOUNCE.CREATE k IDLE 10");
    c.pipeline((0..25_000).map(|n| words(&format!("TSGEN.AT 8000000000000 DEBOUNCE.PUSH k group-{n} item"))));
    let mut tries = 1;
    while c.run("TSGEN.AT 8000000000020 DEBOUNCE.ALTER k BACKOFF 5") != "OK" {
        tries += 1;
        assert!(tries < 5, "it is never through");
    }
    assert!(tries > 1, "25 000 groups are too many for one command");
}
