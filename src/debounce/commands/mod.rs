//! The commands that only DEBOUNCE has.

mod flush;
mod groups;
mod push;

use crate::command::table::Entry;

pub fn all() -> Vec<Entry> {
    vec![
        Entry::of::<push::Push>(),
        Entry::of::<groups::Get>(),
        Entry::of::<groups::Groups>(),
        Entry::of::<flush::Flush>(),
        Entry::of::<flush::FlushAll>(),
        Entry::of::<flush::Cancel>(),
    ]
}

/// The events of the commands that only DEBOUNCE has.
mod event {
    use std::ffi::CStr;

    pub const PUSH: &CStr = c"debounce.push";
    pub const FLUSH: &CStr = c"debounce.flush";
    pub const CANCEL: &CStr = c"debounce.cancel";
}
