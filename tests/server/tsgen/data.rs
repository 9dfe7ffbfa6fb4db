//! Real event times: three thousand commits of a public repository in the order in which they arrived. Three in ten were written before they arrived, half of these more
//! than a day before. Several adders, several workers, some of which die: in the end every element is acknowledged once, and none was handed out before its watermark.

use crate::common::*;
use crate::harness::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::Mutex;

struct Event {
    id: String,
    arrived: i64,
    happened: i64,
}

/// In seconds since the first of them arrived.
fn events() -> Vec<Event> {
    let text = std::fs::read_to_string(workspace().join("tests/data/arrivals.csv")).expect("the file");
    let rows = text.lines().skip(1).enumerate();
    let of = |(nth, row): (usize, &str)| {
        let (arrived, happened) = row.split_once(',').expect("two columns");
        let [arrived, happened] = [arrived, happened].map(|text| text.parse().expect("seconds"));
        Event { id: format!("event-{nth}"), arrived, happened }
    };
    rows.map(of).collect()
}

#[test]
fn every_element_is_acknowledged_once_and_none_comes_early() {
    let events = events();
    let ids: BTreeMap<&str, usize> = events.iter().enumerate().map(|(nth, event)| (event.id.as_str(), nth)).collect();
    let total = ids.len();
    assert_eq!(total, 3_000);
    let server = Server::start(&[]);
    server.client().ok("TSGEN.CREATE k LEASE 300 MAXDELIVERIES 0");
    let next = AtomicUsize::new(0);
    let acknowledged = Mutex::new(BTreeMap::<String, usize>::new());
    // Upper bound of what the server's watermark can be: raised before ADVANCE is sent.
    let watermark = AtomicI64::new(i64::MIN);
    let started = std::time::Instant::now();
    scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut c = server.client();
                while let Some(event) = events.get(next.fetch_add(1, Ordering::Relaxed)) {
                    c.ok(&format!("TSGEN.ADD k {} {} x", event.happened, event.id));
                    // The bound: events later than a day are late ones.
                    let to = event.arrived - 86_400;
                    watermark.fetch_max(to, Ordering::SeqCst);
                    c.ok(&format!("TSGEN.ADVANCE k {to}"));
                }
            });
        }
        for worker in 0..4u64 {
            let (server, acknowledged, watermark) = (&server, &acknowledged, &watermark);
            scope.spawn(move || {
                let mut random = Random::new(worker);
                let mut c = server.client();
                while acknowledged.lock().expect("no panic").len() < total {
                    assert!(started.elapsed().as_secs() < 120, "elements were lost");
                    let entries = c.ok(&format!("TSGEN.CLAIM k w{worker} COUNT 50 BLOCK 100"));
                    let limit = watermark.load(Ordering::SeqCst);
                    if entries.items().is_empty() && limit != i64::MAX {
                        // The last day's elements wait for the last advance.
                        if server_has_all(&mut c, total, acknowledged) {
                            watermark.store(i64::MAX, Ordering::SeqCst);
                            c.ok("TSGEN.ADVANCE k 9223372036854775807");
                        }
                        continue;
                    }
                    for entry in entries.items() {
                        assert!(entry.items()[3].int() <= limit, "{entry} was handed out before the watermark {limit}");
                    }
                    if random.one_in(20) {
                        // This worker dies with what it has, and another takes its place.
                        c = server.client();
                        continue;
                    }
                    for entry in entries.items() {
                        if c.ok(&format!("TSGEN.ACK k {}", entry.items()[0])) == 1 {
                            *acknowledged.lock().expect("no panic").entry(entry.items()[2].text()).or_default() += 1;
                        }
                    }
                }
            });
        }
    });
    let acknowledged = acknowledged.into_inner().expect("no panic");
    assert!(acknowledged.keys().all(|id| ids.contains_key(id.as_str())));
    assert!(acknowledged.values().all(|times| *times == 1), "acknowledged more than once");
    assert_eq!(acknowledged.len(), total);
    let mut c = server.client();
    assert_eq!(counts(&mut c, "k"), [0; 5]);
    assert_eq!(stat(&mut c, "k", "acked"), total as i64);
    assert!(stat(&mut c, "k", "redelivered") > 0, "no worker died with an element");
}

/// Whether every element has been added: what is acknowledged and what the key holds make the total.
fn server_has_all(c: &mut Client, total: usize, acknowledged: &Mutex<BTreeMap<String, usize>>) -> bool {
    let done = acknowledged.lock().expect("no panic").len();
    done + counts(c, "k").iter().sum::<i64>() as usize >= total
}
