//! Bad and hostile input to DEBOUNCE: an error that names what is wrong, nothing changed, and a server that lives.

use crate::common::refused;
use crate::harness::*;

#[test]
fn options_are_checked() {
    let server = Server::start(&[]);
    server.client().play("> DEBOUNCE.PUSH k g x\n 1\n > DEBOUNCE.PUSH k h x\n 1\n > DEBOUNCE.FLUSH k h\n 1\n > DEBOUNCE.CLAIM k w\n [[<t> …]]");
    let range = "must be an integer between";
    refused(
        &server,
        &[
            ("DEBOUNCE.CREATE n IDLE", "IDLE needs a value"),
            ("DEBOUNCE.CREATE n IDLE 0", "IDLE must be an integer between 1 and 315360000000"),
            ("DEBOUNCE.CREATE n IDLE -1", range),
            ("DEBOUNCE.CREATE n IDLE 1.5", range),
            ("DEBOUNCE.CREATE n IDLE 315360000001", range),
            ("DEBOUNCE.CREATE n IDLE 5 IDLE 5", "IDLE given twice"),
            ("DEBOUNCE.CREATE n MAXWAIT -1", "MAXWAIT must be an integer between 0 and 315360000000"),
            ("DEBOUNCE.CREATE n MAXWAIT 315360000001", range),
            ("DEBOUNCE.CREATE n MAXITEMS -1", "MAXITEMS must be an integer between 0 and"),
            ("DEBOUNCE.CREATE n MAXITEMS 9223372036854775808", range),
            ("DEBOUNCE.CREATE n UNIQUE", "UNIQUE needs a value"),
            ("DEBOUNCE.CREATE n UNIQUE maybe", "UNIQUE must be yes or no"),
            ("DEBOUNCE.CREATE n UNIQUE yes UNIQUE yes", "UNIQUE given twice"),
            ("DEBOUNCE.CREATE n CLOCK", "'CLOCK'"),
            ("DEBOUNCE.ALTER n IDLE 5", "no such key"),
            ("DEBOUNCE.ALTER k UNIQUE no", "fixed when the key is created"),
            ("DEBOUNCE.ALTER k IDLE 0", range),
            ("DEBOUNCE.ALTER k IDLE 5 MAXITEMS x", range),
            ("DEBOUNCE.ALTER k IDLE 5 FOO", "'FOO'"),
            ("DEBOUNCE.PUSH k", "wrong number of arguments"),
            ("DEBOUNCE.PUSH k g", "wrong number of arguments"),
            ("DEBOUNCE.GET k", "wrong number of arguments"),
            ("DEBOUNCE.GET k g g", "wrong number of arguments"),
            ("DEBOUNCE.FLUSH k", "wrong number of arguments"),
            ("DEBOUNCE.CANCEL k", "wrong number of arguments"),
            ("DEBOUNCE.GROUPS k COUNT", "COUNT needs a value"),
            ("DEBOUNCE.GROUPS k COUNT 0", "COUNT must be an integer between 1 and 10000"),
            ("DEBOUNCE.GROUPS k COUNT 10001", range),
            ("DEBOUNCE.GROUPS k AFTER", "AFTER needs a value"),
            ("DEBOUNCE.GROUPS k AFTER a AFTER a", "AFTER given twice"),
            ("DEBOUNCE.GROUPS k FOO", "'FOO'"),
            ("DEBOUNCE.FLUSHALL k COUNT 0", range),
            ("DEBOUNCE.FLUSHALL k COUNT 1 COUNT 1", "COUNT given twice"),
            ("DEBOUNCE.FLUSHALL k ALL", "'ALL'"),
            ("TSGEN.AT 1 DEBOUNCE.PUSH k g x", "tsgen.virtual-clock"),
        ],
    );
}

