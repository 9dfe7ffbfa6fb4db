//! ADVANCE over a million elements against ADVANCE over one: releasing costs the same however many there are, and in however many groups (here each in its own).
//!
//! "Theirs" is ADVANCE itself, releasing one element of the same key. The operator's way back, `ALTER WATERMARK`, makes it
//! repeatable: what was ready and unclaimed waits again. One call takes a microsecond or two, which is the resolution of
//! commandstats, so a sample is the mean of many calls.

use crate::gauge;
use crate::harness::{words, Client, Server};
use crate::load::{self, Order, Store, END, KEY, START};
use crate::rounds::{alternate, Pair};
use crate::scale::Scale;
use crate::table::{Table, Unit};

const CALLS: usize = 1_000;

pub fn measure(scale: &Scale, table: &mut Table) {
    let count = scale.advance_elements;
    table.section("advance", "ADVANCE (ours) against ADVANCE that releases one element (theirs): in command, per call");
    let server = filled("", count);
    let sample = |to| mean_us(&mut server.client(), to);
    let samples = alternate(scale.rounds, || sample(END), || sample(START));
    let pair = Pair::of(&samples, |us| *us);
    table.ratio(&format!("releasing {count}"), &pair, Unit::Microseconds, Some(2.0));
    for options in ["GROUPLIMIT 1", "FAIR yes"] {
        let grouped = filled(options, count);
        let samples = alternate(scale.rounds, || mean_us(&mut grouped.client(), END), || sample(END));
        let pair = Pair::of(&samples, |us| *us);
        let what = format!("releasing {count} in {options}; theirs: no groups");
        table.ratio(&what, &pair, Unit::Microseconds, Some(1.1));
    }
}

/// A server with that many elements, all of which wait.
fn filled(options: &str, count: usize) -> Server {
    let server = load::server(Store::Tsgen, &[]);
    let mut client = server.client();
    client.ok(&format!("TSGEN.CREATE {KEY} {options}"));
    load::fill(&server, Store::Tsgen, Order::InOrder, count);
    // ALTER only lowers a watermark; there must be one first.
    client.ok(&format!("TSGEN.ADVANCE {KEY} {}", START - 1));
    assert_eq!(releases(&mut client, START), 1);
    assert_eq!(releases(&mut client, END), count);
    server
}

fn back() -> String {
    format!("TSGEN.ALTER {KEY} WATERMARK {}", START - 1)
}

/// How many elements are ready after advancing from below all of them to `to`.
fn releases(client: &mut Client, to: i64) -> usize {
    client.ok(&back());
    client.ok(&format!("TSGEN.ADVANCE {KEY} {to}"));
    client.ok(&format!("TSGEN.INFO {KEY}")).field("ready").int() as usize
}

fn mean_us(client: &mut Client, to: i64) -> f64 {
    client.ok(&back());
    gauge::reset_in_command(client);
    // In one write: apart, each call begins with memory that has gone cold, and that takes longer than the call.
    let calls = [format!("TSGEN.ADVANCE {KEY} {to}"), back()].map(|line| words(&line));
    let replies = client.pipeline(calls.iter().cycle().take(2 * CALLS));
    assert!(replies.iter().all(|reply| !reply.is_error()), "{:?}", replies.first());
    gauge::in_command_us(client, &["TSGEN.ADVANCE"]) / CALLS as f64
}
