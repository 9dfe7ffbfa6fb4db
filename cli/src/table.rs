//! Rows in columns, and one JSON document.

use crate::bytes::{Bytes, PlainJson};
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Columns under their titles. Those whose title begins with `#` are numbers, and so end in line.
pub fn show(titles: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(titles.iter().map(|title| title.trim_start_matches('#').to_uppercase()));
    for row in rows {
        // Most of it is what a server has said, and a terminal obeys some bytes.
        table.add_row(row.iter().map(|cell| Bytes::from(cell).to_string()));
    }
    for (place, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if titles[place].starts_with('#') {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut out = std::io::stdout().lock();
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// One document, and the end of its line.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(PlainJson(&mut out), value)?;
    Ok(writeln!(out)?)
}

/// The same as one line.
pub fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(PlainJson(&mut out), value)?;
    Ok(writeln!(out)?)
}

/// A line.
pub fn line(text: impl std::fmt::Display) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

/// Text as it is, with its lines.
pub fn raw(text: &str) -> anyhow::Result<()> {
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

/// A length of time in ms in its two largest units: `1h 5m`, `250ms`.
pub fn length(ms: i64) -> String {
    let of = |ms: u64| humantime::format_duration(Duration::from_millis(ms)).to_string();
    let text = of(ms.unsigned_abs());
    let short = text.split(' ').take(2).collect::<Vec<_>>().join(" ");
    if ms < 0 {
        format!("-{short}")
    } else {
        short
    }
}

/// A point in Unix ms, in UTC.
pub fn time(ms: i64) -> String {
    match u64::try_from(ms).ok().and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms))) {
        // What humantime can write ends with the year 9999.
        Some(time) if ms < 253_402_300_800_000 => humantime::format_rfc3339_millis(time).to_string(),
        _ => format!("{ms} ms"),
    }
}

/// Now, by the clock of this machine, in Unix ms.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_in_two_units() {
        assert_eq!(
            [0, 250, 61_000, 3_900_000, 90_061_000, -5].map(length),
            ["0s", "250ms", "1m 1s", "1h 5m", "1day 1h", "-5ms"]
        );
    }

    #[test]
    fn times_are_in_utc() {
        assert_eq!(time(1_795_263_666_901), "2026-11-21T12:21:06.901Z");
        assert_eq!([time(-1), time(i64::MAX)], ["-1 ms", "9223372036854775807 ms"]);
    }
}
