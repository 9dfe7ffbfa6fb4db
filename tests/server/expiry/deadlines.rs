//! However a key gets its time to live, its end is delivered; and whatever takes it away cancels that.

use super::*;
use crate::harness::*;

/// Runs the lines on a server with a watcher over `k:` and checks what has been delivered 250 ms later.
#[track_caller]
fn comes_to(lines: &[&str], expected: &[(&str, &str)]) {
    let (_server, mut c) = watching(&[]);
    for line in lines {
        c.ok(line);
    }
    let mut got = pairs(&delivered(&mut c, "w", "k:", 250));
    got.sort();
    let expected: Vec<(String, String)> = expected.iter().map(|(key, value)| pair(key, value)).collect();
    assert_eq!(got, expected, "after {lines:?}");
}

/// One case for each way of giving a key a time to live; all at once on one server, as they do not meet.
#[test]
fn however_a_ttl_comes_its_end_is_delivered() {
    let (_server, mut c) = watching(&[]);
    let (ms, s) = (now_ms() + 1_100, now_ms() / 1_000 + 2);
    let lines = [
        "SET k:px v PX 100".to_owned(),
        format!("SET k:pxat v PXAT {ms}"),
        "SET k:ex v EX 1".to_owned(),
        format!("SET k:exat v EXAT {s}"),
        "SET k:keep old PX 150".to_owned(),
        "SET k:keep v KEEPTTL".to_owned(),
        "SETEX k:setex 1 v".to_owned(),
        "PSETEX k:psetex 120 v".to_owned(),
        "SETNX k:setnx v".to_owned(),
        "EXPIRE k:setnx 1".to_owned(),
        "SET k:pexpire v".to_owned(),
        "PEXPIRE k:pexpire 140".to_owned(),
        "SET k:pexpireat v".to_owned(),
        format!("PEXPIREAT k:pexpireat {ms}"),
        "SET k:expireat v".to_owned(),
        format!("EXPIREAT k:expireat {s}"),
        "SET k:getex v".to_owned(),
        "GETEX k:getex PX 130".to_owned(),
        "SET nx v PX 160".to_owned(),
        "RENAME nx k:renamed".to_owned(),
        "SET origin v PX 170".to_owned(),
        "COPY origin k:copied".to_owned(),
        "SET k:two v PX 180".to_owned(),
        "RENAME k:two k:three".to_owned(),
        "SET k:nx v NX PX 20".to_owned(),
        "SET k:moved-later v PX 30".to_owned(),
        "PEXPIRE k:moved-later 210".to_owned(),
        "SET k:earlier v EX 1000".to_owned(),
        "PEXPIRE k:earlier 90".to_owned(),
        "SET k:gt v PX 50".to_owned(),
        "PEXPIRE k:gt 200 GT".to_owned(),
        "SET k:appended v PX 200".to_owned(),
        "APPEND k:appended !".to_owned(),
        "SET k:counted 41 PX 200".to_owned(),
        "INCR k:counted".to_owned(),
        "EVAL \"redis.call('SET', KEYS[1], 'v') redis.call('PEXPIRE', KEYS[1], 110)\" 1 k:script".to_owned(),
        "MULTI".to_owned(),
        "SET k:multi v".to_owned(),
        "PEXPIRE k:multi 115".to_owned(),
        "EXEC".to_owned(),
        "SET k:dumped v".to_owned(),
    ];
    for line in &lines {
        c.ok(line);
    }
    let dump = c.ok("DUMP k:dumped");
    c.ok("DEL k:dumped");
    assert_eq!(crate::cmd!(c, "RESTORE", "k:restored", 100, dump.bytes()), "OK");
    assert_eq!(crate::cmd!(c, "RESTORE", "k:absttl", ms, dump.bytes(), "ABSTTL"), "OK");
    assert_eq!(crate::cmd!(c, "RESTORE", "k:replaced", 100_000, dump.bytes()), "OK");
    assert_eq!(crate::cmd!(c, "RESTORE", "k:replaced", 100, dump.bytes(), "REPLACE"), "OK");
    c.play("> SELECT 1\n OK\n > SET k:from1 v PX 300\n OK\n > MOVE k:from1 0\n 1\n > SELECT 0\n OK");
    let mut got = pairs(&delivered(&mut c, "w", "k:", 2_100));
    got.sort();
    let plain = [
        "absttl",
        "copied",
        "earlier",
        "ex",
        "exat",
        "expireat",
        "from1",
        "getex",
        "gt",
        "keep",
        "moved-later",
        "multi",
        "nx",
        "pexpire",
        "pexpireat",
        "psetex",
        "px",
        "pxat",
        "renamed",
        "replaced",
        "restored",
        "script",
        "setex",
        "setnx",
        "three",
    ];
    let mut expected: Vec<_> = plain.iter().map(|name| pair(&format!("k:{name}"), "v")).collect();
    expected.extend([pair("k:appended", "v!"), pair("k:counted", "42")]);
    expected.sort();
    assert_eq!(got, expected);
}

