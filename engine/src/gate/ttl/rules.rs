//! Which keys a watcher watches, and what of them it keeps.

use crate::error::Error;
use serde::{Deserialize, Serialize};

/// Most prefixes of one key: [`TtlRules::covers`] compares a name with each, as for every tracked key that is loaded.
const MAX_PREFIXES: usize = 100;

/// Which keys are watched, and what of them is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TtlRules {
    /// Keys whose names start with one of these.
    pub prefixes: Vec<Prefix>,
    /// Values of more bytes are not kept.
    pub max_value: u64,
    /// Whether values of keys that were evicted are kept until their deadlines.
    pub keep_evicted: bool,
    /// Most bytes of values that are held in all, of tracked keys and in entries; 0: unbounded. Each node decides for itself which values of
    /// tracked keys it holds and which it drops; what an entry has, the master has decided.
    pub max_held: u64,
}

/// The rules in format 0.
#[derive(Deserialize)]
pub struct TtlRules0 {
    prefixes: Vec<Prefix>,
    max_value: u64,
}

impl From<TtlRules0> for TtlRules {
    fn from(TtlRules0 { prefixes, max_value }: TtlRules0) -> Self {
        TtlRules { prefixes, max_value, keep_evicted: false, max_held: TtlRules::MAX_HELD }
    }
}

/// The beginning of a key's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Prefix(#[serde(with = "crate::snapshot::bytes")] pub Box<[u8]>);

impl TtlRules {
    /// The default of `max_held`: 64 MiB.
    pub const MAX_HELD: u64 = 64 << 20;

    pub(super) fn check(&self) -> Result<(), Error> {
        let mut sorted: Vec<&Prefix> = self.prefixes.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.is_empty() || sorted.len() != self.prefixes.len() || sorted.len() > MAX_PREFIXES {
            return Err(Error::OutOfRange("PREFIX must be given 1 to 100 times, each only once"));
        }
        Ok(())
    }

    /// Whether a key of this name is watched. O(prefixes).
    pub fn covers(&self, name: &[u8]) -> bool {
        self.prefixes.iter().any(|prefix| name.starts_with(&prefix.0))
    }
}
