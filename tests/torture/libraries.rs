//! Workers of the libraries for Python, Node and Go, beside the other clients: each is a process that claims, works and settles as users of the library do, and is heard.
//!
//! They are what `scripts/setup clients` has installed; a language that it has not is left out, which is told, unless `LIBRARIES` insists.

use crate::harness::library::{Language, GO, NODE, PYTHON};
use crate::harness::{doing, wait_until, App};
use crate::heard::{told_all, unearned};
use crate::insists;
use crate::listener::Listener;
use crate::stage::Stage;
use std::sync::Arc;
use tsgen_history::{Act, Call};

/// Of each language a worker of two keys, and one of another family.
const WORKS: [(&Language, &str, &str); 6] = [
    (&PYTHON, "TSGEN", r#"["{l}urgent","{l}work"]"#),
    (&NODE, "TSGEN", r#"["{l}urgent","{l}work"]"#),
    (&GO, "TSGEN", r#"["{l}urgent","{l}work"]"#),
    (&PYTHON, "EXPIRY", r#"["{w}watcher"]"#),
    (&NODE, "DEBOUNCE", r#"["{c}bursts"]"#),
    (&GO, "TALLY", r#"["{c}likes"]"#),
];
/// Their numbers among clients begin here.
pub const FIRST: u32 = 100;

pub struct Libraries {
    workers: Vec<Worker>,
}

struct Worker {
    work: &'static (&'static Language, &'static str, &'static str),
    listener: Listener,
    app: App,
    /// What those before it have printed.
    printed: Vec<String>,
}

/// What they did.
pub struct Told {
    pub calls: Vec<Call>,
    pub surprises: Vec<String>,
}

impl Libraries {
    /// Starts them, and waits until they are about to claim.
    pub fn start(stage: &Arc<Stage>) -> Self {
        let mut missing: Vec<&str> = Vec::new();
        let mut workers = Vec::new();
        for (nth, work) in WORKS.iter().enumerate() {
            if !work.0.is_installed() {
                missing.push(work.0.name);
                continue;
            }
            let listener = Listener::start(stage, FIRST + nth as u32);
            let app = start(work, listener.port);
            workers.push(Worker { work, listener, app, printed: Vec::new() });
        }
        missing.sort_unstable();
        missing.dedup();
        assert!(
            !insists("LIBRARIES") || missing.is_empty(),
            "run scripts/setup clients first: {missing:?} are not installed"
        );
        if !missing.is_empty() {
            println!("without the libraries for {}, which scripts/setup clients has not installed", missing.join(", "));
        }
        workers.iter().for_each(|worker| drop(worker.app.line_with("ready")));
        Self { workers }
    }

    /// `kill -9` of one, and another in its place: what it held comes back when its leases end.
    pub fn kill_one(&mut self, nth: u64) {
        let count = self.workers.len() as u64;
        if let Some(worker) = self.workers.get_mut(nth.checked_rem(count).unwrap_or(0) as usize) {
            worker.app.kill();
            worker.printed.extend(worker.app.last_lines());
            worker.app = start(worker.work, worker.listener.port);
        }
    }

    /// Waits until each is there, also the one that came in place of another, and has acknowledged something. Before that a signal would end it as any process.
    pub fn wait_until_used(&self) {
        for worker in &self.workers {
            worker.app.line_with("ready");
            let has_acked = |call: &Call| matches!(&call.act, Act::Ack(tokens) if !tokens.is_empty());
            let what = format!("the worker in {} of {} acknowledges something", worker.work.0.name, worker.work.2);
            wait_until(&what, || worker.listener.calls().iter().any(has_acked));
        }
    }

    /// Ends them: SIGTERM, upon which they hand back what they hold.
    pub fn end(self) -> Told {
        let mut told = Told { calls: Vec::new(), surprises: Vec::new() };
        for mut worker in self.workers {
            let (language, family, keys) = worker.work;
            let name = format!("the worker in {} of {family} {keys}", language.name);
            let _at = doing(format!("the end of {name}"));
            let code = worker.app.terminate();
            let mut printed = worker.printed;
            printed.extend(worker.app.last_lines());
            let mut calls = worker.listener.end();
            told_all(&mut calls);
            let odd = |line: &&String| line.starts_with("error ") || line.starts_with("got ") && line.contains("false");
            told.surprises.extend(printed.iter().filter(odd).map(|line| format!("{name} printed: {line}")));
            let names = unearned(&calls, &printed);
            told.surprises.extend(names.iter().map(|of| format!("{name} acknowledged what it had not done: {of}")));
            if code != Some(0) {
                told.surprises.push(format!("{name} ended with {code:?}"));
            }
            if !told.surprises.is_empty() {
                println!("--- {name} printed ---\n{}\n--- and sent ---\n{calls:#?}", printed.join("\n"));
            }
            told.calls.append(&mut calls);
        }
        told
    }
}

fn start(work: &(&'static Language, &str, &str), port: u16) -> App {
    let (language, family, keys) = work;
    let config = format!(
        r#"{{"url":"redis://127.0.0.1:{port}","family":"{family}","keys":{keys},"concurrency":4,"lease_ms":1000}}"#
    );
    let mut args = language.args();
    args.push(config);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    App::start_with(language.program(), &args, &language.environment())
}
