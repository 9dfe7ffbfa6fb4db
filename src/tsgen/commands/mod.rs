//! The commands that only TSGEN has.

mod add;
mod advance;
mod madd;
mod rem;
mod watermark;

use crate::command::table::Entry;

pub fn all() -> Vec<Entry> {
    vec![
        Entry::of::<add::Add>(),
        Entry::of::<madd::Madd>(),
        Entry::of::<advance::Advance>(),
        Entry::of::<rem::Rem>(),
        Entry::of::<watermark::WatermarkOf>(),
        Entry::of::<watermark::Get>(),
        Entry::of::<watermark::Range>(),
        Entry::of::<watermark::Sources>(),
    ]
}

/// The events of the commands that only TSGEN has.
mod event {
    use std::ffi::CStr;

    pub const ADD: &CStr = c"tsgen.add";
    pub const ADVANCE: &CStr = c"tsgen.advance";
    pub const REM: &CStr = c"tsgen.rem";
}
