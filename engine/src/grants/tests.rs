use super::*;

fn terms(consumer: &str, deadline: i64) -> Terms {
    Terms { consumer: consumer.as_bytes().into(), deadline: UnixMs(deadline), claimed_at: UnixMs(0), lapsed: false }
}

fn ten(first: Token, deadline: i64) -> Grants {
    let mut grants = Grants::default();
    grants.issue(first, (0..10).map(Handle).collect(), terms("w", deadline));
    grants
}

fn range(first: Token, last: Token) -> TokenRange {
    TokenRange { first, last }
}

fn tokens(grants: &Grants) -> Vec<Token> {
    grants.iter_after(0).map(|(token, ..)| token).collect()
}

#[test]
fn a_token_is_found_taken_and_then_unknown() {
    let mut grants = ten(100, 50);
    assert_eq!(grants.get(103).map(|(handle, _)| handle), Some(Handle(3)));
    assert_eq!(grants.take(103), Some(Handle(3)));
    assert_eq!(grants.take(103), None);
    assert!(grants.get(103).is_none() && grants.get(99).is_none() && grants.get(110).is_none());
    assert_eq!(grants.leased(), 9);
}

#[test]
fn a_range_over_several_grants_takes_what_is_live_in_it() {
    let mut grants = ten(100, 50);
    grants.issue(200, (10..13).map(Handle).collect(), terms("v", 60));
    grants.take(101);
    assert_eq!(grants.count_range(range(1, 1000), 5), 9, "counting stops at a grant above the limit");
    let mut taken = Vec::new();
    grants.take_range(range(108, 201), &mut taken);
    assert_eq!(taken, [(108, Handle(8)), (109, Handle(9)), (200, Handle(10)), (201, Handle(11))]);
    assert_eq!(tokens(&grants), [100, 102, 103, 104, 105, 106, 107, 202]);
}

#[test]
fn a_grant_leaves_every_index_with_its_last_token() {
    for one_by_one in [false, true] {
        let mut grants = ten(100, 50);
        if one_by_one {
            (100..110).for_each(|token| assert!(grants.take(token).is_some(), "{token}"));
        } else {
            grants.take_range(range(0, 1000), &mut Vec::new());
        }
        assert_eq!((grants.leased(), grants.next_deadline(), grants.member_slots), (0, None, 0), "{one_by_one}");
        assert!(grants.by_consumer.is_empty() && grants.by_token.is_empty(), "{one_by_one}");
    }
}

#[test]
fn extending_a_part_cuts_the_grant_and_moves_only_that_part() {
    let mut grants = ten(100, 50);
    grants.retime(range(103, 104), Some(UnixMs(90)));
    let deadlines: Vec<_> = grants.iter_after(0).map(|(_, _, terms)| terms.deadline.0).collect();
    assert_eq!(deadlines, [50, 50, 50, 90, 90, 50, 50, 50, 50, 50]);
    assert_eq!((grants.leased(), grants.next_deadline()), (10, Some(UnixMs(50))));
    assert_eq!(grants.next_deadline_after(UnixMs(50)), Some(UnixMs(90)));
    assert_eq!(
        grants.runs().map(|(run, _)| run).collect::<Vec<_>>(),
        [range(100, 102), range(103, 104), range(105, 109)]
    );
}

#[test]
fn runs_do_not_show_how_grants_are_cut() {
    let mut cut = ten(100, 50);
    cut.retime(range(103, 104), Some(UnixMs(50)));
    let runs = |grants: &Grants| grants.runs().map(|(run, _)| run).collect::<Vec<_>>();
    assert_eq!(runs(&cut), runs(&ten(100, 50)));
}

#[test]
fn lapsing_stops_in_the_middle_of_a_grant_when_told_to() {
    let mut grants = ten(100, 50);
    grants.take(101);
    assert!(grants.lapse_next(UnixMs(49), 3).is_none());
    let (deadline, lapsed) = grants.lapse_next(UnixMs(50), 3).expect("due");
    assert_eq!((deadline, lapsed), (UnixMs(50), vec![(100, Handle(0)), (102, Handle(2)), (103, Handle(3))]));
    assert_eq!(grants.leased(), 6);
    assert!(grants.get(103).is_some_and(|(_, terms)| terms.lapsed));
    assert_eq!(grants.due(UnixMs(50)).map(|(token, ..)| token).next(), Some(104));
    grants.retime(range(103, 103), Some(UnixMs(70)));
    assert_eq!(
        grants.of_consumer(b"w", 0, Cut::at(UnixMs(i64::MIN))).map(|(token, ..)| token).collect::<Vec<_>>(),
        [103, 104, 105, 106, 107, 108, 109]
    );
}

