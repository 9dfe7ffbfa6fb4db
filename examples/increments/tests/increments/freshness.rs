//! How old the database may be.

use crate::harness::*;
use crate::traffic::{agent, body, post};
use crate::world::{key, World};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The longest time, in ms, from the answer to an increment until its commit in the database, of increments sent for `length`.
#[track_caller]
fn greatest_lag_ms(serve: &str, length: Duration) -> i64 {
    let world = World::new();
    let (serve, _worker) = (world.serve(serve), world.work(""));
    let (agent, started) = (agent(), Instant::now());
    let mut answered_at = BTreeMap::new();
    while started.elapsed() < length {
        // Each has a key of its own, so that each row tells of one.
        let key = key(answered_at.len() as u64);
        let answer = post(&agent, &serve.url, &[], &body(&key, 1)).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answered_at.insert(key, now_ms());
        std::thread::sleep(Duration::from_millis(5));
    }
    world.wait_until_drained();
    let committed_at = world.committed_at();
    assert_eq!(committed_at.len(), answered_at.len());
    answered_at.iter().map(|(key, at)| committed_at[key] - at).max().expect("some were sent")
}

#[test]
fn with_the_defaults_the_database_is_never_ten_seconds_behind() {
    let lag_ms = greatest_lag_ms("--limit 0", Duration::from_secs(11));
    assert!((8_000..10_000).contains(&lag_ms), "{lag_ms} ms");
}

#[test]
fn a_shorter_window_makes_the_database_fresher() {
    let lag_ms = greatest_lag_ms("--limit 0 --every-ms 300", Duration::from_secs(2));
    assert!((200..3_000).contains(&lag_ms), "{lag_ms} ms");
}
