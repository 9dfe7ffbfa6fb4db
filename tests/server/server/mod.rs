//! The module and its server, apart from any family's keys; and the harness and scripts that all tests rely on.

mod config;
mod docs;
mod info;
mod loading;
mod pages;
mod scripts;
mod selftest;