/// Memory is given back, and told, by figures that nothing else is read by.
#[track_caller]
fn check_figures(grants: &Grants) {
    assert_eq!(grants.live, tokens(grants).len());
    let slots: usize = grants.by_token.values().map(|grant| grant.members.len()).sum();
    assert_eq!(grants.member_slots, slots);
    assert_eq!(grants.waste(), slots.saturating_sub(64 * grants.live) * 4);
}

#[test]
fn what_is_current_and_what_it_takes_are_counted_whatever_happens() {
    let mut grants = ten(100, 50);
    grants.issue(200, (10..13).map(Handle).collect(), terms("v", 60));
    check_figures(&grants);
    grants.retime(range(103, 201), Some(UnixMs(90)));
    check_figures(&grants);
    grants.take(104);
    grants.take(201);
    check_figures(&grants);
    grants.retime(range(101, 105), None);
    check_figures(&grants);
    grants.lapse_next(UnixMs(90), 2);
    check_figures(&grants);
    grants.take_range(range(100, 102), &mut Vec::new());
    check_figures(&grants);
    grants.take_range(range(0, 1000), &mut Vec::new());
    check_figures(&grants);
    assert_eq!(grants.memory(), 0);
}

#[test]
fn a_wide_range_is_counted_no_further_than_the_limit_and_a_narrow_one_exactly() {
    let mut grants = ten(1000, 50);
    grants.issue(1400, (10..13).map(Handle).collect(), terms("v", 60));
    assert_eq!(grants.count_range(range(1000, 1500), 5), 10, "the first grant alone is above the limit");
    assert_eq!(grants.count_range(range(1008, 1401), 500), 4);
}

#[test]
fn of_a_grant_that_a_wide_range_cuts_only_the_live_part_is_counted() {
    let mut grants = ten(1000, 50);
    grants.issue(1400, (10..13).map(Handle).collect(), terms("v", 60));
    grants.take(1009);
    grants.take(1401);
    let counts = [(1008, 1400), (1000, 1401), (1008, 1500), (0, 1500)]
        .map(|(first, last)| grants.count_range(range(first, last), 100));
    assert_eq!(counts, [2, 10, 3, 11]);
}

#[test]
fn what_has_ended_is_counted_to_just_above_the_limit() {
    let mut grants = ten(100, 50);
    grants.issue(200, (10..13).map(Handle).collect(), terms("v", 60));
    grants.issue(300, (13..17).map(Handle).collect(), terms("v", 70));
    let counts = |now: i64, most: usize| grants.count_due(UnixMs(now), most);
    assert_eq!([counts(49, 9), counts(50, 9), counts(60, 9), counts(70, 100)], [0, 10, 10, 17]);
    assert_eq!(counts(60, 10), 13, "what is no more than the limit is not above it");
}

#[test]
fn a_cut_lies_behind_as_many_leases_as_it_is_told() {
    let mut grants = ten(100, 50);
    grants.issue(200, (10..13).map(Handle).collect(), terms("v", 60));
    grants.take(102);
    for (most, behind) in [(1, 100), (2, 101), (3, 103), (9, 109), (10, 200), (12, 202)] {
        assert_eq!(
            grants.cut(UnixMs(60), most),
            Cut::after(UnixMs(if behind < 200 { 50 } else { 60 }), behind),
            "{most}"
        );
    }
    assert_eq!(grants.cut(UnixMs(60), 13), Cut::at(UnixMs(60)));
    assert_eq!(grants.cut(UnixMs(50), 10), Cut::at(UnixMs(50)));
}

/// One long grant of which hardly anything is left, at these slots.
fn sparse(slots: u32, left: &[u64]) -> Grants {
    let mut grants = Grants::default();
    grants.issue(100, (0..slots).map(Handle).collect(), terms("w", 50));
    let settled = (0..u64::from(slots)).filter(|slot| !left.contains(slot));
    settled.for_each(|slot| assert!(grants.take(100 + slot).is_some()));
    grants
}

fn compact(grants: &mut Grants) -> Vec<(Token, usize)> {
    assert_eq!(grants.compact(0, 10), None);
    check_figures(grants);
    grants.by_token.iter().map(|(first, grant)| (*first, grant.members.len())).collect()
}

#[test]
fn a_grant_is_cut_once_one_token_in_sixty_four_is_left() {
    assert_eq!(compact(&mut sparse(127, &[0, 126])), [(100, 127)]);
    assert_eq!(compact(&mut sparse(128, &[0, 127])), [(100, 1), (227, 1)]);
    let mut grants = sparse(1_000, &[0, 999]);
    assert_eq!(grants.waste(), (1_000 - 2 * 64) * 4);
    compact(&mut grants);
    assert_eq!((grants.waste(), tokens(&grants)), (0, vec![100, 1_099]));
}

/// Each piece costs as much as a gap of some length, so short gaps stay.
#[test]
fn a_grant_is_cut_at_its_long_gaps_only() {
    assert_eq!(compact(&mut sparse(400, &[0, 1, 33, 66, 399])), [(100, 34), (166, 1), (499, 1)]);
}
