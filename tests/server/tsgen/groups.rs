//! Groups of TSGEN: the scenes for which there are groups, and what GROUP does.

use crate::common::*;
use crate::harness::*;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Tenant A adds a million elements, tenant B three: B's three are done among the first ten.
#[test]
fn a_tenant_with_a_million_elements_does_not_hold_up_one_with_three() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k FAIR yes");
    let batch = |n: usize| {
        let mut command = ["TSGEN.MADD", "k", "GROUP", "A"].map(|word| word.as_bytes().to_vec()).to_vec();
        for n in n * 1_000..(n + 1) * 1_000 {
            command.extend([b"1".to_vec(), format!("a{n}").into_bytes(), Vec::new()]);
        }
        command
    };
    c.pipeline((0..1_000).map(batch));
    c.ok("TSGEN.MADD k GROUP B 2 b1 \"\" 2 b2 \"\" 2 b3 \"\"");
    c.ok("TSGEN.ADVANCE k 2");
    let mut done = Vec::new();
    for n in 0..10 {
        let claimed = c.ok(&format!("TSGEN.CLAIM k worker-{}", n % 2));
        let entry = &claimed.items()[0];
        let (token, id) = (entry.items()[0].int(), entry.items()[2].text());
        c.expect(&format!("TSGEN.ACK k {token}"), "1");
        done.push(id);
    }
    assert_eq!(done.iter().filter(|id| id.starts_with('b')).count(), 3, "{done:?}");
    // One claim of many takes turns as well.
    c.ok("TSGEN.MADD k GROUP C 2 c1 \"\" 2 c2 \"\"");
    let claimed = c.ok("TSGEN.CLAIM k worker-1 COUNT 5");
    let ids = claimed.items().iter().map(|entry| entry.items()[2].text());
    assert_eq!(ids.filter(|id| id.starts_with('c')).count(), 2);
}

/// Orders of one customer are worked strictly one after the other by eight workers. A failing one holds only its own customer
/// back; after its death the next one goes on. A server killed in the middle changes nothing of that.
#[test]
fn orders_of_a_customer_are_worked_one_after_the_other_by_eight_workers() {
    const CUSTOMERS: usize = 12;
    const ORDERS: usize = 15;
    let mut server = Server::start(&AOF);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k GROUPLIMIT 1 MAXDELIVERIES 3");
    for order in 0..ORDERS {
        for customer in 0..CUSTOMERS {
            c.ok(&format!("TSGEN.ADD k GROUP c{customer} {order} {customer}-{order}"));
        }
    }
    c.ok(&format!("TSGEN.ADVANCE k {ORDERS}"));
    drop(c);
    // For each customer: the order at work, if any; and those that were finished.
    let at_work: Mutex<BTreeMap<usize, usize>> = Mutex::default();
    let finished: Mutex<Vec<Vec<usize>>> = Mutex::new(vec![Vec::new(); CUSTOMERS]);
    let round = |server: &Server, enough: usize| {
        let socket = server.socket();
        scope(|scope| {
            for worker in 0..8 {
                let (socket, at_work, finished) = (socket.clone(), &at_work, &finished);
                scope.spawn(move || {
                    let mut c = Client::connect(&socket);
                    loop {
                        let total: usize = finished.lock().expect("unpoisoned").iter().map(Vec::len).sum();
                        if total >= enough {
                            return;
                        }
                        let claimed = c.ok(&format!("TSGEN.CLAIM k w{worker} BLOCK 20"));
                        let Some(entry) = claimed.items().first() else { continue };
                        let (token, id) = (entry.items()[0].int(), entry.items()[2].text());
                        let (customer, order) = id.split_once('-').expect("customer and order");
                        let (customer, order): (usize, usize) =
                            (customer.parse().expect("a number"), order.parse().expect("a number"));
                        let beside = at_work.lock().expect("unpoisoned").insert(customer, order);
                        assert_eq!(beside, None, "at work beside {id}");
                        let last = finished.lock().expect("unpoisoned")[customer].last().copied();
                        assert!(last.is_none_or(|last| last < order), "{id} after {last:?}");
                        let fails = customer == 0 && order == 3;
                        at_work.lock().expect("unpoisoned").remove(&customer);
                        let settled = if fails {
                            format!("TSGEN.NACK k {token} DELAY 10")
                        } else {
                            format!("TSGEN.ACK k {token}")
                        };
                        if !fails {
                            finished.lock().expect("unpoisoned")[customer].push(order);
                        }
                        c.ok(&settled);
                    }
                });
            }
        });
    };
    round(&server, CUSTOMERS * ORDERS / 2);
    // A worker dies with what it holds, and so does the server.
    server.client().ok("TSGEN.CLAIM k killed COUNT 3 LEASE 100");
    server.restart(Stop::Kill);
    round(&server, CUSTOMERS * ORDERS - 1);
    let finished = finished.into_inner().expect("unpoisoned");
    for (customer, orders) in finished.iter().enumerate() {
        let all: Vec<usize> = (0..ORDERS).filter(|order| (customer, *order) != (0, 3)).collect();
        assert_eq!(orders, &all, "customer {customer}");
    }
    let mut c = server.client();
    assert_eq!(counts(&mut c, "k"), [0, 0, 0, 0, 1]);
    // The dead one comes again, and is the only one.
    c.expect("TSGEN.REQUEUE k ALL", "1");
    c.expect("TSGEN.CLAIM k w", "[[… 1 '0-3' …]]");
}

