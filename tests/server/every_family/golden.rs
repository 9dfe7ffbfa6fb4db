//! Files that earlier versions have written: every version reads each of them, and finds in it exactly what was there.
//!
//! `tests/data/golden` says how to add a set. All of it happens in the year 2109, so that what is leased, delayed or collecting when the
//! files are written is still so when they are read.

use crate::common::rewritten;
use crate::harness::*;
use std::fs;
use std::path::{Path, PathBuf};

/// Writes a set of files with what this version saves, and compares what it holds with every set there is.
#[test]
fn what_is_saved_now_holds_what_was_saved_before() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    for (form, preamble) in [("preamble", "yes"), ("plain", "no")] {
        let mut server = Server::start(&["--appendonly", "yes", "--aof-use-rdb-preamble", preamble]);
        let mut c = server.client();
        fill_first(&mut c);
        c.ok("BGREWRITEAOF");
        rewritten(&mut c);
        fill_rest(&mut c);
        c.ok("SAVE");
        fs::copy(server.folder().join("dump.rdb"), folder.join("rdb")).expect("an RDB file");
        fs::write(folder.join("contents.txt"), contents(&mut c).join("\n") + "\n").expect("what is in it");
        server.stop(Stop::NoSave);
        let aof = server.folder().join("appendonlydir");
        let files = fs::read_dir(aof).expect("an AOF").map(|file| file.expect("a file").path());
        for file in files {
            let name = file.to_string_lossy().into_owned();
            // The rewrite has made the second of each kind.
            for kind in ["base", "incr"].into_iter().filter(|kind| name.contains(&format!(".2.{kind}."))) {
                fs::copy(&file, folder.join(format!("{form}.{kind}"))).expect("a part of the AOF");
            }
        }
    }
    let now = digests(&folder);
    for set in sets() {
        assert_eq!(digests(&set), now, "{}", set.display());
    }
}

#[test]
fn files_of_earlier_versions_hold_what_they_held() {
    let sets = sets();
    assert!(sets.len() >= 2, "format 0 and format 1");
    for set in sets {
        let expected = fs::read_to_string(set.join("contents.txt")).expect("what is in it");
        for form in FORMS {
            let server = loaded(&set, form);
            let found = contents(&mut server.client());
            for line in expected.lines() {
                assert!(found.iter().any(|other| other == line), "{} {form} lacks {line}\n{found:#?}", set.display());
            }
            works_on(&mut server.client());
        }
    }
}

const FORMS: [&str; 3] = ["rdb", "preamble", "plain"];

/// The folders under `tests/data/golden`, one for each format.
fn sets() -> Vec<PathBuf> {
    let folder = workspace().join("tests/data/golden");
    let mut sets: Vec<PathBuf> = fs::read_dir(folder)
        .expect("golden files")
        .map(|set| set.expect("a set").path())
        .filter(|set| set.is_dir())
        .collect();
    sets.sort();
    sets
}

/// A server that has loaded one form of a set.
#[track_caller]
fn loaded(set: &Path, form: &str) -> Server {
    let mut server = Server::start(&["--appendonly", if form == "rdb" { "no" } else { "yes" }]);
    server.stop(Stop::NoSave);
    if form == "rdb" {
        fs::copy(set.join("rdb"), server.folder().join("dump.rdb")).expect("an RDB file");
    } else {
        let aof = server.folder().join("appendonlydir");
        fs::remove_dir_all(&aof).expect("the AOF that was there");
        fs::create_dir(&aof).expect("a folder");
        let names = ["base", "incr"]
            .map(|kind| format!("appendonly.aof.1.{kind}.{}", if kind == "base" { "rdb" } else { "aof" }));
        for (kind, name) in ["base", "incr"].iter().zip(&names) {
            fs::copy(set.join(format!("{form}.{kind}")), aof.join(name)).expect("a part of the AOF");
        }
        let [base, incr] = names;
        let manifest = format!("file {base} seq 1 type b\nfile {incr} seq 1 type i\n");
        fs::write(aof.join("appendonly.aof.manifest"), manifest).expect("a manifest");
    }
    server.start_again();
    server.client().ok("CONFIG SET tsgen.virtual-clock yes");
    server
}

