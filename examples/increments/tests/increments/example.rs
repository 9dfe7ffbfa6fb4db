//! `make example NAME=increments`, with a PostgreSQL of its own.

use super::harness::*;

/// Ctrl-C once left PostgreSQL running for up to a minute: the script signalled a shell around it.
#[test]
fn make_example_shows_it_and_ctrl_c_ends_all_of_it() {
    let mut example = Example::start("increments", env!("CARGO_BIN_EXE_increments"));
    let http = example.app.line_with("listening on ").split(' ').next_back().expect("an address").to_owned();
    let body = r#"{"key":"7f3c1c52-6f0f-4f5e-9d7a-0d4a1c8e5b21","value":5}"#;
    let counted = ureq::post(format!("{http}/increment")).send(body).expect("a response");
    assert!(counted.status().is_success(), "{counted:?}");
    let script = example.app.pid();
    let children =
        std::fs::read_to_string(format!("/proc/{script}/task/{script}/children")).expect("what it has started");
    let is_postgres =
        |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "postgres");
    assert!(children.split_whitespace().any(is_postgres), "{children}");
    example.interrupt();
}
