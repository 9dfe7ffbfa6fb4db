//! The commands that only DEBOUNCE has.

mod cancel;
mod flush;
mod flushall;
mod get;
mod groups;
mod push;

use crate::command::table::Entry;

pub fn all() -> Vec<Entry> {
    vec![
        Entry::of::<push::Push>(),
        Entry::of::<get::Get>(),
        Entry::of::<groups::Groups>(),
        Entry::of::<flush::Flush>(),
        Entry::of::<flushall::FlushAll>(),
        Entry::of::<cancel::Cancel>(),
    ]
}
