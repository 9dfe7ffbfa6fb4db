//! Bad input: an error that names what is wrong, and nothing changed.

use crate::common::refused;
use crate::every_family::{Family, FAMILIES};
use crate::harness::*;
use std::collections::BTreeSet;

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

/// Bad options of the delivery commands; `#` is a key with a leased entry, `@` what the family's CREATE needs.
#[rustfmt::skip]
const BAD_OPTIONS: &[(&str, &str)] = &[
    ("CREATE n@ FOO", "'FOO'"),
    ("CREATE n@ LEASE", "LEASE needs a value"),
    ("CREATE n@ LEASE x", "LEASE must be an integer between 1 and 315360000000"),
    ("CREATE n@ LEASE 0", "LEASE must be an integer between 1 and 315360000000"),
    ("CREATE n@ LEASE -5", "LEASE"),
    ("CREATE n@ LEASE 315360000001", "LEASE"),
    ("CREATE n@ LEASE 99999999999999999999", "LEASE"),
    ("CREATE n@ LEASE 1.5", "LEASE"),
    ("CREATE n@ LEASE \" 1\"", "LEASE"),
    ("CREATE n@ LEASE 1 LEASE 2", "LEASE given twice"),
    ("CREATE n@ MAXDELIVERIES -1", "MAXDELIVERIES must be an integer between 0 and 4294967295"),
    ("CREATE n@ BACKOFF -1", "BACKOFF must be an integer between 0 and 315360000000"),
    ("CREATE n@ BACKOFF 315360000001", "BACKOFF"),
    ("CREATE n@ MAXBACKOFF x", "MAXBACKOFF must be an integer between 0 and 315360000000"),
    ("CREATE n@ MAXLEN -1", "MAXLEN"),
    ("CREATE n@ SINK", "SINK needs a value"),
    ("CREATE n@ SINK n", "SINK must be another key"),
    ("CREATE n@ SINKMAXLEN 5", "SINK"),
    ("CREATE n@ SINK x SINKMAXLEN -1", "SINKMAXLEN must be an integer between 0 and"),
    ("CREATE #@", "BUSYKEY"),
    ("CREATE str@", "BUSYKEY"),
    ("ALTER n LEASE 5", "no such key"),
    ("ALTER # LEASE 0", "LEASE must be an integer between 1 and 315360000000"),
    ("ALTER # LEASE 5 BACKOFF -1", "BACKOFF"),
    ("ALTER # LEASE 5 FOO", "'FOO'"),
    ("ALTER # SINK other", "leased"),
    ("ALTER # SINK #", "SINK must be another key"),
    ("INFO none", "no such key"),
    ("CLAIM # w COUNT", "COUNT"),
    ("CLAIM # w COUNT 0", "COUNT must be an integer between 1 and 10000"),
    ("CLAIM # w COUNT 10001", "COUNT must be an integer between 1 and 10000"),
    ("CLAIM # w COUNT x", "COUNT"),
    ("CLAIM # w COUNT 1 COUNT 2", "COUNT given twice"),
    ("CLAIM # w LEASE 0", "LEASE"),
    ("CLAIM # w LEASE 315360000001", "LEASE"),
    ("CLAIM # w BLOCK -1", "BLOCK"),
    ("CLAIM # w BLOCK x", "BLOCK"),
    ("CLAIM # w BLOCK 9223372036854775808", "BLOCK"),
    ("CLAIM # w FOO", "'FOO'"),
    ("CLAIM # w TOKEN 5", "'TOKEN'"),
    ("ACK # x", "token"),
    ("ACK # 0", "token"),
    ("ACK # -1", "token"),
    ("ACK # 5-4", "token"),
    ("ACK # 5-", "token"),
    ("ACK # 1-2-3", "token"),
    ("ACK # 99999999999999999999", "token"),
    ("ACK # 1-9223372036854775807", "token"),
    ("ACK # 1-4611686018427387904 x", "token"),
    ("NACK # DEAD", "token"),
    ("NACK # 1 DELAY", "DELAY"),
    ("NACK # 1 DELAY -1", "DELAY"),
    ("NACK # 1 DELAY 315360000001", "DELAY"),
    ("NACK # 1 DEAD DEAD", "DEAD given twice"),
    ("NACK # 1 REASON", "REASON"),
    ("NACK # 1 REASON a REASON b", "REASON given twice"),
    ("NACK # 1 FOO", "ERR"),
    ("EXTEND # 0 1", "lease must be"),
    ("EXTEND # x 1", "lease must be"),
    ("EXTEND # 1 x", "token"),
    ("RELEASE # w w", "wrong number of arguments"),
    ("PENDING # COUNT 0", "COUNT"),
    ("PENDING # CONSUMER", "CONSUMER"),
    ("PENDING # CONSUMER a CONSUMER b", "CONSUMER given twice"),
    ("PENDING # AFTER x", "AFTER"),
    ("PENDING # FOO", "'FOO'"),
    ("DEAD # COUNT 10001", "COUNT"),
    ("DEAD # AFTER -1", "AFTER"),
    ("DEAD # CONSUMER w", "'CONSUMER'"),
    ("PENDING # DELAYED CONSUMER w", "DELAYED excludes CONSUMER and AFTER"),
    ("PENDING # DELAYED AFTER 5", "DELAYED excludes CONSUMER and AFTER"),
    ("PENDING # DELAYED DELAYED", "DELAYED given twice"),
    ("DEAD # DELAYED", "'DELAYED'"),
    ("PROMOTE # ALL COUNT 0", "COUNT"),
    ("PROMOTE # ALL FOO", "'FOO'"),
    ("PROMOTE # 1 ALL", "token"),
    ("REQUEUE # ALL COUNT 0", "COUNT"),
    ("REQUEUE # ALL FOO", "'FOO'"),
    ("REQUEUE # 1 ALL", "token"),
    ("DISCARD # ALL COUNT x", "COUNT"),
    ("DISCARD # FOO", "token"),
];

