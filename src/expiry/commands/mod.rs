//! The commands that only EXPIRY has.

mod fire;
mod tracked;

use crate::command::table::Entry;

pub fn all() -> Vec<Entry> {
    vec![
        Entry::of::<tracked::ListTracked>(),
        Entry::of::<fire::Fire>(),
        Entry::of::<fire::Evict>(),
        Entry::of::<fire::Ends>(),
    ]
}
