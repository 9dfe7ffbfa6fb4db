//! Points in time, told from now.

use crate::table;
use maud::{html, Markup};

/// `5m 3s ago`, or `in 20s`; the time itself is in its title.
pub fn from_now(ms: i64) -> Markup {
    let left = ms.saturating_sub(table::now());
    let text = if left > 0 { format!("in {}", table::length(rounded(left))) } else { ago(left.saturating_neg()) };
    html! { time datetime=(table::time(ms)) title=(table::time(ms)) { (text) } }
}

fn ago(ms: i64) -> String {
    if ms < 1000 {
        "just now".to_owned()
    } else {
        format!("{} ago", length(ms))
    }
}

/// Without what nobody reads.
fn rounded(ms: i64) -> i64 {
    if ms < 1000 {
        ms
    } else {
        ms / 1000 * 1000
    }
}

/// A length of time in ms.
pub fn length(ms: i64) -> String {
    table::length(rounded(ms))
}
