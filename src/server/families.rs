//! All commands. Those of delivery are the same for every family and generic over it.

use crate::command::table::Entry;
use crate::server::at;

/// Every command there is.
pub fn all() -> Vec<Entry> {
    let mut all = vec![Entry::of::<at::At>()];
    all.extend(crate::tsgen::commands::all());
    all.extend(crate::delivery::commands::all::<crate::tsgen::family::Tsgen>());
    all.extend(crate::debounce::commands::all());
    all.extend(crate::delivery::commands::all::<crate::debounce::family::Debounce>());
    all.extend(crate::expiry::commands::all());
    all.extend(crate::delivery::commands::all::<crate::expiry::family::Expiry>());
    all.extend(crate::tally::commands::all());
    all.extend(crate::delivery::commands::all::<crate::tally::family::Tally>());
    all.extend(crate::throttle::commands::all());
    all
}
