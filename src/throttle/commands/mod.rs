//! The commands of THROTTLE.

mod load;
mod take;

use crate::command::table::Entry;

pub fn all() -> Vec<Entry> {
    vec![Entry::of::<take::Take>(), Entry::of::<load::Load>()]
}
