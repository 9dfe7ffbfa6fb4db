//! The delivery commands on DEBOUNCE keys, the key as a whole, and what its limits are.

use crate::common::{shows, virtual_clock};
use crate::harness::*;

#[test]
fn a_push_while_its_group_is_leased_delayed_or_dead_belongs_to_the_next_collection() {
    virtual_clock().client().play(
        r#"
        > DEBOUNCE.CREATE k IDLE 1000 MAXDELIVERIES 0
        OK
        > TSGEN.AT 5000 DEBOUNCE.PUSH k g a
        1
        > TSGEN.AT 6000 DEBOUNCE.CLAIM k w
        [[<leased> 1 'g' 'idle' ['a' 5000]]]
        > TSGEN.AT 6100 DEBOUNCE.PUSH k g a
        1
        > TSGEN.AT 6100 DEBOUNCE.NACK k <leased> DELAY 500
        1
        > TSGEN.AT 6200 DEBOUNCE.PUSH k g b
        2
        > TSGEN.AT 6600 DEBOUNCE.CLAIM k w COUNT 9
        [[<again> 2 'g' 'idle' ['a' 5000]]]
        > TSGEN.AT 6600 DEBOUNCE.NACK k <again> DEAD
        1
        > TSGEN.AT 6700 DEBOUNCE.PUSH k g c
        3
        > TSGEN.AT 7700 DEBOUNCE.CLAIM k w COUNT 9
        [[<next> 1 'g' 'idle' ['a' 6100 'b' 6200 'c' 6700]]]
        > TSGEN.AT 7700 DEBOUNCE.REQUEUE k ALL
        1
        > TSGEN.AT 7700 DEBOUNCE.CLAIM k w COUNT 9
        [[<old> 1 'g' 'idle' ['a' 5000]]]
        > DEBOUNCE.ACK k <next> <old>
        2
        "#,
    );
}

#[test]
fn info_counts_every_state_and_shows_every_option() {
    let server = virtual_clock();
    let mut c = server.client();
    c.play(
        r#"
        > DEBOUNCE.CREATE k IDLE 1000 MAXWAIT 5000 MAXITEMS 7 UNIQUE no LEASE 900 MAXDELIVERIES 2 BACKOFF 10 MAXBACKOFF 20 MAXLEN 30
        OK
        > TSGEN.AT 5000 DEBOUNCE.PUSH k a x
        1
        > TSGEN.AT 5001 DEBOUNCE.PUSH k b x
        1
        > TSGEN.AT 5002 DEBOUNCE.PUSH k c x
        1
        > TSGEN.AT 5003 DEBOUNCE.PUSH k d x
        1
        > TSGEN.AT 5900 DEBOUNCE.PUSH k e x
        1
        > TSGEN.AT 6000 DEBOUNCE.INFO k
        […'collecting' 4 'ready' 1 …'next-deadline' 6001 …]
        > TSGEN.AT 6100 DEBOUNCE.CLAIM k w COUNT 3
        [[<a> …] [<b> …] [<c> …]]
        > TSGEN.AT 6100 DEBOUNCE.NACK k <b> DELAY 600
        1
        > TSGEN.AT 6100 DEBOUNCE.NACK k <c> DEAD
        1
        "#,
    );
    let info = c.ok("TSGEN.AT 6203 DEBOUNCE.INFO k");
    shows(
        &info,
        "gate 'idle' idle 1000 maxwait 5000 maxitems 7 unique 'no' collecting 1 ready 1 leased 1 delayed 1 dead 1 \
         oldest-ready-age 200 oldest-lease-age 103 next-deadline 6700 delivered 3 redelivered 0 acked 0 died 1 \
         sink-errors 0 lease 900 maxdeliveries 2 backoff 10 maxbackoff 20 maxlen 30 sink '' sinkmaxlen 0",
    );
    // At 6900 the last has fired and the delayed one is back; this is shown, not stored.
    let states = |info: Reply| ["collecting", "ready", "delayed"].map(|name| info.field(name).int());
    assert_eq!(states(c.ok("TSGEN.AT 6900 DEBOUNCE.INFO k")), [0, 3, 0]);
    assert_eq!(states(c.ok("TSGEN.AT 6203 DEBOUNCE.INFO k")), [1, 1, 1]);
    c.play("> DEBOUNCE.CREATE plain IDLE 77 SINK s\n OK\n > DEBOUNCE.INFO plain\n […'idle' 77 'maxwait' 0 'maxitems' 0 'unique' 'yes' …'sink' 's' …]");
}

