//! Very many leases that end, with nobody there who would claim again.

use super::stage::Stage;

pub fn lapsed(stage: &mut Stage) {
    lapse(stage, 10_000);
}

/// Each entry is in a group of its own, and each group at its limit until the lease ends.
pub fn lapsed_in_groups(stage: &mut Stage) {
    if stage.is_ours() {
        stage.client.ok("TSGEN.CREATE k GROUPLIMIT 1 FAIR yes");
    }
    lapse(stage, 10_000);
}

pub fn lapsed_one_by_one(stage: &mut Stage) {
    lapse(stage, 1);
}

/// The options of retry are changed while very many leases have ended by the old ones. It is tried again as long as it is refused.
pub fn altered(stage: &mut Stage) {
    let first = lease_all(stage, 1);
    if !stage.is_ours() {
        stage.watch(|stage| stage.ask(&["XINFO GROUPS k"]));
        return;
    }
    stage.watch(|stage| {
        stage.pass_to(first + 3_600_000);
        stage.until("it is altered", |stage| stage.client.run("TSGEN.ALTER k MAXDELIVERIES 3 BACKOFF 10") == "OK");
    });
}

/// So many leases at a time, for an hour. Returns the time of the first.
fn lease_all(stage: &mut Stage, each: usize) -> i64 {
    let size = stage.size;
    let ours = stage.is_ours();
    if !ours {
        stage.client.ok("XGROUP CREATE k g 0 MKSTREAM");
    }
    for from in (0..size).step_by(1_000) {
        let count = 1_000.min(size - from);
        if ours {
            stage.large(&["TSGEN.MADD", "k"], 3 * count, |n| match n % 3 {
                0 => "1".to_owned(),
                1 => format!("id-{}", from + n / 3),
                _ => "payload".to_owned(),
            });
        } else {
            stage.many(count, |requests, n| {
                requests.push(&[b"XADD", b"k", b"*", b"id", format!("id-{}", from + n).as_bytes()]);
            });
        }
    }
    if ours {
        stage.client.ok("TSGEN.ADVANCE k 1");
    }
    let (lease, first) = ("3600000".to_owned(), stage.clock.now_ms());
    let each_text = each.to_string();
    stage.many(size / each, |requests, _| {
        if ours {
            requests.push(&[b"TSGEN.CLAIM", b"k", b"w", b"COUNT", each_text.as_bytes(), b"LEASE", lease.as_bytes()]);
        } else {
            requests.push(&[
                b"XREADGROUP",
                b"GROUP",
                b"g",
                b"w",
                b"COUNT",
                each_text.as_bytes(),
                b"STREAMS",
                b"k",
                b">",
            ]);
        }
    });
    first
}

fn lapse(stage: &mut Stage, each: usize) {
    let first = lease_all(stage, each);
    if !stage.is_ours() {
        stage.watch(|stage| stage.ask(&["XPENDING k g - + 1", "XRANGE k - + COUNT 1", "XINFO GROUPS k"]));
        return;
    }
    stage.watch(|stage| {
        // From here on leases end as they were given.
        stage.pass_to(first + 3_600_000);
        stage.until("all leases have ended", |stage| {
            stage.client.ok("TSGEN.RANGE k - + COUNT 1");
            stage.client.ok("TSGEN.DEAD k COUNT 1");
            stage.client.ok("TSGEN.PENDING k COUNT 1");
            stage.client.ok("TSGEN.PENDING k CONSUMER w COUNT 1");
            stage.client.ok("INFO tsgen");
            stage.stat("TSGEN.INFO k", "leased") == 0
        });
    });
}

/// One command adds very many elements.
pub fn added_at_once(stage: &mut Stage) {
    let size = stage.size;
    let timestamp = |n: usize| ((n * 7_919) % 1_000_003).to_string();
    stage.watch(|stage| {
        if stage.is_ours() {
            stage.large(&["TSGEN.MADD", "k"], 3 * size, |n| match n % 3 {
                0 => timestamp(n / 3),
                1 => format!("id-{}", n / 3),
                _ => "payload".to_owned(),
            });
        } else {
            stage.large(
                &["ZADD", "k"],
                2 * size,
                |n| if n % 2 == 0 { timestamp(n / 2) } else { format!("id-{}", n / 2) },
            );
        }
    });
}
