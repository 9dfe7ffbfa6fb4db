use super::*;
use Ending::{Evicted, Expired};
use OfLife::{Earlier, This};
use Voice::{Follows, Tells, Waits};

const NOW: UnixMs = UnixMs(1_000);

fn tracked(deadline: i64) -> Option<Known> {
    Some(Known { deadline: UnixMs(deadline), ended: None })
}

fn ended(deadline: i64, how: Ending) -> Option<Known> {
    Some(Known { deadline: UnixMs(deadline), ended: Some(how) })
}

fn owed(deadline: i64, ending: Ending) -> Option<Owed> {
    Some(Owed { deadline: UnixMs(deadline), ending })
}

/// An end that was seen; with its deadline, where it was shown; and after which time the key had been set since the last look.
fn end(how: Ending, deadline: Option<i64>, set: Option<i64>) -> End {
    End { how, deadline: deadline.map(UnixMs), set: set.map(|after| Some(UnixMs(after))) }
}

fn fire(deadline: i64, known: OfLife) -> Then {
    Then::Fire { deadline: UnixMs(deadline), known }
}

fn evict(deadline: i64, known: OfLife) -> Then {
    Then::Evict { deadline: UnixMs(deadline), known }
}

const SET: Change = Change::Set { after: None, until: None };

#[test]
fn the_end_of_a_tracked_key_is_told_under_its_deadline() {
    for (known, then) in [
        (tracked(900), fire(900, This)),
        // The master's clock is behind that of whoever set the deadline.
        (tracked(1_100), fire(1_100, This)),
        // It was announced, and this is what was meant.
        (ended(900, Expired), fire(900, This)),
        (None, Then::Nothing),
    ] {
        let verdict = judge_end(&end(Expired, Some(900), None), known, Tells, NOW);
        assert_eq!(verdict, Verdict { first: None, then }, "{known:?}");
    }
    assert_eq!(judge_end(&end(Evicted, None, None), tracked(5_000), Tells, NOW).then, evict(5_000, This));
    assert_eq!(judge_end(&end(Evicted, None, None), None, Tells, NOW).then, Then::Nothing);
}

#[test]
fn a_life_that_nobody_could_look_at_ends_under_the_deadline_that_is_shown_or_a_moment_ago() {
    let judge = |end: End, known| judge_end(&end, known, Tells, NOW);
    assert_eq!(judge(end(Expired, Some(990), Some(980)), None).then, fire(990, Earlier));
    assert_eq!(judge(end(Expired, Some(990), Some(980)), tracked(9_000)).then, fire(990, Earlier));
    assert_eq!(judge(end(Expired, None, Some(980)), tracked(9_000)).then, fire(999, Earlier));
    assert_eq!(judge(end(Evicted, Some(7_000), Some(980)), tracked(9_000)).then, evict(7_000, Earlier));
    // Nobody can tell when it would have expired.
    assert_eq!(judge(end(Evicted, None, Some(980)), tracked(9_000)).then, Then::Untrack);
    assert_eq!(judge(end(Evicted, None, Some(980)), ended(9_000, Evicted)).then, Then::Nothing);
}

#[test]
fn a_key_that_is_set_into_the_past_is_deleted_by_that() {
    let set_into_past = end(Expired, Some(970), Some(980));
    assert!(set_into_past.is_deletion());
    assert_eq!(judge_end(&set_into_past, tracked(9_000), Tells, NOW), Then::Untrack.alone());
    assert!(!end(Expired, Some(980), Some(980)).is_deletion(), "better one too many");
    assert!(!end(Expired, None, Some(980)).is_deletion(), "nobody can tell");
    assert!(!end(Evicted, Some(970), Some(980)).is_deletion());
}

#[test]
fn what_is_owed_of_a_life_before_is_told_first() {
    let new = Life::Until(UnixMs(9_000));
    for (known, first) in [
        (ended(900, Expired), owed(900, Expired)),
        // By its master's word, whatever the clock says here.
        (ended(1_100, Expired), owed(1_100, Expired)),
        (ended(900, Evicted), owed(900, Evicted)),
        // Its deadline is still to come: what is set anew takes its place.
        (ended(1_000, Evicted), None),
        (tracked(900), None),
    ] {
        assert_eq!(judge_change(SET, new, known, Tells, NOW), Verdict { first, then: Then::Track(UnixMs(9_000)) });
        let verdict = judge_change(Change::Unset, Life::Absent, known, Tells, NOW);
        assert_eq!(verdict, Verdict { first, then: Then::Untrack }, "{known:?}");
        let verdict = judge_end(&end(Expired, Some(990), Some(980)), known, Tells, NOW);
        assert_eq!(verdict, Verdict { first, then: fire(990, Earlier) }, "{known:?}");
    }
}

#[test]
fn a_master_that_may_not_write_waits_with_what_would_have_to_be_told() {
    let new = Life::Until(UnixMs(9_000));
    for known in [None, tracked(900), ended(900, Expired)] {
        assert_eq!(judge_end(&end(Expired, None, None), known, Waits, NOW), Then::Wait.alone());
    }
    assert_eq!(judge_change(SET, new, ended(900, Expired), Waits, NOW), Then::Wait.alone());
    assert_eq!(judge_change(SET, Life::Absent, tracked(900), Waits, NOW), Then::Wait.alone(), "it may be over");
    assert_eq!(judge_change(SET, new, tracked(900), Waits, NOW), Then::Track(UnixMs(9_000)).alone());
    assert_eq!(judge_change(Change::Unset, Life::Absent, tracked(900), Waits, NOW), Then::Untrack.alone());
}

#[test]
fn a_replica_is_told_what_has_expired_and_keeps_what_was_announced() {
    let new = Life::Until(UnixMs(9_000));
    let judge = |change, life, known| judge_change(change, life, known, Follows, NOW).then;
    assert_eq!(judge_end(&end(Expired, None, None), tracked(900), Follows, NOW), Then::Nothing.alone());
    assert_eq!(judge_end(&end(Evicted, None, None), tracked(9_000), Follows, NOW).then, evict(9_000, This));
    assert_eq!(judge(SET, new, tracked(900)), Then::Track(UnixMs(9_000)));
    assert_eq!(judge(Change::Unset, Life::Absent, tracked(900)), Then::Untrack, "a user has deleted it, late or not");
    assert_eq!(judge(Change::Unset, Life::Absent, ended(900, Evicted)), Then::Untrack, "its second life");
    assert_eq!(judge(Change::Unset, Life::Absent, ended(900, Expired)), Then::Nothing);
    assert_eq!(judge(SET, Life::Endless, ended(900, Expired)), Then::Nothing);
}

#[test]
fn what_lives_for_ever_or_is_gone_is_not_tracked() {
    for voice in [Tells, Waits, Follows] {
        assert_eq!(judge_change(SET, Life::Endless, tracked(2_000), voice, NOW), Then::Untrack.alone());
        assert_eq!(judge_change(Change::Unset, Life::Absent, None, voice, NOW), Then::Untrack.alone());
    }
    assert_eq!(judge_change(SET, Life::Absent, tracked(2_000), Tells, NOW), Then::Untrack.alone());
    assert_eq!(judge_change(SET, Life::Absent, ended(2_000, Evicted), Tells, NOW), Then::Nothing.alone());
}