#[test]
fn replies_are_the_same_in_resp3_but_for_the_map() {
    virtual_clock().client().resp3().play(
        r#"
        > DEBOUNCE.CREATE k IDLE 1000
        OK
        > TSGEN.AT 5000 DEBOUNCE.PUSH k g a b
        2
        > TSGEN.AT 5000 DEBOUNCE.GET k g
        [6000 ['a' 5000 'b' 5000]]
        > TSGEN.AT 5000 DEBOUNCE.GET k none
        nil
        > TSGEN.AT 5000 DEBOUNCE.GROUPS k
        [['g' 2 6000]]
        > TSGEN.AT 6000 DEBOUNCE.CLAIM k w
        [[<t> 1 'g' 'idle' ['a' 5000 'b' 5000]]]
        > TSGEN.AT 6000 DEBOUNCE.CLAIM none w
        []
        "#,
    );
}

#[test]
fn a_missing_key_is_made_by_the_defaults_of_config() {
    let server = Server::start(&["--tsgen.debounce-max-wait", "9000", "--tsgen.virtual-clock", "yes"]);
    let mut c = server.client();
    c.play(
        r#"
        > CONFIG GET tsgen.debounce-idle
        ['tsgen.debounce-idle' '60000']
        > CONFIG GET tsgen.debounce-unique
        ['tsgen.debounce-unique' 'yes']
        > CONFIG SET tsgen.debounce-idle 1234 tsgen.debounce-max-items 4 tsgen.debounce-unique no
        OK
        > TSGEN.AT 5000 DEBOUNCE.PUSH k g a a
        2
        > TSGEN.AT 5000 DEBOUNCE.GET k g
        [6234 ['a' 5000 'a' 5000]]
        > CONFIG SET tsgen.debounce-idle 5 tsgen.debounce-max-items 0
        OK
        > CONFIG SET tsgen.debounce-idle 0
        -ERR …
        > CONFIG SET tsgen.debounce-unique perhaps
        -ERR …
        "#,
    );
    let info = c.ok("DEBOUNCE.INFO k");
    let rules = ["idle", "maxwait", "maxitems"].map(|name| info.field(name).int());
    assert_eq!(
        (rules, info.field("unique").text().as_str()),
        ([1234, 9000, 4], "no"),
        "a key keeps what it was made with"
    );
}

#[test]
fn maxlen_counts_groups_in_every_state_and_a_push_does_all_or_nothing() {
    virtual_clock().client().play(
        r#"
        > DEBOUNCE.CREATE k IDLE 1000 MAXITEMS 2 MAXLEN 3
        OK
        > TSGEN.AT 5000 DEBOUNCE.PUSH k a 1
        1
        > TSGEN.AT 5000 DEBOUNCE.PUSH k b 1 2 3 4 5
        -FULL …
        > TSGEN.AT 5000 DEBOUNCE.GET k b
        nil
        > TSGEN.AT 5000 DEBOUNCE.PUSH k b 1 2 3
        1
        > TSGEN.AT 5000 DEBOUNCE.PUSH k c 1
        -FULL …
        # Into a group that collects there is room: it becomes no more.
        > TSGEN.AT 5000 DEBOUNCE.PUSH k b 4
        0
        > TSGEN.AT 5000 DEBOUNCE.CLAIM k w
        [[<t> 1 'b' 'full' …]]
        > TSGEN.AT 5000 DEBOUNCE.PUSH k a 2 3
        -FULL …
        > TSGEN.AT 5000 DEBOUNCE.GET k a
        [6000 ['1' 5000]]
        # a is due at 6000: what is pushed then would be one more, and the refusal does not restart anything.
        > TSGEN.AT 6000 DEBOUNCE.PUSH k a 2
        -FULL …
        > DEBOUNCE.ACK k <t>
        1
        > TSGEN.AT 6000 DEBOUNCE.PUSH k a 2
        1
        > TSGEN.AT 6000 DEBOUNCE.CANCEL k a
        1
        > TSGEN.AT 6000 DEBOUNCE.PUSH k c 1
        1
        "#,
    );
}

