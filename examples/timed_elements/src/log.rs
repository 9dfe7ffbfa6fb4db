//! Lines for people to read: when, who, what.

use std::fmt::Arguments;
use std::time::{SystemTime, UNIX_EPOCH};

/// Prints one line, with the time of day in UTC.
pub fn say(who: &str, what: Arguments) {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() % 86_400_000;
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    println!("{hours:02}:{minutes:02}:{seconds:02}.{:03} {who} {what}", ms % 1000);
}
