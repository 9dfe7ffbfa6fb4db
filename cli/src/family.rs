//! The families, as values: what a key is, is known only when the server is asked.

use clap::ValueEnum;
use serde::{Serialize, Serializer};
use std::fmt;

/// A family that delivers.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    Tsgen,
    Debounce,
    Expiry,
    Tally,
}

impl Family {
    pub const ALL: [Self; 4] = [Self::Tsgen, Self::Debounce, Self::Expiry, Self::Tally];

    /// How its commands begin.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tsgen => "TSGEN",
            Self::Debounce => "DEBOUNCE",
            Self::Expiry => "EXPIRY",
            Self::Tally => "TALLY",
        }
    }

    /// What TYPE says of its keys.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Tsgen => "tsgen-tsg",
            Self::Debounce => "tsgen-deb",
            Self::Expiry => "tsgen-exp",
            Self::Tally => "tsgen-tal",
        }
    }

    pub fn of_type(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.type_name() == name)
    }

    /// What a command of this family is called.
    pub fn command(self, name: &str) -> String {
        format!("{}.{name}", self.name())
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Family {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Does something with a key of the library whose family is known only now: `with_key!(family, tsgen, name, key => key.info().await)`.
#[macro_export]
macro_rules! with_key {
    ($family:expr, $tsgen:expr, $name:expr, $key:ident => $body:expr) => {
        match $family {
            $crate::family::Family::Tsgen => {
                let $key = $tsgen.elements($name);
                $body
            }
            $crate::family::Family::Debounce => {
                let $key = $tsgen.debounce($name);
                $body
            }
            $crate::family::Family::Expiry => {
                let $key = $tsgen.expiry($name);
                $body
            }
            $crate::family::Family::Tally => {
                let $key = $tsgen.tally($name);
                $body
            }
        }
    };
}
