//! The one list of the families that deliver. (THROTTLE delivers nothing.)

use crate::debounce::Debounce;
use crate::delivery::any_family::AnyFamily;
use crate::expiry::Expiry;
use crate::tally::Tally;
use crate::tsgen::Tsgen;

pub static FAMILIES: &[AnyFamily] =
    &[AnyFamily::of::<Tsgen>(), AnyFamily::of::<Debounce>(), AnyFamily::of::<Expiry>(), AnyFamily::of::<Tally>()];
