//! TALLY.INCR into an open window against HINCRBY, which is what people sum with by hand: the server's CPU per increment. And what
//! becomes of the largest window there may be: how long everybody waits while it is sealed, claimed and acknowledged.
//!
//! By hand, nothing takes the sums out of the hash and gives them to one worker at a time. None of that is counted for us.

use crate::gauge;
use crate::harness::{wait_until, Blocked, Random, Server};
use crate::load::KEY;
use crate::pipe::{Pipe, Requests};
use crate::probe::Probe;
use crate::rounds::{alternate, median, Pair};
use crate::scale::Scale;
use crate::sched::Longest;
use crate::table::{Table, Unit};

const PER_WRITE: usize = 500;
/// Fields of a window, unless its key says otherwise.
const FIELDS: usize = 10_000;
/// No window ends by itself.
const LONG: &str = "EVERY 3600000";
const LIMIT_MS: f64 = 20.0;

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Tally,
    Hash,
}

/// The `n`-th field: a UUID, in no order.
fn field(n: usize) -> String {
    let mut random = Random::new(n as u64);
    let (high, low) = (random.next(), random.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

pub fn measure(scale: &Scale, table: &mut Table) {
    table.section("counting", "INCR (fields of 36 bytes, random order) against HINCRBY: server CPU per increment");
    let aof = &["--appendonly", "yes", "--appendfsync", "no"][..];
    let few = FIELDS.min(scale.fields);
    for (name, fields, options, args, target) in [
        (format!("of {few} fields that a window has"), few, "", &[][..], Some(1.6)),
        (format!("of {few} fields that a window has, FIELD UUID"), few, "FIELD UUID MIN 1", &[], Some(1.6)),
        (format!("of {few} fields that a window has, with an AOF (no fsync)"), few, "", aof, None),
        (format!("of {} fields that a window has", scale.fields), scale.fields, "", &[], Some(1.6)),
    ] {
        let side = |way: Way| move || ns_per_increment(way, fields, scale.increments, options, args);
        let pair = Pair::of(&alternate(scale.rounds, side(Way::Tally), side(Way::Hash)), |ns| *ns);
        table.ratio(&name, &pair, Unit::Nanoseconds, target);
    }
    let side = |way: Way| move || ns_per_new_field(way, scale.fields);
    let pair = Pair::of(&alternate(scale.rounds, side(Way::Tally), side(Way::Hash)), |ns| *ns);
    table.ratio(&format!("{} new fields, from nothing", scale.fields), &pair, Unit::Nanoseconds, Some(1.6));
    large_windows(scale, table);
}

fn server(way: Way, options: &str, args: &[&str]) -> Server {
    if way == Way::Hash {
        return Server::plain(args);
    }
    let server = Server::start(args);
    server.client().ok(&format!("TALLY.CREATE {KEY} {LONG} MAXFIELDS 100000 {options}"));
    server
}

fn run(server: &Server, way: Way, fields: impl Iterator<Item = String>) {
    let command: &[u8] = if way == Way::Tally { b"TALLY.INCR" } else { b"HINCRBY" };
    let (mut pipe, mut requests) = (Pipe::to(server), Requests::default());
    for field in fields {
        requests.push(&[command, KEY.as_bytes(), field.as_bytes(), b"1"]);
        if requests.count >= PER_WRITE {
            pipe.run(&mut requests);
        }
    }
    pipe.run(&mut requests);
}

/// One field less than would seal the window.
fn fill(server: &Server, way: Way, fields: usize) {
    run(server, way, (1..fields).map(field));
}

fn ns_per_increment(way: Way, fields: usize, increments: usize, options: &str, args: &[&str]) -> f64 {
    let server = server(way, options, args);
    fill(&server, way, fields);
    let mut client = server.client();
    let mut random = Random::new(1);
    let names: Vec<String> = (1..fields).map(field).collect();
    let picked: Vec<usize> = (0..increments).map(|_| random.below(names.len() as u64) as usize).collect();
    let before = gauge::cpu_us(&mut client);
    run(&server, way, picked.iter().map(|nth| names[*nth].clone()));
    (gauge::cpu_us(&mut client) - before) * 1000.0 / increments as f64
}

fn ns_per_new_field(way: Way, fields: usize) -> f64 {
    let server = server(way, "", &[]);
    let mut client = server.client();
    let before = gauge::cpu_us(&mut client);
    fill(&server, way, fields);
    (gauge::cpu_us(&mut client) - before) * 1000.0 / fields as f64
}

/// What a PING beside it waited at most, for each step in the life of the largest window.
struct Steps {
    seal: Longest,
    claim: Longest,
    ack: Longest,
    delivery: Longest,
    filling: Longest,
}

fn large_windows(scale: &Scale, table: &mut Table) {
    table.section("counting", &format!("a window of {} fields: the longest PING meanwhile", scale.fields));
    let rounds: Vec<Steps> = (0..scale.rounds).map(|_| steps(scale.fields)).collect();
    let mut tell = |what: &str, step: &dyn Fn(&Steps) -> Longest| {
        let own = median(rounds.iter().map(|round| step(round).own));
        table.limit(what, own, None, Unit::Milliseconds, Some(LIMIT_MS));
        let wall = median(rounds.iter().map(|round| step(round).wall));
        table.note(&format!("{wall:.2} ms with the time the kernel ran something else"));
    };
    tell("SEAL", &|steps| steps.seal);
    tell("CLAIM", &|steps| steps.claim);
    tell("ACK", &|steps| steps.ack);
    tell("it ends, and a worker in CLAIM BLOCK gets it", &|steps| steps.delivery);
    tell("INCR of the last field, which seals it", &|steps| steps.filling);
}

fn steps(fields: usize) -> Steps {
    let server = server(Way::Tally, "", &[]);
    let probe = Probe::start(&server);
    let mut client = server.client();
    let mut pipe = Pipe::to(&server);
    let mut step = |command: &str| {
        let mut request = Requests::default();
        request.push(&command.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        probe.take();
        pipe.run(&mut request);
        probe.take()
    };
    fill(&server, Way::Tally, fields);
    let seal = step(&format!("TALLY.SEAL {KEY}"));
    let claim = step(&format!("TALLY.CLAIM {KEY} worker"));
    let ack = step(&format!("TALLY.ACK {KEY} 1-4611686018427387904"));

    client.ok(&format!("TALLY.ALTER {KEY} EVERY 2000"));
    fill(&server, Way::Tally, fields);
    let mut worker = Blocked::new(&server, &format!("TALLY.CLAIM {KEY} worker BLOCK 0"));
    probe.take();
    assert_eq!(worker.reply().items().len(), 1);
    let delivery = probe.take();
    client.ok(&format!("TALLY.ACK {KEY} 1-4611686018427387904"));

    client.ok(&format!("TALLY.ALTER {KEY} EVERY 3600000 MAXFIELDS {fields}"));
    fill(&server, Way::Tally, fields);
    let filling = step(&format!("TALLY.INCR {KEY} {}", field(0)));
    wait_until("the window is sealed", || client.ok(&format!("TALLY.SEAL {KEY}")).int() == 0);
    Steps { seal, claim, ack, delivery, filling }
}