/// A server with the filled keys of a family, and a string `str`.
#[track_caller]
fn filled(family: &Family) -> Server {
    let server = Server::start(&[]);
    let mut c = server.client();
    family.fill(&mut c);
    c.ok("SET str 1");
    server
}

#[test]
fn options_of_delivery_commands_are_checked() {
    for family in &FAMILIES {
        let commands: Vec<String> = BAD_OPTIONS
            .iter()
            .map(|(command, _)| family.on(&command.replace('@', family.create), family.keys[0]))
            .collect();
        let cases: Vec<(&str, &str)> =
            commands.iter().map(String::as_str).zip(BAD_OPTIONS.iter().map(|(_, named)| *named)).collect();
        refused(&filled(family), &cases);
    }
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
        let takes_a_key_alone = [
            "info",
            "create",
            "alter",
            "watermark",
            "sources",
            "pending",
            "dead",
            "groups",
            "flushall",
            "seal",
            "tracked",
        ];
        if !takes_a_key_alone.iter().any(|name| command.text().to_lowercase().ends_with(&format!(".{name}"))) {
            assert!(reply.to_string().contains("wrong number of arguments"), "{command} k: {reply}");
        }
    }
    for command in ["TSGEN.WATERMARK k x", "TSGEN.GET k a b", "TSGEN.INFO k x", "TSGEN.SOURCES k x"] {
        c.expect(command, "-ERR wrong number of arguments…");
    }
}

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

/// Keys of other families are of another type too.
#[test]
fn every_command_says_wrongtype_on_a_key_of_another_type() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("SET str 1");
    let key_of = |family: &Family| format!("of-{}", family.name);
    let of =
        |found: &str, family: &Family| format!("{WRONG_TYPE}: it is {found}, not a {} key", family.name.to_uppercase());
    for family in &FAMILIES {
        let key = key_of(family);
        c.ok(&format!("{}{}", family.on("CREATE #", &key), family.create));
        refused(
            &server,
            &["GET", "INCR", "LPOP", "ZCARD", "XLEN"]
                .map(|verb| (format!("{verb} {key}"), WRONG_TYPE))
                .each_ref()
                .map(|(command, named)| (command.as_str(), *named)),
        );
    }
    for family in &FAMILIES {
        let others = FAMILIES.iter().filter(|other| other.name != family.name);
        let named = |other: &Family| {
            let name = other.name.to_uppercase();
            (key_of(other), format!("{}; its commands begin with {name}.", of(&format!("a {name} key"), family)))
        };
        for (key, error) in others.map(named).chain([("str".to_owned(), of("a string", family))]) {
            let commands = family.all_on(&key);
            refused(&server, &commands.iter().map(|command| (command.as_str(), error.as_str())).collect::<Vec<_>>());
            let create = format!("{}{}", family.on("CREATE #", &key), family.create);
            refused(&server, &[(&create, "BUSYKEY")]);
        }
    }
}

/// So that a command that is new is in the table of families too.
#[test]
fn the_table_of_families_has_every_command() {
    let server = Server::start(&[]);
    let listed = server.client().ok("COMMAND LIST FILTERBY MODULE tsgen");
    let listed: BTreeSet<String> = listed.items().iter().map(|name| name.text().to_uppercase()).collect();
    let commands = FAMILIES.iter().flat_map(|family| {
        family.all_on("k").into_iter().chain(["CREATE #", "LOAD #"].map(|command| family.on(command, "k")))
    });
    let mut known: BTreeSet<String> =
        commands.map(|command| command.split(' ').next().expect("a name").to_owned()).collect();
    // No families: they deliver nothing.
    known.extend(["TSGEN.AT", "THROTTLE.LOAD", "THROTTLE.TAKE"].map(str::to_owned));
    assert_eq!(known, listed);
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
