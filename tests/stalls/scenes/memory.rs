//! Memory that is taken, or comes back.

use super::stage::Stage;
use crate::harness::pipe::leaves;

/// What even a small key and the buffers of clients may keep, in bytes.
const KEPT: f64 = 256.0 * 1024.0;

/// Claims so many elements of `k`, and acknowledges them by one range. False if there were none.
fn work_off(stage: &mut Stage, count: usize) -> bool {
    let reply = stage.fast(&format!("TSGEN.CLAIM k w COUNT {count} LEASE 3600000"));
    let leaves = leaves(&reply);
    if leaves.is_empty() {
        return false;
    }
    let token = |at: usize| std::str::from_utf8(leaves[at]).expect("a token").to_owned();
    let range = format!("{}-{}", token(0), token(leaves.len() - 5));
    stage.fast(&format!("TSGEN.ACK k {range}"));
    true
}

/// A cache larger than the memory that it may have; a command that is refused fails the scene. From Redis 7.2.4 on and on Valkey, where
/// the values of evicted keys could be kept, that is what would come of keeping them. On 7.0 there is nothing to keep but names, and only the PING can fail.
pub fn evicted(stage: &mut Stage) {
    if stage.is_ours() {
        stage.client.ok("EXPIRY.CREATE w PREFIX cache:");
    }
    stage.client.ok("CONFIG SET maxmemory 100mb");
    stage.client.ok("CONFIG SET maxmemory-policy volatile-ttl");
    let (size, value) = (stage.size, vec![b'v'; 10_000]);
    stage.watch(|stage| {
        stage.many(size, |requests, n| {
            requests.push(&[b"SET", format!("cache:{n}").as_bytes(), &value, b"EX", b"36000"]);
        });
    });
}

/// Entries of 600 bytes, most of which are acknowledged; their memory comes back. The plain server deletes as many keys.
pub fn drained(stage: &mut Stage) {
    drain(stage, 600, "");
}

/// The same with small entries, each in a group of its own: what held the groups comes back too.
pub fn drained_of_groups(stage: &mut Stage) {
    drain(stage, 16, " GROUPLIMIT 1 FAIR yes");
}

fn drain(stage: &mut Stage, bytes: usize, options: &str) {
    let (size, payload) = (stage.size, vec![b'p'; bytes]);
    let ours = stage.is_ours();
    if ours {
        stage.client.ok(&format!("TSGEN.CREATE k{options}"));
    }
    let empty = stage.memory("used_memory");
    stage.many(size, |requests, n| {
        let name = format!("id-{n}");
        if ours {
            requests.push(&[b"TSGEN.ADD", b"k", b"1", name.as_bytes(), &payload]);
        } else {
            requests.push(&[b"SET", name.as_bytes(), &payload]);
        }
    });
    if ours {
        stage.client.ok("TSGEN.ADVANCE k 1");
    }
    let full = stage.memory("used_memory");
    stage.watch(|stage| {
        if ours {
            while work_off(stage, 127) {
                // This one stays.
                stage.fast("TSGEN.CLAIM k w COUNT 1 LEASE 3600000");
            }
        } else {
            stage.many(size, |requests, n| {
                if n % 128 != 0 {
                    requests.push(&[b"DEL", format!("id-{n}").as_bytes()]);
                }
            });
        }
        stage.until("most of the memory is back", |stage| {
            stage.memory("used_memory") - empty < (full - empty) / 8.0 + KEPT
        });
    });
}

/// Ids that are remembered are over, and forgotten. The plain server expires as many keys.
pub fn forgotten(stage: &mut Stage) {
    let size = stage.size;
    let ours = stage.is_ours();
    let over = stage.clock.now_ms() + 3_600_000;
    if ours {
        stage.client.ok("TSGEN.CREATE k REMEMBER 1h REMEMBERMAX 10000000");
        stage.client.ok("TSGEN.ADVANCE k 1");
    }
    stage.many(size, |requests, n| {
        let name = format!("id-{n}");
        if ours {
            requests.push(&[b"TSGEN.ADD", b"k", b"1", name.as_bytes()]);
        } else {
            requests.push(&[b"SET", name.as_bytes(), b"1", b"PXAT", over.to_string().as_bytes()]);
        }
    });
    stage.watch(|stage| {
        while ours && work_off(stage, 1_000) {}
        stage.pass_to(over + 7_200_000);
        if ours {
            stage.until("all are forgotten", |stage| stage.stat("TSGEN.INFO k", "remembered") == 0);
        } else {
            stage.until("all are gone", |stage| stage.client.ok("DBSIZE").int() == 0);
        }
    });
}

/// Ids that are remembered are to be forgotten, all at once. The plain server expires as many keys.
pub fn forgotten_by_alter(stage: &mut Stage) {
    let size = stage.size;
    let over = stage.clock.now_ms() + 3_600_000;
    if stage.is_ours() {
        stage.client.ok("TSGEN.CREATE k REMEMBER 100h REMEMBERMAX 10000000");
        stage.client.ok("TSGEN.ADVANCE k 1");
        stage.many(size, |requests, n| requests.push(&[b"TSGEN.ADD", b"k", b"1", format!("id-{n}").as_bytes()]));
        while work_off(stage, 1_000) {}
    } else {
        let at = over.to_string();
        stage.many(size, |requests, n| {
            requests.push(&[b"SET", format!("id-{n}").as_bytes(), b"1", b"PXAT", at.as_bytes()]);
        });
    }
    stage.watch(|stage| {
        if stage.is_ours() {
            stage.client.ok("TSGEN.ALTER k REMEMBER 0");
            stage.until("all are forgotten", |stage| stage.stat("TSGEN.INFO k", "remembered") == 0);
        } else {
            stage.pass_to(over + 1_000);
            stage.until("all are gone", |stage| stage.client.ok("DBSIZE").int() == 0);
        }
    });
}