#[test]
fn whatever_removes_a_key_or_its_ttl_in_time_cancels() {
    let (_server, mut c) = watching(&[]);
    let keys = [
        "del",
        "unlink",
        "getdel",
        "persist",
        "set",
        "getset",
        "sunion",
        "rename",
        "move",
        "past",
        "getexpersist",
        "mset",
        "pop",
        "script",
        "sortstore",
        "getexpast",
        "multi",
        "setget",
        "restore",
        "expire0",
    ];
    for key in keys {
        c.ok(&format!("SET k:{key} v PX 400"));
    }
    let dump = c.ok("DUMP k:set");
    c.play(
        r#"
        > DEL k:del
        1
        > UNLINK k:unlink
        1
        > GETDEL k:getdel
        'v'
        > PERSIST k:persist
        1
        > SET k:set v2
        OK
        > GETSET k:getset v2
        'v'
        > SADD a x
        1
        > SUNIONSTORE k:sunion a
        1
        > RENAME k:rename gone
        OK
        > MOVE k:move 1
        1
        > PEXPIREAT k:past 1000
        1
        > EXPIRE k:expire0 0
        1
        > GETEX k:getexpersist PERSIST
        'v'
        > GETEX k:getexpast PXAT 1000
        'v'
        > MSET k:mset v2
        OK
        > DEL k:pop
        1
        > RPUSH k:pop a
        1
        > PEXPIRE k:pop 400
        1
        > LPOP k:pop
        'a'
        > EVAL "redis.call('DEL', KEYS[1]) return 1" 1 k:script
        1
        > RPUSH l 1
        1
        > SORT l STORE k:sortstore
        1
        > MULTI
        OK
        > DEL k:multi
        QUEUED
        > EXEC
        [1]
        > SET k:setget v2 GET
        'v'
        "#,
    );
    assert_eq!(crate::cmd!(c, "RESTORE", "k:restore", 0, dump.bytes(), "REPLACE"), "OK");
    assert_eq!(pairs(&delivered(&mut c, "w", "k:", 600)), []);
    assert_eq!(tracked(&mut c, "w"), []);
}

#[test]
fn a_key_renamed_over_takes_the_place_and_the_deadline() {
    comes_to(&["SET k:a a PX 150", "SET k:b b PX 60", "RENAME k:a k:b"], &[("k:b", "a")]);
    comes_to(&["SET k:a a", "SET k:b b PX 60", "RENAME k:a k:b"], &[]);
    comes_to(&["SET k:a a PX 100", "SET k:b b PX 60", "COPY k:a k:b REPLACE"], &[("k:a", "a"), ("k:b", "a")]);
    comes_to(&["SET k:a a PX 100", "SET k:b b", "RENAMENX k:a k:c"], &[("k:c", "a")]);
}

#[test]
fn flushing_takes_the_watchers_with_it() {
    for flush in ["FLUSHALL", "FLUSHDB", "FLUSHALL ASYNC", "MULTI"] {
        let (_server, mut c) = watching(&[]);
        c.ok("SET k:1 v PX 60");
        c.ok(flush);
        if flush == "MULTI" {
            c.play("> FLUSHDB\n QUEUED\n > EXEC\n [OK]");
        }
        c.ok("EXPIRY.CREATE w PREFIX k:");
        assert_eq!(pairs(&delivered(&mut c, "w", "k:", 100)), [], "{flush}");
    }
}

