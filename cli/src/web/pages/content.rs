//! What an entry carries, for people: JSON that can be folded, text, or bytes in hexadecimal. Nothing is shown whole that is longer than a
//! bound, and nothing of it reaches the browser as anything but text: not as markup, nor as what turns the direction of writing.

use super::frame::{name, word, Frame};
use super::listed::Listed;
use super::moment;
use crate::args::State;
use crate::bytes::{is_plain, Bytes};
use crate::carried::Carried;
use crate::family::Family;
use maud::{html, Markup};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::{self, Write};

/// How much of a content is shown.
#[derive(Clone, Copy)]
pub struct Bound {
    /// Of text and JSON, in bytes. Of other bytes an eighth of it is shown, because each takes more room.
    pub bytes: usize,
}

impl Bound {
    /// In a list of entries.
    pub const LISTED: Self = Self { bytes: 4 << 10 };
    /// On a page of its own.
    pub const ALONE: Self = Self { bytes: 256 << 10 };
}

/// What a value takes as markup, beside itself.
const MARKUP: usize = 16;
/// What is nested deeper is shown as text.
const DEPTH: usize = 24;
/// Texts up to this length are shown at once; of longer ones the beginning, with the rest folded.
const SHORT: usize = 100;
/// Bytes on a line of hexadecimal.
const LINE: usize = 16;

/// Text as it is, except for what cannot be seen, or changes how the rest is seen: that is `\x…`, in a colour of its own. Line ends stay.
pub fn visible(text: &str) -> Markup {
    let is_hidden = |c: char| !is_plain(c) && c != '\n' && c != '\t';
    html! {
        // Each piece is plain but for its last character, which may be hidden.
        @for piece in text.split_inclusive(is_hidden) {
            @match piece.chars().next_back().filter(|last| is_hidden(*last)) {
                Some(hidden) => { (piece[..piece.len() - hidden.len_utf8()]) span.escape { (escaped(hidden)) } },
                None => (piece),
            }
        }
    }
}

fn escaped(c: char) -> String {
    c.encode_utf8(&mut [0; 4]).bytes().fold(String::new(), |text, byte| text + &format!("\\x{byte:02x}"))
}

/// Items or sums that are listed of one entry.
const LISTED: usize = 20;
const ALONE: usize = 1000;

/// What an entry carries, with a way to have it whole.
pub fn of_entry(frame: &Frame, state: State, listed: &Listed, bound: Bound) -> Markup {
    let entry = &listed.entry;
    let url = |page: &str| frame.url(&format!("/{}/{page}{}", word(state), listed.query()));
    let is_listed = bound.bytes == Bound::LISTED.bytes;
    let most = if is_listed { LISTED } else { ALONE };
    // What is short is shown whole. On the page of an entry there is always a way to keep it.
    let kept = |bytes: &Bytes, item: &str| {
        html! {
            @if !is_listed || bytes.0.len() > SHORT {
                " " a.keep href=(format!("{}{item}", url("download"))) { "Download" } " " span.quiet { (bytes.0.len()) " bytes" }
            }
        }
    };
    let more = |shown: usize, all: usize| {
        html! { @if all > shown { p.quiet { (all - shown) " more" @if is_listed { ": " a href=(url("entry")) { "see the entry" } } } } }
    };
    html! {
        @match &entry.content {
            None => {
                span.quiet { (entry.bytes) " bytes: too large to be shown" }
                @if frame.known.family == Family::Tsgen { " " a.keep href=(url("download")) { "Download" } }
            },
            Some(Carried::Payload(payload)) => { (show(&payload.0, bound)) (kept(payload, "")) },
            Some(Carried::Key { kind, value, deadline, reason }) => {
                p.quiet { (reason) " " (moment::from_now(*deadline)) @if !kind.is_empty() { "; a " (kind) } }
                @match value {
                    Some(value) => { (show(&value.0, bound)) (kept(value, "")) },
                    None => span.quiet { "its value was not kept" },
                }
            },
            Some(Carried::Group { reason, items }) => {
                p.quiet { (items.len()) " items, fired by " (reason) }
                ol.items { @for (place, (item, at)) in items.iter().take(most).enumerate() {
                    // All items of a list together have the room of one content.
                    li { (show(&item.0, Bound { bytes: (bound.bytes / items.len().min(most)).max(256) })) " " span.quiet { (moment::from_now(*at)) } (kept(item, &format!("&item={place}"))) }
                } }
                (more(most, items.len()))
            },
            Some(Carried::Sums { opened_at, sealed_at, sums }) => {
                p.quiet { (sums.len()) " fields, from " (moment::from_now(*opened_at)) " until " (moment::from_now(*sealed_at)) }
                dl.sums { @for (field, sum) in sums.iter().take(most) { dt { (name(field)) } dd { (sum) } } }
                (more(most, sums.len()))
            },
        }
    }
}

