//! The harness itself, on servers without the module: what it claims to see is what there is.

use crate::common::AOF;
use crate::harness::probe::Probe;
use crate::harness::*;
use std::sync::mpsc::{channel, Sender};
use std::time::Duration;

#[test]
fn a_transcript_binds_integers_and_compares_replies() {
    let server = Server::plain(&[]);
    let mut c = server.client();
    c.play(
        r#"
        > SET a "x \x00\"y"
        OK
        > GET a
        'x \x00"y'
        > INCR n
        <n>
        > GET n
        '<n>'
        > LPUSH l <n> two
        2
        > LRANGE l 0 -1
        ['two' '1']
        > GET none
        nil
        > LPUSH a 1
        -WRONGTYPE …
        > CONFIG GET appendonly
        ['appendonly' 'no']
        "#,
    );
    let mut three = server.client().resp3();
    three.expect("CONFIG GET appendonly", "{'appendonly' 'no'}");
    assert_eq!(crate::cmd!(c, "SET", "bin", &[0u8, 255][..]), "OK");
    assert_eq!(c.run("GET bin").bytes(), [0, 255]);
}

#[test]
#[should_panic(expected = "line 2 of the transcript")]
fn a_reply_that_differs_fails_the_test() {
    Server::plain(&[]).client().play("\n> SET a 1\nKO");
}

#[test]
#[should_panic(expected = "the server ended")]
fn a_crashed_server_fails_the_test() {
    let mut server = Server::plain(&[]);
    let mut c = server.client();
    c.send(&[b"DEBUG", b"SEGFAULT"]);
    assert!(c.try_read().is_err());
    let _ = server.child_end();
    server.assert_alive();
}

#[test]
#[should_panic(expected = "crashed")]
fn a_crash_that_nobody_looked_at_fails_the_test_too() {
    let mut server = Server::plain(&[]);
    server.client().send(&[b"DEBUG", b"SEGFAULT"]);
    server.child_end();
}

#[test]
fn a_blocked_client_is_seen_as_blocked_until_it_is_served() {
    let server = Server::plain(&[]);
    let mut c = server.client();
    let mut blocked = Blocked::new(&server, "BLPOP l 0");
    assert!(blocked.is_blocked(&mut c));
    c.expect("LPUSH l x", "1");
    assert!(!blocked.is_blocked(&mut c));
    assert_eq!(blocked.reply(), "['l' 'x']");
}

#[test]
fn the_feed_shows_what_is_replicated_literally() {
    let server = Server::plain(&[]);
    let mut c = server.client();
    c.ok("SET before 1");
    let mut feed = Feed::open(&server);
    c.play("> SET a \"b c\"\n OK\n> GET a\n 'b c'\n> MULTI\n OK\n> INCR n\n QUEUED\n> INCR m\n QUEUED\n> EXEC\n [1 1]");
    feed.expect(&mut c, &["SET a 'b c'", "MULTI", "INCR n", "INCR m", "EXEC"]);
    feed.expect(&mut c, &[]);
}

#[test]
fn a_replica_comes_in_sync_and_a_restart_keeps_the_data() {
    let mut master = Server::plain(&AOF);
    let replica = Server::plain(&[]);
    replica.replica_of(&master);
    let mut c = master.client();
    for i in 0..100 {
        c.ok(&format!("SET k{i} {i}"));
    }
    same_data(&master, &replica);
    let digest = master.digest_all();
    for stop in [Stop::Kill, Stop::NoSave, Stop::Save] {
        master.restart(stop);
        assert_eq!(master.digest_all(), digest, "{stop:?}");
    }
    replica.wait_in_sync(&master);
    assert_eq!(master.digest("k1").len(), 40);
}

#[test]
fn a_payload_that_was_damaged_and_sealed_again_passes_the_checksum() {
    let server = Server::plain(&[]);
    let mut c = server.client();
    c.ok("SET a hello");
    let dump = c.run("DUMP a").bytes().to_vec();
    let (mut value, version) = unseal(&dump);
    let last = value.len() - 1;
    value[last] = b'0';
    assert_eq!(crate::cmd!(c, "RESTORE", "b", 0, &reseal(&value, version)), "OK");
    c.expect("GET b", "'hell0'");
}

#[test]
fn a_port_that_is_taken_is_not_the_end() {
    let one = Server::plain(&[]);
    let two = Server::plain(&[]);
    assert_ne!(one.port, two.port);
}

#[test]
fn an_application_is_heard_and_its_end_is_told() {
    let script = "trap 'echo bye; exit 3' TERM; echo one; echo two >&2; while :; do sleep 0.01; done";
    let mut app = App::start("bash", &["-c", script]);
    // Its two outputs are heard in any order.
    app.line_with("one");
    app.line_with("two");
    assert_eq!(app.lines_with("one"), ["one"]);
    assert_eq!(app.terminate(), Some(3));
    app.line_with("bye");
}

#[test]
fn an_application_dies_with_its_test() {
    let mut app = App::start("sleep", &["1000"]);
    let pid = app.pid();
    std::thread::spawn(move || drop(app)).join().expect("the end of the test");
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    app = std::thread::spawn(|| App::start("sleep", &["1000"])).join().expect("the end of the test");
    assert_eq!(app.end().code(), None, "the thread that started it has ended");
}

/// Runs `test` as a test of its own, which must fail within the deadline, and with it the server that it has told of.
#[track_caller]
fn must_fail(test: impl FnOnce(&Sender<u32>) + Send + 'static) {
    let (tell, told) = channel();
    let test = std::thread::spawn(move || test(&tell));
    wait_until("the test ends", || test.is_finished());
    assert!(test.join().is_err(), "the test did not fail");
    let pid = told.recv().expect("a server");
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the server is still there");
}

