//! Replies as redis-cli shows them to a person at a terminal, but in one line: where it breaks lines and indents, there is a blank.
//!
//! It knows RESP2 only, which is what redis-cli speaks unless it is told otherwise.

use super::Reply;

/// A reply as redis-cli prints it. Panics on types that are RESP3's own.
pub fn shown(reply: &Reply) -> String {
    match reply {
        Reply::Status(text) => text.clone(),
        Reply::Error(text) => format!("(error) {text}"),
        Reply::Int(value) => format!("(integer) {value}"),
        Reply::Bulk(bytes) => quoted(bytes),
        Reply::Nil => "(nil)".into(),
        Reply::Array(items) if items.is_empty() => "(empty array)".into(),
        Reply::Array(items) => {
            let numbered = items.iter().enumerate().map(|(index, item)| format!("{}) {}", index + 1, shown(item)));
            numbered.collect::<Vec<_>>().join(" ")
        }
        Reply::Map(_) | Reply::Other(..) => panic!("not a reply of RESP2: {reply}"),
    }
}

/// Bytes between double quotes; what is not printable ASCII as an escape of C.
fn quoted(bytes: &[u8]) -> String {
    let escaped = bytes.iter().map(|&byte| match byte {
        b'"' | b'\\' => format!("\\{}", byte as char),
        b'\n' => "\\n".into(),
        b'\r' => "\\r".into(),
        b'\t' => "\\t".into(),
        0x07 => "\\a".into(),
        0x08 => "\\b".into(),
        b' '..=b'~' => (byte as char).to_string(),
        _ => format!("\\x{byte:02x}"),
    });
    format!("\"{}\"", escaped.collect::<String>())
}
