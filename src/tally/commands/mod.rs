//! The commands that only TALLY has.

mod get;
mod incr;
mod mincr;
mod seal;

use crate::command::table::Entry;

pub fn all() -> Vec<Entry> {
    vec![Entry::of::<incr::Incr>(), Entry::of::<mincr::Mincr>(), Entry::of::<get::Get>(), Entry::of::<seal::Seal>()]
}