#[test]
fn an_element_is_in_one_group_and_moves_with_its_id() {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > TSGEN.CREATE k GROUPLIMIT 1
        OK
        > TSGEN.ADVANCE k 9
        9
        > TSGEN.ADD k GROUP g 1 a first
        0
        > TSGEN.ADD k GROUP g 2 b x
        0
        > TSGEN.CLAIM k w COUNT 9
        [[<a> 1 'a' …]]
        # A later timestamp, and the group that it is in.
        > TSGEN.ADD k XX 5 b
        0
        > TSGEN.CLAIM k w COUNT 9
        []
        # Without XX it is in the group of its id.
        > TSGEN.ADD k 5 b x
        0
        > TSGEN.CLAIM k w COUNT 9
        [[<b> 1 'b' …]]
        # The delivery that is superseded is in hand until it is settled.
        > TSGEN.ADD k GROUP g 1 a second
        0
        > TSGEN.CLAIM k w COUNT 9
        []
        > TSGEN.ACK k <a>
        1
        > TSGEN.CLAIM k w COUNT 9
        [[<c> 1 'a' 1 'second']]
        > TSGEN.ADD k GROUP g 3 d x
        0
        > TSGEN.CLAIM k w COUNT 9
        []
        # What is removed makes room.
        > TSGEN.REM k a
        1
        > TSGEN.CLAIM k w COUNT 9
        [[<d> 1 'd' …]]
        > TSGEN.INFO k
        [… 'groups' 2 'groups-at-limit' 2 …]
        > TSGEN.ACK k <b> <d>
        2
        > TSGEN.INFO k
        [… 'groups' 0 'groups-at-limit' 0 …]
        "#,
    );
}

#[test]
fn what_is_held_back_is_peeked_at_last() {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > TSGEN.CREATE k GROUPLIMIT 1
        OK
        > TSGEN.MADD k GROUP g 1 a "" 2 b "" 3 c ""
        [1 1 1]
        > TSGEN.ADD k 4 d
        1
        > TSGEN.ADVANCE k 9
        9
        > TSGEN.CLAIM k w
        [[<a> 1 'a' …]]
        > TSGEN.PEEK k READY
        ['0' [[… 'held' 0 … ['d' …]] [… 'held' 1 … ['b' …]] [… 'held' 1 … ['c' …]]]]
        > TSGEN.ACK k <a>
        1
        > TSGEN.PEEK k READY
        ['0' [[… 'held' 0 … ['b' …]] [… 'held' 0 … ['c' …]] [… 'held' 0 … ['d' …]]]]
        "#,
    );
}

