//! The commands that only DEBOUNCE has.

mod fire;
mod push;
mod read;

use crate::command::table::Entry;

pub fn all() -> Vec<Entry> {
    vec![
        Entry::of::<push::Push>(),
        Entry::of::<read::Get>(),
        Entry::of::<read::Groups>(),
        Entry::of::<fire::Flush>(),
        Entry::of::<fire::FlushAll>(),
        Entry::of::<fire::Cancel>(),
    ]
}

/// The events of the commands that only DEBOUNCE has.
mod event {
    use std::ffi::CStr;

    pub const PUSH: &CStr = c"debounce.push";
    pub const FLUSH: &CStr = c"debounce.flush";
    pub const CANCEL: &CStr = c"debounce.cancel";
}
