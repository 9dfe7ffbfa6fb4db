//! The worker loops for Python and Node (`examples/python`, `examples/node`), as their users run them.
//!
//! `scripts/setup examples` installs what they need below the target folder; they run from there too, for Node looks for its packages
//! beside the program.

#[path = "../../../tests/harness/mod.rs"]
mod harness;

use harness::*;
use std::fs;
use std::path::{Path, PathBuf};

const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];
/// So long that nothing in these tests waits for its end.
const LONG: &str = "--lease-ms 3600000";

struct Language {
    name: &'static str,
    interpreter: &'static str,
    program: &'static str,
    /// The line that stands for the user's work, and one that fails instead.
    work: [&'static str; 2],
}

const PYTHON: Language = Language {
    name: "python",
    interpreter: "bin/python",
    program: "worker.py",
    work: ["time.sleep(options.work_ms / 1000)", "raise ValueError('no such thing')"],
};

const NODE: Language = Language {
    name: "node",
    interpreter: "bin/node",
    program: "worker.mjs",
    work: ["await sleep(Number(values['work-ms']));", "throw new Error('no such thing');"],
};

impl Language {
    fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("examples").join(self.name)
    }

    /// A copy of the worker, as a user makes one, with this instead of its own work.
    #[track_caller]
    fn copy(&self, name: &str, work: &str) -> PathBuf {
        let source = workspace().join("examples").join(self.name).join(self.program);
        let text = fs::read_to_string(source).expect("the example");
        assert_eq!(text.matches(self.work[0]).count(), 1, "the line that is its work");
        let folder = self.folder();
        assert!(folder.join("installed").exists(), "run scripts/setup examples first");
        // Tests run at once, and so each has a copy of its own.
        let copy = folder.join(format!("{name}-{}", self.program));
        fs::write(&copy, text.replace(self.work[0], work)).expect("a copy of the example");
        copy
    }

    /// A worker on key `k`.
    #[track_caller]
    fn start(&self, server: &Server, program: &Path, args: &str) -> App {
        let program = program.display().to_string();
        let args: Vec<&str> = [program.as_str()].into_iter().chain(args.split(' ')).collect();
        App::start_with(self.folder().join(self.interpreter), &args, &[("REDIS_URL", server.url().into())])
    }
}

#[track_caller]
fn info(c: &mut Client, names: &[&str]) -> Vec<i64> {
    let info = c.ok("TSGEN.INFO k");
    names.iter().map(|name| info.field(name).int()).collect()
}

/// Waits until this many clients wait in a CLAIM.
#[track_caller]
fn wait_until_blocked(c: &mut Client, count: &str) {
    wait_until("they wait in CLAIM", || c.info("clients", "blocked_clients") == count);
}

fn each_entry_is_worked_on_once(language: &Language) {
    let server = Server::start(&[]);
    let mut c = server.client();
    let program = language.copy("once", language.work[0]);
    let mut workers =
        ["TSGEN k w1 --work-ms 2", "TSGEN k w2 --work-ms 2"].map(|args| language.start(&server, &program, args));
    wait_until_blocked(&mut c, "2");
    for i in 0..60 {
        c.ok(&format!("TSGEN.ADD k {i} element-{i} \"payload \\xff\""));
    }
    c.ok("TSGEN.ADVANCE k 59");
    wait_until("all are worked on", || info(&mut c, &["acked"]) == [60]);
    assert_eq!(info(&mut c, &["delivered", "redelivered"]), [60, 0]);
    // The last lines may still be on their way.
    wait_until("they say so", || workers.iter().map(|worker| worker.lines_with("done").len()).sum::<usize>() == 60);
    for i in 0..60 {
        let lines = workers.iter().map(|worker| worker.lines_with(&format!("element-{i}{}", quote(language))).len());
        assert_eq!(lines.sum::<usize>(), 1, "element-{i}");
    }
    assert_eq!(workers.each_mut().map(App::terminate), [Some(0), Some(0)]);

    // Any family.
    c.play("> DEBOUNCE.PUSH groups g a b\n 2\n > DEBOUNCE.FLUSH groups g\n 1");
    let worker = language.start(&server, &program, "DEBOUNCE groups w1");
    assert!(worker.line_with("claimed").contains("flush"));
    wait_until("it is acknowledged", || c.ok("DEBOUNCE.INFO groups").field("acked").int() == 1);
}

/// What follows a text where the language prints one.
fn quote(language: &Language) -> char {
    if language.name == "python" {
        '\''
    } else {
        '"'
    }
}

fn a_worker_that_is_killed_is_replaced_when_its_lease_ends(language: &Language) {
    let server = Server::start(&[]);
    let mut c = server.client();
    let program = language.copy("killed", language.work[0]);
    c.play("> TSGEN.ADD k 1 a x\n 1\n > TSGEN.ADVANCE k 1\n 1");
    let mut first = language.start(&server, &program, "TSGEN k w1 --work-ms 3600000 --lease-ms 900");
    first.line_with("claimed");
    first.kill();
    let second = language.start(&server, &program, "TSGEN k w2 --work-ms 1");
    second.line_with("deliveries=2");
    wait_until("it is acknowledged", || info(&mut c, &["acked"]) == [1]);
}

