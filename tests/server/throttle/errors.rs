//! Bad and hostile input to THROTTLE.TAKE: an error that names what is wrong, and nothing changed.

use crate::common::virtual_clock;
use crate::harness::*;

#[test]
fn a_key_of_another_type_is_refused() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        r#"
        > SET text 1
        OK
        > TSGEN.ADD gen 1 a
        1
        > THROTTLE.TAKE t 5 100000
        [1 5 4 -1 20000]
        > THROTTLE.TAKE text 5 1000
        -WRONGTYPE Operation against a key holding the wrong kind of value: it is a string, not a THROTTLE key
        > THROTTLE.TAKE gen 5 1000 COST 0
        -WRONGTYPE Operation against a key holding the wrong kind of value: it is a TSGEN key, not a THROTTLE key; its commands begin with TSGEN.
        > TSGEN.ADD t 1 a
        -WRONGTYPE Operation against a key holding the wrong kind of value: it is a THROTTLE key, not a TSGEN key; its commands begin with THROTTLE.
        > EXPIRY.CLAIM t w
        -WRONGTYPE …
        > INCR t
        -WRONGTYPE …
        > TYPE t
        tsgen-thr
        "#,
    );
    assert!(c.ok("MEMORY USAGE t").int() < 100);
}

#[test]
fn arguments_are_checked_and_a_bad_one_changes_nothing() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("THROTTLE.TAKE k 5 1000000");
    let before = server.digest_all();
    let limit = "ERR limit must be an integer between 1 and 1000000000";
    let period = "ERR period must be an integer between 1 and 315360000000 (ms), or one with a unit: 30s, 5m, 2h, 7d";
    for (command, expected) in [
        ("THROTTLE.TAKE k", "ERR wrong number of arguments"),
        ("THROTTLE.TAKE k 5", "ERR wrong number of arguments"),
        ("THROTTLE.TAKE k 0 1000", limit),
        ("THROTTLE.TAKE k -1 1000", limit),
        ("THROTTLE.TAKE k 1.5 1000", limit),
        ("THROTTLE.TAKE k 05 1000", limit),
        ("THROTTLE.TAKE k 1000000001 1000", limit),
        ("THROTTLE.TAKE k 9223372036854775808 1000", limit),
        ("THROTTLE.TAKE k 5 0", period),
        ("THROTTLE.TAKE k 5 315360000001", period),
        ("THROTTLE.TAKE k 5 x", period),
        ("THROTTLE.TAKE k 5 1000 FOO", "ERR unknown option 'FOO'"),
        ("THROTTLE.TAKE k 5 1000 1", "ERR unknown option '1'"),
        ("THROTTLE.TAKE k 5 1000 BURST", "ERR BURST needs a value"),
        ("THROTTLE.TAKE k 5 1000 COST", "ERR COST needs a value"),
        ("THROTTLE.TAKE k 5 1000 BURST 0", "ERR BURST must be an integer between 1 and 1000000000"),
        ("THROTTLE.TAKE k 5 1000 BURST 1000000001", "ERR BURST must be an integer between 1 and 1000000000"),
        // Ten years are five periods of two: what is taken must be back within them.
        ("THROTTLE.TAKE k 2 63072000000 BURST 11", "ERR BURST must be an integer between 1 and 10"),
        ("THROTTLE.TAKE k 1 315360000000 BURST 2", "ERR BURST must be an integer between 1 and 1"),
        ("THROTTLE.TAKE k 5 1000 BURST 5 BURST 5", "ERR BURST given twice"),
        ("THROTTLE.TAKE k 5 1000 COST 1 COST 1", "ERR COST given twice"),
        ("THROTTLE.TAKE k 5 1000 COST -1", "ERR COST must be an integer between 0 and 5"),
        ("THROTTLE.TAKE k 5 1000 COST 6", "ERR COST must be an integer between 0 and 5"),
        ("THROTTLE.TAKE none 5 1000 COST 4 BURST 3", "ERR COST must be an integer between 0 and 3"),
        ("THROTTLE.LOAD k LAST x", "ERR this is how an AOF rebuilds a key"),
        ("TSGEN.AT 5 THROTTLE.TAKE k 5 1000", "tsgen.virtual-clock"),
    ] {
        let reply = c.run(command);
        assert!(reply.is_error() && reply.to_string().contains(expected), "{command}: {reply}");
        assert_eq!(server.digest_all(), before, "{command} changed something");
    }
}

#[test]
fn the_edges_of_every_range_are_taken() {
    virtual_clock().client().play(
        r#"
        > TSGEN.AT 8796093022207 THROTTLE.TAKE a 1000000000 315360000000 COST 1000000000
        [1 1000000000 0 -1 315360000000]
        > TSGEN.AT 8796093022207 THROTTLE.TAKE b 1 315360000000
        [1 1 0 -1 315360000000]
        > PEXPIRETIME b
        9111453022207
        > TSGEN.AT 8796093022207 THROTTLE.TAKE c 1000000000 1 BURST 1000000000 COST 1000000000
        [1 1000000000 0 -1 1]
        > TSGEN.AT 8796093022207 THROTTLE.TAKE d 1 1 BURST 1000000000 COST 999999999
        [1 1 1 -1 999999999]
        > TSGEN.AT 0 THROTTLE.TAKE a 1000000000 315360000000
        [0 1000000000 0 8796093022523 9111453022207]
        > TSGEN.AT 0 THROTTLE.TAKE e 1 1
        [1 1 0 -1 1]
        > EXISTS e
        1
        > TSGEN.AT 0 THROTTLE.TAKE e 1 1
        [0 1 0 1 1]
        "#,
    );
}

/// Every argument in turn replaced by odd texts, dropped and doubled.
#[test]
fn odd_texts_and_numbers_in_every_place_hurt_nothing() {
    const COMMANDS: [&str; 3] = [
        "THROTTLE.TAKE k 5 1000 BURST 5 COST 2",
        "TSGEN.AT 4000000000000 THROTTLE.TAKE k 5 1000",
        "THROTTLE.LOAD n LAST x",
    ];
    const VALUES: [&[u8]; 12] = [
        b"",
        b"\0",
        b"%n%s%n%s",
        b"\r\n",
        b"\xff\xfe\x80",
        b"COST",
        b"-0",
        b"+1",
        b"1e9",
        b"9223372036854775807",
        b"-9223372036854775808",
        b"18446744073709551616",
    ];
    let mut server = virtual_clock();
    let mut c = server.client();
    for command in COMMANDS {
        let words: Vec<Vec<u8>> = command.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        for index in 1..words.len() {
            let replaced = VALUES.iter().map(|value| {
                let mut changed = words.clone();
                changed[index] = value.to_vec();
                changed
            });
            let (mut shorter, mut longer) = (words.clone(), words.clone());
            shorter.remove(index);
            longer.insert(index, words[index].clone());
            for variant in replaced.chain([shorter, longer]) {
                c.call(&variant.iter().map(Vec::as_slice).collect::<Vec<_>>());
            }
        }
    }
    assert_eq!(c.info("tsgen", "tsgen_caught-panics").as_str(), "0");
    server.assert_alive();
}