/// In every state, also where the group is known by its name only: of a dead letter that bears it, and of what is stored elsewhere.
#[test]
fn peek_tells_groups_in_keys_that_have_some() {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > TSGEN.CREATE k FAIR yes
        OK
        > TSGEN.MADD k GROUP "g\xff" 1 a "" 2 b "" 3 c "" 9 e ""
        [1 1 1 1]
        > TSGEN.ADD k 4 d
        1
        > TSGEN.ADVANCE k 5
        5
        > TSGEN.CLAIM k w COUNT 9
        [[<a> 1 'a' …] [<d> 1 'd' …] [<b> 1 'b' …] [<c> 1 'c' …]]
        > TSGEN.NACK k <b> DELAY 1h
        1
        > TSGEN.NACK k <c> <d> DEAD
        2
        > TSGEN.ADD k GROUP h 5 f
        0
        > TSGEN.PEEK k WAITING
        ['0' [['token' nil 'deliveries' 0 'group' 'g\xff' 'bytes' 0 'entry' ['e' 9 '']]]]
        > TSGEN.PEEK k READY
        ['0' [['token' nil 'deliveries' 0 'group' 'h' 'bytes' 0 'entry' ['f' 5 '']]]]
        > TSGEN.PEEK k DELAYED
        ['0' [['token' <b> 'deliveries' 1 'until' … 'group' 'g\xff' 'bytes' 0 'entry' ['b' 2 '']]]]
        > TSGEN.PEEK k LEASED
        ['0' [['token' <a> 'deliveries' 1 'consumer' 'w' 'until' … 'group' 'g\xff' 'bytes' 0 'entry' ['a' 1 '']]]]
        > TSGEN.PEEK k DEAD
        ['0' [[… 'group' 'd' 'bytes' 0 'entry' ['d' 4 '']] [… 'group' 'g\xff' 'bytes' 0 'entry' ['c' 3 '']]]]
        > TSGEN.ADD plain 1 a
        1
        > TSGEN.PEEK plain WAITING
        ['0' [['token' nil 'deliveries' 0 'bytes' 0 'entry' ['a' 1 '']]]]
        > DEBOUNCE.CREATE d GROUPLIMIT 1
        OK
        > DEBOUNCE.PUSH d x 1
        1
        > DEBOUNCE.FLUSH d x
        1
        > DEBOUNCE.PEEK d READY
        ['0' [['token' nil 'deliveries' 0 'held' 0 'group' 'x' 'bytes' … 'entry' ['x' …]]]]
        "#,
    );
}

#[test]
fn group_is_refused_where_there_are_none() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.ADD k 1 a x\n 1\n > TSGEN.CREATE g FAIR yes\n OK\n > CONFIG SET tsgen.max-name-size 4\n OK");
    refused(
        &server,
        &[
            ("TSGEN.ADD k GROUP g 1 a x", "GROUP needs a key that was created with GROUPLIMIT or FAIR"),
            ("TSGEN.ADD k XX GROUP g 1 a", "GROUP needs a key"),
            ("TSGEN.MADD k GROUP g 1 a x", "GROUP needs a key"),
            ("TSGEN.ADD new GROUP g 1 a x", "GROUP needs a key"),
            ("TSGEN.ADD g XX GROUP", "GROUP needs a value"),
            ("TSGEN.ADD g GROUP a GROUP b 1 id x", "GROUP given twice"),
            ("TSGEN.MADD g GROUP a GROUP b 1 id x", "GROUP given twice"),
            ("TSGEN.MADD g GROUP a", "wrong number of arguments"),
            ("TSGEN.ADD g GROUP longer 1 id x", "GROUP"),
            ("TSGEN.ADD g GROUP a one id x", "timestamp must be"),
        ],
    );
    c.expect("EXISTS new", "0");
    c.expect("TSGEN.ADD g GROUP \"\" NX 1 id x", "1");
}

/// A million elements of a group at its limit are no obstacle to anybody.
#[test]
fn what_is_held_back_is_not_looked_at() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k GROUPLIMIT 1");
    let batch = |n: usize| {
        let mut command = ["TSGEN.MADD", "k", "GROUP", "A"].map(|word| word.as_bytes().to_vec()).to_vec();
        for n in n * 1_000..(n + 1) * 1_000 {
            command.extend([b"1".to_vec(), format!("a{n}").into_bytes(), Vec::new()]);
        }
        command
    };
    c.pipeline((0..300).map(batch));
    c.ok("TSGEN.ADVANCE k 5");
    c.expect("TSGEN.CLAIM k w", "[[… 1 'a0' …]]");
    let began = Instant::now();
    for n in 0..300 {
        c.ok(&format!("TSGEN.ADD k 2 b{n}"));
        c.expect("TSGEN.CLAIM k w COUNT 9", &format!("[[… 1 'b{n}' …]]"));
    }
    // To look at each that is held back would take minutes.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
