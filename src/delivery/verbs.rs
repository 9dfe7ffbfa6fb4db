//! The names of the commands that are the same for every family, and of their events.

use std::ffi::CStr;

/// A command, and the keyspace event that it emits if it changes something. Commands that only read, or rebuild a saved key, emit none.
#[derive(Clone, Copy)]
pub struct Verb {
    pub name: &'static CStr,
    pub event: &'static CStr,
}

/// The commands that are the same for every family.
pub struct Verbs {
    /// The name of the family in lower case.
    pub family: &'static CStr,
    /// The word that the names of its commands begin with.
    pub prefix: &'static str,
    pub create: Verb,
    pub alter: Verb,
    pub claim: Verb,
    pub mclaim: Verb,
    pub ack: Verb,
    pub nack: Verb,
    pub extend: Verb,
    pub release: Verb,
    pub pending: Verb,
    pub dead: Verb,
    pub peek: Verb,
    pub promote: Verb,
    pub requeue: Verb,
    pub discard: Verb,
    pub info: Verb,
    pub drop_ready: Verb,
    pub sweep: Verb,
    pub load: Verb,
    /// Not a command; its event says that a gate has opened.
    pub ready: Verb,
}

/// The verbs of a family, from its upper-case and lower-case name.
macro_rules! verbs {
    ($upper:literal, $lower:literal) => {
        $crate::delivery::verbs::Verbs {
            family: $crate::delivery::verbs::c_text(concat!($lower, "\0")),
            prefix: $upper,
            create: $crate::delivery::verbs::verb!($upper, $lower, "CREATE", "create"),
            alter: $crate::delivery::verbs::verb!($upper, $lower, "ALTER", "alter"),
            claim: $crate::delivery::verbs::verb!($upper, $lower, "CLAIM", "claim"),
            mclaim: $crate::delivery::verbs::verb!($upper, $lower, "MCLAIM", "claim"),
            ack: $crate::delivery::verbs::verb!($upper, $lower, "ACK", "ack"),
            nack: $crate::delivery::verbs::verb!($upper, $lower, "NACK", "nack"),
            extend: $crate::delivery::verbs::verb!($upper, $lower, "EXTEND", "extend"),
            release: $crate::delivery::verbs::verb!($upper, $lower, "RELEASE", "release"),
            pending: $crate::delivery::verbs::verb!($upper, $lower, "PENDING", "pending"),
            dead: $crate::delivery::verbs::verb!($upper, $lower, "DEAD", "dead"),
            peek: $crate::delivery::verbs::verb!($upper, $lower, "PEEK", "peek"),
            promote: $crate::delivery::verbs::verb!($upper, $lower, "PROMOTE", "promote"),
            requeue: $crate::delivery::verbs::verb!($upper, $lower, "REQUEUE", "requeue"),
            discard: $crate::delivery::verbs::verb!($upper, $lower, "DISCARD", "discard"),
            info: $crate::delivery::verbs::verb!($upper, $lower, "INFO", "info"),
            drop_ready: $crate::delivery::verbs::verb!($upper, $lower, "DROPREADY", "sink"),
            sweep: $crate::delivery::verbs::verb!($upper, $lower, "SWEEP", "sweep"),
            load: $crate::delivery::verbs::verb!($upper, $lower, "LOAD", "load"),
            ready: $crate::delivery::verbs::verb!($upper, $lower, "READY", "ready"),
        }
    };
}

/// One verb of a family.
macro_rules! verb {
    ($upper:literal, $lower:literal, $name:literal, $event:literal) => {
        $crate::delivery::verbs::Verb {
            name: $crate::delivery::verbs::c_text(concat!($upper, ".", $name, "\0")),
            event: $crate::delivery::verbs::c_text(concat!($lower, ".", $event, "\0")),
        }
    };
}
pub(crate) use {verb, verbs};

/// A text that ends with its only NUL, as a C string.
pub const fn c_text(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("one NUL, at the end"),
    }
}
