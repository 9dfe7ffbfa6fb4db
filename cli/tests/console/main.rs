//! The program `tsgen` against real servers, as its users run it.

#[path = "../../../tests/harness/mod.rs"]
mod harness;

mod browse;
mod doctor;
mod export_moving;
mod help;
mod import_ended;
mod keys;
mod letters;
mod metrics;
mod monitoring;
mod places;
mod run;
mod tls;
mod tmux;
mod top;
mod top_places;
mod transfer;
mod watching;
mod way;
mod web;
mod web_guard;
mod web_key;
mod web_pages;
mod web_places;
mod web_work;
mod work;
