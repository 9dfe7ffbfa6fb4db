//! An entry in lines: what is known of it, and its content as a person reads it. Bounded, however large it is.

use super::text::{hex, json, name, plain, wrap};
use crate::bytes::Bytes;
use crate::entries::Entry;
use crate::table;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Of a payload no more than this is shown, in bytes.
const SHOWN: usize = 64 * 1024;

/// And of an entry no more than these lines.
const LINES: usize = 5000;

/// A line, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A name and its value.
    Field(String, String),
    /// Of the content.
    Text(String),
    /// Said about it.
    Note(String),
}

/// All of an entry, in lines of so many columns. `now` in Unix ms.
pub fn lines(entry: &Entry, now: i64, columns: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut field = |name: &str, value: String| lines.push(Line::Field(name.to_owned(), value));
    field("id", name(&entry.id));
    if let Some(group) = &entry.group {
        field("group", name(group));
    }
    if let Some(death) = &entry.death {
        field("reason", name(&death.reason));
        field("died", format!("{} ({} ago)", table::time(death.at_ms), table::length(now.saturating_sub(death.at_ms))));
    }
    if let Some(consumer) = &entry.consumer {
        field("held by", name(consumer));
    }
    if let Some(until) = entry.until_ms {
        field("until", format!("{} (in {})", table::time(until), table::length(until.saturating_sub(now))));
    }
    if entry.held {
        field("held back", "its group has as many in hand as it may".to_owned());
    }
    let token = entry.token.map_or(String::new(), |token| format!(", token {token}"));
    field("deliveries", format!("{}{token}, {}", entry.deliveries, several_bytes(entry.bytes)));
    if let Some(timestamp) = entry.timestamp {
        field("timestamp", timestamp.to_string());
    }
    match &entry.content {
        Some(content) => of_content(content, now, columns, &mut lines),
        None => lines.push(Line::Note("its content is too large for the server to show".to_owned())),
    }
    if lines.len() > LINES {
        lines.truncate(LINES);
        lines.push(Line::Note("… and more, which is left out here".to_owned()));
    }
    lines
}

fn several_bytes(bytes: i64) -> String {
    super::text::several(usize::try_from(bytes).unwrap_or(0), "byte")
}

/// Bytes that came as JSON.
fn bytes(value: &Value) -> Option<Bytes> {
    Bytes::deserialize(value).ok()
}

fn of_content(content: &Map<String, Value>, now: i64, columns: usize, lines: &mut Vec<Line>) {
    let ago = |value: &Value| match value.as_i64() {
        Some(at) => format!("{} ({} ago)", table::time(at), table::length(now.saturating_sub(at))),
        None => "-".to_owned(),
    };
    for (field, value) in content {
        if lines.len() > LINES {
            return;
        }
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        match field.as_str() {
            "payload" | "value" => match bytes(value) {
                Some(bytes) => of_bytes(&bytes, field, columns, lines),
                None => lines.push(Line::Note("there is no value".to_owned())),
            },
            "items" => {
                for (nth, item) in items.iter().enumerate().take(LINES) {
                    let title = format!("item {} of {}, pushed {}", nth + 1, items.len(), ago(&item["pushed_at_ms"]));
                    of_bytes(&bytes(&item["item"]).unwrap_or_default(), &title, columns, lines);
                    if lines.len() > LINES {
                        return;
                    }
                }
            }
            "sums" => {
                lines.push(Line::Note(format!("{} sums", items.len())));
                let sum = |item: &Value| {
                    Line::Field(bytes(&item["field"]).as_ref().map(name).unwrap_or_default(), item["sum"].to_string())
                };
                lines.extend(items.iter().take(LINES).map(sum));
            }
            _ if field.ends_with("_ms") => {
                lines.push(Line::Field(field.trim_end_matches("_ms").replace('_', " "), ago(value)));
            }
            _ => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                lines.push(Line::Field(field.clone(), plain(&text)));
            }
        }
    }
}

/// Under a title: JSON laid out, text as text, all else in hex.
fn of_bytes(bytes: &Bytes, title: &str, columns: usize, lines: &mut Vec<Line>) {
    let all = bytes.0.as_slice();
    let is_cut = all.len() > SHOWN;
    // A character that is cut in two would make bytes of what is text.
    let is_text = |end: &usize| std::str::from_utf8(&all[..*end]).is_ok();
    let end = if is_cut { (SHOWN - 3..=SHOWN).rev().find(is_text).unwrap_or(SHOWN) } else { all.len() };
    let text = std::str::from_utf8(&all[..end]).ok().filter(|text| !text.contains(is_binary));
    let (kind, shown): (_, Vec<String>) = match text.map(|text| (text, json(text))) {
        _ if all.is_empty() => ("empty", Vec::new()),
        Some((_, Some(laid_out))) => {
            ("JSON", laid_out.lines().take(LINES).flat_map(|line| wrap(&plain(line), columns)).collect())
        }
        Some((text, None)) => ("text", text.lines().take(LINES).flat_map(|line| wrap(&plain(line), columns)).collect()),
        None => ("bytes in hex", hex(&all[..end.min(LINES * 4)], columns)),
    };
    lines.push(Line::Note(format!("{title}: {kind}")));
    lines.extend(shown.into_iter().map(Line::Text));
    if is_cut {
        lines.push(Line::Note(format!("… and {} bytes more: tsgen peek --json has all", all.len() - end)));
    }
}

