//! The data everything is measured with: 16-byte ids, 13-digit timestamps, 64-byte payloads; and how it gets into a server.

use crate::harness::{Random, Server};
use crate::pipe::{Pipe, Requests};

/// The one key of every measure.
pub const KEY: &str = "bench";
/// The hash that holds the payloads beside a sorted set.
pub const HASH: &str = "bench:payloads";
/// The consumer group on the stream.
pub const GROUP: &str = "group";
pub const PAYLOAD: [u8; 64] = [b'p'; 64];
/// The first timestamp, and the first part of a stream's ids.
pub const START: i64 = 1_700_000_000_000;
/// Above every timestamp.
pub const END: i64 = START + 1_000_000_000;

/// Requests in one write: enough that reading and writing sockets is a small part of what the server does.
const PER_WRITE: usize = 500;

#[derive(Clone, Copy, PartialEq)]
pub enum Order {
    /// Each timestamp above the last, as a clock hands them out.
    InOrder,
    /// Anywhere in a range of 10^9: every insertion lands somewhere else.
    Random,
}

impl Order {
    pub const ALL: [(Self, &'static str); 2] = [(Self::InOrder, "in order"), (Self::Random, "random")];
}

/// Where elements are put.
#[derive(Clone, Copy, PartialEq)]
pub enum Store {
    /// `TSGEN.ADD`, with payload.
    Tsgen,
    /// `ZADD` of the id alone.
    SortedSet,
    /// `ZADD` of the id, and `HSET` of its payload.
    SortedSetAndHash,
    /// `XADD` of id, timestamp and payload, and a consumer group that starts at the beginning.
    Stream,
}

/// A server for this store: with the module only if it is ours.
pub fn server(store: Store, args: &[&str]) -> Server {
    if store == Store::Tsgen {
        Server::start(args)
    } else {
        Server::plain(args)
    }
}

/// The `n`-th id: unique, and in no order.
pub fn id(n: usize) -> [u8; 16] {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    // A step of SplitMix64 is a bijection, so no two are the same.
    let mixed = Random::new(n as u64).next();
    std::array::from_fn(|digit| HEX[(mixed >> (digit * 4)) as usize & 15])
}

pub fn timestamp(order: Order, n: usize) -> i64 {
    match order {
        Order::InOrder => START + n as i64,
        Order::Random => START + Random::new(n as u64 ^ 0x5eed_0000_0000).below((END - START) as u64) as i64,
    }
}

/// The id of the `n`-th stream entry.
pub fn stream_id(n: usize) -> String {
    format!("{}-{}", START + (n / 1000) as i64, n % 1000)
}

/// The request or requests that put element `n` into `store`.
pub fn push(requests: &mut Requests, store: Store, order: Order, n: usize) {
    let id = id(n);
    let timestamp = timestamp(order, n).to_string();
    let (key, timestamp) = (KEY.as_bytes(), timestamp.as_bytes());
    match store {
        Store::Tsgen => requests.push(&[b"TSGEN.ADD", key, timestamp, &id, &PAYLOAD]),
        Store::SortedSet => requests.push(&[b"ZADD", key, timestamp, &id]),
        Store::SortedSetAndHash => {
            requests.push(&[b"ZADD", key, timestamp, &id]);
            requests.push(&[b"HSET", HASH.as_bytes(), &id, &PAYLOAD]);
        }
        Store::Stream => {
            let entry = stream_id(n);
            let fields = [b"id", &id[..], b"timestamp", timestamp, b"payload", &PAYLOAD];
            requests.push(&[&[b"XADD", key, entry.as_bytes()], &fields[..]].concat());
        }
    }
}

/// Puts elements `0..count` into an empty server.
pub fn fill(server: &Server, store: Store, order: Order, count: usize) {
    if store == Store::Stream {
        server.client().ok(&format!("XGROUP CREATE {KEY} {GROUP} 0 MKSTREAM"));
    }
    let mut pipe = Pipe::to(server);
    let mut requests = Requests::default();
    for n in 0..count {
        push(&mut requests, store, order, n);
        if requests.count >= PER_WRITE {
            pipe.run(&mut requests);
        }
    }
    pipe.run(&mut requests);
}
