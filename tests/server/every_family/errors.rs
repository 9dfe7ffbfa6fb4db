//! Bad input to what all families have: an error that names what is wrong, and nothing changed.

use super::{Family, FAMILIES};
use crate::common::refused;
use crate::harness::*;
use std::collections::BTreeSet;

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
    ("CREATE n@ PAUSED", "PAUSED needs a value"),
    ("CREATE n@ PAUSED 1", "PAUSED must be yes or no"),
    ("CREATE n@ PAUSED yes PAUSED yes", "PAUSED given twice"),
    ("CREATE #@", "BUSYKEY"),
    ("CREATE str@", "BUSYKEY"),
    ("ALTER n LEASE 5", "no such key"),
    ("ALTER # LEASE 0", "LEASE must be an integer between 1 and 315360000000"),
    ("ALTER # LEASE 5 BACKOFF -1", "BACKOFF"),
    ("ALTER # LEASE 5 FOO", "'FOO'"),
    ("ALTER # LEASE 5 PAUSED on", "PAUSED must be yes or no"),
    ("ALTER # SINK other", "leased"),
    ("ALTER # SINK #", "SINK must be another key"),
    ("INFO none", "no such key"),
    ("PEEK # ALL", "READY, DELAYED, LEASED or DEAD"),
    ("PEEK # READY COUNT 0", "COUNT must be an integer between 1 and 10000"),
    ("PEEK # READY COUNT 1 COUNT 1", "COUNT given twice"),
    ("PEEK # READY AFTER", "AFTER needs a value"),
    ("PEEK # READY AFTER 17", "AFTER must be a cursor"),
    ("PEEK # READY AFTER 1:2:3 AFTER 0", "AFTER given twice"),
    ("PEEK # READY FOO", "'FOO'"),
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
    ("CLAIM # w ACK", "ACK needs at least one token, as CLAIM has replied with it"),
    ("CLAIM # w ACK x", "token must be an integer between 1 and 4611686018427387904"),
    ("CLAIM # w ACK 0", "token"),
    ("CLAIM # w ACK 5-4", "token"),
    ("CLAIM # w ACK 1 x", "token"),
    ("CLAIM # w ACK 1 -1", "token"),
    ("CLAIM # w ACK 1 ACK 2", "ACK given twice"),
    ("CLAIM # w ACK 1 COUNT 5", "ACK must come last"),
    ("CLAIM # w ACK 1 TOKEN 5", "ACK must come last"),
    ("CLAIM # w BLOCK x ACK 1-4611686018427387904", "BLOCK"),
    ("CLAIM # w FOO ACK 1-4611686018427387904", "'FOO'"),
    ("CLAIM str w ACK 1", "WRONGTYPE"),
    ("CLAIM piped w ACK 1", "the key has a SINK"),
    ("MCLAIM 0 # w", "numkeys must be an integer between 1 and 10000"),
    ("MCLAIM -1 # w", "numkeys"),
    ("MCLAIM x # w", "numkeys"),
    ("MCLAIM 01 # w", "numkeys"),
    ("MCLAIM 10001 # w", "numkeys"),
    ("MCLAIM 9223372036854775808 # w", "numkeys"),
    ("MCLAIM 2 # w", "numkeys must be followed by as many keys"),
    ("MCLAIM 10000 # w", "numkeys must be followed by as many keys"),
    ("MCLAIM 1 # w x", "'x'"),
    ("MCLAIM 1 # w COUNT", "COUNT needs a value"),
    ("MCLAIM 1 # w COUNT 0", "COUNT must be an integer between 1 and 10000"),
    ("MCLAIM 1 # w COUNT 10001", "COUNT"),
    ("MCLAIM 1 # w COUNT 1 COUNT 2", "COUNT given twice"),
    ("MCLAIM 1 # w LEASE 0", "LEASE"),
    ("MCLAIM 1 # w BLOCK -1", "BLOCK"),
    ("MCLAIM 1 # w TOKEN 5", "'TOKEN'"),
    ("MCLAIM 1 # w ACK", "ACK needs a value"),
    ("MCLAIM 1 # w ACK 1", "one of the keys of the command"),
    ("MCLAIM 1 # w ACK other 1", "one of the keys of the command"),
    ("MCLAIM 1 # w ACK #", "ACK needs at least one token"),
    ("MCLAIM 1 # w ACK # x", "token"),
    ("MCLAIM 1 # w ACK # 0", "token"),
    ("MCLAIM 1 # w ACK # 1 x", "token"),
    ("MCLAIM 1 # w ACK # 1 COUNT 5", "ACK must come last"),
    ("MCLAIM 2 # empty w ACK # 1-4611686018427387904 ACK empty x", "token"),
    ("MCLAIM 2 # empty w ACK # 1-4611686018427387904 ACK other 1", "one of the keys"),
    ("MCLAIM 2 # str w", "WRONGTYPE"),
    ("MCLAIM 3 none # str w ACK # 1-4611686018427387904", "WRONGTYPE"),
    ("MCLAIM 2 # piped w", "the key has a SINK"),
    ("MCLAIM 2 # piped w ACK # 1-4611686018427387904", "the key has a SINK"),
    ("MCLAIM 2 # piped w BLOCK 0", "the key has a SINK"),
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
    ("DISCARD # FOO", "or ALL alone; PEEK lists tokens"),
    ("DISCARD # 1 FOO", "or ALL alone; PEEK lists tokens"),
    ("PROMOTE # FOO", "or ALL alone; PEEK lists tokens"),
    ("REQUEUE # FOO", "or ALL alone; PEEK lists tokens"),
    ("CREATE n@ MAXDELIVERIES 3s", "MAXDELIVERIES must be an integer between 0 and 4294967295, without a unit"),
    ("CLAIM # w COUNT 1h", "COUNT must be an integer between 1 and 10000, without a unit"),
    ("PENDING # AFTER 5m", "without a unit"),
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
fn too_few_or_too_many_arguments_are_an_arity_error() {
    let server = Server::start(&[]);
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
