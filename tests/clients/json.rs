//! Replies as the runners print them, one JSON value a line.
//!
//! A string is text with one character for each byte, U+0000 to U+00FF, whether it was a status or a bulk string, for most
//! clients do not tell; an array is an array, nil is null, and an integer is a number. What JSON has no word for is an object of one
//! member: `{"map": [[key, value], …]}`, `{"error": text}`, `{"integer": digits}` of clients for which integers are not
//! numbers, `{"inexact": digits}` of an integer that a client has rounded, `{"unexpected": text}` of anything else.

use crate::harness::Reply;
use serde_json::Value;

/// The reply that a line stands for.
#[track_caller]
pub fn reply(line: &str) -> Reply {
    let value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
    from_value(&value)
}

fn from_value(value: &Value) -> Reply {
    match value {
        Value::Null => Reply::Nil,
        Value::Number(number) => number.as_i64().map_or_else(|| Reply::Other('?', number.to_string()), Reply::Int),
        Value::String(text) => Reply::Bulk(bytes(text)),
        Value::Array(items) => Reply::Array(items.iter().map(from_value).collect()),
        Value::Object(members) => {
            let (kind, value) = members.iter().next().expect("one member");
            match kind.as_str() {
                "map" => Reply::Map(value.as_array().expect("pairs").iter().map(pair).collect()),
                "error" => Reply::Error(value.as_str().expect("text").to_owned()),
                "integer" => Reply::Int(value.as_str().and_then(|text| text.parse().ok()).expect("digits")),
                "inexact" => Reply::Other('~', value.as_str().expect("digits").to_owned()),
                kind => Reply::Other('?', format!("{kind} {value}")),
            }
        }
        Value::Bool(_) => Reply::Other('?', value.to_string()),
    }
}

fn pair(value: &Value) -> (Reply, Reply) {
    (from_value(&value[0]), from_value(&value[1]))
}

fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).expect("a character for a byte")).collect()
}
