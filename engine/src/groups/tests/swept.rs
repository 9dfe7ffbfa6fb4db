//! What a sweep, a death and a pass of compaction leave of groups.

use super::*;

/// Before and behind it the leases are given again.
#[test]
fn in_a_range_of_leases_that_have_run_out_the_one_held_back_is_left_out() {
    let mut key = key(1, false);
    for group in ["a", "b", "c"] {
        add(&mut key, group, 2, group);
    }
    key.advance(2, None, NOW).expect("external");
    assert_eq!(claim(&mut key, 3), ["a", "b", "c"]);
    let all = TokenRange { first: key.last_token - 2, last: key.last_token };
    let later = UnixMs(NOW.0 + 200);
    assert!(key.sweep_stride(later));
    add(&mut key, "b", 1, "before b");
    assert_eq!(claim(&mut key, 1), ["before b"]);
    assert_eq!(key.extend(&[all], Millis(100), later).expect("few").count, 2);
    let leases: Vec<_> =
        key.pending(None, None, 9, later).iter().map(|lease| (lease.token, lease.name.to_vec())).collect();
    assert_eq!(leases, [(all.first, b"a".to_vec()), (all.last, b"c".to_vec())]);
}

/// Of a group whose leases have all ended, one entry is as good as all: others may serve more. Without a limit each entry counts.
#[test]
fn a_sweep_goes_on_until_so_many_groups_can_serve() {
    for (limit, wanted, swept) in [(3_000, 1, 1_000), (3_000, 2, 3_000), (0, 2, 1_000)] {
        let mut key = key(limit, limit == 0);
        for n in 0..3_000 {
            add(&mut key, "g", n, &n.to_string());
        }
        key.advance(3_000, None, NOW).expect("external");
        assert_eq!(claim(&mut key, 3_000).len(), 3_000);
        let terms = ClaimTerms { consumer: b"worker", count: wanted, lease: Millis(100), first: None };
        let claim = key.claim(&terms, UnixMs(NOW.0 + 100)).expect("no sink");
        assert_eq!(claim.swept, swept, "limit {limit}, {wanted} wanted");
    }
}

#[test]
fn a_group_of_dead_letters_is_none_until_something_of_it_comes() {
    let mut key = key(1, false);
    add(&mut key, "g", 1, "x");
    key.advance(9, None, NOW).expect("external");
    claim(&mut key, 1);
    let dead = Nack { delay: None, dead: true, reason: b"" };
    key.nack(&[last(&key)], &dead, NOW).expect("one token");
    assert_eq!(key.group_counts(), GroupCounts::default());
    add(&mut key, "g", 1, "y");
    assert_eq!(key.group_counts(), GroupCounts { groups: 1, at_limit: 0 });
    assert_eq!(claim(&mut key, 1), ["y"]);
    key.ack(&[last(&key)], UnixMs::EVER).expect("one token");
    assert_eq!(key.group_counts(), GroupCounts::default());
}

/// One entry behind the head has no list of its own: its new handle must be noted all the same.
#[test]
fn groups_of_two_are_handed_out_in_order_after_their_entries_have_moved() {
    let mut key = key(1, false);
    for n in 0..4_000u32 {
        add(&mut key, &format!("g{}", n / 2), i64::from(n), &n.to_string());
    }
    for n in (0..4_000u32).filter(|n| n / 2 % 40 > 0) {
        assert!(key.rem(n.to_string().as_bytes()));
    }
    while key.compact(1_000) {}
    assert!(key.waste() == 0);
    key.advance(4_000, None, NOW).expect("external");
    let of = |second: u32| (0..50u32).map(|nth| (nth * 80 + second).to_string()).collect::<Vec<_>>();
    assert_eq!(claim(&mut key, 1_000), of(0));
    key.ack(&[TokenRange { first: 1, last: u64::MAX }], UnixMs::EVER).expect("few");
    assert_eq!(claim(&mut key, 1_000), of(1));
}
