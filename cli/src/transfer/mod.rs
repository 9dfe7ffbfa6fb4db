//! `tsgen export` and `import`: the entries of a key as JSON lines.
//!
//! The first line is the key: its family, its options, and how far its watermark and sources are. Each further line is an entry with its state, and the last one says how many there are.
//! All that commands tell is written, and all that commands can set comes back: what an entry carries, when it is due, how often it comes again,
//! how often it was delivered, until when it is delayed, and why it died. What only the server may decide does not: tokens, leases, the numbers of
//! batches, the times of pushes and deaths.

mod aside;
mod expected;
mod export;
mod gate;
mod import;
mod increments;
mod interrupt;
mod restore;
mod source;
mod written;

use crate::bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use aside::keys_beside;
pub use export::export;
pub use import::import;

/// The format of the lines.
const FORMAT: u32 = 1;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    tsgen_export: u32,
    family: String,
    key: Bytes,
    /// As CREATE takes them.
    options: Vec<Bytes>,
    /// Of a key of TSGEN that has one of its own.
    #[serde(default)]
    watermark: Option<i64>,
    /// What sources of a key of TSGEN have reported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sources: Vec<SourceAt>,
    /// The last line is an [`End`].
    #[serde(default)]
    has_end: bool,
}

/// The last line: without it an export is cut off.
#[derive(Serialize, Deserialize)]
struct End {
    /// How many entries there are.
    end: u64,
}

#[derive(Serialize, Deserialize)]
struct SourceAt {
    name: Bytes,
    timestamp: Option<i64>,
}

/// Where an entry is.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Behind the gate.
    Waiting,
    Ready,
    Delayed,
    Leased,
    Dead,
}

/// A line of the export, as far as `import` reads it.
#[derive(Deserialize)]
struct Line {
    state: State,
    id: Bytes,
    #[serde(default)]
    timestamp: i64,
    #[serde(default)]
    deliveries: u64,
    /// When the delay of an entry that is delayed ends, in Unix ms.
    until_ms: Option<i64>,
    death: Option<Death>,
    every_ms: Option<u64>,
    /// Of an element: that which it was added with, or its id. None of a key without groups.
    group: Option<Bytes>,
    /// A dead run of an element that comes again: it stands beside the next one.
    #[serde(default)]
    is_run: bool,
    /// A delivery that a newer element of its id has replaced: nothing comes of it.
    #[serde(default)]
    is_replaced: bool,
    content: Option<Content>,
}

#[derive(Deserialize)]
struct Death {
    reason: Bytes,
}

#[derive(Deserialize, Default)]
struct Content {
    #[serde(default)]
    payload: Bytes,
    #[serde(default)]
    items: Vec<Item>,
    #[serde(default)]
    sums: Vec<Sum>,
}

#[derive(Deserialize)]
struct Item {
    item: Bytes,
}

#[derive(Deserialize)]
struct Sum {
    field: Bytes,
    sum: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_is_written() {
        let text = r#"{"state":"ready","token":null,"deliveries":0,"id":"order-1","timestamp":5,"bytes":9,"content":{"payload":{"base64":"/wA="}}}"#;
        let line: Line = serde_json::from_str(text).expect("a line");
        assert_eq!((line.state, line.timestamp), (State::Ready, 5));
        assert_eq!(line.content.expect("content").payload, Bytes::from(b"\xff\0"));
        assert!(serde_json::from_str::<Line>(&text.replace("ready", "nowhere")).is_err());
    }
}
