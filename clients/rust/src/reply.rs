//! What replies are made of, for those of [`Tsgen::command`](crate::Tsgen::command) too. A reply that is something else than expected is
//! a zero, or empty, and never a panic.

use crate::name::Name;
use redis::Value;

/// A number, also one that was sent as text; 0 if it is none.
pub fn integer(reply: &Value) -> i64 {
    maybe_integer(reply).unwrap_or_default()
}

/// A number, also one that was sent as text.
pub fn maybe_integer(reply: &Value) -> Option<i64> {
    match reply {
        Value::Int(n) => Some(*n),
        _ => std::str::from_utf8(maybe_bytes(reply)?).ok()?.parse().ok(),
    }
}

/// What a string holds.
pub fn maybe_bytes(reply: &Value) -> Option<&[u8]> {
    match reply {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.as_bytes()),
        _ => None,
    }
}

/// What a string holds, or the digits of a number; nothing if it is neither.
pub fn bytes(reply: &Value) -> Vec<u8> {
    match reply {
        Value::Int(n) => n.to_string().into_bytes(),
        _ => maybe_bytes(reply).unwrap_or_default().to_vec(),
    }
}

/// The same as a name.
pub fn name(reply: &Value) -> Name {
    Name(bytes(reply))
}

/// The same as text.
pub fn text(reply: &Value) -> String {
    name(reply).to_string()
}

/// The items of an array or a set; none if it is neither.
pub fn list(reply: &Value) -> &[Value] {
    match reply {
        Value::Array(items) | Value::Set(items) => items,
        _ => &[],
    }
}

/// One of a list; what is not there is nil.
pub fn at(reply: &[Value], place: usize) -> &Value {
    reply.get(place).unwrap_or(&Value::Nil)
}

/// The names and values of what is a map in RESP3 and a flat array in RESP2, in their order.
pub fn pairs(reply: &Value) -> Vec<(String, &Value)> {
    match reply {
        Value::Map(pairs) => pairs.iter().map(|(key, value)| (text(key), value)).collect(),
        _ => list(reply).chunks_exact(2).map(|pair| (text(&pair[0]), &pair[1])).collect(),
    }
}

/// A row for each item of a list.
pub(crate) fn rows<R>(reply: &Value, row: impl Fn(&[Value]) -> R) -> Vec<R> {
    list(reply).iter().map(|item| row(list(item))).collect()
}
