//! THROTTLE.TAKE among others: in MULTI, in scripts and in RESP3, its event, a server at its limits, ACL, and watchers of its keys.

use crate::harness::*;

#[test]
fn it_works_in_multi_in_scripts_and_in_resp3() {
    let server = Server::start(&[]);
    let mut other = server.client();
    server.client().resp3().play(
        r#"
        > MULTI
        OK
        > THROTTLE.TAKE k 2 1000000
        QUEUED
        > THROTTLE.TAKE k 2 1000000
        QUEUED
        > THROTTLE.TAKE k 2 1000000
        QUEUED
        > EXEC
        [[1 2 1 -1 500000] [1 2 0 -1 <a>] [0 2 0 <b> <c>]]
        > EVAL "return redis.call('THROTTLE.TAKE', KEYS[1], 3, 9000, 'COST', 2)" 1 script
        [1 3 1 -1 6000]
        > WATCH script
        OK
        > THROTTLE.TAKE script 3 9000 COST 0
        [1 3 1 -1 <d>]
        > THROTTLE.TAKE script 3 9000 COST 3
        [0 3 1 <e> <f>]
        > MULTI
        OK
        > PING
        QUEUED
        > EXEC
        [PONG]
        > WATCH script
        OK
        "#,
    );
    // A take that was allowed breaks a transaction that watches the key.
    let mut c = server.client();
    c.ok("WATCH script");
    other.ok("THROTTLE.TAKE script 3 9000");
    c.play("> MULTI\n OK\n > PING\n QUEUED\n > EXEC\n nil");
}

#[test]
fn only_a_take_that_was_allowed_tells_so() {
    let server = Server::start(&[]);
    let mut events = Events::subscribe(&server);
    let mut c = server.client();
    for command in [
        "THROTTLE.TAKE k 2 1000000",
        "THROTTLE.TAKE k 2 1000000 COST 0",
        "THROTTLE.TAKE k 2 1000000 COST 2",
        "THROTTLE.TAKE k 2 1000000",
        "THROTTLE.TAKE k 2 1000000",
        "THROTTLE.TAKE none 2 1000 COST 0",
    ] {
        c.ok(command);
    }
    assert_eq!(events.take(&mut c), ["k throttle.take", "k throttle.take"]);
}

#[test]
fn at_maxmemory_it_is_refused_as_what_adds() {
    Server::start(&[]).client().play(
        "> CONFIG SET maxmemory 1\n OK\n > THROTTLE.TAKE k 2 1000\n -OOM …\n > EXISTS k\n 0\n > CONFIG SET maxmemory 0\n OK\n > THROTTLE.TAKE k 2 1000\n [1 2 1 -1 500]",
    );
}

#[test]
fn a_write_pause_holds_it_up_and_nothing_is_lost() {
    let mut server = Server::start(&["--appendonly", "yes"]);
    let mut c = server.client();
    c.ok("CLIENT PAUSE 300 WRITE");
    c.expect("THROTTLE.TAKE k 2 1000000", "[1 2 1 -1 500000]");
    server.assert_alive();
}

#[test]
fn acl_cluster_and_docs_know_its_key_flags_and_arguments() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let info = c.ok("COMMAND INFO throttle.take");
    let info = info.items()[0].items();
    assert_eq!([info[1].int(), info[3].int(), info[4].int()], [-4, 1, 1]);
    assert_eq!(info[2].to_string(), "[write denyoom module fast]");
    let docs = c.ok("COMMAND DOCS throttle.take").to_string();
    for documented in ["'token' 'BURST'", "'token' 'COST'", "'limit' 'type' 'integer'", "'period' 'type' 'string'"] {
        assert!(docs.contains(documented), "{documented} is not in {docs}");
    }
    c.play(
        r#"
        > COMMAND GETKEYS THROTTLE.TAKE k 5 1000 BURST 7
        ['k']
        > ACL SETUSER limited on nopass ~k* %W~w* +@all
        OK
        > AUTH limited any
        OK
        > THROTTLE.TAKE k 5 1000
        [1 5 4 -1 200]
        > THROTTLE.TAKE other 5 1000
        -NOPERM …
        # It tells how much others have taken, so who may only write may not.
        > THROTTLE.TAKE w 5 1000
        -NOPERM …
        "#,
    );
}

/// Its keys have a time to live, however they got their names, and are not what EXPIRY delivers.
#[test]
fn its_keys_are_never_watched() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> THROTTLE.TAKE k:before 1 100000\n [1 …]\n > EXPIRY.CREATE w PREFIX k:\n OK\n > THROTTLE.TAKE t 1 100000\n [1 …]");
    let dump = c.ok("DUMP t").bytes().to_vec();
    assert_eq!(crate::cmd!(c, "RESTORE", "k:restored", 100_000, &dump), "OK");
    c.play(
        r#"
        > THROTTLE.TAKE k:taken 1 100000
        [1 …]
        > COPY t k:copied
        1
        > THROTTLE.TAKE k:expire 1 100000
        [1 …]
        > EXPIRE k:expire 5000
        1
        > RENAME t k:renamed
        OK
        > SET k:text v EX 5000
        OK
        "#,
    );
    wait_until("the watcher has walked over all keys", || c.run("EXPIRY.TRACKED w").to_string().contains("k:text"));
    c.expect("EXPIRY.TRACKED w", "[['k:text' <_>]]");
    // What comes after them is delivered, so they were not.
    for key in ["k:before", "k:restored", "k:taken", "k:copied", "k:expire", "k:renamed"] {
        c.expect(&format!("PEXPIRE {key} 1"), "1");
    }
    c.play("> SET k:fence v PX 60\n OK\n > EXPIRY.CLAIM w me COUNT 10 BLOCK 10000\n [[<_t> 1 'k:fence' …]]");
    assert_eq!(c.ok("EXISTS k:before k:restored k:taken k:copied k:expire k:renamed"), 0);
}

/// They come under a watched name and expire before anybody could look at what they are.
#[test]
fn a_key_of_ours_that_comes_and_goes_in_one_turn_of_the_loop_is_not_delivered() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> EXPIRY.CREATE w PREFIX k:\n OK");
    // Touched, or found by the look at what was seen.
    for touch in ["EXISTS k:gen k:renamed", "EXISTS none"] {
        let turn = [
            // The server reads all that follows at once.
            "DEBUG SLEEP 0.05",
            "THROTTLE.TAKE t 1 3",
            "RENAME t k:renamed",
            "TSGEN.ADD k:gen 1 a",
            "PEXPIRE k:gen 1",
            "DEBUG SLEEP 0.02",
            touch,
            "SET k:fence v PX 30",
        ];
        c.pipeline(turn.map(words));
        c.expect("EXPIRY.CLAIM w me COUNT 10 BLOCK 10000", "[[<_> 1 'k:fence' …]]");
        c.bindings.clear();
    }
}
