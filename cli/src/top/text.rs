//! Text that may stand in a cell of the screen: names, reasons and contents are anybody's bytes, and a terminal obeys some of them.
//!
//! What a terminal would obey, or what has no width of its own, is shown by its bytes; all else is one or two columns wide.

use crate::bytes::Bytes;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// So many marks (accents, vowel signs) may stand on one letter; more would run into the lines around.
const MARKS: usize = 3;

/// Of a name or a reason no more than this is looked at, in bytes: a screen has no room for it.
const NAME: usize = 1024;

/// Marks that choose between two forms of the character before them. Terminals do not agree how wide that is then, so they are left out.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}')
}

/// Characters that no reader sees, and that change what stands around them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A line of text for the screen. Tabs become blanks.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = MARKS;
    for c in text.chars() {
        let width = c.width();
        match c {
            '\t' => out.push_str("    "),
            c if is_selector(c) => continue,
            c if is_invisible(c) || width.is_none() => {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
            }
            c if width == Some(0) => {
                if marks < MARKS {
                    out.push(c);
                }
                marks += 1;
                continue;
            }
            c => out.push(c),
        }
        marks = 0;
    }
    out
}

/// A name or a reason: one line. Of a very long one the beginning.
pub fn name(bytes: &Bytes) -> String {
    let end = bytes.0.len().min(NAME);
    let text = plain(&Bytes::from(&bytes.0[..end]).to_string());
    if end < bytes.0.len() {
        text + "…"
    } else {
        text
    }
}

/// At most so many columns of it, with `…` for the rest.
pub fn fit(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut left = columns.saturating_sub(1);
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        out.push(c);
    }
    if columns > 0 {
        out + "…"
    } else {
        out
    }
}

/// Lines of at most so many columns.
pub fn wrap(line: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut left = columns.max(2);
    for c in line.chars() {
        let width = c.width().unwrap_or(0);
        if width > left {
            lines.push(String::new());
            left = columns.max(2);
        }
        left -= width;
        lines.last_mut().expect("there is one").push(c);
    }
    lines
}

/// Bytes as a dump in hex, with what is printable beside it: as many to a line as fit.
pub fn hex(bytes: &[u8], columns: usize) -> Vec<String> {
    let together = [16, 8, 4].into_iter().find(|together| 10 + 4 * together <= columns).unwrap_or(2);
    let line = |(nth, bytes): (usize, &[u8])| {
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = bytes.iter().map(|byte| if (b' '..=b'~').contains(byte) { *byte as char } else { '.' });
        let (at, digits, wide) = (nth * together, digits.join(" "), 3 * together - 1);
        format!("{at:06x}  {digits:<wide$}  {}", shown.collect::<String>())
    };
    bytes.chunks(together).enumerate().map(line).collect()
}

/// A JSON document in lines, each with its own words: numbers and names stay as they were written, and in their order. `None` if it is
/// none.
pub fn json(text: &str) -> Option<String> {
    if !text.trim_start().starts_with(['{', '[']) || serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return None;
    }
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut is_string, mut is_escape, mut is_open) = (0_usize, false, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    for c in text.chars() {
        if is_string {
            out.push(c);
            is_string = is_escape || c != '"';
            is_escape = c == '\\' && !is_escape;
            continue;
        }
        if c.is_ascii_whitespace() {
            continue;
        }
        if is_open && !matches!(c, '}' | ']') {
            line(&mut out, depth);
        }
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth -= 1;
                if !is_open {
                    line(&mut out, depth);
                }
            }
            _ => {}
        }
        out.push(c);
        match c {
            ',' => line(&mut out, depth),
            ':' => out.push(' '),
            '"' => is_string = true,
            _ => {}
        }
        is_open = matches!(c, '{' | '[');
    }
    Some(out)
}

/// `1 dead letter`, `30 dead letters`, `2 entries`, `3 keys`.
pub fn several(count: usize, what: &str) -> String {
    match (count, what.strip_suffix('y').filter(|stem| !stem.ends_with('e'))) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        _ => format!("{count} {what}s"),
    }
}