/// The digests of all keys, which must be the same in all forms; but that of `t:clock` tells when the set was made.
#[track_caller]
fn digests(set: &Path) -> Vec<String> {
    let [rdb, preamble, plain] = FORMS.map(|form| {
        let server = loaded(set, form);
        let keys = server.client().ok("KEYS *");
        let keys = keys.items().iter().map(Reply::text).filter(|key| key != "t:clock");
        let mut digests: Vec<String> = keys.map(|key| format!("{key} {}", server.digest(&key))).collect();
        digests.sort();
        digests
    });
    assert_eq!(preamble, rdb, "{}", set.display());
    assert_eq!(plain, rdb, "{}", set.display());
    rdb
}

/// The time at which all happens: 2^42 ms.
const NOW: i64 = 4_398_046_511_104;

/// Plays a transcript in which `@` and what follows up to a blank are a time after [`NOW`], and each command runs then.
#[track_caller]
fn play(c: &mut Client, text: &str) {
    let at = |word: &str| match word.strip_prefix('@') {
        Some(after) => (NOW + after.parse::<i64>().expect("a number behind @")).to_string(),
        None => word.to_owned(),
    };
    let line = |line: &str| {
        let line = line.split(' ').map(at).collect::<Vec<_>>().join(" ");
        match line.trim_start().strip_prefix("> ") {
            Some(command) if command.contains('.') => format!("> TSGEN.AT {command}"),
            _ => line,
        }
    };
    c.play(&text.lines().map(line).collect::<Vec<_>>().join("\n"));
}

/// What the base of an AOF will hold.
#[track_caller]
fn fill_first(c: &mut Client) {
    c.ok("CONFIG SET tsgen.virtual-clock yes");
    play(
        c,
        r#"
        > @0 TSGEN.CREATE t:all LEASE 315360000000 MAXDELIVERIES 2 BACKOFF 1000000 MAXBACKOFF 5000000 MAXLEN 5000
        OK
        > @0 TSGEN.MADD t:all 1 acked a 2 leased b 3 superseded c 4 delayed d 5 dead e 6 lapsed f 7 released g 8 "bin\x00ary" "\x00\xff%n" 900 waiting w -5 "" ""
        [1 1 1 1 1 1 1 1 1 1]
        > @10 TSGEN.ADVANCE t:all 8
        8
        > @20 TSGEN.CLAIM t:all first
        [[<empty> 1 '' -5 '']]
        > @20 TSGEN.CLAIM t:all first COUNT 5
        [[<acked> 1 'acked' 1 'a'] [<leased> 1 'leased' 2 'b'] [<superseded> 1 'superseded' 3 'c'] [<delayed> 1 'delayed' 4 'd'] [<dead> 1 'dead' 5 'e']]
        > @20 TSGEN.CLAIM t:all second LEASE 1000
        [[<lapsed> 1 'lapsed' 6 'f']]
        > @20 TSGEN.CLAIM t:all third
        [[<released> 1 'released' 7 'g']]
        > @30 TSGEN.ACK t:all <empty>
        1
        > @30 TSGEN.ACK t:all <acked>
        1
        > @30 TSGEN.ADD t:all 903 superseded newer
        1
        > @30 TSGEN.NACK t:all <delayed> DELAY 300000000000
        1
        > @30 TSGEN.NACK t:all <dead> DEAD REASON "no such thing"
        1
        > @30 TSGEN.RELEASE t:all third
        1
        > @0 TSGEN.CREATE t:sources SOURCES 2 left right LATE REJECT
        OK
        > @0 TSGEN.MADD t:sources 10 a 1 20 b 2
        [1 1]
        > @10 TSGEN.ADVANCE t:sources 30 SOURCE left
        nil
        > @0 TSGEN.CREATE t:empty
        OK
        > @0 TSGEN.CREATE t:sink SINK stream SINKMAXLEN 100
        OK
        > @0 TSGEN.ADD t:sink 10 waiting x
        1
        > @0 DEBOUNCE.CREATE d:unique IDLE 300000000000 MAXWAIT 310000000000 MAXITEMS 30 LEASE 315360000000 MAXDELIVERIES 1
        OK
        > @0 DEBOUNCE.PUSH d:unique many 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20
        21
        > @1 DEBOUNCE.PUSH d:unique few a "" "\x00\xff"
        3
        > @2 DEBOUNCE.PUSH d:unique flushed x
        1
        > @3 DEBOUNCE.FLUSH d:unique flushed
        1
        > @0 DEBOUNCE.CREATE d:plain IDLE 1000 UNIQUE no LEASE 1000 MAXDELIVERIES 1
        OK
        > @0 DEBOUNCE.PUSH d:plain quiet x x y
        3
        > @5 DEBOUNCE.CREATE d:sink IDLE 300000000000 SINK stream
        OK
        > @5 DEBOUNCE.PUSH d:sink group item
        1
        > @0 EXPIRY.CREATE e:watch PREFIX k: PREFIX "other:\x00" MAXVALUE 10 LEASE 315360000000 MAXDELIVERIES 3
        OK
        > @5 EXPIRY.FIRE e:watch k:1 @4 expired string value
        …
        > @5 EXPIRY.FIRE e:watch k:2 @4 evicted string
        …
        > @5 EXPIRY.FIRE e:watch k:3 @5 expired
        …
        > @0 TALLY.CREATE y:any EVERY 300000000000 MAXFIELDS 3 LEASE 315360000000 MAXDELIVERIES 3
        OK
        > @0 TALLY.MINCR y:any a 1 b -2 c 9223372036854775807
        [1 -2 9223372036854775807]
        > @1 TALLY.MINCR y:any a 1 d 5
        [1 5]
        > @0 TALLY.CREATE y:uuid EVERY 300000000000 FIELD UUID MIN -3 MAX 4
        OK
        > @0 TALLY.INCR y:uuid 67E55044-10B1-426F-9247-BB680E5FE0C8 4
        4
        > @0 TALLY.CREATE y:sink EVERY 300000000000 SINK stream
        OK
        > @0 TALLY.INCR y:sink f 5
        5
        > @0 THROTTLE.TAKE h:once 7 1000000000 BURST 20 COST 3
        [1 …]
        > @0 THROTTLE.TAKE h:twice 7 1000000000 BURST 20 COST 3
        [1 …]
        "#,
    );
    c.ok(&format!("SET k:alive string PXAT {}", NOW + 1_000_000));
    c.ok(&format!("SET k:long \"more than ten bytes\" PXAT {}", NOW + 2_000_000));
    c.ok(&format!("SET k:gone string PXAT {}", NOW + 4_000_000));
    c.ok("HSET k:hash field value");
    c.ok(&format!("PEXPIREAT k:hash {}", NOW + 3_000_000));
    wait_until("they are tracked", || c.ok("EXPIRY.TRACKED e:watch").items().len() == 4);
    // More than a chunk, and an element that fits into no page.
    let payload = "p".repeat(100);
    for n in 0..900 {
        c.ok(&format!("TSGEN.ADD t:many {} id-{n} {payload}", n * 7919 % 900));
    }
    c.ok(&format!("TSGEN.ADD t:many 5 large {}", "q".repeat(5_000)));
    c.ok("TSGEN.CREATE t:clock CLOCK");
    c.ok(&format!("TSGEN.ADD t:clock {NOW} later payload"));
}

