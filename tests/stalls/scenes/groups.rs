//! DEBOUNCE: many groups, and large ones.

use super::stage::Stage;

/// Each group is pushed to twice, then all come due within a moment.
pub fn pushed_twice(stage: &mut Stage) {
    let (size, idle) = (stage.size, 3_600_000);
    if !stage.is_ours() {
        for _ in 0..2 {
            stage.many(size, |requests, n| {
                let (name, at) = (format!("group-{n}"), n.to_string());
                requests.push(&[b"ZADD", b"k", at.as_bytes(), name.as_bytes()]);
                requests.push(&[b"RPUSH", name.as_bytes(), b"item"]);
            });
        }
        stage.watch(|stage| stage.ask(&["ZRANGE k 0 0", "INFO keyspace", "ZCOUNT k 0 5000"]));
        return;
    }
    stage.client.ok(&format!("DEBOUNCE.CREATE k IDLE {idle}"));
    let first = stage.clock.now_ms();
    for _ in 0..2 {
        stage.many(size, |requests, n| {
            requests.push(&[b"DEBOUNCE.PUSH", b"k", format!("group-{n}").as_bytes(), b"item"]);
        });
    }
    stage.watch(|stage| {
        // From here on deadlines come as the pushes came.
        stage.pass_to(first + idle);
        stage.until("all groups are due", |stage| {
            stage.client.ok("DEBOUNCE.GROUPS k COUNT 1");
            stage.client.ok("INFO tsgen");
            stage.stat("DEBOUNCE.INFO k", "ready") == size as i64
        });
        stage.client.ok("DEBOUNCE.CLAIM k w COUNT 100");
    });
}

pub fn pushed_at_once(stage: &mut Stage) {
    let size = stage.size;
    stage.watch(|stage| {
        let words: &[&str] = if stage.is_ours() { &["DEBOUNCE.PUSH", "k", "group"] } else { &["SADD", "k"] };
        stage.large(words, size, |n| format!("item-{n}"));
    });
}

/// `size` items in one group, or a few.
fn collect(stage: &mut Stage, size: usize) {
    stage.client.ok("DEBOUNCE.CREATE k IDLE 3600000");
    for from in (0..size).step_by(1_000) {
        stage.large(&["DEBOUNCE.PUSH", "k", "group"], 1_000.min(size - from), |n| format!("item-{}", from + n));
    }
    stage.client.ok("DEBOUNCE.FLUSHALL k");
}

pub fn claimed(stage: &mut Stage) {
    let size = stage.size;
    if stage.is_ours() {
        collect(stage, size);
        stage.watch(|stage| drop(stage.fast("DEBOUNCE.CLAIM k w")));
        return;
    }
    // Items and times.
    for from in (0..2 * size).step_by(1_000) {
        stage.large(&["RPUSH", "k"], 1_000, |n| match n % 2 {
            0 => format!("item-{}", (from + n) / 2),
            _ => format!("{}", 1_700_000_000_000 + from as i64 / 1_000),
        });
    }
    stage.watch(|stage| drop(stage.fast("LRANGE k 0 -1")));
}

pub fn sunk(stage: &mut Stage) {
    let size = stage.size;
    if stage.is_ours() {
        collect(stage, size);
        stage.watch(|stage| {
            stage.client.ok("DEBOUNCE.ALTER k SINK stream");
            let entries = size.div_ceil(100_000) as i64;
            stage.until("the sink is fed", |stage| stage.client.ok("XLEN stream").int() == entries);
        });
        return;
    }
    stage.watch(|stage| {
        for from in (0..size).step_by(100_000) {
            stage.large(&["XADD", "stream", "*"], 4 * 100_000.min(size - from), |n| match n % 4 {
                0 => "item".to_owned(),
                1 => format!("item-{}", from + n / 4),
                2 => "at".to_owned(),
                _ => "1700000000000".to_owned(),
            });
        }
    });
}

/// Pages of a listing of very many groups.
pub fn pages(stage: &mut Stage) {
    listed(stage, 100);
}

/// The largest pages there are.
pub fn large_pages(stage: &mut Stage) {
    listed(stage, 10_000);
}

/// Pages of `count` groups at the front of the listing, a bit behind, in the middle, near the end and at the end.
fn listed(stage: &mut Stage, count: usize) {
    let (size, ours) = (stage.size, stage.is_ours());
    // In another order than they were begun in: the nth that is pushed to.
    let name = |nth: usize| format!("group-{}", (nth * 7_919) % size);
    if ours {
        stage.client.ok("DEBOUNCE.CREATE k IDLE 3600000");
    }
    for round in 0..2 {
        stage.many(size, |requests, n| {
            if ours {
                let name = if round == 0 { format!("group-{n}") } else { name(n) };
                requests.push(&[b"DEBOUNCE.PUSH", b"k", name.as_bytes(), b"item"]);
            } else {
                requests.push(&[b"ZADD", b"k", n.to_string().as_bytes(), name(n).as_bytes()]);
            }
        });
    }
    let places = [0, size / 20, size / 2, size - size / 20, size - 1];
    let first = format!("*{}\r\n", count.min(size) * if ours { 1 } else { 2 });
    stage.watch(|stage| {
        for _ in 0..5 {
            let front = if ours {
                stage.fast(&format!("DEBOUNCE.GROUPS k COUNT {count}"))
            } else {
                stage.fast(&format!("ZRANGE k 0 {} WITHSCORES", count - 1))
            };
            assert!(front.starts_with(first.as_bytes()), "a whole page");
            for place in places {
                // Which of those that were pushed to within a millisecond come behind is not told here.
                let page = if ours {
                    stage.fast(&format!("DEBOUNCE.GROUPS k COUNT {count} AFTER {}", name(place)))
                } else {
                    stage.fast(&format!("ZRANGE k {} {} WITHSCORES", place + 1, place + count))
                };
                // Behind a group that is not there it would begin at the front again.
                assert_ne!(page, front, "a page behind");
            }
        }
    });
}
