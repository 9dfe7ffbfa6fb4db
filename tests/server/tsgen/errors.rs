//! Bad input to TSGEN: an error that names what is wrong, and nothing changed.

use crate::common::refused;
use crate::harness::*;

/// `k` is external, `s` has sources, `c` is a clock, `str` a string.
#[track_caller]
fn start() -> Server {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > TSGEN.MADD k 1 a "" 5 b ""
        [1 1]
        > TSGEN.ADVANCE k 1
        1
        > TSGEN.CLAIM k w
        [[<t> …]]
        > TSGEN.CREATE s SOURCES 2 left right
        OK
        > TSGEN.CREATE c CLOCK
        OK
        > SET str 1
        OK
        "#,
    );
    server
}

#[test]
fn options_of_the_gate_are_checked() {
    refused(
        &start(),
        &[
            ("TSGEN.CREATE n CLOCK CLOCK", "CLOCK"),
            ("TSGEN.CREATE n CLOCK SOURCES 1 a", "SOURCES"),
            ("TSGEN.CREATE n SOURCES", "SOURCES"),
            ("TSGEN.CREATE n SOURCES 0", "SOURCES"),
            ("TSGEN.CREATE n SOURCES -1 a", "SOURCES"),
            ("TSGEN.CREATE n SOURCES x a", "SOURCES"),
            ("TSGEN.CREATE n SOURCES 3 a b", "SOURCES"),
            ("TSGEN.CREATE n SOURCES 9223372036854775807 a b", "SOURCES"),
            ("TSGEN.CREATE n SOURCES 2 a a", "SOURCES"),
            ("TSGEN.CREATE n LATE", "LATE"),
            ("TSGEN.CREATE n LATE MAYBE", "LATE"),
            ("TSGEN.CREATE n LATE READY LATE READY", "LATE given twice"),
            ("TSGEN.CREATE n WATERMARK 5", "'WATERMARK'"),
            ("TSGEN.ALTER k CLOCK", "fixed when the key is created"),
            ("TSGEN.ALTER k SOURCES 1 a", "fixed when the key is created"),
            ("TSGEN.ALTER k WATERMARK x", "WATERMARK"),
            ("TSGEN.ALTER k WATERMARK 0 WATERMARK 0", "WATERMARK given twice"),
            ("TSGEN.ALTER c WATERMARK 5", "ERR"),
            (
                "TSGEN.CREATE n MAXJUMP 1h",
                "MAXJUMP must be an integer between 0 and 9223372036854775807, without a unit",
            ),
            ("TSGEN.ALTER k MAXJUMP 1h", "without a unit"),
            ("TSGEN.CREATE n REMEMBERMAX 5m", "without a unit"),
            ("TSGEN.CREATE n MAXJUMP x", "MAXJUMP must be an integer between 0 and 9223372036854775807"),
        ],
    );
}

#[test]
fn elements_and_watermarks_are_checked() {
    refused(
        &start(),
        &[
            ("TSGEN.ADD k x id", "timestamp"),
            ("TSGEN.ADD k 1.5 id", "timestamp"),
            ("TSGEN.ADD k \"\" id", "timestamp"),
            ("TSGEN.ADD k 9223372036854775808 id", "timestamp"),
            ("TSGEN.ADD k -9223372036854775809 id", "timestamp"),
            ("TSGEN.ADD k +5 id", "CLOCK"),
            ("TSGEN.ADD new +5 id", "CLOCK"),
            ("TSGEN.ADD c +-5 id", "timestamp"),
            ("TSGEN.ADD c + id", "timestamp"),
            ("TSGEN.ADD c +99999999999999999999 id", "timestamp"),
            ("TSGEN.ADD k NX XX 1 id", "ERR"),
            ("TSGEN.ADD k NX NX 1 id", "ERR"),
            ("TSGEN.ADD k NX 1", "ERR"),
            ("TSGEN.ADD k 1 id payload more", "ERR"),
            ("TSGEN.ADD k 1 id payload more and more", "ERR"),
            ("TSGEN.ADD k 1 GROUP g id", "NX, XX, EVERY and GROUP stand before the timestamp"),
            ("TSGEN.ADD k 1 id GROUP g", "NX, XX, EVERY and GROUP stand before the timestamp"),
            ("TSGEN.ADD k 1 id payload NX", "NX, XX, EVERY and GROUP stand before the timestamp"),
            ("TSGEN.MADD k 1 a x GROUP g", "GROUP stands before the first timestamp"),
            ("TSGEN.MADD k 1 a", "wrong number of arguments"),
            ("TSGEN.MADD k 1 a x 2", "wrong number of arguments"),
            ("TSGEN.MADD k 1 a x 2 b", "wrong number of arguments"),
            ("TSGEN.MADD k 1 new x y b \"\"", "timestamp"),
            ("TSGEN.MADD new 1 new x +1 b \"\"", "CLOCK"),
            ("TSGEN.ADVANCE k x", "timestamp"),
            ("TSGEN.ADVANCE k 9223372036854775808", "timestamp"),
            ("TSGEN.ADVANCE k 5m", "without a unit"),
            ("TSGEN.ADVANCE k 9 FOO", "'FOO'"),
            ("TSGEN.ADVANCE k 9 SOURCE", "SOURCE"),
            ("TSGEN.ADVANCE k 9 SOURCE left", "SOURCE"),
            ("TSGEN.ADVANCE new 9 SOURCE left", "ERR"),
            ("TSGEN.ADVANCE s 9", "SOURCE"),
            ("TSGEN.ADVANCE s 9 SOURCE nobody", "SOURCE"),
            ("TSGEN.ADVANCE s 9 SOURCE left SOURCE right", "SOURCE"),
            ("TSGEN.ADVANCE c 9", "CLOCK"),
            ("TSGEN.RANGE k x +", "min"),
            ("TSGEN.RANGE k - (", "max"),
            ("TSGEN.RANGE k - 1.5", "max"),
            ("TSGEN.RANGE k - + COUNT", "COUNT"),
            ("TSGEN.RANGE k - + COUNT 0", "COUNT must be an integer between 1 and 10000"),
            ("TSGEN.RANGE k - + FOO", "'FOO'"),
            ("TSGEN.INFO none", "no such key"),
        ],
    );
}