/// What is repeated behind it.
#[track_caller]
fn fill_rest(c: &mut Client) {
    play(
        c,
        r#"
        > @2000 TSGEN.CLAIM t:all first COUNT 2
        [[<again> 1 'released' 7 'g'] [<binary> 1 'bin\x00ary' 8 '\x00\xff%n']]
        > @2000 TSGEN.EXTEND t:all 315360000000 <binary>
        1
        > @2000 TSGEN.REM t:all "no such" waiting
        1
        > @2000 TSGEN.ADD t:all 2000 late-waiting z
        1
        > @2000 TSGEN.ADVANCE t:sources 10 SOURCE right
        10
        > @2000 TSGEN.ALTER t:sources LATE READY MAXLEN 7
        OK
        > @2000 TSGEN.ADD t:sources 3 late ""
        0
        > @2000 DEBOUNCE.PUSH d:unique few a b
        4
        > @2000 DEBOUNCE.PUSH d:unique many 21 22 23 24 25 26 27 28 29 30 31
        2
        > @2000 DEBOUNCE.CLAIM d:unique first
        [[… 1 'flushed' 'flush' ['x' …]]]
        > @2000 DEBOUNCE.PUSH d:plain quiet z
        1
        > @2000 DEBOUNCE.CLAIM d:plain first
        [[… 1 'quiet' 'idle' …]]
        > @4000 DEBOUNCE.CLAIM d:plain first
        [[… 1 'quiet' 'idle' ['z' …]]]
        > @5 EXPIRY.CLAIM e:watch first COUNT 2
        [[… 1 'k:1' 'string' 'value' …] [<evicted> 1 'k:2' …]]
        > @5 EXPIRY.NACK e:watch <evicted> DEAD REASON "why not"
        1
        > @5 EXPIRY.EVICT e:watch k:gone @4000000
        …
        > @2000 TALLY.INCR y:any e
        1
        > @2000 TALLY.INCR y:any f
        1
        > @2000 TALLY.CLAIM y:any first
        [[… 1 …]]
        > @2000 TALLY.SEAL y:any
        1
        > @2000 TALLY.INCR y:any open 7
        7
        > @2000 TALLY.INCR y:uuid 67E55044-10B1-426F-9247-BB680E5FE0C8 -1
        3
        > @2000 THROTTLE.TAKE h:twice 5 1000000000 BURST 20 COST 3
        [1 …]
        "#,
    );
    c.ok(&format!("TSGEN.AT {NOW} TSGEN.ADVANCE t:many 450"));
    c.ok(&format!("TSGEN.AT {NOW} TSGEN.CLAIM t:many bulk COUNT 200 LEASE 315360000000"));
    // Leases that have ended: two of the tokens are still current.
    c.ok(&format!("TSGEN.AT {NOW} TSGEN.CLAIM t:many short COUNT 3 LEASE 10"));
    c.ok(&format!("TSGEN.AT {} TSGEN.CLAIM t:many bulk COUNT 1 LEASE 315360000000", NOW + 2_000));
}

