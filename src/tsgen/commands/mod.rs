//! The commands that only TSGEN has.

mod add;
mod advance;
mod forget;
mod get;
mod idle;
mod madd;
mod range;
mod rem;
mod sources;
mod watermark;

use crate::command::table::Entry;

pub fn all() -> Vec<Entry> {
    vec![
        Entry::of::<add::Add>(),
        Entry::of::<madd::Madd>(),
        Entry::of::<advance::Advance>(),
        Entry::of::<rem::Rem>(),
        Entry::of::<watermark::Watermark>(),
        Entry::of::<get::Get>(),
        Entry::of::<range::Range>(),
        Entry::of::<sources::Sources>(),
        Entry::of::<idle::Idle>(),
        Entry::of::<forget::Forget>(),
    ]
}