/// What is in no text.
fn is_binary(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t')
}

/// The content in one line, for a list: of what is large the beginning.
pub fn line(entry: &Entry) -> String {
    let Some(content) = &entry.content else { return format!("({} bytes)", entry.bytes) };
    let of = |value: &Value| match value {
        Value::String(text) => name_of(text.as_bytes()),
        value => bytes(value).map_or("(no value)".to_owned(), |bytes| name_of(&bytes.0)),
    };
    let several = |items: &Value, what: &str, of: &dyn Fn(&Value) -> String| {
        let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
        let first: Vec<String> = items.iter().take(5).map(of).collect();
        format!("{}: {}", super::text::several(items.len(), what), first.join(", "))
    };
    if let Some(value) = content.get("payload").or_else(|| content.get("value")) {
        return of(value);
    }
    if let Some(items) = content.get("items") {
        return several(items, "item", &|item| of(&item["item"]));
    }
    content
        .get("sums")
        .map_or(String::new(), |sums| several(sums, "sum", &|sum| format!("{} {}", of(&sum["field"]), sum["sum"])))
}

/// The beginning of some bytes, in one line.
fn name_of(bytes: &[u8]) -> String {
    name(&Bytes::from(&bytes[..bytes.len().min(1025)]))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use serde_json::json as value;

    /// An entry of TSGEN that is ready.
    pub fn entry(id: &str, payload: impl AsRef<[u8]>) -> Entry {
        let payload = Bytes::from(payload);
        let bytes = payload.0.len();
        let content = value!({ "payload": payload }).as_object().cloned();
        Entry { timestamp: Some(5), ..Entry::waiting(Bytes::from(id), content, bytes) }
    }

    fn shown(payload: impl AsRef<[u8]>, columns: usize) -> Vec<Line> {
        lines(&entry("a", payload), 0, columns).split_off(3)
    }

    #[test]
    fn json_is_laid_out_and_text_is_wrapped() {
        let text = |text: &str| Line::Text(text.to_owned());
        let note = |text: &str| Line::Note(text.to_owned());
        assert_eq!(
            shown(r#"{"to":"ada"}"#, 40),
            [note("payload: JSON"), text("{"), text("  \"to\": \"ada\""), text("}")]
        );
        assert_eq!(shown("two books\nthree", 6), [note("payload: text"), text("two bo"), text("oks"), text("three")]);
        assert_eq!(shown("", 40), [note("payload: empty")]);
        assert_eq!(shown(b"\xff\0", 40)[1], text("000000  ff 00        .."));
        // NULs are UTF-8, and no text.
        assert_eq!(shown("\0", 40)[0], note("payload: bytes in hex"));
    }

    #[test]
    fn nothing_a_terminal_would_obey_is_in_any_line() {
        for payload in ["{\"a\":\"\u{202e}\u{9b}2J\u{7f}\"}", "\u{202e}x\u{200b}", "\x1b[2J", "a\rb"] {
            for line in lines(&entry("\x1b]0;x\x07", payload), 0, 20) {
                let (Line::Field(_, text) | Line::Text(text) | Line::Note(text)) = line;
                assert!(!text.contains(|c: char| c.is_control() || ('\u{200b}'..'\u{2070}').contains(&c)), "{text:?}");
            }
        }
    }

    #[test]
    fn however_large_it_is_the_lines_are_bounded() {
        let large = shown("ä".repeat(100_000), 40);
        assert_eq!(large.last(), Some(&Line::Note("… and 134464 bytes more: tsgen peek --json has all".to_owned())));
        assert_eq!(large[0], Line::Note("payload: text".to_owned()));
        for payload in
            ["\n".repeat(1 << 20), "\0".repeat(1 << 20), format!("[{}1]", "1,".repeat(30_000)), "x".repeat(1 << 20)]
        {
            assert!(shown(payload, 20).len() <= LINES + 2);
        }
        let mut none = entry("a", "");
        none.content = None;
        assert!(lines(&none, 0, 40).contains(&Line::Note("its content is too large for the server to show".to_owned())));
    }

    #[test]
    fn groups_batches_and_expired_keys_are_shown() {
        let of = |content: Value| {
            let mut entry = entry("a", "");
            entry.content = content.as_object().cloned();
            lines(&entry, 10_000, 40).split_off(3)
        };
        let group = of(value!({ "reason": "idle", "items": [{ "item": "a", "pushed_at_ms": 8000 }] }));
        assert!(
            group.contains(&Line::Field("reason".into(), "idle".into())) && group.contains(&Line::Text("a".into())),
            "{group:?}"
        );
        assert!(group.iter().any(|line| matches!(line, Line::Note(note) if note.starts_with("item 1 of 1, pushed 1970") && note.ends_with("(2s ago): text"))));
        let batch = of(value!({ "opened_at_ms": 0, "sums": [{ "field": { "base64": "/w==" }, "sum": -3 }] }));
        assert!(batch.contains(&Line::Field("\\xff".into(), "-3".into())), "{batch:?}");
        let expired = of(value!({ "type": "string", "value": null }));
        assert!(expired.contains(&Line::Note("there is no value".into())), "{expired:?}");
    }
}
