//! GROUPLIMIT and FAIR against the same commands on a key without: adding, claiming and acknowledging, and the memory of a group.

use crate::gauge;
use crate::harness::Server;
use crate::load::{self, END, KEY, PAYLOAD, START};
use crate::pipe::{Pipe, Requests};
use crate::rounds::{alternate, Pair};
use crate::scale::Scale;
use crate::settle::{self, Work};
use crate::table::{Table, Unit};

/// Requests in one write.
const PER_WRITE: usize = 500;

/// A key and what is added to it.
#[derive(Clone, Copy)]
struct Queue {
    options: &'static str,
    elements: usize,
    /// How many groups they are in; each in that of its id if there are as many groups as elements.
    groups: usize,
}

/// CPU per element, in microseconds.
struct Cost {
    add: f64,
    settle: f64,
}

pub fn measure(scale: &Scale, table: &mut Table) {
    let (groups, elements) = (scale.limited_groups, scale.settle_entries);
    table.section("limits", "keys with GROUPLIMIT or FAIR; theirs: a key without, the same elements: per element");
    let with = |options, groups| Queue { options, elements, groups };
    for (name, queue, add_target, settle_target) in [
        ("GROUPLIMIT 1", with("GROUPLIMIT 1", groups), 1.5, 1.6),
        ("FAIR", with("FAIR yes", groups), 1.5, 1.6),
        ("FAIR, one group in a thousand of these", with("FAIR yes", (groups / 1_000).max(1)), 1.5, 1.6),
    ] {
        let plain = Queue { options: "", ..queue };
        let samples = alternate(scale.rounds, || cost(queue), || cost(plain));
        let what = format!("{name}, {} groups", queue.groups);
        table.ratio(
            &format!("{what}: ADD"),
            &Pair::of(&samples, |cost| cost.add),
            Unit::Microseconds,
            Some(add_target),
        );
        let settle = Pair::of(&samples, |cost| cost.settle);
        table.ratio(&format!("{what}: CLAIM + ACK"), &settle, Unit::Microseconds, Some(settle_target));
    }
    for (name, options) in [("GROUPLIMIT 1", "GROUPLIMIT 1"), ("FAIR", "FAIR yes")] {
        let each = Queue { options, elements: groups, groups };
        let (ours, theirs) = (memory(each), memory(Queue { options: "", ..each }));
        let what = format!("{name}: memory of a group, and of its number in an element, {groups} groups");
        table.limit(&what, ours - theirs, None, Unit::Bytes, Some(48.0));
    }
}

fn fill(queue: Queue) -> Server {
    let server = Server::start(&[]);
    server.client().ok(&format!("TSGEN.CREATE {KEY} {}", queue.options));
    let (mut pipe, mut requests) = (Pipe::to(&server), Requests::default());
    for begin in (0..queue.elements).step_by(PER_WRITE) {
        for n in begin..(begin + PER_WRITE).min(queue.elements) {
            let (id, timestamp) = (load::id(n), (START + n as i64).to_string());
            let group = format!("group-{:08}", n.wrapping_mul(7_919) % queue.groups);
            let (key, timestamp) = (KEY.as_bytes(), timestamp.as_bytes());
            if queue.options.is_empty() || queue.groups == queue.elements {
                requests.push(&[b"TSGEN.ADD", key, timestamp, &id, &PAYLOAD]);
            } else {
                requests.push(&[b"TSGEN.ADD", key, b"GROUP", group.as_bytes(), timestamp, &id, &PAYLOAD]);
            }
        }
        pipe.run(&mut requests);
    }
    server
}

fn memory(queue: Queue) -> f64 {
    let server = fill(queue);
    let mut c = server.client();
    c.ok(&format!("MEMORY USAGE {KEY}")).int() as f64 / queue.groups as f64
}

fn cost(queue: Queue) -> Cost {
    let server = Server::start(&[]);
    let idle = gauge::cpu_us(&mut server.client());
    drop(server);
    let server = fill(queue);
    let mut c = server.client();
    let add = (gauge::cpu_us(&mut c) - idle) / queue.elements as f64;
    c.ok(&format!("TSGEN.ADVANCE {KEY} {END}"));
    let settle = settle::drain(&server, Work::listed(100, queue.elements)).cpu;
    Cost { add, settle }
}
