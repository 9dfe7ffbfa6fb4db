//! TALLY commands among others: RESP3, the defaults of config, binary names, MAXLEN, and very many fields.

use super::*;
use crate::common::virtual_clock;
use crate::harness::*;

#[test]
fn replies_are_the_same_in_resp3_but_for_the_map() {
    virtual_clock().client().resp3().play(
        r#"
        > TALLY.CREATE k EVERY 1000
        OK
        > TSGEN.AT 5000 TALLY.INCR k a
        1
        > TSGEN.AT 5000 TALLY.MINCR k a 1 b 5
        [2 5]
        > TSGEN.AT 5000 TALLY.GET k a
        2
        > TSGEN.AT 6000 TALLY.CLAIM k w
        [[<t> 1 <n> 5000 6000 ['a' 2 'b' 5]]]
        > TSGEN.AT 6000 TALLY.PENDING k
        [[<t> 'w' 36000 1 '<n>']]
        > TSGEN.AT 6000 TALLY.SEAL k
        0
        "#,
    );
}

#[test]
fn create_takes_the_defaults_of_config_and_the_key_keeps_them() {
    let server = Server::start(&["--tsgen.tally-every", "1234", "--tsgen.tally-max-fields", "77"]);
    let mut c = server.client();
    c.play("> TALLY.CREATE early\n OK\n > CONFIG SET tsgen.tally-every 5 tsgen.tally-max-fields 6 tsgen.lease 8 tsgen.backoff 9\n OK\n > TALLY.CREATE later\n OK\n > TALLY.CREATE told EVERY 1 MAXFIELDS 2 LEASE 3 BACKOFF 4\n OK");
    for (key, expected) in [("early", [1234, 77, 30_000, 0]), ("later", [5, 6, 8, 9]), ("told", [1, 2, 3, 4])] {
        let info = c.ok(&format!("TALLY.INFO {key}"));
        assert_eq!(["every", "maxfields", "lease", "backoff"].map(|name| info.field(name).int()), expected, "{key}");
    }
}

#[test]
fn names_are_binary_safe_and_may_be_empty() {
    virtual_clock().client().play(
        r#"
        > TALLY.CREATE "k\x00\xff" EVERY 1000
        OK
        > TSGEN.AT 5000 TALLY.MINCR "k\x00\xff" "\xff" 1 "" 2 "\x00" 3 "%n%s\x0d\x0a" 4 "" 5 "\x00\x00" 6
        [1 2 3 4 7 6]
        > TSGEN.AT 5000 TALLY.GET "k\x00\xff" ""
        7
        > TSGEN.AT 6000 TALLY.CLAIM "k\x00\xff" "\x00"
        [[<a> 1 <_> 5000 6000 ['' 7 '\x00' 3 '\x00\x00' 6 '%n%s\x0d\x0a' 4 '\xff' 1]]]
        > TSGEN.AT 6000 TALLY.RELEASE "k\x00\xff" "\x00"
        1
        "#,
    );
}

/// The open window is one of them. What goes into it is never refused.
#[test]
fn maxlen_counts_windows_in_every_state_and_an_increment_does_all_or_nothing() {
    virtual_clock().client().play(
        r#"
        > TALLY.CREATE k EVERY 1000 MAXFIELDS 2 MAXLEN 2
        OK
        > TSGEN.AT 5000 TALLY.MINCR k a 1 b 1 c 1 d 1 e 1
        -FULL …
        > TALLY.GET k a
        0
        > TSGEN.AT 5000 TALLY.MINCR k a 1 b 1 c 1 a 5 c 2
        -FULL …
        > TSGEN.AT 5000 TALLY.MINCR k a 1 b 1 c 1
        [1 1 1]
        > TSGEN.AT 5000 TALLY.INCR k c 1
        2
        > TSGEN.AT 5000 TALLY.INCR k d 1
        1
        > TSGEN.AT 5000 TALLY.INCR k c
        -FULL …
        > TSGEN.AT 5000 TALLY.CLAIM k w COUNT 2
        [[<t> 1 … ['a' 1 'b' 1]] [<u> 1 … ['c' 2 'd' 1]]]
        > TSGEN.AT 5000 TALLY.INCR k c
        -FULL …
        > TALLY.ACK k <t>
        1
        > TSGEN.AT 5000 TALLY.INCR k c
        1
        # Its time is over, so that it would need another one.
        > TSGEN.AT 6000 TALLY.INCR k c
        -FULL …
        > TSGEN.AT 5999 TALLY.INCR k c
        2
        > TSGEN.AT 6000 TALLY.CLAIM k w
        [[<v> 1 <_> 5000 6000 ['c' 2]]]
        "#,
    );
}

#[test]
fn a_window_of_a_hundred_thousand_fields_is_delivered_whole_and_in_order() {
    const FIELDS: usize = 100_000;
    let mut server = Server::start(&["--appendonly", "yes"]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 3600000 MAXFIELDS 100000");
    // Scattered, so that the order of arrival is not the one of bytes.
    let name = |i: usize| format!("user:{:08}", i * 7_919 % 1_000_003);
    let incr = |from: usize| {
        let pairs = (from..from + 1_000).flat_map(|i| [name(i).into_bytes(), (i as i64).to_string().into_bytes()]);
        ["TALLY.MINCR", "k"].map(|word| word.as_bytes().to_vec()).into_iter().chain(pairs).collect::<Vec<_>>()
    };
    c.pipeline((0..FIELDS / 1_000 - 1).map(|i| incr(i * 1_000)));
    let bytes = c.ok("MEMORY USAGE k").int();
    assert!((4_000_000..12_000_000).contains(&bytes), "{bytes} for 99000 fields of 13 bytes");
    c.expect(&format!("TALLY.INCR k {} 0", name(5)), "5");
    let digest = server.digest("k");
    c.ok("DEBUG RELOAD");
    assert_eq!(server.digest("k"), digest);
    server.restart(Stop::Kill);
    assert_eq!(server.digest("k"), digest);
    let mut c = server.client();
    assert_eq!(batches(&mut c, "k"), [1, 0, 0, 0, 0]);
    // The last field of these seals it.
    c.pipeline([incr(FIELDS - 1_000)]);
    assert_eq!(batches(&mut c, "k"), [0, 1, 0, 0, 0]);
    let claimed = claim(&mut c, "k", 1);
    let mut expected: Vec<(Vec<u8>, i64)> = (0..FIELDS).map(|i| (name(i).into_bytes(), i as i64)).collect();
    expected.sort();
    assert!(claimed[0].sums == expected);
    c.expect(&format!("TALLY.GET k {}", name(77)), "77");
    c.expect(&format!("TALLY.ACK k {}", claimed[0].token), "1");
    c.expect(&format!("TALLY.GET k {}", name(77)), "0");
    assert!(c.ok("MEMORY USAGE k").int() < 100_000);
    server.assert_alive();
}

/// Sealing is bounded in bytes too: 64 KiB names would make a batch of gigabytes.
#[test]
fn a_window_of_sixteen_mebibytes_is_sealed_at_once() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k EVERY 3600000");
    for i in 0..300u32 {
        let mut field = vec![b'x'; 65_536];
        field[..4].copy_from_slice(&i.to_be_bytes());
        assert_eq!(crate::cmd!(c, "TALLY.INCR", "k", &field, 3), 3);
    }
    assert_eq!(batches(&mut c, "k"), [1, 1, 0, 0, 0]);
    assert_eq!(claim(&mut c, "k", 1)[0].sums.len(), 256);
    assert_eq!(c.ok("TALLY.INFO k").field("fields").int(), 44);
}
