//! The worker loops of `docs/clients.md`, as they stand there.

use crate::clients::{self, here};
use crate::harness::*;
use std::fs;
use std::path::{Path, PathBuf};

/// The program that the page has for a client.
#[track_caller]
fn program(client: &str) -> String {
    let page = fs::read_to_string(workspace().join("docs/clients.md")).expect("the page");
    let section = page.split("\n### ").find_map(|section| section.strip_prefix(client)).expect("a section");
    let code = section.split("```").nth(1).expect("a program");
    code.split_once('\n').expect("the name of a language").1.to_owned()
}

/// The program in a file, for a server on this port.
#[track_caller]
fn file(client: &str, folder: &Path, name: &str, port: u16) -> PathBuf {
    let text = program(client);
    assert_eq!(text.matches("6379").count(), 1, "the port in the program for {client}");
    let file = folder.join(name);
    fs::write(&file, text.replace("6379", &port.to_string())).expect("write the program");
    file
}

/// An element that comes while the worker waits is worked on and acknowledged, and then the next one.
#[track_caller]
fn works(server: &Server, mut worker: App) {
    let mut c = server.client();
    for nth in 1..=2 {
        wait_until("the worker waits", || c.info("clients", "blocked_clients") == "1");
        c.ok(&format!("TSGEN.ADD orders {nth} order-{nth} books"));
        c.ok(&format!("TSGEN.ADVANCE orders {nth}"));
        wait_until("it is acknowledged", || c.ok("TSGEN.INFO orders").field("acked").int() == nth);
    }
    worker.kill();
}

#[test]
fn redis_py_works() {
    let server = Server::start(&[]);
    let worker = file("redis-py", server.folder(), "worker.py", server.port);
    works(&server, App::start_with(clients::python(), &[&worker.display().to_string()], &[]));
}

#[test]
fn node_redis_works() {
    let server = Server::start(&[]);
    let worker = file("node-redis", clients::node_folder(), "node-redis-worker.mjs", server.port);
    works(&server, App::start_with(clients::node(), &[&worker.display().to_string()], &[]));
}

#[test]
fn ioredis_works() {
    let server = Server::start(&[]);
    let worker = file("ioredis", clients::node_folder(), "ioredis-worker.mjs", server.port);
    works(&server, App::start_with(clients::node(), &[&worker.display().to_string()], &[]));
}

#[test]
fn redis_rs_works() {
    let built = fs::read_to_string(here().join("redis-rs/worker.rs")).expect("the program");
    assert_eq!(program("redis-rs"), built, "docs/clients.md has another program than what was built");
    let server = Server::start(&[]);
    let url = [("REDIS_URL", server.url().into())];
    works(&server, App::start_with(env!("CARGO_BIN_EXE_redis-rs-worker"), &[], &url));
}

#[test]
fn hiredis_works() {
    let server = Server::start(&[]);
    let source = file("hiredis", server.folder(), "worker.c", server.port);
    let worker = clients::compile(&source, "hiredis-worker");
    works(&server, App::start_with(worker, &[], &[]));
}
