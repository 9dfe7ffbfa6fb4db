//! PUSH of an item to a group against what people do by hand, an RPUSH to the group's list and a ZADD of its new deadline: the
//! server's CPU per push. And how much of it depends on the number of groups.
//!
//! By hand, nothing makes the two commands one, drops an item that is there already, or bounds the wait; a list is found under
//! the bare name of its group, and the sorted set is never read. None of that is counted for us.

use crate::gauge;
use crate::harness::{Blocked, Random, Server};
use crate::load::{self, KEY, START};
use crate::pipe::{Pipe, Requests};
use crate::rounds::{alternate, Pair};
use crate::scale::Scale;
use crate::table::{Table, Unit};

/// Pushes in one write.
pub const PER_WRITE: usize = 500;
/// Pushes to a group, where groups are filled from nothing: most find it collecting.
const PER_GROUP: usize = 10;
/// The lower number of groups, where two are compared.
const FEW: usize = 1_000;
/// The number of the first item, as [`load::id`] counts: above all groups.
const ITEMS: usize = 1 << 40;
/// Nothing fires.
const LONG: &str = "IDLE 3600000";

/// The numbers of a group and of an item.
pub type Push = (usize, usize);

#[derive(Clone, Copy, PartialEq)]
pub enum Way {
    Debounce,
    /// RPUSH and ZADD.
    ByHand,
}

pub fn measure(scale: &Scale, table: &mut Table) {
    let groups = scale.pushed_groups;
    table.section(
        "push",
        "PUSH (16-byte group, 16-byte item) against RPUSH + ZADD, groups in random order: server CPU per push",
    );
    let pushes: Vec<Push> = shuffled(groups).into_iter().zip(0..).collect();
    let aof = &["--appendonly", "yes", "--appendfsync", "no"][..];
    for (name, args, has_worker, target) in [
        ("", &[][..], false, Some(0.8)),
        (", a worker waits in CLAIM", &[], true, None),
        (", with an AOF (no fsync)", aof, false, None),
    ] {
        let side = |way: Way| {
            let pushes = &pushes;
            move || {
                let server = server(way, "", args);
                let has_worker = has_worker && way == Way::Debounce;
                let _worker =
                    has_worker.then(|| Blocked::new(&server, &format!("DEBOUNCE.CLAIM {KEY} worker BLOCK 0")));
                ns_per_push(&server, way, pushes)
            }
        };
        let samples = alternate(scale.rounds, side(Way::Debounce), side(Way::ByHand));
        let what = format!("{PER_GROUP} pushes to each of {groups} groups{name}");
        table.ratio(&what, &Pair::of(&samples, |ns| *ns), Unit::Nanoseconds, target);
    }

    let many = scale.live_groups;
    table.section("push", &format!("a push to one of {many} groups (ours) against one of {FEW} (theirs): server CPU"));
    // The same work on both sides; then with items added, to hundreds in a group on one side and to a few on the other.
    compare(scale, table, "PUSH of the item that the group has", Way::Debounce, "", Some(2.0));
    compare(scale, table, "PUSH of a new item, UNIQUE no", Way::Debounce, "UNIQUE no", Some(2.0));
    compare(scale, table, "by hand, a new item", Way::ByHand, "", None);
}

fn compare(scale: &Scale, table: &mut Table, what: &str, way: Way, options: &str, target: Option<f64>) {
    let is_new = way == Way::ByHand || !options.is_empty();
    let filled = |groups| {
        let server = server(way, options, &[]);
        fill(&server, way, groups);
        server
    };
    let sample = |server: &Server, groups: usize, round: usize| {
        let mut random = Random::new(round as u64);
        let push = |n| {
            let group = random.below(groups as u64) as usize;
            (group, if is_new { groups + round * scale.pushes + n } else { group })
        };
        ns_per_push(server, way, &(0..scale.pushes).map(push).collect::<Vec<Push>>())
    };
    let (many, few) = (filled(scale.live_groups), filled(FEW));
    let (mut rounds_of_many, mut rounds_of_few) = (0.., 0..);
    let samples = alternate(
        scale.rounds,
        || sample(&many, scale.live_groups, rounds_of_many.next().expect("a number")),
        || sample(&few, FEW, rounds_of_few.next().expect("a number")),
    );
    table.ratio(what, &Pair::of(&samples, |ns| *ns), Unit::Nanoseconds, target);
}

/// A server that collects for an hour. `options` are those of CREATE.
pub fn server(way: Way, options: &str, args: &[&str]) -> Server {
    if way == Way::ByHand {
        return Server::plain(args);
    }
    let server = Server::start(args);
    server.client().ok(&format!("DEBOUNCE.CREATE {KEY} {LONG} {options}"));
    server
}

/// One item in each of so many groups: that of the same number.
pub fn fill(server: &Server, way: Way, groups: usize) {
    run(server, way, (0..groups).map(|group| (group, group)));
}

/// The request or requests that put an item into a group.
pub fn request(requests: &mut Requests, way: Way, (group, item): Push) {
    let (key, name, text) = (KEY.as_bytes(), load::id(group), load::id(ITEMS + item));
    match way {
        Way::Debounce => requests.push(&[b"DEBOUNCE.PUSH", key, &name, &text]),
        Way::ByHand => {
            requests.push(&[b"RPUSH", &name, &text]);
            // As a clock hands deadlines out: some hundred pushes in a millisecond.
            let deadline = START + (item / 500) as i64;
            requests.push(&[b"ZADD", key, deadline.to_string().as_bytes(), &name]);
        }
    }
}

fn run(server: &Server, way: Way, pushes: impl Iterator<Item = Push>) {
    let mut pipe = Pipe::to(server);
    let mut requests = Requests::default();
    for (nth, push) in pushes.enumerate() {
        request(&mut requests, way, push);
        if nth % PER_WRITE == PER_WRITE - 1 {
            pipe.run(&mut requests);
        }
    }
    pipe.run(&mut requests);
}

fn ns_per_push(server: &Server, way: Way, pushes: &[Push]) -> f64 {
    let mut client = server.client();
    let before = gauge::cpu_us(&mut client);
    run(server, way, pushes.iter().copied());
    (gauge::cpu_us(&mut client) - before) * 1000.0 / pushes.len() as f64
}

/// Each group as often as it is pushed to.
fn shuffled(groups: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..groups * PER_GROUP).map(|n| n % groups).collect();
    let mut random = Random::new(1);
    for last in (1..order.len()).rev() {
        order.swap(last, random.below(last as u64 + 1) as usize);
    }
    order
}
