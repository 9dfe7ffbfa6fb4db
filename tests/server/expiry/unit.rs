//! The end of a watched key and the word of it are two writes. Whatever comes between them parts them for nobody: they are one unit where
//! the server has such, and elsewhere the end is announced in front of itself.

use super::*;
use crate::common::{fail_over, pair as pair_of, pair_under, AOF};
use crate::harness::*;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// A stall that is longer than the keys live, so that it is a client who finds them over.
const STALL: &str = "DEBUG SLEEP 0.4";

fn keys(entries: &[Entry]) -> Vec<String> {
    let mut keys: Vec<String> = entries.iter().map(|entry| entry.key.clone()).collect();
    keys.sort();
    keys
}

/// Sends all lines at once, so that the server reads them in one turn of its loop. The replies are left.
#[track_caller]
fn send_all(c: &mut Client, lines: &[String]) {
    let commands: Vec<_> = lines.iter().map(|line| words(line)).collect();
    c.send_at_once(&commands);
}

fn line(text: &str) -> String {
    text.to_owned()
}

#[test]
fn a_failover_in_the_turn_in_which_keys_are_found_to_have_ended_loses_none() {
    for anew in ["", "SET", "SET PX"] {
        let mut clock = Clock::new();
        let (master, replica) = pair_under(&clock, &[]);
        let mut c = master.client();
        c.ok("EXPIRY.CREATE w PREFIX k:");
        let at = clock.now_ms() + AHEAD;
        let mut expected: Vec<String> = (0..20).map(|n| format!("k:{n}")).collect();
        for key in &expected {
            c.ok(&format!("SET {key} v PXAT {at}"));
        }
        replica.wait_in_sync(&master);
        assert_eq!(tracked(&mut replica.client(), "w").len(), 20);
        let mut lines = vec![line(STALL)];
        for key in &expected {
            lines.push(format!("GET {key}"));
            match anew {
                "SET" => lines.push(format!("SET {key} paid")),
                "SET PX" => lines.push(format!("SET {key} again PX 100000")),
                _ => {}
            }
        }
        lines.push(format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 10000", replica.port));
        clock.pass_to(at - 200);
        send_all(&mut c, &lines);
        let mut r = replica.client();
        wait_until("the roles are swapped", || {
            r.info("replication", "role") == "master" && master.client().info("replication", "role") == "slave"
        });
        let got = take(&mut r, "w", 20);
        expected.sort();
        assert_eq!(keys(&got), expected, "{anew}");
        assert!(got.iter().all(|entry| entry.deadline <= at + 400), "{got:?}");
        let left = if anew == "SET PX" { 20 } else { 0 };
        wait_until("the rest is as it should be", || expiries(&mut r, "w") == [left, 0, 20, 0, 0]);
        wait_until("the old master agrees", || expiries(&mut master.client(), "w") == [left, 0, 20, 0, 0]);
        same_data(&replica, &master);
    }
}

#[test]
fn a_shutdown_in_the_turn_in_which_a_key_is_found_to_have_ended_loses_nothing() {
    for last in ["SHUTDOWN NOSAVE", "SHUTDOWN", "TERM", "BGREWRITEAOF"] {
        for anew in [None, Some("SET k:1 paid"), Some("SET k:1 again PX 100000")] {
            if last == "TERM" && anew.is_some() {
                // A signal ends the stall early.
                continue;
            }
            let (mut server, mut c) = watching(&AOF);
            c.ok("EXPIRY.CREATE v PREFIX k:");
            c.ok("SET k:1 v PX 200");
            c.ok("SET k:other v EX 1000");
            let mut lines = vec![line(STALL), line("GET k:1")];
            lines.extend(anew.map(line));
            match last {
                "TERM" => {}
                _ => lines.push(line(last)),
            }
            send_all(&mut c, &lines);
            match last {
                "TERM" => {
                    server.signal("TERM");
                    server.child_end();
                }
                "BGREWRITEAOF" => {
                    wait_until("the rewrite is over", || {
                        server.client().info("persistence", "aof_rewrite_in_progress") == "0"
                    });
                    server.stop(Stop::Kill);
                }
                _ => drop(server.child_end()),
            }
            server.start_again();
            let mut c = server.client();
            for watcher in ["w", "v"] {
                assert_eq!(keys(&take(&mut c, watcher, 1)), ["k:1"], "{last}, {anew:?}");
                assert_eq!(delivered(&mut c, watcher, "k:", 30), [], "{last}, {anew:?}");
            }
        }
    }
}

/// The incremental AOF file that the server writes at present.
fn aof(server: &Server) -> PathBuf {
    let folder = server.folder().join("appendonlydir");
    let files = fs::read_dir(&folder).expect("the folder of the AOF").map(|file| file.expect("a file").path());
    files.filter(|path| path.to_string_lossy().ends_with(".incr.aof")).max().expect("an AOF")
}

/// Where the commands in an AOF end.
fn ends_of_commands(aof: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    let number = |at: &mut usize| -> usize {
        let end = *at + aof[*at..].iter().position(|byte| *byte == b'\r').expect("a line");
        let number = std::str::from_utf8(&aof[*at + 1..end]).expect("a number").parse().expect("a number");
        *at = end + 2;
        number
    };
    while at < aof.len() {
        for _ in 0..number(&mut at) {
            let length = number(&mut at);
            at += length + 2;
        }
        ends.push(at);
    }
    ends
}

/// Wherever a crash cuts the file off.
#[test]
fn however_much_of_the_aof_is_left_an_ended_key_is_delivered_once() {
    for way in ["GET k:1", "by itself"] {
        let mut clock = Clock::new();
        let (mut server, mut c) = watching_under(&clock, &AOF);
        c.ok("EXPIRY.CREATE v PREFIX k:");
        let path = aof(&server);
        let begun = fs::read(&path).expect("the AOF").len();
        let at = clock.now_ms() + AHEAD;
        c.ok(&format!("SET k:1 v PXAT {at}"));
        let set = fs::read(&path).expect("the AOF").len();
        assert!(set > begun);
        clock.pass_to(at - 300);
        wait_for_copies(&server, 1);
        if way == "GET k:1" {
            send_all(&mut c, &[line(STALL), line(way)]);
        }
        wait_until("it has expired", || {
            ["w", "v"].iter().all(|watcher| expiries(&mut server.client(), watcher)[1] == 1)
        });
        server.stop(Stop::Kill);
        let whole = fs::read(&path).expect("the AOF");
        let ends: Vec<usize> = ends_of_commands(&whole).into_iter().filter(|end| *end >= set).collect();
        assert!(ends.len() > 3, "{ends:?}");
        for end in ends {
            fs::write(&path, &whole[..end]).expect("cut the AOF off");
            server.start_again();
            let mut c = server.client();
            for watcher in ["w", "v"] {
                let got = pairs(&delivered(&mut c, watcher, "k:", 50));
                assert_eq!(got, [pair("k:1", "v")], "{watcher}, {} of {} bytes", end, whole.len());
            }
            server.stop(Stop::Kill);
        }
    }
}

/// For each watcher, with the deletion or announced in front of it.
#[test]
fn the_end_of_a_key_and_the_word_of_it_go_out_as_one_for_all_watchers() {
    let (server, mut c) = watching(&[]);
    c.ok("EXPIRY.CREATE v PREFIX k:");
    c.ok("DEBUG SET-ACTIVE-EXPIRE 0");
    let mut feed = Feed::open(&server);
    for found in [true, false] {
        feed.take(&mut c);
        if found {
            at_once(&mut c, &["SET k:1 v PX 300", STALL, "GET k:1"]);
        } else {
            c.ok("SET k:1 v PX 300");
        }
        wait_until("it is told", || ["w", "v"].iter().all(|watcher| expiries(&mut c, watcher)[1] > 0));
        let told = feed.take(&mut c);
        let place =
            |what: &str| told.iter().position(|told| told.contains(what)).unwrap_or_else(|| panic!("{what}: {told:?}"));
        let is_deletion = |told: &&String| ["DEL k:1", "UNLINK k:1"].contains(&told.as_str());
        let deletion = told.iter().position(|told| is_deletion(&told)).unwrap_or_else(|| panic!("{told:?}"));
        let exec =
            deletion + told[deletion..].iter().position(|told| told == "EXEC").unwrap_or_else(|| panic!("{told:?}"));
        if found && !server.has_version("7.2") {
            for watcher in ["w", "v"] {
                let announced = place(&format!("EXPIRY.ENDS {watcher} k:1 expired"));
                assert!(place("MULTI") < announced && announced < deletion, "{told:?}");
                assert!(place(&format!("EXPIRY.FIRE {watcher} k:1")) > deletion, "{told:?}");
            }
        } else {
            for watcher in ["w", "v"] {
                let fired = place(&format!("EXPIRY.FIRE {watcher} k:1"));
                assert!(place("MULTI") < deletion && deletion < fired && fired < exec, "{told:?}");
            }
            assert!(told.iter().all(|told| !told.contains("EXPIRY.ENDS")), "{told:?}");
        }
        for watcher in ["w", "v"] {
            take_one(&mut c, watcher);
        }
    }
}

/// Stands between a master and its replica, which may have several connections, until an eviction has been announced to it. From then on neither
/// hears of the other.
fn cut_behind_an_announcement(listener: &TcpListener, master: u16) {
    let is_cut = Arc::new(AtomicBool::new(false));
    for replica in listener.incoming().flatten() {
        if is_cut.load(Ordering::Relaxed) {
            return;
        }
        let is_cut = Arc::clone(&is_cut);
        std::thread::spawn(move || pass_on_until_an_announcement(replica, master, &is_cut));
    }
}

fn pass_on_until_an_announcement(mut replica: TcpStream, master: u16, is_cut: &AtomicBool) {
    let mut master = TcpStream::connect(("127.0.0.1", master)).expect("the master");
    let (mut asked, mut answers) = (replica.try_clone().expect("a handle"), master.try_clone().expect("a handle"));
    std::thread::spawn(move || std::io::copy(&mut asked, &mut answers));
    let (mut seen, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = master.read(&mut part) {
        let before = seen.len();
        seen.extend_from_slice(&part[..length]);
        let place = |what: &[u8], from| Some(from + seen[from..].windows(what.len()).position(|at| at == what)?);
        let end = place(b"EXPIRY.ENDS", 0).and_then(|from| Some(place(b"evicted\r\n", from)? + 9));
        is_cut.fetch_or(end.is_some(), Ordering::Relaxed);
        if replica.write_all(&seen[before..end.unwrap_or(seen.len())]).is_err() || end.is_some() {
            break;
        }
    }
    let _ = (replica.shutdown(Shutdown::Both), master.shutdown(Shutdown::Both));
}

/// Where evictions are announced (before 7.2), a replica may be promoted that has got the announcement and not the deletion. The key lives there,
/// and so does its value.
#[test]
fn an_eviction_that_was_announced_and_did_not_come_costs_no_value() {
    let mut clock = Clock::new();
    let (master, mut c) = watching_under(&clock, &["--maxmemory-policy", "volatile-ttl"]);
    let replica = Server::start_under(&clock, &[]);
    let mut r = replica.client();
    let is_announced = !master.has_version("7.2");
    let at = clock.now_ms() + AHEAD;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    r.ok(&format!("REPLICAOF 127.0.0.1 {}", listener.local_addr().expect("its number").port()));
    let port = master.port;
    std::thread::spawn(move || cut_behind_an_announcement(&listener, port));
    wait_until("the replica has the watcher", || r.run("EXISTS w") == 1);
    c.ok(&format!("SET k:1 v PXAT {at}"));
    evict(&mut c, "k:1");
    match is_announced {
        true => wait_until("the link is cut", || r.info("replication", "master_link_status") == "down"),
        false => wait_until("it is evicted there", || r.run("EXISTS k:1") == 0 && tracked(&mut r, "w").len() == 1),
    }
    r.ok("REPLICAOF NO ONE");
    assert_eq!(r.run("EXISTS k:1"), i64::from(is_announced));
    clock.pass_to(at - 800);
    if is_announced {
        wait_for_copies(&replica, 1);
    }
    let entry = take_one(&mut r, "w");
    let expected = if is_announced { ("expired", Some(&b"v"[..])) } else { ("evicted", None) };
    assert_eq!((entry.reason.as_str(), entry.value.as_deref()), expected);
}

/// What the server deletes by itself, a few at a time.
#[test]
fn whatever_a_replica_has_got_of_many_ends_none_is_lost() {
    let mut clock = Clock::new();
    let (mut master, replica) = pair_under(&clock, &[]);
    let mut c = master.client();
    c.ok("EXPIRY.CREATE w PREFIX k:");
    let at = clock.now_ms() + AHEAD;
    c.pipeline((0..3_000).map(|n| words(&format!("SET k:{n} v{n} PXAT {at}"))).collect::<Vec<_>>());
    replica.wait_in_sync(&master);
    let mut r = replica.client();
    // Before values are copied.
    clock.pass_to(at - 800);
    wait_until("some have ended", || expiries(&mut r, "w")[1] > 0);
    master.stop(Stop::Kill);
    r.ok("REPLICAOF NO ONE");
    let got = take(&mut r, "w", 3_000);
    let mut names = keys(&got);
    names.dedup();
    assert_eq!(names.len(), 3_000);
    assert!(got.iter().all(|entry| entry.pair().1 == entry.key.replace("k:", "v")));
    wait_until("that is all", || expiries(&mut r, "w") == [0, 0, 3_000, 0, 0]);
}

/// The master's word decides, not the replica's clock.
#[test]
fn a_deletion_in_time_is_one_for_a_replica_whose_clock_is_ahead() {
    let mut clock = Clock::new();
    clock.pass(20_000);
    let (mut master, mut c) = watching(&[]);
    let replica = Server::start_under(&clock, &[]);
    replica.replica_of(&master);
    c.ok("SET k:deleted v PX 15000");
    c.ok("SET k:paid v PX 15000");
    c.ok("SET k:due v PX 15000");
    replica.wait_in_sync(&master);
    c.play("> DEL k:deleted\n 1\n > SET k:paid v\n OK\n > DEL k:paid\n 1");
    replica.wait_in_sync(&master);
    master.stop(Stop::Kill);
    let mut r = replica.client();
    r.ok("REPLICAOF NO ONE");
    assert_eq!(keys(&take(&mut r, "w", 1)), ["k:due"]);
    wait_until("that is all", || expiries(&mut r, "w") == [0, 0, 1, 0, 0]);
}

/// Its second life is deleted by a user.
#[test]
fn a_deletion_after_an_eviction_is_one_everywhere() {
    let (mut master, mut c) = watching(&["--maxmemory-policy", "volatile-ttl"]);
    let replica = Server::start(&[]);
    replica.replica_of(&master);
    for key in ["k:1", "k:2"] {
        c.ok(&format!("SET {key} v PX 2500"));
    }
    c.ok("CONFIG SET maxmemory 1kb");
    wait_until("they are evicted", || {
        c.run("SET other x");
        c.run("EXISTS k:1 k:2") == 0
    });
    c.ok("CONFIG SET maxmemory 0");
    c.play("> SET k:1 paid\n OK\n > DEL k:1\n 1\n > EXPIRY.TRACKED w\n [['k:2' <_>]]");
    replica.wait_in_sync(&master);
    assert_eq!(tracked_names(&mut replica.client(), "w"), ["k:2"]);
    master.stop(Stop::Kill);
    let mut r = replica.client();
    r.ok("REPLICAOF NO ONE");
    let entry = take_one(&mut r, "w");
    assert_eq!((entry.key.as_str(), entry.reason.as_str()), ("k:2", "evicted"));
    wait_until("that is all", || expiries(&mut r, "w") == [0, 0, 1, 0, 0]);
}

/// Demoted in the turn in which it found them.
#[test]
fn roles_that_change_to_and_fro_while_keys_end_lose_none_and_double_none() {
    let (master, replica) = pair_of(&[]);
    let mut c = master.client();
    c.ok("EXPIRY.CREATE w PREFIX k:");
    let at = now_ms() + 600;
    c.pipeline((0..400i64).map(|n| words(&format!("SET k:{n} v PXAT {}", at + n * 3))).collect::<Vec<_>>());
    replica.wait_in_sync(&master);
    wait_until("the first end", || now_ms() > at);
    fail_over(&master, &replica);
    fail_over(&replica, &master);
    let got = take(&mut c, "w", 400);
    let mut names = keys(&got);
    names.dedup();
    assert_eq!(names.len(), 400);
    wait_until("that is all", || expiries(&mut c, "w") == [0, 0, 400, 0, 0]);
    same_data(&master, &replica);
}
