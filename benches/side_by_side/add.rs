//! ADD of an element with its payload against ZADD of the id alone: the server's CPU per element while a key grows from
//! nothing.

use crate::gauge;
use crate::load::{self, Order, Store};
use crate::rounds::{alternate, Pair};
use crate::scale::Scale;
use crate::table::{Table, Unit};

pub fn measure(scale: &Scale, table: &mut Table) {
    table.section("add", "ADD (16-byte id, 64-byte payload) against ZADD (the id alone): server CPU per element");
    for &count in &scale.sizes {
        for (order, name) in Order::ALL {
            let pair = compare(scale, order, count, &[]);
            table.ratio(&format!("{count} elements, {name}"), &pair, Unit::Nanoseconds, Some(0.75));
        }
    }
    let count = scale.sizes[0];
    let pair = compare(scale, Order::InOrder, count, &["--appendonly", "yes", "--appendfsync", "no"]);
    table.ratio(&format!("{count} elements, in order, with an AOF (no fsync)"), &pair, Unit::Nanoseconds, None);
}

fn compare(scale: &Scale, order: Order, count: usize, args: &[&str]) -> Pair {
    let side = |store| move || ns_per_element(store, order, count, args);
    let samples = alternate(scale.rounds, side(Store::Tsgen), side(Store::SortedSet));
    Pair::of(&samples, |ns| *ns)
}

fn ns_per_element(store: Store, order: Order, count: usize, args: &[&str]) -> f64 {
    let server = load::server(store, args);
    let mut client = server.client();
    let before = gauge::cpu_us(&mut client);
    load::fill(&server, store, order, count);
    (gauge::cpu_us(&mut client) - before) * 1000.0 / count as f64
}
