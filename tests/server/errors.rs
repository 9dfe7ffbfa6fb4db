//! Bad input: an error that names what is wrong, and nothing changed.

use crate::harness::*;

/// Runs each command and checks its error and that no data changed.
#[track_caller]
fn refused(server: &Server, cases: &[(&str, &str)]) {
    let mut c = server.client();
    let before = server.digest_all();
    for (command, named) in cases {
        let reply = c.run(command);
        assert!(reply.is_error(), "{command} was not refused: {reply}");
        assert!(reply.to_string().contains(named), "{command}: expected {named:?} in {reply}");
        assert_eq!(server.digest_all(), before, "{command} changed something");
    }
    c.expect("PING", "PONG");
}

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
fn options_of_create_and_alter_are_checked() {
    refused(
        &start(),
        &[
            ("TSGEN.CREATE n FOO", "'FOO'"),
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
            ("TSGEN.CREATE n LEASE", "LEASE"),
            ("TSGEN.CREATE n LEASE x", "LEASE must be an integer between 1 and 315360000000"),
            ("TSGEN.CREATE n LEASE 0", "LEASE must be an integer between 1 and 315360000000"),
            ("TSGEN.CREATE n LEASE -5", "LEASE"),
            ("TSGEN.CREATE n LEASE 315360000001", "LEASE"),
            ("TSGEN.CREATE n LEASE 99999999999999999999", "LEASE"),
            ("TSGEN.CREATE n LEASE 1.5", "LEASE"),
            ("TSGEN.CREATE n LEASE \" 1\"", "LEASE"),
            ("TSGEN.CREATE n LEASE 1 LEASE 2", "LEASE given twice"),
            ("TSGEN.CREATE n MAXDELIVERIES -1", "MAXDELIVERIES"),
            ("TSGEN.CREATE n BACKOFF -1", "BACKOFF"),
            ("TSGEN.CREATE n BACKOFF 315360000001", "BACKOFF"),
            ("TSGEN.CREATE n MAXBACKOFF x", "MAXBACKOFF"),
            ("TSGEN.CREATE n MAXLEN -1", "MAXLEN"),
            ("TSGEN.CREATE n SINK", "SINK"),
            ("TSGEN.CREATE n SINK n", "SINK must be another key"),
            ("TSGEN.CREATE n SINKMAXLEN 5", "SINK"),
            ("TSGEN.CREATE n SINK x SINKMAXLEN -1", "SINKMAXLEN"),
            ("TSGEN.CREATE n WATERMARK 5", "'WATERMARK'"),
            ("TSGEN.CREATE k", "BUSYKEY"),
            ("TSGEN.ALTER n LEASE 5", "no such key"),
            ("TSGEN.ALTER k CLOCK", "fixed when the key is created"),
            ("TSGEN.ALTER k SOURCES 1 a", "fixed when the key is created"),
            ("TSGEN.ALTER k LEASE 0", "LEASE"),
            ("TSGEN.ALTER k LEASE 5 MAXLEN -1", "MAXLEN"),
            ("TSGEN.ALTER k LEASE 5 FOO", "'FOO'"),
            ("TSGEN.ALTER k WATERMARK x", "WATERMARK"),
            ("TSGEN.ALTER k WATERMARK 0 WATERMARK 0", "WATERMARK given twice"),
            ("TSGEN.ALTER c WATERMARK 5", "ERR"),
            ("TSGEN.ALTER k SINK stream", "leased"),
            ("TSGEN.ALTER k SINK k", "SINK"),
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
            ("TSGEN.MADD k 1 a", "wrong number of arguments"),
            ("TSGEN.MADD k 1 a x 2", "wrong number of arguments"),
            ("TSGEN.MADD k 1 a x 2 b", "wrong number of arguments"),
            ("TSGEN.MADD k 1 new x y b \"\"", "timestamp"),
            ("TSGEN.MADD new 1 new x +1 b \"\"", "CLOCK"),
            ("TSGEN.ADVANCE k x", "timestamp"),
            ("TSGEN.ADVANCE k 9223372036854775808", "timestamp"),
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
fn options_of_delivery_commands_are_checked() {
    refused(
        &start(),
        &[
            ("TSGEN.CLAIM k w COUNT", "COUNT"),
            ("TSGEN.CLAIM k w COUNT 0", "COUNT must be an integer between 1 and 10000"),
            ("TSGEN.CLAIM k w COUNT 10001", "COUNT must be an integer between 1 and 10000"),
            ("TSGEN.CLAIM k w COUNT x", "COUNT"),
            ("TSGEN.CLAIM k w COUNT 1 COUNT 2", "COUNT given twice"),
            ("TSGEN.CLAIM k w LEASE 0", "LEASE"),
            ("TSGEN.CLAIM k w LEASE 315360000001", "LEASE"),
            ("TSGEN.CLAIM k w BLOCK -1", "BLOCK"),
            ("TSGEN.CLAIM k w BLOCK x", "BLOCK"),
            ("TSGEN.CLAIM k w BLOCK 9223372036854775808", "BLOCK"),
            ("TSGEN.CLAIM k w FOO", "'FOO'"),
            ("TSGEN.CLAIM k w TOKEN 5", "'TOKEN'"),
            ("TSGEN.ACK k x", "token"),
            ("TSGEN.ACK k 0", "token"),
            ("TSGEN.ACK k -1", "token"),
            ("TSGEN.ACK k 5-4", "token"),
            ("TSGEN.ACK k 5-", "token"),
            ("TSGEN.ACK k 1-2-3", "token"),
            ("TSGEN.ACK k 99999999999999999999", "token"),
            ("TSGEN.ACK k 1-9223372036854775807", "token"),
            ("TSGEN.ACK k 1-4611686018427387904 x", "token"),
            ("TSGEN.NACK k DEAD", "token"),
            ("TSGEN.NACK k 1 DELAY", "DELAY"),
            ("TSGEN.NACK k 1 DELAY -1", "DELAY"),
            ("TSGEN.NACK k 1 DELAY 315360000001", "DELAY"),
            ("TSGEN.NACK k 1 DEAD DEAD", "DEAD given twice"),
            ("TSGEN.NACK k 1 REASON", "REASON"),
            ("TSGEN.NACK k 1 REASON a REASON b", "REASON given twice"),
            ("TSGEN.NACK k 1 FOO", "ERR"),
            ("TSGEN.EXTEND k 0 1", "lease-ms"),
            ("TSGEN.EXTEND k x 1", "lease-ms"),
            ("TSGEN.EXTEND k 1 x", "token"),
            ("TSGEN.RELEASE k w w", "wrong number of arguments"),
            ("TSGEN.PENDING k COUNT 0", "COUNT"),
            ("TSGEN.PENDING k CONSUMER", "CONSUMER"),
            ("TSGEN.PENDING k CONSUMER a CONSUMER b", "CONSUMER given twice"),
            ("TSGEN.PENDING k AFTER x", "AFTER"),
            ("TSGEN.PENDING k FOO", "'FOO'"),
            ("TSGEN.DEAD k COUNT 10001", "COUNT"),
            ("TSGEN.DEAD k AFTER -1", "AFTER"),
            ("TSGEN.DEAD k CONSUMER w", "'CONSUMER'"),
            ("TSGEN.REQUEUE k ALL COUNT 0", "COUNT"),
            ("TSGEN.REQUEUE k ALL FOO", "'FOO'"),
            ("TSGEN.REQUEUE k 1 ALL", "token"),
            ("TSGEN.DISCARD k ALL COUNT x", "COUNT"),
            ("TSGEN.DISCARD k FOO", "token"),
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
fn too_few_or_too_many_arguments_are_an_arity_error() {
    let server = start();
    let mut c = server.client();
    let commands = c.ok("COMMAND LIST FILTERBY MODULE tsgen");
    assert!(commands.items().len() >= 20, "{commands}");
    for command in commands.items() {
        let reply = c.run(&command.text());
        assert!(reply.to_string().contains("wrong number of arguments"), "{command}: {reply}");
        let reply = c.run(&format!("{} k", command.text()));
        let takes_a_key_alone =
            ["info", "create", "alter", "watermark", "sources", "pending", "dead", "groups", "flushall", "tracked"];
        if !takes_a_key_alone.iter().any(|name| command.text().to_lowercase().ends_with(&format!(".{name}"))) {
            assert!(reply.to_string().contains("wrong number of arguments"), "{command} k: {reply}");
        }
    }
    for command in ["TSGEN.WATERMARK k x", "TSGEN.GET k a b", "TSGEN.INFO k x", "TSGEN.SOURCES k x"] {
        c.expect(command, "-ERR wrong number of arguments…");
    }
}

#[test]
fn every_command_says_wrongtype_on_a_key_of_another_type() {
    refused(
        &start(),
        &[
            "TSGEN.ALTER str LEASE 5",
            "TSGEN.ADD str 1 a",
            "TSGEN.ADD str NX 1 a",
            "TSGEN.ADD str XX 1 a",
            "TSGEN.MADD str 1 a x",
            "TSGEN.ADVANCE str 1",
            "TSGEN.ADVANCE str 1 SOURCE a",
            "TSGEN.WATERMARK str",
            "TSGEN.GET str a",
            "TSGEN.REM str a",
            "TSGEN.RANGE str - +",
            "TSGEN.SOURCES str",
            "TSGEN.CLAIM str w",
            "TSGEN.CLAIM str w BLOCK 0",
            "TSGEN.ACK str 1",
            "TSGEN.NACK str 1",
            "TSGEN.EXTEND str 1 1",
            "TSGEN.RELEASE str w",
            "TSGEN.PENDING str",
            "TSGEN.DEAD str",
            "TSGEN.REQUEUE str ALL",
            "TSGEN.DISCARD str ALL",
            "TSGEN.INFO str",
        ]
        .map(|command| (command, "WRONGTYPE Operation against a key holding the wrong kind of value")),
    );
}

#[test]
fn other_types_commands_say_wrongtype_on_our_keys() {
    let server = start();
    let mut c = server.client();
    for command in ["GET k", "LPUSH k x", "ZADD k 1 x", "XADD k * a b", "INCR k"] {
        c.expect(command, "-WRONGTYPE …");
    }
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
