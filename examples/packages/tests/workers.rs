//! The loop of a worker in Python (`examples/python`), as its readers run it.
//!
//! `scripts/setup examples` installs what it needs below the target folder.

#[path = "../../../tests/harness/mod.rs"]
mod harness;

use harness::*;
use std::fs;
use std::path::{Path, PathBuf};

const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];
/// So long that nothing in these tests waits for its end.
const LONG: &str = "--lease-ms 3600000";

const PROGRAM: &str = "worker.py";
/// The line that stands for the user's work.
const WORK: &str = "time.sleep(options.work_ms / 1000)";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("examples").join("python")
}

/// A copy of the worker, as a user makes one, with this instead of its own work.
#[track_caller]
fn copy(name: &str, work: &str) -> PathBuf {
    let text = fs::read_to_string(workspace().join("examples/python").join(PROGRAM)).expect("the example");
    assert_eq!(text.matches(WORK).count(), 1, "the line that is its work");
    assert!(folder().join("installed").exists(), "run scripts/setup examples first");
    // Tests run at once, and so each has a copy of its own.
    let copy = folder().join(format!("{name}-{PROGRAM}"));
    fs::write(&copy, text.replace(WORK, work)).expect("a copy of the example");
    copy
}

/// A worker on key `k`.
#[track_caller]
fn start(server: &Server, program: &Path, args: &str) -> App {
    let program = program.display().to_string();
    let args: Vec<&str> = [program.as_str()].into_iter().chain(args.split(' ')).collect();
    App::start_with(folder().join("bin/python"), &args, &[("REDIS_URL", server.url().into())])
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

#[test]
fn each_entry_is_worked_on_once() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let program = copy("once", WORK);
    let mut workers = ["TSGEN k w1 --work-ms 2", "TSGEN k w2 --work-ms 2"].map(|args| start(&server, &program, args));
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
        let lines = workers.iter().map(|worker| worker.lines_with(&format!("element-{i}'")).len());
        assert_eq!(lines.sum::<usize>(), 1, "element-{i}");
    }
    assert_eq!(workers.each_mut().map(App::terminate), [Some(0), Some(0)]);

    // Any family.
    c.play("> DEBOUNCE.PUSH groups g a b\n 2\n > DEBOUNCE.FLUSH groups g\n 1");
    let worker = start(&server, &program, "DEBOUNCE groups w1");
    assert!(worker.line_with("claimed").contains("flush"));
    wait_until("it is acknowledged", || c.ok("DEBOUNCE.INFO groups").field("acked").int() == 1);
}

#[test]
fn a_worker_that_is_killed_is_replaced_when_its_lease_ends() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let program = copy("killed", WORK);
    c.play("> TSGEN.ADD k 1 a x\n 1\n > TSGEN.ADVANCE k 1\n 1");
    let mut first = start(&server, &program, "TSGEN k w1 --work-ms 3600000 --lease-ms 900");
    first.line_with("claimed");
    first.kill();
    let second = start(&server, &program, "TSGEN k w2 --work-ms 1");
    second.line_with("deliveries=2");
    wait_until("it is acknowledged", || info(&mut c, &["acked"]) == [1]);
}

#[test]
fn sigterm_hands_back_at_once() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let program = copy("sigterm", WORK);
    c.play("> TSGEN.ADD k 1 a x\n 1\n > TSGEN.ADVANCE k 1\n 1");
    let mut worker = start(&server, &program, &format!("TSGEN k w1 --work-ms 3600000 {LONG}"));
    worker.line_with("claimed");
    assert_eq!(worker.terminate(), Some(0));
    assert_eq!(info(&mut c, &["ready", "leased"]), [1, 0]);
    c.play("> TSGEN.CLAIM k tester\n [[<t> 1 'a' …]]\n > TSGEN.ACK k <t>\n 1");

    // One that is waiting ends too, and gets nothing after that.
    let mut worker = start(&server, &program, &format!("TSGEN k w1 {LONG}"));
    wait_until_blocked(&mut c, "1");
    assert_eq!(worker.terminate(), Some(0));
    c.expect("TSGEN.ADD k 1 late x", "0");
    assert_eq!(info(&mut c, &["ready", "leased"]), [1, 0]);
}

#[test]
fn a_job_longer_than_its_lease_stays_with_its_worker() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let program = copy("long", WORK);
    let args = ["w1", "w2"].map(|name| format!("TSGEN k {name} --work-ms 2500 --lease-ms 600"));
    let workers = args.map(|args| start(&server, &program, &args));
    wait_until_blocked(&mut c, "2");
    c.play("> TSGEN.ADD k 1 a x\n 1\n > TSGEN.ADVANCE k 1\n 1");
    wait_until("it is acknowledged", || info(&mut c, &["acked"]) == [1]);
    assert_eq!(info(&mut c, &["delivered"]), [1]);
    assert!(workers.iter().all(|worker| worker.lines_with("not ours").is_empty()));
}

/// Clients that give up on a reply, after five seconds by default, send the command again: a second CLAIM, the first of which is
/// nobody's.
#[test]
fn a_worker_waits_for_longer_than_its_client_would() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let program = copy("waiting", WORK);
    let worker = start(&server, &program, "TSGEN k w1 --work-ms 1");
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

#[test]
fn redis_may_be_killed_and_come_back() {
    let mut server = Server::start(&DURABLE);
    let mut c = server.client();
    let program = copy("restart", WORK);
    c.play("> TSGEN.ADD k 1 a x\n 1\n > TSGEN.ADVANCE k 1\n 1");
    let mut working = start(&server, &program, "TSGEN k w1 --work-ms 1500");
    working.line_with("claimed");
    let mut waiting = start(&server, &program, "TSGEN k w2 --work-ms 1");
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

#[test]
fn work_that_fails_is_tried_again_and_then_left_to_the_operator() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let program = copy("failing", "raise ValueError('no such thing')");
    c.play("> TSGEN.CREATE k MAXDELIVERIES 2 BACKOFF 20\n OK\n > TSGEN.ADD k 1 a x\n 1\n > TSGEN.ADVANCE k 1\n 1");
    let worker = start(&server, &program, "TSGEN k w1");
    wait_until("it is given up", || info(&mut c, &["dead"]) == [1]);
    let dead = c.ok("TSGEN.DEAD k").items()[0].to_string();
    assert!(dead.contains("no such thing"), "{dead}");
    wait_until("it says so", || worker.lines_with("claimed").len() == 2);
}