/// A count in at most five columns: `9999`, `12.3k`, `1.2M`.
pub fn count(n: i64) -> String {
    let with = |n: f64, unit: &str| if n < 100.0 { format!("{n:.1}{unit}") } else { format!("{n:.0}{unit}") };
    match n {
        ..10_000 => n.to_string(),
        10_000..999_500 => with(n as f64 / 1e3, "k"),
        999_500..999_500_000 => with(n as f64 / 1e6, "M"),
        _ => with(n as f64 / 1e9, "G"),
    }
}

/// A length of time in at most six columns: `250ms`, `3m20s`, `5d12h`.
pub fn age(ms: i64) -> String {
    let (seconds, sign) = (ms.unsigned_abs() / 1000, if ms < 0 { "-" } else { "" });
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let text = match seconds {
        0 => format!("{}ms", ms.unsigned_abs()),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        _ if days < 100 => format!("{days}d{:02}h", hours % 24),
        _ => format!("{days}d"),
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_by_its_bytes() {
        assert_eq!(name(&Bytes::from(b"\x1b[2J\xff\n\0\x7f\xc2\x9b")), "\\x1b[2J\\xff\\n\\x00\\x7f\\xc2\\x9b");
        assert_eq!(
            name(&Bytes::from("a\u{202e}b\u{200b}c\u{61c}\u{e0041}")),
            "a\\xe2\\x80\\xaeb\\xe2\\x80\\x8bc\\xd8\\x9c\\xf3\\xa0\\x81\\x81"
        );
        assert_eq!(plain("a\tb"), "a    b");
        assert_eq!(plain("\u{2764}\u{fe0f}"), "\u{2764}");
    }

    #[test]
    fn letters_of_all_scripts_stay() {
        for text in ["zwei Bücher", "日本語", "שלום", "हिन्दी", "e\u{301}"] {
            assert_eq!(plain(text), text);
        }
        // Not a tower of accents, nor one on nothing.
        assert_eq!(plain(&format!("e{}", "\u{301}".repeat(50))), format!("e{}", "\u{301}".repeat(MARKS)));
        assert_eq!(plain("\u{301}a"), "a");
    }

    #[test]
    fn long_names_are_cut() {
        let long = name(&Bytes::from("x".repeat(65_536)));
        assert_eq!(long.chars().count(), NAME + 1);
        assert_eq!(
            (fit("abcdef", 4), fit("abcd", 4), fit("日本語", 4), fit("x", 0)),
            ("abc…".into(), "abcd".into(), "日…".into(), String::new())
        );
        assert_eq!(wrap("abcde日本", 3), ["abc", "de", "日", "本"]);
        assert_eq!(wrap("", 3), [""]);
    }

    #[test]
    fn bytes_are_dumped_as_wide_as_there_is_room() {
        assert_eq!(
            hex(b"two books\0\xff", 80),
            ["000000  74 77 6f 20 62 6f 6f 6b 73 00 ff                 two books.."]
        );
        assert_eq!(
            hex(b"two books", 44),
            ["000000  74 77 6f 20 62 6f 6f 6b  two book", "000008  73                       s"]
        );
    }

    #[test]
    fn json_is_laid_out_in_its_own_words() {
        let text = r#"{"to":"a, \"b\" {", "n":12345678901234567890.50,"to":[],"of":[1,{"x":null}]}"#;
        let laid_out = "{\n  \"to\": \"a, \\\"b\\\" {\",\n  \"n\": 12345678901234567890.50,\n  \"to\": [],\n  \"of\": [\n    1,\n    {\n      \"x\": null\n    }\n  ]\n}";
        assert_eq!(json(text).as_deref(), Some(laid_out));
        assert_eq!(json("[]").as_deref(), Some("[]"));
        for text in ["7", "{", "two books", "", "[1] [2]", "{\"a\":\"\n\"}"] {
            assert_eq!(json(text), None, "{text}");
        }
        // Deeper than the parser goes.
        assert_eq!(json(&"[".repeat(100_000)), None);
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(
            [0, 9999, 10_000, 123_456, 999_499, 999_500, 1_234_567, 5_000_000_000].map(count),
            ["0", "9999", "10.0k", "123k", "999k", "1.0M", "1.2M", "5.0G"]
        );
        assert_eq!(
            [0, 250, 59_999, 200_000, 3_900_000, 90_061_000, 86_400_000_000, -5].map(age),
            ["0ms", "250ms", "59s", "3m20s", "1h05m", "1d01h", "1000d", "-5ms"]
        );
    }
}
