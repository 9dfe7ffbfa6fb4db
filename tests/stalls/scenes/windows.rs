//! TALLY: large windows, and many that end together.

use super::stage::Stage;
use crate::harness::pipe::leaves;

/// Fields like the keys of counters: in no order.
fn field(n: usize) -> String {
    format!("counter-{:016x}", (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn open_window(stage: &mut Stage, every: u64) {
    let size = stage.size;
    if stage.is_ours() {
        // One more than there are, or the last increment would seal it.
        stage.client.ok(&format!("TALLY.CREATE k EVERY {every} MAXFIELDS 100000"));
    }
    let fields = size.min(99_999);
    for from in (0..fields).step_by(1_000) {
        let words: &[&str] = if stage.is_ours() { &["TALLY.MINCR", "k"] } else { &["HSET", "k"] };
        let pairs = 1_000.min(fields - from);
        stage.large(words, 2 * pairs, |n| if n % 2 == 0 { field(from + n / 2) } else { "7".to_owned() });
    }
}

pub fn sealed(stage: &mut Stage) {
    open_window(stage, 3_600_000);
    stage.watch(|stage| {
        let command = if stage.is_ours() { "TALLY.SEAL k" } else { "COPY k sealed" };
        stage.fast(command);
    });
}

pub fn ended(stage: &mut Stage) {
    open_window(stage, 3_600_000);
    let fields = stage.size.min(99_999);
    stage.watch(|stage| {
        let command = if stage.is_ours() { "TALLY.CLAIM k w BLOCK 0" } else { "HGETALL k" };
        stage.pass_to(stage.clock.now_ms() + 3_600_000);
        let reply = stage.fast(command);
        assert!(leaves(&reply).len() >= 2 * fields, "the window is whole");
    });
}

/// One command increments very many fields.
pub fn incremented_at_once(stage: &mut Stage) {
    let fields = stage.size.min(99_999);
    if stage.is_ours() {
        stage.client.ok("TALLY.CREATE k EVERY 3600000 MAXFIELDS 100000");
    }
    stage.watch(|stage| {
        let words: &[&str] = if stage.is_ours() { &["TALLY.MINCR", "k"] } else { &["HSET", "k"] };
        stage.large(words, 2 * fields, |n| if n % 2 == 0 { field(n / 2) } else { "7".to_owned() });
    });
}

/// Keys with one field each, whose windows end after `every` ms.
pub fn many_keys(stage: &mut Stage, every: usize) {
    let size = stage.size;
    let (ours, every) = (stage.is_ours(), every.to_string());
    stage.many(size, |requests, n| {
        let name = format!("tally-{n}");
        if ours {
            requests.push(&[b"TALLY.CREATE", name.as_bytes(), b"EVERY", every.as_bytes()]);
            requests.push(&[b"TALLY.INCR", name.as_bytes(), b"field"]);
        } else {
            requests.push(&[b"HINCRBY", name.as_bytes(), b"field", b"1"]);
        }
    });
}

/// Time passes to the end of the last.
pub fn many_due(stage: &mut Stage) {
    let size = stage.size;
    if stage.is_ours() {
        let create = "for n = 1, ARGV[1] do redis.call('TALLY.CREATE', 'tally-' .. n, 'EVERY', 3600000) redis.call('TALLY.INCR', 'tally-' .. n, 'field') end";
        stage.client.ok(&format!("EVAL \"{create}\" 0 {size}"));
        stage.watch(|stage| {
            stage.pass_to(stage.clock.now_ms() + 3_600_000);
            stage
                .until("all windows are over", |stage| stage.client.info("tsgen", "tsgen_timer-next-deadline") == "-1");
        });
        return;
    }
    let create = "for n = 1, ARGV[1] do redis.call('SET', 'tally-' .. n, 1, 'PX', 3600000) end";
    stage.client.ok(&format!("EVAL \"{create}\" 0 {size}"));
    stage.watch(|stage| {
        stage.pass_to(stage.clock.now_ms() + 3_600_000);
        stage.until("all are expired", |stage| stage.client.ok("DBSIZE").int() == 0);
    });
}
