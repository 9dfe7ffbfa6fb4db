//! Memory that comes back: a key that was drained here and there soon takes little more than a reload of it would, on every node, and nobody
//! notices anything else.

use crate::harness::*;

/// What one entry in this many stays.
const STAYS: usize = 128;

struct Drained {
    /// Makes a key `k` with very much in it.
    fill: fn(&mut Client),
    /// Takes out of it all but what stays.
    drain: fn(&mut Client),
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// Claims everything, and acknowledges all but what stays.
#[track_caller]
fn acknowledge(c: &mut Client, family: &str) {
    loop {
        let claimed = c.ok(&format!("{family}.CLAIM k w COUNT 10000 LEASE 3600000"));
        let Some(first) = claimed.items().first().map(|entry| entry.items()[0].int()) else { break };
        let end = first + claimed.items().len() as i64;
        let ranges = (first..end).step_by(STAYS).map(|from| format!("{}-{}", from + 1, from + 127));
        c.ok(&format!("{family}.ACK k {}", ranges.collect::<Vec<_>>().join(" ")));
    }
}

/// Elements of 600 bytes, of which all are leased, and nearly all acknowledged.
const ELEMENTS: Drained = Drained {
    fill: |c| {
        let payload = "p".repeat(600);
        c.pipeline((0..50_000).map(|n| words(&format!("TSGEN.ADD k {n} id-{n} {payload}"))));
        c.ok("TSGEN.ADVANCE k 50000");
    },
    drain: |c| acknowledge(c, "TSGEN"),
};

/// The same, but nearly all are removed by their ids before anybody claims them.
const REMOVED: Drained = Drained {
    fill: ELEMENTS.fill,
    drain: |c| {
        let gone = (0..50_000).filter(|n| n % STAYS != 0);
        c.pipeline(gone.map(|n| words(&format!("TSGEN.REM k id-{n}"))));
    },
};

const GROUPS: Drained = Drained {
    fill: |c| {
        c.ok("DEBOUNCE.CREATE k IDLE 3600000");
        c.pipeline((0..50_000).map(|n| words(&format!("DEBOUNCE.PUSH k group-{n} item-{n}"))));
    },
    drain: |c| {
        let gone = (0..50_000).filter(|n| n % STAYS != 0);
        c.pipeline(gone.map(|n| words(&format!("DEBOUNCE.CANCEL k group-{n}"))));
    },
};

const TRACKED: Drained = Drained {
    fill: |c| {
        c.ok("EXPIRY.CREATE k PREFIX t:");
        c.pipeline((0..50_000).map(|n| words(&format!("SET t:{n} v EX 3600"))));
        wait_until("they are tracked", || c.ok("EXPIRY.INFO k").field("waiting").int() == 50_000);
    },
    drain: |c| {
        let gone = (0..50_000).filter(|n| n % STAYS != 0);
        c.pipeline(gone.map(|n| words(&format!("DEL t:{n}"))));
    },
};

const BATCHES: Drained = Drained {
    fill: |c| {
        c.ok("TALLY.CREATE k EVERY 3600000 MAXFIELDS 2");
        let field = "f".repeat(200);
        c.pipeline((0..20_000).map(|n| words(&format!("TALLY.MINCR k {field} 1 {n} 1"))));
    },
    drain: |c| acknowledge(c, "TALLY"),
};

fn usage(c: &mut Client, key: &str) -> i64 {
    c.ok(&format!("MEMORY USAGE {key}")).int()
}

#[track_caller]
fn comes_back(drained: &Drained) {
    let (master, replica) = (Server::start(&[]), Server::start(&[]));
    replica.replica_of(&master);
    let mut c = master.client();
    (drained.fill)(&mut c);
    let full = usage(&mut c, "k");
    (drained.drain)(&mut c);
    let digest = master.digest("k");
    // What a reload takes.
    let other = Server::start(&[]);
    other.replica_of(&master);
    let reloaded = usage(&mut other.client(), "k");
    assert!(reloaded * 20 < full, "{full} bytes at first, {reloaded} in the end");
    wait_until("the master has given its memory back", || usage(&mut c, "k") <= 3 * reloaded);
    replica.wait_in_sync(&master);
    let mut r = replica.client();
    wait_until("the replica has too", || usage(&mut r, "k") <= 3 * reloaded);
    assert_eq!(master.digest("k"), digest);
    same_data(&master, &replica);
    assert_eq!(c.info("tsgen", "tsgen_caught-panics"), "0");
    assert_eq!(r.info("tsgen", "tsgen_caught-panics"), "0");
}

#[test]
fn of_elements_that_were_acknowledged() {
    comes_back(&ELEMENTS);
}

#[test]
fn of_elements_that_were_removed() {
    comes_back(&REMOVED);
}

#[test]
fn of_groups_that_were_cancelled() {
    comes_back(&GROUPS);
}

#[test]
fn of_keys_that_are_tracked_no_more() {
    comes_back(&TRACKED);
}

#[test]
fn of_batches_that_were_acknowledged() {
    comes_back(&BATCHES);
}

/// What is left is what was left: it settles under the tokens that were handed out, and comes out in order.
#[test]
fn what_has_moved_is_still_settled_found_and_handed_out() {
    let server = Server::start(&[]);
    let mut c = server.client();
    (ELEMENTS.fill)(&mut c);
    let full = usage(&mut c, "k");
    (ELEMENTS.drain)(&mut c);
    wait_until("its memory is back", || usage(&mut c, "k") < full / 20);
    let pending = c.ok("TSGEN.PENDING k COUNT 1000");
    assert!((390..420).contains(&pending.items().len()), "{}", pending.items().len());
    for lease in pending.items() {
        let [token, .., id] = lease.items() else { panic!("{lease}") };
        assert_eq!(c.ok(&format!("TSGEN.GET k {}", id.text())).items()[0].text(), "leased");
        assert_eq!(c.ok(&format!("TSGEN.NACK k {}", token.int())), 1);
    }
    let again = c.ok("TSGEN.CLAIM k w COUNT 1000");
    let timestamps: Vec<i64> = again.items().iter().map(|entry| entry.items()[3].int()).collect();
    assert!(timestamps.len() == pending.items().len() && timestamps.is_sorted());
    assert!(again.items().iter().all(|entry| entry.items()[4].bytes() == [b'p'; 600]));
}
