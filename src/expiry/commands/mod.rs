//! The commands that only EXPIRY has.

mod ends;
mod evict;
mod fire;
mod tracked;

use crate::command::table::Entry;

pub fn all() -> Vec<Entry> {
    vec![
        Entry::of::<tracked::ListTracked>(),
        Entry::of::<fire::Fire>(),
        Entry::of::<evict::Evict>(),
        Entry::of::<ends::Ends>(),
    ]
}
