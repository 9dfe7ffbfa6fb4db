//! `used_memory` per waiting element, beside the two ways in which people keep such elements today.

use crate::gauge;
use crate::load::{self, Order, Store};
use crate::scale::Scale;
use crate::table::{Table, Unit};

pub fn measure(scale: &Scale, table: &mut Table) {
    table.section("memory", "used_memory per waiting element (16-byte id, 64-byte payload); theirs: sorted set + hash");
    for &count in &scale.sizes {
        for (order, name) in Order::ALL {
            let ours = bytes_per_element(Store::Tsgen, order, count);
            let theirs = bytes_per_element(Store::SortedSetAndHash, order, count);
            table.limit(&format!("{count} elements, {name}"), ours, Some(theirs), Unit::Bytes, Some(130.0));
        }
        // A stream has one order, its own, and cannot hold anything back: shown as the floor of what storing costs.
        let stream = bytes_per_element(Store::Stream, Order::InOrder, count);
        table.note(&format!("a stream of the same {count} entries: {stream:.0} B"));
    }
}

fn bytes_per_element(store: Store, order: Order, count: usize) -> f64 {
    let server = load::server(store, &[]);
    let before = gauge::used_memory(&mut server.client());
    load::fill(&server, store, order, count);
    (gauge::used_memory(&mut server.client()) - before) / count as f64
}
