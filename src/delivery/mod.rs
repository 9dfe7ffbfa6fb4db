//! All of delivery, once for every family: its commands, keys and values, blocked clients, the sink, replication and events.
//!
//! It knows no family: what a family adds comes in through `Family`.

pub mod acknowledge;
pub mod any_family;
pub mod apply;
pub mod blocked;
pub mod claim_options;
pub mod commands;
pub mod compaction;
pub mod drive;
pub mod events;
pub mod failures;
pub mod family;
pub mod fields;
pub mod figures;
pub mod gate_options;
pub mod keyspace;
pub mod options;
pub mod persistence;
pub mod replicate;
pub mod serve;
pub mod signals;
pub mod sink;
pub mod stored_queue;
pub mod timer;
pub mod unfinished;
pub mod verbs;
pub mod waiters;