/// What commands show of everything, a line each; of INFO a line for each field.
#[track_caller]
fn contents(c: &mut Client) -> Vec<String> {
    let mut lines = Vec::new();
    let families: [(&str, &[&str], &[&str]); 4] = [
        (
            "TSGEN",
            &["t:all", "t:sources", "t:empty", "t:sink", "t:many"],
            &["WATERMARK #", "RANGE # - + COUNT 5", "SOURCES #"],
        ),
        ("DEBOUNCE", &["d:unique", "d:plain", "d:sink"], &["GROUPS #", "GET # few", "GET # many", "GET # group"]),
        ("EXPIRY", &["e:watch"], &["TRACKED #"]),
        ("TALLY", &["y:any", "y:uuid", "y:sink"], &["GET # 67e55044-10b1-426f-9247-bb680e5fe0c8"]),
    ];
    for (family, keys, reads) in families {
        for key in keys {
            let on = |command: &str| format!("TSGEN.AT {} {family}.{}", NOW + 5_000, command.replace('#', key));
            for command in reads.iter().chain(&["PENDING # COUNT 10", "PENDING # CONSUMER first", "DEAD #"]) {
                lines.push(format!("{command} of {key}: {}", c.run(&on(command))));
            }
            let info = c.ok(&on("INFO #"));
            lines.extend(info.items().chunks(2).map(|field| format!("INFO of {key}: {} {}", field[0], field[1])));
        }
    }
    for key in ["h:once", "h:twice"] {
        let take = format!("TSGEN.AT {} THROTTLE.TAKE {key} 7 1000000000 BURST 20 COST 0", NOW + 5_000);
        lines.push(format!("{key}: {}", c.ok(&take)));
        lines.push(format!("PEXPIRETIME {key}: {}", c.ok(&format!("PEXPIRETIME {key}"))));
    }
    for command in ["TSGEN.RANGE t:clock - +", "GET k:alive", "HGETALL k:hash", "PEXPIRETIME k:long", "DBSIZE"] {
        lines.push(format!("{command}: {}", c.ok(command)));
    }
    lines
}

/// What was leased in the file settles, and what was ready is handed out, under higher tokens.
#[track_caller]
fn works_on(c: &mut Client) {
    let at = format!("TSGEN.AT {} ", NOW + 6_000);
    assert_eq!(c.ok("TSGEN.GET t:many large").items()[2].bytes(), [b'q'; 5_000]);
    let pending = c.ok(&format!("{at}TSGEN.PENDING t:all CONSUMER first"));
    let tokens: Vec<String> = pending.items().iter().map(|lease| lease.items()[0].int().to_string()).collect();
    assert_eq!(c.ok(&format!("{at}TSGEN.ACK t:all {}", tokens.join(" "))).int(), tokens.len() as i64);
    let claimed = c.ok(&format!("{at}TSGEN.CLAIM t:many next COUNT 1"));
    let last = c.ok(&format!("{at}TSGEN.PENDING t:many CONSUMER bulk COUNT 200"));
    assert!(claimed.items()[0].items()[0].int() > last.items()[199].items()[0].int());
}