/// Does the same again and again, as writers and workers do until there is no server any more.
fn use_for_ever(server: &Server) {
    let mut c = server.client();
    loop {
        c.ok("INCR n");
    }
}

#[test]
fn a_test_that_panics_beside_threads_ends_them_and_their_server() {
    must_fail(|tell| {
        let server = Server::plain(&[]);
        tell.send(server.pid()).expect("tell");
        scope(|scope| {
            scope.spawn(|| use_for_ever(&server));
            scope.spawn(|| server.client().ok("BLPOP nothing 0"));
            wait_until("they are at work", || server.client().info("clients", "blocked_clients") == "1");
            panic!("this test fails");
        });
    });
}

#[test]
fn a_thread_that_panics_ends_its_test_and_the_server() {
    must_fail(|tell| {
        let server = Server::plain(&[]);
        tell.send(server.pid()).expect("tell");
        scope(|scope| {
            scope.spawn(|| panic!("this thread fails"));
            use_for_ever(&server);
        });
    });
}

#[test]
fn a_server_that_was_started_again_is_ended_too() {
    must_fail(|tell| {
        let mut server = Server::plain(&[]);
        server.restart(Stop::Kill);
        tell.send(server.pid()).expect("tell");
        scope(|scope| {
            scope.spawn(|| use_for_ever(&server));
            panic!("this test fails");
        });
    });
}

/// A probe that is asked in the middle of a stall, or right behind it, has not seen its end yet.
#[test]
fn a_probe_sees_a_stall_whenever_it_is_asked() {
    let server = Server::plain(&[]);
    let (mut c, probe) = (server.client(), Probe::start(&server));
    probe.take();
    c.send(&[b"DEBUG", b"SLEEP", b"0.5"]);
    let longest = probe.take();
    // A busy machine may let the probe run only when the stall is half over.
    assert!(longest.wall >= 200.0, "{:.1} ms of 500", longest.wall);
    c.read();
}

#[test]
fn the_end_of_an_aof_is_found_at_every_length() {
    let parts = [("*1\r\n$4\r\nINCR\r\n", false), ("#TS:1\r\n", false), ("*1\r\n$5\r\nMULTI\r\n", true)];
    let parts = parts.into_iter().chain([("*2\r\n$3\r\nSET\r\n$1\r\nk\r\n", true), ("*1\r\n$4\r\nEXEC\r\n", false)]);
    let (mut file, mut commands, mut whole, mut is_in) = (String::new(), 0, 0, false);
    for (part, is_in_after) in parts {
        for cut in 0..part.len() {
            let cut = format!("{file}{}", &part[..cut]);
            let end = aof::End { commands, whole, is_in_transaction: is_in };
            assert_eq!(aof::end_of(cut.as_bytes()), end, "{cut:?}");
        }
        file.push_str(part);
        (commands, is_in) = (file.len(), is_in_after);
        whole = if is_in { whole } else { commands };
    }
    assert_eq!(aof::end_of(file.as_bytes()), aof::End { commands, whole, is_in_transaction: is_in });
}

/// Inodes are used again. Whatever was synced under this one before has nothing to do with a part that has just begun.
#[test]
fn nothing_of_a_part_of_an_aof_that_has_just_begun_is_synced() {
    let clock = Clock::new().noting_syncs();
    let server = Server::plain_under(&clock, &["--appendonly", "yes", "--appendfsync", "always"]);
    let mut c = server.client();
    for nth in 0..30 {
        c.ok(&format!("SET key{nth} value"));
        assert!(aof::is_synced(&server, &clock));
        c.ok("BGREWRITEAOF");
        wait_until("the AOF is rewritten", || c.info("persistence", "aof_rewrite_in_progress") == "0");
        let last = aof::increments(&server).pop().expect("a part");
        assert_eq!((aof::length(&last), clock.synced_length(&last)), (0, 0), "{}", last.display());
    }
}

/// Outside, all that hangs looks alike: the whole program takes too long.
#[test]
fn what_hangs_is_told_by_its_name_and_what_is_over_is_not() {
    let server = Server::plain(&[]);
    let (teller, told) = channel();
    let _outer = doing("a schedule");
    drop(doing("what is over"));
    let (begun, has_begun) = channel();
    let (word, never) = channel::<()>();
    let waiting = std::thread::spawn(move || {
        let _at = doing("a word that never comes");
        begun.send(()).expect("somebody who waits for it");
        never.recv()
    });
    has_begun.recv_timeout(PATIENCE).expect("a thread that waits");
    let tell = teller.clone();
    let deadline = Deadline::with("the test", Duration::from_millis(20), move |report| {
        tell.send(report).expect("a listener");
    });
    let report = told.recv_timeout(PATIENCE).expect("a report");
    drop(deadline);
    for part in ["HANGS: the test", "a schedule", "a word that never comes", &format!("process {}, ", server.pid())] {
        assert!(report.contains(part), "{part} is not in it: {report}");
    }
    assert!(!report.contains("what is over"), "{report}");
    drop(word);
    assert!(waiting.join().expect("a thread that ends").is_err());

    // What is over in time is not told of: who could have told it has gone with it.
    drop(Deadline::with("the rest", PATIENCE, move |report| teller.send(report).expect("a listener")));
    assert!(told.recv().is_err(), "nobody is left who could tell");
}
