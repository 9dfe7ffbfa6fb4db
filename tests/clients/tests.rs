//! The module as clients in several languages see it: one conversation, and every one of them gets the same replies.

#[path = "../harness/mod.rs"]
mod harness;

mod clients;
mod conversation;
mod json;
mod runner;

mod blocking;
mod cluster;
mod pipelines;
mod replies;
mod workers;
