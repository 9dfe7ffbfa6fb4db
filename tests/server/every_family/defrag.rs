//! Active defragmentation, where the server has it: its allocator must be able to say what should move. Elsewhere the server says so.

use crate::harness::*;

/// Turns it on, at full speed and for very little; false if this server was built without.
#[track_caller]
fn defragments(c: &mut Client) -> bool {
    for option in [
        "ignore-bytes 1",
        "threshold-lower 1",
        "threshold-upper 2",
        "cycle-min 50",
        "cycle-max 75",
        "max-scan-fields 1000",
    ] {
        c.ok(&format!("CONFIG SET active-defrag-{option}"));
    }
    let answer = c.run("CONFIG SET activedefrag yes");
    if answer.is_error() {
        assert!(answer.to_string().contains("cannot be enabled"), "{answer}");
        println!("this server has no active defragmentation");
    }
    !answer.is_error()
}

fn hits(c: &mut Client) -> i64 {
    c.info("stats", "active_defrag_hits").parse().expect("a number")
}

fn words(line: String) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// One key with groups of all sizes, with many holes between some of them.
#[track_caller]
fn fragment(c: &mut Client) {
    c.ok("DEBOUNCE.CREATE groups IDLE 3600000");
    c.pipeline((0..60_000).map(|n| words(format!("DEBOUNCE.PUSH groups group-{n} {}", "i".repeat(n % 300)))));
    c.pipeline((0..50_000).filter(|n| n % 8 != 0).map(|n| words(format!("DEBOUNCE.CANCEL groups group-{n}"))));
}

/// Others of all kinds, while that goes on.
#[track_caller]
fn fragment_more(c: &mut Client) {
    c.pipeline((0..400).map(|n| words(format!("TSGEN.ADD large {n} id-{n} {}", "p".repeat(5_000 + n)))));
    c.pipeline((0..5_000).map(|n| words(format!("TSGEN.ADD small-{n} 1 id {}", "p".repeat(n % 300)))));
    c.ok("EXPIRY.CREATE watcher PREFIX t:");
    c.pipeline((0..2_000).map(|n| words(format!("SET t:{n} {} EX 3600", "v".repeat(n % 300)))));
    c.pipeline((0..20).map(|n| words(format!("TSGEN.ADD leased 1 id-{n}"))));
    c.ok("TSGEN.ADVANCE leased 1");
    c.pipeline((0..20).map(|_| words("TSGEN.CLAIM leased w LEASE 3600000".to_owned())));
    c.pipeline((0..400).filter(|n| n % 4 != 0).map(|n| words(format!("TSGEN.REM large id-{n}"))));
    c.pipeline((0..4_000).filter(|n| n % 8 != 0).map(|n| words(format!("DEL small-{n}"))));
    c.pipeline((0..2_000).filter(|n| n % 4 != 0).map(|n| words(format!("DEL t:{n}"))));
}

#[test]
fn what_moves_stays_what_it_is() {
    let mut server = Server::start(&["--hz", "100"]);
    let mut c = server.client();
    fragment(&mut c);
    let digest = server.digest_all();
    if !defragments(&mut c) {
        return;
    }
    // It is the only key: nothing else has so much to move.
    wait_until("the items of groups move", || hits(&mut c) > 1_000);
    assert_eq!(server.digest_all(), digest);
    fragment_more(&mut c);
    for round in 0..5 {
        for n in (0..50_000).step_by(400) {
            assert_eq!(c.ok(&format!("DEBOUNCE.PUSH groups group-{n} more-{round}")).int(), round + 2);
            assert_eq!(c.ok(&format!("DEBOUNCE.PUSH groups new-{n} item-{round}")).int(), round + 1);
        }
    }
    let cycles = |c: &mut Client| c.info("stats", "active_defrag_misses").parse::<i64>().expect("a number");
    let seen = cycles(&mut c);
    wait_until("all has been looked at again", || cycles(&mut c) > seen + 100_000);
    let items = c.ok("DEBOUNCE.GET groups group-400");
    assert_eq!(items.items()[1].items()[0].bytes(), [b'i'; 100]);
    for n in (0..400usize).step_by(4) {
        assert_eq!(c.ok(&format!("TSGEN.GET large id-{n}")).items()[2].bytes(), vec![b'p'; 5_000 + n]);
    }
    for n in (0..4_000usize).step_by(8) {
        assert_eq!(c.ok(&format!("TSGEN.GET small-{n} id")).items()[2].bytes(), vec![b'p'; n % 300]);
    }
    for lease in c.ok("TSGEN.PENDING leased COUNT 100").items() {
        assert_eq!(c.ok(&format!("TSGEN.ACK leased {}", lease.items()[0].int())), 1);
    }
    let before = server.digest_all();
    c.ok("DEBUG RELOAD");
    assert_eq!(server.digest_all(), before);
    assert_eq!(c.info("tsgen", "tsgen_caught-panics"), "0");
    server.assert_alive();
}
