//! An id is one unit of work: what happens to an element when its id is added again, in each of its states.

use crate::common::*;

#[test]
fn adding_an_id_again_replaces_what_is_not_leased() {
    let server = virtual_clock();
    server.client().play(
        r#"
        # waiting: a new place
        > TSGEN.MADD k 1 a old 1 b ""
        [1 1]
        > TSGEN.ADD k 1 a new
        1
        > TSGEN.ADVANCE k 1
        1
        > TSGEN.RANGE k - +
        [['b' 1 ''] ['a' 1 'new']]
        # ready, and then not ready any more
        > TSGEN.ADD k 5 b later
        1
        > TSGEN.AT 1000 TSGEN.CLAIM k w COUNT 5
        [[<t> 1 'a' 1 'new']]
        # delayed: deliveries start again
        > TSGEN.AT 1000 TSGEN.NACK k <t> DELAY 100
        1
        > TSGEN.ADD k NX 1 a no
        nil
        > TSGEN.ADD k 1 a again
        0
        > TSGEN.AT 1000 TSGEN.CLAIM k w COUNT 5
        [[<u> 1 'a' 1 'again']]
        > TSGEN.ACK k <t>
        0
        "#,
    );
}

#[test]
fn adding_the_id_of_a_leased_element_makes_a_second_one() {
    let server = virtual_clock();
    let mut c = server.client();
    c.play(
        r#"
        > TSGEN.ADD k 1 a old
        1
        > TSGEN.ADVANCE k 1
        1
        > TSGEN.AT 1000 TSGEN.CLAIM k w LEASE 100
        [[<old> 1 'a' 1 'old']]
        > TSGEN.AT 1000 TSGEN.ADD k NX 1 a no
        nil
        > TSGEN.AT 1000 TSGEN.ADD k XX 1 a new
        0
        > TSGEN.AT 1000 TSGEN.GET k a
        ['ready' 1 'new']
        > TSGEN.AT 1000 TSGEN.CLAIM k w LEASE 1000
        [[<new> 1 'a' 1 'new']]
        "#,
    );
    assert_eq!(c.run("TSGEN.AT 1000 TSGEN.INFO k").field("leased").int(), 2);
    c.play(
        r#"
        # the superseded one never comes back, though its lease ends
        > TSGEN.AT 1500 TSGEN.CLAIM k w
        []
        > TSGEN.AT 1500 TSGEN.ACK k <old>
        0
        > TSGEN.AT 1500 TSGEN.ACK k <new>
        1
        # and its token settles while its lease runs
        > TSGEN.AT 2000 TSGEN.ADD k 1 b old
        0
        > TSGEN.AT 2000 TSGEN.CLAIM k w LEASE 100
        [[<old2> 1 'b' 1 'old']]
        > TSGEN.AT 2000 TSGEN.ADD k 7 b new
        1
        > TSGEN.AT 2050 TSGEN.ACK k <old2>
        1
        > TSGEN.AT 2050 TSGEN.GET k b
        ['waiting' 7 'new']
        "#,
    );
}

#[test]
fn adding_the_id_of_a_dead_element_drops_the_dead_one() {
    let server = virtual_clock();
    server.client().play(
        r#"
        > TSGEN.ADD k 1 a old
        1
        > TSGEN.ADVANCE k 1
        1
        > TSGEN.AT 1000 TSGEN.CLAIM k w
        [[<t> …]]
        > TSGEN.AT 1000 TSGEN.NACK k <t> DEAD
        1
        > TSGEN.ADD k NX 1 a no
        nil
        > TSGEN.GET k a
        ['dead' 1 'old']
        > TSGEN.ADD k 2 a new
        1
        > TSGEN.DEAD k
        []
        > TSGEN.GET k a
        ['waiting' 2 'new']
        > TSGEN.AT 1000 TSGEN.REQUEUE k <t>
        0
        > TSGEN.ADVANCE k 2
        2
        > TSGEN.AT 1000 TSGEN.CLAIM k w
        [[<u> 1 'a' 2 'new']]
        > TSGEN.AT 1000 TSGEN.NACK k <u> DEAD
        1
        > TSGEN.REM k a
        1
        > TSGEN.DEAD k
        []
        "#,
    );
}

#[test]
fn nack_of_an_entry_whose_lease_ended_delays_it_again() {
    let server = ready("", &["a"]);
    server.client().play(
        r#"
        > TSGEN.AT 1000 TSGEN.CLAIM k w LEASE 100
        [[<t> …]]
        > TSGEN.AT 1100 TSGEN.GET k a
        ['ready' 1 '']
        > TSGEN.AT 1100 TSGEN.NACK k <t> DELAY 50
        1
        > TSGEN.AT 1149 TSGEN.CLAIM k w
        []
        > TSGEN.AT 1150 TSGEN.CLAIM k w
        [[<u> 2 'a' 1 '']]
        "#,
    );
}
