//! ACK on a key that remembers what is done, against ACK on one that does not; and the bytes of an id that is remembered.

use crate::gauge;
use crate::harness::Server;
use crate::load::{self, Order, Store, END, KEY};
use crate::pipe::{Pipe, Requests};
use crate::rounds::{alternate, Pair};
use crate::scale::Scale;
use crate::table::{Table, Unit};
use std::thread::sleep;
use std::time::Duration;

const BATCH: usize = 100;

/// Per entry, in microseconds; and what the server holds when all is done.
struct Cost {
    cpu: f64,
    in_command: f64,
    memory: f64,
}

pub fn measure(scale: &Scale, table: &mut Table) {
    let entries = scale.settle_entries;
    table.section(
        "remember",
        &format!("REMEMBER: ACK of {entries} entries in batches of {BATCH}, with and without; per entry"),
    );
    let samples = alternate(scale.rounds, || cost(entries, true), || cost(entries, false));
    let of = |quantity: fn(&Cost) -> f64| Pair::of(&samples, quantity);
    table.ratio("tokens listed: CPU", &of(|cost| cost.cpu), Unit::Microseconds, Some(1.4));
    table.ratio("tokens listed: in command", &of(|cost| cost.in_command), Unit::Microseconds, Some(1.4));
    let memory = of(|cost| cost.memory);
    let each = (memory.ours - memory.theirs) / entries as f64;
    table.limit("used_memory per id of 16 bytes that is remembered", each, None, Unit::Bytes, Some(40.0));
}

fn cost(entries: usize, remembers: bool) -> Cost {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.ok(&format!("TSGEN.CREATE {KEY} REMEMBER {}", if remembers { "1d" } else { "0" }));
    load::fill(&server, Store::Tsgen, Order::InOrder, entries);
    client.ok(&format!("TSGEN.ADVANCE {KEY} {END}"));
    let firsts: Vec<i64> = (0..entries / BATCH)
        .map(|_| client.ok(&format!("TSGEN.CLAIM {KEY} worker COUNT {BATCH} LEASE 1h")).items()[0].items()[0].int())
        .collect();
    let (mut pipe, mut requests) = (Pipe::to(&server), Requests::default());
    gauge::reset_in_command(&mut client);
    let before = gauge::cpu_us(&mut client);
    for first in firsts {
        let tokens: Vec<String> = (first..first + BATCH as i64).map(|token| token.to_string()).collect();
        requests.begin(2 + BATCH);
        [b"TSGEN.ACK", KEY.as_bytes()].into_iter().for_each(|word| requests.arg(word));
        tokens.iter().for_each(|token| requests.arg(token.as_bytes()));
        pipe.send(&mut requests);
        assert_eq!(pipe.read(), format!(":{BATCH}\r\n").as_bytes(), "a batch was not acknowledged whole");
    }
    let cpu = gauge::cpu_us(&mut client) - before;
    let in_command = gauge::in_command_us(&mut client, &["TSGEN.ACK"]);
    // What the key does not need any more comes back in ticks of the timer.
    let mut memory = f64::MAX;
    loop {
        sleep(Duration::from_millis(300));
        let now = gauge::used_memory(&mut client);
        if now > memory - 10_000.0 {
            break;
        }
        memory = now;
    }
    Cost { cpu: cpu / entries as f64, in_command: in_command / entries as f64, memory }
}