#[test]
fn an_unknown_option_is_told_in_printable_text_of_bounded_length() {
    let server = start();
    let mut c = server.client();
    let option = vec![0xffu8; 100_000];
    let reply = crate::cmd!(c, "TSGEN.CREATE", "n", &option);
    let Reply::Error(text) = reply else { panic!("not refused: {reply}") };
    assert!(text.starts_with("ERR unknown option") && text.len() < 400 && text.is_ascii(), "{text}");
    let reply = crate::cmd!(c, "TSGEN.CREATE", "n", &b"a\r\nb\0%n%s"[..]);
    assert!(reply.to_string().starts_with("-ERR unknown option"), "{reply}");
    c.expect("PING", "PONG");
}

#[test]
fn names_and_payloads_beyond_their_limits_are_refused() {
    let server = Server::start(&["--tsgen.max-payload-size", "10"]);
    let mut c = server.client();
    let longest = "x".repeat(65_536);
    let too_long = "x".repeat(65_537);
    c.ok("TSGEN.ADD k 1 a");
    assert_eq!(crate::cmd!(c, "TSGEN.ADD", "k", 1, &longest), 1);
    assert_eq!(crate::cmd!(c, "TSGEN.ADD", "k", 1, "b", "0123456789"), 1);
    let digest = server.digest_all();
    for (what, reply) in [
        ("id", crate::cmd!(c, "TSGEN.ADD", "k", 1, &too_long)),
        ("id", crate::cmd!(c, "TSGEN.MADD", "k", 1, &too_long, "")),
        ("payload", crate::cmd!(c, "TSGEN.ADD", "k", 1, "c", "0123456789x")),
        ("payload", crate::cmd!(c, "TSGEN.MADD", "k", 1, "c", "0123456789x")),
        ("consumer", crate::cmd!(c, "TSGEN.CLAIM", "k", &too_long)),
        ("source", crate::cmd!(c, "TSGEN.CREATE", "n", "SOURCES", 1, &too_long)),
    ] {
        assert!(reply.is_error() && reply.to_string().contains(what), "{what}: {reply}");
        assert!(reply.to_string().len() < 300, "nothing is echoed");
    }
    assert_eq!(server.digest_all(), digest);
}

#[test]
fn at_is_for_replicas_and_the_aof_unless_the_clock_is_virtual() {
    let server = start();
    refused(
        &server,
        &[
            ("TSGEN.AT 1000 TSGEN.CLAIM k w", "tsgen.virtual-clock"),
            ("TSGEN.AT 1000 TSGEN.GET k a", "tsgen.virtual-clock"),
        ],
    );
    server.client().ok("CONFIG SET tsgen.virtual-clock yes");
    refused(
        &server,
        &[
            ("TSGEN.AT x TSGEN.ADVANCE k 9", "ms"),
            ("TSGEN.AT -1 TSGEN.ADVANCE k 9", "ms"),
            ("TSGEN.AT 8796093022208 TSGEN.ADVANCE k 9", "ms"),
            ("TSGEN.AT 1 SET k 9", "ERR"),
            ("TSGEN.AT 1 TSGEN.AT 1 TSGEN.ADVANCE k 9", "ERR"),
            ("TSGEN.AT 1 NOSUCH k", "ERR"),
            ("TSGEN.AT 1 TSGEN.ADVANCE k", "wrong number of arguments"),
            ("TSGEN.AT 1 TSGEN.ADVANCE k 9 FOO", "'FOO'"),
        ],
    );
}