/// A content in a list or on a page of its own.
pub fn show(bytes: &[u8], bound: Bound) -> Markup {
    let Ok(text) = std::str::from_utf8(bytes) else { return hexadecimal(bytes, bound) };
    // What has a NUL or the like is no text for people.
    let is_text = !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x1b'));
    let is_nested = text.trim_start().starts_with(['{', '[']);
    if text.is_empty() {
        return html! { span.quiet { "empty" } };
    }
    if is_nested && bytes.len() <= bound.bytes {
        if let Ok(root) = serde_json::from_str::<&RawValue>(text) {
            let room = Cell::new(bound.bytes);
            return html! { div.json { (node(None, root.get(), 0, &room)) } };
        }
    }
    if !is_text {
        return hexadecimal(bytes, bound);
    }
    if text.len() <= SHORT && !text.contains('\n') {
        return html! { code { (visible(text)) } };
    }
    let end = floor(text, bound.bytes);
    html! {
        details.content {
            summary { code { (visible(first_line(text))) "…" } }
            pre tabindex="0" { (visible(&text[..end])) }
            (left_out(text.len() - end))
        }
    }
}

/// The beginning of a text, for its summary.
fn first_line(text: &str) -> &str {
    let line = text.trim_start().lines().next().unwrap_or_default();
    &line[..floor(line, SHORT)]
}

/// The last border of a character that is not behind `most` bytes.
fn floor(text: &str, most: usize) -> usize {
    let most = most.min(text.len());
    (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn left_out(bytes: usize) -> Markup {
    html! { @if bytes > 0 { p.quiet { (bytes) " more bytes are not shown here." } } }
}

/// Sixteen bytes a line, with where they are and what they are in ASCII.
fn hexadecimal(bytes: &[u8], bound: Bound) -> Markup {
    let shown = &bytes[..bytes.len().min(bound.bytes / 8)];
    let mut lines = String::new();
    for (number, line) in shown.chunks(LINE).enumerate() {
        let codes = line.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x} "));
        let ascii: String =
            line.iter().map(|byte| if (b' '..=b'~').contains(byte) { *byte as char } else { '.' }).collect();
        // Writing to a string does not fail.
        let _ = writeln!(lines, "{:08x}  {codes:<48} {ascii}", number * LINE);
    }
    html! {
        details.content {
            summary { (bytes.len()) " bytes that are no text" }
            pre.hex tabindex="0" { (lines) }
            (left_out(bytes.len() - shown.len()))
        }
    }
}

/// An object or an array, one level deep. Numbers and doubled names stay as they were written.
struct Level<'a>(Vec<(Option<Cow<'a, str>>, &'a RawValue)>);

struct LevelVisitor;

impl<'de> Visitor<'de> for LevelVisitor {
    type Value = Level<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Level<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some((name, value)) = map.next_entry::<Name<'de>, &RawValue>()? {
            items.push((Some(name.0), value));
        }
        Ok(Level(items))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Level<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(value) = seq.next_element::<&RawValue>()? {
            items.push((None, value));
        }
        Ok(Level(items))
    }
}

