//! `CONFIG tsgen.*`: defaults, ranges, and what they mean for keys.

use crate::common::*;
use crate::harness::*;

#[test]
fn every_config_has_its_documented_default() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let all = c.ok("CONFIG GET tsgen.*");
    for (name, value) in [
        ("tsgen.lease", "30000"),
        ("tsgen.max-deliveries", "16"),
        ("tsgen.backoff", "0"),
        ("tsgen.max-backoff", "0"),
        ("tsgen.max-len", "0"),
        ("tsgen.tally-every", "9000"),
        ("tsgen.tally-max-fields", "10000"),
        ("tsgen.max-name-size", "65536"),
        ("tsgen.max-payload-size", "67108864"),
        ("tsgen.virtual-clock", "no"),
    ] {
        assert_eq!(all.field(name).text(), value, "{name}");
    }
}

#[test]
fn values_out_of_range_are_refused() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for (name, value) in [
        ("lease", "0"),
        ("lease", "315360000001"),
        ("lease", "x"),
        ("max-deliveries", "-1"),
        ("backoff", "-1"),
        ("backoff", "315360000001"),
        ("max-backoff", "-1"),
        ("max-len", "-1"),
        ("max-name-size", "0"),
        ("max-payload-size", "-1"),
        ("tally-every", "0"),
        ("tally-every", "315360000001"),
        ("tally-max-fields", "0"),
        ("tally-max-fields", "100001"),
        ("virtual-clock", "maybe"),
    ] {
        let reply = c.run(&format!("CONFIG SET tsgen.{name} {value}"));
        assert!(reply.is_error(), "{name} {value}: {reply}");
    }
}

#[test]
fn a_key_takes_the_defaults_of_its_creation_and_keeps_them() {
    let server = Server::start(&[
        "--tsgen.lease",
        "1111",
        "--tsgen.max-deliveries",
        "2",
        "--tsgen.backoff",
        "3",
        "--tsgen.max-backoff",
        "44",
        "--tsgen.max-len",
        "5",
    ]);
    let mut c = server.client();
    c.ok("TSGEN.ADD by-add 1 a");
    c.ok("TSGEN.CREATE by-create");
    c.ok("TSGEN.ADVANCE by-advance 1");
    c.ok("CONFIG SET tsgen.lease 2222");
    c.ok("TSGEN.CREATE later MAXLEN 6");
    for (key, options) in [
        ("by-add", [1111, 2, 3, 44, 5]),
        ("by-create", [1111, 2, 3, 44, 5]),
        ("by-advance", [1111, 2, 3, 44, 5]),
        ("later", [2222, 2, 3, 44, 6]),
    ] {
        assert_eq!(
            ["lease", "maxdeliveries", "backoff", "maxbackoff", "maxlen"].map(|name| stat(&mut c, key, name)),
            options,
            "{key}"
        );
    }
}

#[test]
fn the_projects_redis_conf_is_accepted_and_its_defaults_are_the_real_ones() {
    let conf = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/redis.conf")).expect("redis.conf");
    let server = Server::start(&[]);
    let mut c = server.client();
    let mut seen = 0;
    for line in conf.lines().filter_map(|line| line.strip_prefix("# tsgen.")) {
        let (name, value) = line.split_once(' ').expect("a name and a value");
        assert_eq!(c.ok(&format!("CONFIG GET tsgen.{name}")).items()[1].text(), value, "{name}");
        seen += 1;
    }
    assert_eq!(seen, c.ok("CONFIG GET tsgen.*").items().len() / 2, "every config is in redis.conf");
}