#[test]
fn the_keys_of_every_command_are_known_to_acl_and_cluster() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        r#"
        > COMMAND GETKEYS DEBOUNCE.PUSH k g x y
        ['k']
        > COMMAND GETKEYS DEBOUNCE.CREATE k IDLE 5 UNIQUE no SINK s SINKMAXLEN 5
        ['k' 's']
        > COMMAND GETKEYS DEBOUNCE.ALTER k MAXITEMS 5 MAXWAIT 5 SINK s
        ['k' 's']
        > COMMAND GETKEYS DEBOUNCE.FLUSH k g h
        ['k']
        > ACL SETUSER limited on nopass ~k* +@all
        OK
        > AUTH limited any
        OK
        > DEBOUNCE.CREATE k IDLE 5 SINK stream
        -NOPERM …
        > DEBOUNCE.CREATE k IDLE 5 SINK kstream
        OK
        > DEBOUNCE.ALTER k MAXWAIT 5 SINK stream
        -NOPERM …
        > DEBOUNCE.PUSH other g x
        -NOPERM …
        > DEBOUNCE.PUSH k2 g x
        1
        > ACL SETUSER limited -debounce.flush
        OK
        > DEBOUNCE.FLUSH k2 g
        -NOPERM …
        "#,
    );
}

/// As with BLPOP: a key of another type is not there for who waits already.
#[test]
fn a_worker_is_not_served_by_a_key_of_the_other_family() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0");
    c.play("> TSGEN.ADVANCE k 5\n 5\n > TSGEN.ADD k 1 a x\n 0");
    assert!(worker.is_blocked(&mut c));
    c.expect("TSGEN.CLAIM k w BLOCK 0", "[[<t> 1 'a' 1 'x']]");
    c.play("> DEL k\n 1\n > DEBOUNCE.PUSH k g b\n 1\n > DEBOUNCE.FLUSH k g\n 1");
    assert!(worker.reply().to_string().contains(" 'g' 'flush' ['b' "));
}

#[test]
fn names_and_items_beyond_their_limits_are_refused() {
    let server = Server::start(&["--tsgen.max-payload-size", "10"]);
    let mut c = server.client();
    let (longest, too_long) = ("x".repeat(65_536), "x".repeat(65_537));
    assert_eq!(crate::cmd!(c, "DEBOUNCE.PUSH", "k", &longest, "0123456789"), 1);
    let digest = server.digest_all();
    for (what, reply) in [
        ("group", crate::cmd!(c, "DEBOUNCE.PUSH", "k", &too_long, "x")),
        ("item", crate::cmd!(c, "DEBOUNCE.PUSH", "k", "g", "fine", "0123456789x")),
        ("item", crate::cmd!(c, "DEBOUNCE.PUSH", "none", "g", "0123456789x")),
        ("AFTER", crate::cmd!(c, "DEBOUNCE.GROUPS", "k", "AFTER", &too_long)),
        ("consumer", crate::cmd!(c, "DEBOUNCE.CLAIM", "k", &too_long)),
    ] {
        assert!(reply.is_error() && reply.to_string().contains(what), "{what}: {reply}");
        assert!(reply.to_string().len() < 300, "nothing is echoed");
    }
    for command in ["GET", "FLUSH", "CANCEL"] {
        let reply = crate::cmd!(c, format!("DEBOUNCE.{command}"), "k", &too_long);
        assert!(reply == "nil" || reply == 0, "there is no such group: {reply}");
    }
    assert_eq!(server.digest_all(), digest);
}

#[test]
fn times_at_the_edges_saturate() {
    Server::start(&["--tsgen.virtual-clock", "yes"]).client().play(
        r#"
        > DEBOUNCE.CREATE k IDLE 315360000000 MAXWAIT 315360000000 MAXITEMS 100000
        OK
        > TSGEN.AT 8796093022207 DEBOUNCE.PUSH k g x
        1
        > TSGEN.AT 8796093022207 DEBOUNCE.GET k g
        [9111453022207 ['x' 8796093022207]]
        > TSGEN.AT 0 DEBOUNCE.PUSH k g y
        2
        > TSGEN.AT 0 DEBOUNCE.GET k g
        [315360000000 ['x' 8796093022207 'y' 0]]
        > TSGEN.AT 315360000000 DEBOUNCE.CLAIM k w
        [[<t> 1 'g' 'idle' ['x' 8796093022207 'y' 0]]]
        "#,
    );
}