#[test]
fn names_and_items_are_binary_safe_and_may_be_empty() {
    virtual_clock().client().play(
        r#"
        > TSGEN.AT 5000 DEBOUNCE.PUSH "k\x00\xff" "" "" "\x00" "%n%s\x0d\x0a"
        3
        > TSGEN.AT 5000 DEBOUNCE.PUSH "k\x00\xff" "%n\x00" "" ""
        1
        > TSGEN.AT 5000 DEBOUNCE.GET "k\x00\xff" ""
        [65000 ['' 5000 '\x00' 5000 '%n%s\x0d\x0a' 5000]]
        > TSGEN.AT 5000 DEBOUNCE.GROUPS "k\x00\xff" AFTER ""
        [['%n\x00' 1 65000]]
        > TSGEN.AT 5000 DEBOUNCE.FLUSH "k\x00\xff" "" "%n\x00"
        2
        > TSGEN.AT 5000 DEBOUNCE.CLAIM "k\x00\xff" "\x00" COUNT 2
        [[<a> 1 '' 'flush' ['' 5000 '\x00' 5000 '%n%s\x0d\x0a' 5000]] [<b> 1 '%n\x00' 'flush' ['' 5000]]]
        > TSGEN.AT 5000 DEBOUNCE.PENDING "k\x00\xff" CONSUMER "\x00" COUNT 1 AFTER <a>
        [[<b> '\x00' 35000 1 '%n\x00']]
        "#,
    );
}

#[test]
fn a_group_of_a_hundred_thousand_items_is_delivered_whole() {
    let mut server = Server::start(&["--appendonly", "yes"]);
    let mut c = server.client();
    // Every item but the last comes twice; the second time is dropped.
    for round in 0..2 {
        let push = |from: usize| {
            let items = (from..(from + 1_000).min(99_999)).map(|i| format!("item{i:06}").into_bytes());
            ["DEBOUNCE.PUSH", "k", "g"]
                .into_iter()
                .map(|word| word.as_bytes().to_vec())
                .chain(items)
                .collect::<Vec<_>>()
        };
        let replies = c.pipeline((0..100).map(|i| push(i * 1_000)));
        let last = if round == 0 { 1_000 } else { 99_999 };
        assert_eq!((replies[0].int(), replies[99].int()), (last, 99_999));
    }
    let bytes = c.ok("MEMORY USAGE k").int();
    assert!((1_000_000..6_000_000).contains(&bytes), "{bytes} for 100000 items of 10 bytes");
    let digest = server.digest("k");
    c.ok("DEBUG RELOAD");
    assert_eq!(server.digest("k"), digest);
    server.restart(Stop::Kill);
    let mut c = server.client();
    assert_eq!(server.digest("k"), digest);
    c.play("> DEBOUNCE.PUSH k g item000005\n 99999\n > DEBOUNCE.PUSH k g item099999\n 0");
    let claimed = c.ok("DEBOUNCE.CLAIM k w");
    assert_eq!(claimed.items()[0].items()[3].text(), "full");
    let items = claimed.items()[0].items()[4].items();
    assert_eq!(items.len(), 200_000);
    assert!(items.chunks(2).enumerate().all(|(i, pair)| pair[0].bytes() == format!("item{i:06}").as_bytes()));
    c.play("> DEL k\n 1");
    server.assert_alive();
}
