//! The commands that only TSGEN has.

mod add;
mod advance;
mod madd;
mod read;
mod rem;

use crate::command::table::Entry;

pub fn all() -> Vec<Entry> {
    vec![
        Entry::of::<add::Add>(),
        Entry::of::<madd::Madd>(),
        Entry::of::<advance::Advance>(),
        Entry::of::<rem::Rem>(),
        Entry::of::<read::WatermarkOf>(),
        Entry::of::<read::Get>(),
        Entry::of::<read::Range>(),
        Entry::of::<read::Sources>(),
    ]
}

/// The events of the commands that only TSGEN has.
mod event {
    use std::ffi::CStr;

    pub const ADD: &CStr = c"tsgen.add";
    pub const ADVANCE: &CStr = c"tsgen.advance";
    pub const REM: &CStr = c"tsgen.rem";
}