fn sigterm_hands_back_at_once(language: &Language) {
    let server = Server::start(&[]);
    let mut c = server.client();
    let program = language.copy("sigterm", language.work[0]);
    c.play("> TSGEN.ADD k 1 a x\n 1\n > TSGEN.ADVANCE k 1\n 1");
    let mut worker = language.start(&server, &program, &format!("TSGEN k w1 --work-ms 3600000 {LONG}"));
    worker.line_with("claimed");
    assert_eq!(worker.terminate(), Some(0));
    assert_eq!(info(&mut c, &["ready", "leased"]), [1, 0]);
    c.play("> TSGEN.CLAIM k tester\n [[<t> 1 'a' …]]\n > TSGEN.ACK k <t>\n 1");

    // One that is waiting ends too, and gets nothing after that.
    let mut worker = language.start(&server, &program, &format!("TSGEN k w1 {LONG}"));
    wait_until_blocked(&mut c, "1");
    assert_eq!(worker.terminate(), Some(0));
    c.expect("TSGEN.ADD k 1 late x", "0");
    assert_eq!(info(&mut c, &["ready", "leased"]), [1, 0]);
}

fn a_job_longer_than_its_lease_stays_with_its_worker(language: &Language) {
    let server = Server::start(&[]);
    let mut c = server.client();
    let program = language.copy("long", language.work[0]);
    let args = ["w1", "w2"].map(|name| format!("TSGEN k {name} --work-ms 2500 --lease-ms 600"));
    let workers = args.map(|args| language.start(&server, &program, &args));
    wait_until_blocked(&mut c, "2");
    c.play("> TSGEN.ADD k 1 a x\n 1\n > TSGEN.ADVANCE k 1\n 1");
    wait_until("it is acknowledged", || info(&mut c, &["acked"]) == [1]);
    assert_eq!(info(&mut c, &["delivered"]), [1]);
    assert!(workers.iter().all(|worker| worker.lines_with("not ours").is_empty()));
}

/// Clients that give up on a reply, after five seconds by default, send the command again: a second CLAIM, the first of which is
/// nobody's.
fn a_worker_waits_for_longer_than_its_client_would(language: &Language) {
    let server = Server::start(&[]);
    let mut c = server.client();
    let program = language.copy("waiting", language.work[0]);
    let worker = language.start(&server, &program, "TSGEN k w1 --work-ms 1");
    wait_until_blocked(&mut c, "1");
    let idle = |c: &mut Client| -> u32 {
        let list = c.ok("CLIENT LIST").text();
        let blocked = list.lines().find(|line| line.contains("flags=b")).unwrap_or_default();
        let idle = blocked.split(' ').find_map(|field| field.strip_prefix("idle="));
        idle.map_or(0, |idle| idle.parse().expect("seconds"))
    };
    wait_until("it has waited for seven seconds", || idle(&mut c) >= 7);
    c.play("> TSGEN.ADD k 1 a x\n 1\n > TSGEN.ADVANCE k 1\n 1");
    wait_until("it is acknowledged", || info(&mut c, &["acked"]) == [1]);
    assert_eq!((info(&mut c, &["delivered"]), worker.lines_with("trying again").len()), (vec![1], 0));
}

fn redis_may_be_killed_and_come_back(language: &Language) {
    let mut server = Server::start(&DURABLE);
    let mut c = server.client();
    let program = language.copy("restart", language.work[0]);
    c.play("> TSGEN.ADD k 1 a x\n 1\n > TSGEN.ADVANCE k 1\n 1");
    let mut working = language.start(&server, &program, "TSGEN k w1 --work-ms 1500");
    working.line_with("claimed");
    let mut waiting = language.start(&server, &program, "TSGEN k w2 --work-ms 1");
    wait_until_blocked(&mut c, "1");
    for _ in 0..2 {
        server.restart(Stop::Kill);
        c = server.client();
        wait_until("it waits again", || c.info("clients", "blocked_clients") != "0");
    }
    // What was being worked on when Redis was killed is settled by the worker that had it.
    wait_until("it is acknowledged", || info(&mut c, &["acked"]) == [1]);
    for i in 0..20 {
        c.ok(&format!("TSGEN.ADD k 1 late-{i} x"));
    }
    wait_until("all are worked on", || info(&mut c, &["acked"]) == [21]);
    assert_eq!(info(&mut c, &["delivered", "leased"]), [21, 0]);
    assert_eq!((working.terminate(), waiting.terminate()), (Some(0), Some(0)));
}

fn work_that_fails_is_tried_again_and_then_left_to_the_operator(language: &Language) {
    let server = Server::start(&[]);
    let mut c = server.client();
    let program = language.copy("failing", language.work[1]);
    c.play("> TSGEN.CREATE k MAXDELIVERIES 2 BACKOFF 20\n OK\n > TSGEN.ADD k 1 a x\n 1\n > TSGEN.ADVANCE k 1\n 1");
    let worker = language.start(&server, &program, "TSGEN k w1");
    wait_until("it is given up", || info(&mut c, &["dead"]) == [1]);
    let dead = c.ok("TSGEN.DEAD k").items()[0].to_string();
    assert!(dead.contains("no such thing"), "{dead}");
    wait_until("it says so", || worker.lines_with("claimed").len() == 2);
}

macro_rules! in_both_languages {
    ($($name:ident),+ $(,)?) => {
        mod python {
            $(#[test] fn $name() { super::$name(&super::PYTHON); })+
        }
        mod node {
            $(#[test] fn $name() { super::$name(&super::NODE); })+
        }
    };
}

in_both_languages! {
    each_entry_is_worked_on_once,
    a_worker_that_is_killed_is_replaced_when_its_lease_ends,
    sigterm_hands_back_at_once,
    a_job_longer_than_its_lease_stays_with_its_worker,
    a_worker_waits_for_longer_than_its_client_would,
    redis_may_be_killed_and_come_back,
    work_that_fails_is_tried_again_and_then_left_to_the_operator,
}
