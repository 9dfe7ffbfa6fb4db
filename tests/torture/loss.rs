//! How much a power cut takes: one client adds without a pause, another claims and acknowledges, the power goes at any moment, and what had been answered and is gone is counted.
//!
//! `CUTS=50` makes it so many; the figures in docs/guarantees.md are of such a run.

use crate::harness::{aof, scope, wait_until, Client, Clock, Random, Reply, Server, Stop};
use crate::pair::Sync;
use crate::{deadline, number};
use std::time::{Duration, Instant};

/// What was answered and is gone.
struct Gone {
    elements: usize,
    acks: usize,
    /// How long before the cut the first of them all was answered.
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
        let most = |of: fn(&Gone) -> usize| gone.iter().map(of).max().unwrap_or(0);
        let (elements, acks) = (most(|gone| gone.elements), most(|gone| gone.acks));
        let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
        println!("{sync:?}: {cuts} power cuts took what was answered in the last {median} ms (median), {longest} ms (most), up to {elements} elements and {acks} ACKs");
        match sync {
            Sync::Always => assert_eq!((elements, acks), (0, 0), "what was answered under always"),
            Sync::EverySecond => {
                // Otherwise nothing is cut.
                assert!(elements > 0 && acks > 0);
                // However slow the disk is. Written is what was answered two seconds before; a machine that is busy adds to it.
                let is_more = |gone: &&Gone| gone.ms > gone.since_sync_ms + 3_000;
                assert_eq!(gone.iter().filter(is_more).count(), 0, "cuts took more than was not synced");
            }
        }
    }
}

fn cut(sync: Sync, nth: u64) -> Gone {
    let _deadline = deadline(&format!("power cut {nth} under {sync:?}"));
    let clock = Clock::new().noting_syncs();
    let how = if sync == Sync::Always { "always" } else { "everysec" };
    let mut server = Server::start_under(&clock, &["--appendonly", "yes", "--appendfsync", how]);
    server.client().ok("TSGEN.CREATE added");
    server.client().ok("TSGEN.CREATE worked");
    fill(&server);
    wait_until("the keys are synced", || aof::is_synced(&server, &clock));
    let sockets = [server.socket(), server.socket()];
    let (added, acked, cut_at) = scope(|threads| {
        let [adder, worker] = sockets.map(|socket| Client::connect(&socket));
        let adder = threads.spawn(move || add(adder));
        let worker = threads.spawn(move || work(worker));
        // Any moment of a second.
        std::thread::sleep(Duration::from_millis(1_200 + Random::new(nth).below(1_000)));
        let cut_at = Instant::now();
        server.stop(Stop::Kill);
        let [added, acked] = [adder, worker].map(|client| client.join().expect("a client that does not panic"));
        (added, acked, cut_at)
    });
    let since_sync_ms = aof::since_sync(&server, &clock).map_or(0, |since| since.as_millis() as u64);
    aof::cut_power(&server, &clock);
    aof::cut_half_transaction(&server);
    server.start_again();
    let kept = count(&server, "added");
    // What is gone is the end, and nothing in between.
    let is_there = |id: usize| server.client().ok(&format!("TSGEN.GET added {id}")) != Reply::Nil;
    assert!(is_there(kept - 1) && !is_there(kept), "{kept} are left");
    let elements = added.get(kept..).unwrap_or_default();
    let acks = acked.get(FILLED - count(&server, "worked")..).unwrap_or_default();
    let since = |at: &Instant| cut_at.saturating_duration_since(*at).as_millis() as u64;
    let ms = [elements, acks].iter().filter_map(|all| all.first()).map(since).max().unwrap_or(0);
    Gone { elements: elements.len(), acks: acks.len(), ms, since_sync_ms }
}

/// More than a worker gets done in the time.
const FILLED: usize = 100_000;

fn fill(server: &Server) {
    let mut c = server.client();
    for first in (0..FILLED).step_by(1_000) {
        let elements: Vec<String> = (first..first + 1_000).map(|id| format!(" 1 {id} x")).collect();
        c.ok(&format!("TSGEN.MADD worked{}", elements.concat()));
    }
    c.ok("TSGEN.ADVANCE worked 1");
}

/// How many elements a key has, in whatever state.
fn count(server: &Server, key: &str) -> usize {
    let info = server.client().ok(&format!("TSGEN.INFO {key}"));
    ["waiting", "ready", "leased", "delayed", "dead"].map(|state| info.field(state).int() as usize).iter().sum()
}

/// Adds until the server is gone; when each was answered.
fn add(mut client: Client) -> Vec<Instant> {
    let mut answered = Vec::new();
    loop {
        let id = answered.len().to_string();
        let sent = client.try_send(&[b"TSGEN.ADD", b"added", b"1", id.as_bytes(), b"payload"]);
        match sent.and_then(|()| client.try_read()) {
            Ok(reply) => assert_eq!(reply, 1),
            Err(_) => return answered,
        }
        answered.push(Instant::now());
    }
}

/// Claims one after the other, and acknowledges each with the next claim, until the server is gone; when each ACK was answered.
fn work(mut client: Client) -> Vec<Instant> {
    let mut answered = Vec::new();
    let mut token = String::new();
    loop {
        let claim: [&[u8]; 5] = [b"TSGEN.CLAIM", b"worked", b"worker", b"LEASE", b"3600000"];
        let ack: [&[u8]; 2] = [b"ACK", token.as_bytes()];
        let words = if token.is_empty() { claim.to_vec() } else { [&claim[..], &ack[..]].concat() };
        let Ok(reply) = client.try_send(&words).and_then(|()| client.try_read()) else { return answered };
        if !token.is_empty() {
            answered.push(Instant::now());
        }
        token = reply.items()[0].items()[0].int().to_string();
    }
}