#[test]
fn flushing_another_database_leaves_a_watcher_alone() {
    comes_to(&["SET k:1 v PX 60", "SELECT 1", "FLUSHDB", "SELECT 0"], &[("k:1", "v")]);
}

#[test]
fn names_are_bytes_and_prefixes_are_exact() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        r#"
        > EXPIRY.CREATE w PREFIX "\xff\x00"
        OK
        > SET "\xff\x00" "" PX 60
        OK
        > SET "\xff\x00\x0d\n" "\x00\xff" PX 70
        OK
        > SET "\xff" v PX 50
        OK
        > SET "x\xff\x00" v PX 50
        OK
        > EXPIRY.CLAIM w me BLOCK 10000
        [[<a> 1 '\xff\x00' 'string' '' <d> 'expired']]
        > EXPIRY.CLAIM w me BLOCK 10000
        [[<b> 1 '\xff\x00\x0d\x0a' 'string' '\x00\xff' <e> 'expired']]
        > EXPIRY.TRACKED w
        []
        "#,
    );
}

/// Redis tells modules that follow generic events nothing of a SET without TTL.
#[test]
fn a_key_overwritten_without_ttl_is_not_listed_any_more() {
    let (_server, mut c) = watching(&[]);
    c.play("> SET k:set v EX 1000\n OK\n > SET k:set v2\n OK\n > SADD a x\n 1\n > SET k:sunion v EX 1000\n OK\n > SUNIONSTORE k:sunion a\n 1");
    c.play("> SET k:later v EX 1000\n OK\n > EXPIRY.TRACKED w\n [['k:later' <_>]]");
}

const A_WATCHER_IN_EACH: &str =
    "> SELECT 1\n OK\n > EXPIRY.CREATE w PREFIX k:\n OK\n > SELECT 0\n OK\n > EXPIRY.CREATE w PREFIX k:\n OK";

/// What the watchers of the first two databases track.
#[track_caller]
fn tracked_in_each(c: &mut Client, tracked: [&str; 2]) {
    for (db, keys) in tracked.iter().enumerate() {
        c.play(&format!("> SELECT {db}\n OK\n > EXPIRY.TRACKED w\n {keys}"));
    }
}

/// In MULTI, Valkey 9 tells of the arrival of a key as if it were in the database of the transaction.
#[test]
fn a_key_that_moves_in_multi_is_tracked_where_it_has_arrived() {
    let (master, replica) = crate::common::pair(&[]);
    let mut c = master.client();
    c.play(A_WATCHER_IN_EACH);
    c.play("> SET k:moved v PX 100000\n OK\n > EXPIRY.TRACKED w\n [['k:moved' …]]");
    c.play("> MULTI\n OK\n > MOVE k:moved 1\n QUEUED\n > EXEC\n [1]");
    tracked_in_each(&mut c, ["[]", "[['k:moved' …]]"]);
    same_data(&master, &replica);
    tracked_in_each(&mut replica.client(), ["[]", "[['k:moved' …]]"]);
}

/// The same for a copy.
#[test]
fn a_key_that_is_copied_in_multi_is_tracked_where_the_copy_is() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(A_WATCHER_IN_EACH);
    c.play("> SET k:copied v PX 100000\n OK\n > MULTI\n OK\n > COPY k:copied k:copy DB 1\n QUEUED\n > EXEC\n [1]");
    tracked_in_each(&mut c, ["[['k:copied' …]]", "[['k:copy' …]]"]);
}

/// A watcher that changes its name or database in MULTI goes on watching where it has arrived, and only there.
#[test]
fn a_watcher_that_moves_in_multi_watches_where_it_has_arrived() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> EXPIRY.CREATE w PREFIX k:\n OK\n > MULTI\n OK\n > MOVE w 1\n QUEUED\n > SET k:here v PX 100000\n QUEUED\n > EXEC\n [1 OK]");
    c.play("> SELECT 1\n OK\n > SET k:there v PX 100000\n OK\n > EXPIRY.TRACKED w\n [['k:there' …]]");
}
