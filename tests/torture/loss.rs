//! How much a power cut takes: a worker adds without a pause, the power goes at any moment, and what had been answered and is gone is counted.
//!
//! `CUTS=50` makes it so many; the figures in docs/guarantees.md are of such a run.

use crate::harness::{aof, scope, wait_until, Client, Clock, Random, Reply, Server, Stop};
use crate::number;
use crate::pair::Sync;
use std::time::{Duration, Instant};

/// What was answered and is gone.
struct Gone {
    elements: usize,
    /// How long before the cut the first of them was answered.
    ms: u64,
    /// How long before it the last sync began.
    since_sync_ms: u64,
}

#[test]
fn a_power_cut_takes_what_everysec_had_not_synced_and_nothing_under_always() {
    let cuts = number("CUTS").unwrap_or(4);
    for sync in [Sync::Always, Sync::EverySecond] {
        let gone: Vec<Gone> = (0..cuts).map(|nth| cut(sync, nth)).collect();
        let mut times: Vec<u64> = gone.iter().map(|gone| gone.ms).collect();
        times.sort_unstable();
        let most = gone.iter().map(|gone| gone.elements).max().unwrap_or(0);
        let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
        println!("{sync:?}: {cuts} power cuts took what was answered in the last {median} ms (median), {longest} ms (most), up to {most} elements");
        match sync {
            Sync::Always => assert_eq!(most, 0, "elements that were answered under always"),
            Sync::EverySecond => {
                // Otherwise nothing is cut.
                assert!(most > 0);
                // However slow the disk is. Written is what was answered two seconds before; a machine that is busy adds to it.
                let is_more = |gone: &&Gone| gone.ms > gone.since_sync_ms + 3_000;
                assert_eq!(gone.iter().filter(is_more).count(), 0, "cuts took more than was not synced");
            }
        }
    }
}

fn cut(sync: Sync, nth: u64) -> Gone {
    let clock = Clock::new().noting_syncs();
    let how = if sync == Sync::Always { "always" } else { "everysec" };
    let mut server = Server::start_under(&clock, &["--appendonly", "yes", "--appendfsync", how]);
    server.client().ok("TSGEN.CREATE k");
    wait_until("the key is synced", || aof::is_synced(&server, &clock));
    let socket = server.socket();
    let (answered, cut_at) = scope(|threads| {
        let adder = threads.spawn(move || add(Client::connect(&socket)));
        // Any moment of a second.
        std::thread::sleep(Duration::from_millis(1_200 + Random::new(nth).below(1_000)));
        let cut_at = Instant::now();
        server.stop(Stop::Kill);
        (adder.join().expect("an adder that does not panic"), cut_at)
    });
    let since_sync_ms = aof::since_sync(&server, &clock).map_or(0, |since| since.as_millis() as u64);
    aof::cut_power(&server, &clock);
    aof::cut_half_transaction(&server);
    server.start_again();
    let kept = server.client().ok("TSGEN.INFO k");
    let waiting = kept.items().chunks(2).find(|pair| pair[0].text() == "waiting").expect("a count")[1].int();
    // What is gone is the end, and nothing in between.
    let is_there = |id: i64| server.client().ok(&format!("TSGEN.GET k {id}")) != Reply::Nil;
    assert!(is_there(waiting - 1) && !is_there(waiting), "{waiting} are left");
    let gone = answered.get(waiting as usize..).unwrap_or_default();
    let since = |at: &Instant| cut_at.saturating_duration_since(*at).as_millis() as u64;
    Gone { elements: gone.len(), ms: gone.first().map_or(0, since), since_sync_ms }
}

/// Adds until the server is gone; when each was answered.
fn add(mut client: Client) -> Vec<Instant> {
    let mut answered = Vec::new();
    loop {
        let id = answered.len().to_string();
        let sent = client.try_send(&[b"TSGEN.ADD", b"k", b"1", id.as_bytes(), b"payload"]);
        match sent.and_then(|()| client.try_read()) {
            Ok(reply) => assert_eq!(reply, 1),
            Err(_) => return answered,
        }
        answered.push(Instant::now());
    }
}