impl<'de> Deserialize<'de> for Level<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LevelVisitor)
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value, with its name if it has one. `room` is how many bytes of markup there may still be, about.
fn node(name: Option<&str>, raw: &str, depth: usize, room: &Cell<usize>) -> Markup {
    room.set(room.get().saturating_sub(MARKUP));
    let label = html! { @if let Some(name) = name { span.name { (visible(name)) } ": " } };
    let is_nested = raw.starts_with(['{', '[']);
    let level = is_nested.then(|| serde_json::from_str::<Level>(raw).ok()).flatten().filter(|_| depth < DEPTH);
    let Some(Level(items)) = level else {
        return html! { div { (label) (leaf(raw)) } };
    };
    let (open, close, what) = match raw.starts_with('{') {
        true => ("{", "}", if items.len() == 1 { "name" } else { "names" }),
        false => ("[", "]", if items.len() == 1 { "item" } else { "items" }),
    };
    if items.is_empty() {
        return html! { div { (label) (open) (close) } };
    }
    html! {
        details open[depth < 2] {
            summary { (label) (open) span.quiet { " " (items.len()) " " (what) " " } (close) }
            @for (place, (name, value)) in items.iter().enumerate() {
                // One line says so, and nothing of what follows.
                @if room.get() > 0 {
                    (node(name.as_deref(), value.get(), depth + 1, room))
                    @if room.get() == 0 && place + 1 < items.len() { p.quiet { (items.len() - place - 1) " more " (what) " not shown here." } }
                }
            }
        }
    }
}

/// A number, a word, or a string. What is written in a string as an escape, but can be seen, is shown as itself.
fn leaf(raw: &str) -> Markup {
    match serde_json::from_str::<String>(raw) {
        Ok(text) => html! { span.text { "\"" (visible(&text)) "\"" } },
        Err(_) => html! { span.value { (visible(raw)) } },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        show(bytes, Bound::LISTED).into_string()
    }

    /// What is left without tags.
    fn read(markup: &str) -> String {
        let mut is_tag = false;
        let mut inside = |c: char| {
            is_tag = c == '<' || is_tag && c != '>';
            is_tag || c == '>'
        };
        markup.chars().filter(|c| !inside(*c)).collect()
    }

    #[test]
    fn json_is_folded_and_stays_as_it_was_written() {
        let markup = shown(br#"{"n": 12345678901234567890123, "n": 1.50, "deep": {"list": [1, {"x": null}]}}"#);
        let text = read(&markup);
        assert!(
            text.contains("n: 12345678901234567890123") && text.contains("n: 1.50") && text.contains("x: null"),
            "{text}"
        );
        assert_eq!(markup.matches("<details").count(), 4, "{markup}");
        assert_eq!(markup.matches("<details open").count(), 2, "{markup}");
    }

    #[test]
    fn nothing_is_markup() {
        for hostile in ["<script>alert(1)</script>", r#"{"<script>": "</div><script>"}"#, "\"><img src=x onerror=1>"] {
            let markup = shown(hostile.as_bytes());
            assert!(!markup.contains("<script") && !markup.contains("<img"), "{markup}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_shown_by_its_bytes() {
        assert!(shown("a\u{202e}b".as_bytes()).contains(r#"a<span class="escape">\xe2\x80\xae</span>b"#));
        let markup = shown(r#"["a\u202eb"]"#.as_bytes());
        assert!(markup.contains("\\xe2\\x80\\xae") && !markup.contains('\u{202e}'), "{markup}");
    }

    #[test]
    fn bytes_that_are_no_text_are_in_hexadecimal() {
        for bytes in [&b"\x89PNG\0\xff"[..], b"a\0b"] {
            assert!(shown(bytes).contains("00000000  "), "{}", shown(bytes));
        }
        assert!(shown(b"\x89PNG\0\xff").contains("89 50 4e 47 00 ff"));
        assert!(shown(b"\x89PNG\0\xff").contains(".PNG.."));
    }

    #[test]
    fn nothing_is_shown_whole_that_is_long() {
        let long = "x\u{e4}".repeat(1 << 20);
        assert!(shown(long.as_bytes()).len() < 6 << 10);
        assert!(shown(long.as_bytes()).contains(" more bytes"));
        assert!(shown(&vec![0; 1 << 20]).len() < 6 << 10);
        // Many small things take more as markup than as JSON.
        let list = format!("[{}0]", "0,".repeat(2000));
        assert!(shown(list.as_bytes()).len() < 20 << 10, "{}", shown(list.as_bytes()).len());
        // What would overflow a stack.
        let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
        assert!(shown(deep.as_bytes()).len() < 20 << 10);
        let nested = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert!(shown(nested.as_bytes()).contains("[[[["));
    }

    #[test]
    fn short_text_is_shown_at_once() {
        assert_eq!(shown(b"two books"), "<code>two books</code>");
        assert_eq!(shown(b""), r#"<span class="quiet">empty</span>"#);
        assert!(shown(b"a\nb").starts_with("<details"));
    }
}
