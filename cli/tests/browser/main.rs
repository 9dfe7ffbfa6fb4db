//! The pages of `tsgen web` in a real browser, at real servers.

#[path = "../../../tests/harness/mod.rs"]
#[macro_use]
mod harness;

mod access;
mod away;
mod barriers;
mod chromium;
mod day;
mod demo;
mod hostile;
mod keyboard;
mod letters;
mod site;
mod steer;
mod tab;
mod walk;
