//! A span that was made where a job was added is linked where it is worked on, whatever the two languages are: the header in the
//! envelope of a payload is one for all libraries.
//!
//! A program of each language, given the address of the server, does one of two things.
//!
//! | arguments | it | and prints |
//! |---|---|---|
//! | `add id key…` | adds to each key a job `{"to": "Zoë ☃"}` in a span of its own | `produced key trace-span` |
//! | `work key` | works on what is there, with a span around each job | `linked id trace-span,… to`: what its span is linked to |

use crate::harness::library::go_tool;
use crate::harness::*;
use crate::languages::{target, NODE, PYTHON};
use crate::packages::succeeds;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn python() -> Command {
    let mut command = mortal(PYTHON.program());
    command.arg(workspace().join("clients/python/tests/traced.py"));
    command.env("PYTHONPATH", workspace().join("clients/python/src")).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn node() -> Command {
    let mut command = mortal(NODE.program());
    command.arg(target("clients/library-node/build/tests/traced.js"));
    command
}

fn go() -> Command {
    let program: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-traced");
    let mut build = go_tool("go", &workspace().join("clients/go/tsgenotel"));
    build.args(["build", "-o"]).arg(&program).arg("./conformance");
    succeeds(build);
    mortal(program)
}

fn rust() -> Command {
    mortal(env!("CARGO_BIN_EXE_rust-traced"))
}

type Program = (&'static str, fn() -> Command);

const PROGRAMS: [Program; 4] = [("python", python), ("node", node), ("go", go), ("rust", rust)];

#[test]
fn a_span_is_linked_whatever_the_two_languages_are() {
    let server = Server::start(&[]);
    let url = format!("redis://127.0.0.1:{}", server.port);
    let languages = PROGRAMS.map(|(language, _)| language);

    // By who added and who has to work on it: the span of the former.
    let mut produced = BTreeMap::new();
    for (producer, program) in PROGRAMS {
        let mut command = program();
        command.args([url.as_str(), "add", producer]).args(languages);
        for line in succeeds(command).lines() {
            let [_, worker, span] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{producer}: {line}") };
            assert_eq!(span.len(), 32 + 1 + 16, "{producer} has no span: {line}");
            produced.insert((producer.to_owned(), worker.to_owned()), span.to_owned());
        }
    }
    assert_eq!(produced.len(), languages.len() * languages.len(), "{produced:?}");

    let mut linked = BTreeMap::new();
    for (worker, program) in PROGRAMS {
        let mut command = program();
        command.args([url.as_str(), "work", worker]);
        for line in succeeds(command).lines() {
            let [_, producer, spans, to] = line.splitn(4, ' ').collect::<Vec<_>>()[..] else {
                panic!("{worker}: {line}")
            };
            assert_eq!(to, "Zoë ☃", "the payload of {producer}, as {worker} has it");
            linked.insert((producer.to_owned(), worker.to_owned()), spans.to_owned());
        }
        assert_eq!(server.client().ok(&format!("TSGEN.INFO {worker}")).field("acked"), &Reply::Int(4), "{worker}");
    }
    assert_eq!(
        linked, produced,
        "left: what the spans of (producer, worker) are linked to; right: the spans of the producers"
    );
}
