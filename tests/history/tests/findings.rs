//! Each finding: a history that is right passes, and the least that is wrong is found.

#![allow(clippy::cloned_ref_to_slice_refs)] // a list of one reads as the others do

mod story;

use story::{batch, in_group, items, of, terms, Story};
use tsgen_history::*;

#[test]
fn what_was_accepted_and_never_comes_is_lost() {
    Story::new().add("a", 5).advance(5).claim(&[of(1, "a")]).ack(1).holds();
    let lost = Story::new().add("a", 5).advance(5).claim(&[]).finds(Kind::Lost);
    assert_eq!((lost.of.as_str(), lost.under), ("a", Durability::Synced));
    // Delivered is not settled.
    Story::new().add("a", 5).advance(5).claim(&[of(1, "a")]).finds(Kind::Lost);
    // Refused, silent, removed, or still there.
    Story::new().add("a", 5).refused().holds();
    Story::new().add("a", 5).silent().holds();
    Story::new().add("a", 5).remove("a").holds();
    let mut left = Story::new();
    left.add("a", 5).history.left.insert(("k".to_owned(), "a".to_owned()));
    left.holds();
    // What was settled before it was written again does not count.
    Story::new().add("a", 5).advance(5).claim(&[of(1, "a")]).ack(1).add("a", 5).finds(Kind::Lost);
}

#[test]
fn a_loss_may_take_what_was_not_durable_and_nothing_else() {
    let allowed = Story::new().add("a", 5).loss(Kept::Before(0)).holds();
    assert_eq!(allowed.lost_as_allowed, 1);
    Story::new().add("a", 5).loss(Kept::Answered).finds(Kind::Lost);
    let mut story = Story::new();
    let cut_at = story.add("a", 5).now();
    story.add("b", 5).loss(Kept::Before(cut_at));
    assert_eq!(story.finds(Kind::Lost).of, "a");
    // A failover keeps what WAIT has confirmed.
    Story::new().add("a", 5).loss(Kept::Replicated).holds();
    let lost = Story::new().add("a", 5).replicated().loss(Kept::Replicated).finds(Kind::Lost);
    assert_eq!(lost.under, Durability::Replicated);
    // What was written after the loss has nothing to do with it.
    Story::new().loss(Kept::Replicated).add("a", 5).finds(Kind::Lost);
}

#[test]
fn nothing_is_handed_out_before_its_time() {
    Story::new().add("a", 5).claim(&[of(1, "a")]).ack(1).finds(Kind::Early);
    Story::new().add("a", 5).advance(4).claim(&[of(1, "a")]).ack(1).finds(Kind::Early);
    // An advance without a reply may have been done.
    Story::new().add("a", 5).advance(5).silent().claim(&[of(1, "a")]).ack(1).holds();
    // By the clock: the claim is at 10 to 11.
    Story::with(terms(Gate::Clock)).add("a", 11).claim(&[of(1, "a")]).ack(1).holds();
    Story::with(terms(Gate::Clock)).add("a", 12).claim(&[of(1, "a")]).ack(1).finds(Kind::Early);
    // A clock that was set forward and back again has fired a group, but opens no gate that is the clock as it is.
    for (gate, is_early) in [(Gate::ClockOnce, false), (Gate::Clock, true)] {
        let mut story = Story::with(terms(gate));
        story.add("a", 12).wait(2).history.steps.push((15, 1_000));
        story.history.calls[0].clock = (0, 0);
        story.claim(&[of(1, "a")]).ack(1);
        story.history.calls[1].clock = (3, 4);
        story.history.calls[2].clock = (4, 5);
        assert_eq!(judge(&story.history).kinds() == [Kind::Early], is_early, "{gate:?}");
    }
}

#[test]
fn nothing_is_handed_out_that_nobody_wrote() {
    Story::new().add("a", 0).refused().advance(5).claim(&[of(1, "a")]).ack(1).finds(Kind::Invented);
    Story::new().advance(5).claim(&[of(1, "a")]).ack(1).finds(Kind::Invented);
}

#[test]
fn one_delivery_is_settled_once() {
    let twice = |story: &mut Story| {
        story.add("a", 5).advance(5).claim(&[of(1, "a")]).wait(2).claim(&[of(2, "a")]).ack(1);
    };
    let mut story = Story::new();
    twice(&mut story);
    story.ack(2).refused().holds();
    let mut story = Story::new();
    twice(&mut story);
    story.ack(2).finds(Kind::Doubled);
    // The same token twice.
    Story::new().add("a", 5).advance(5).claim(&[of(1, "a")]).ack(1).ack(1).finds(Kind::Doubled);
    // The first was lost, or it was written again.
    let mut story = Story::new();
    twice(&mut story);
    story.loss(Kept::Before(0)).ack(2).holds();
    Story::new().add("a", 5).advance(5).claim(&[of(1, "a")]).add("a", 5).claim(&[of(2, "a")]).ack(1).ack(2).holds();
}

/// The claim of `a` was lost and the clock set back: its token went to `b`.
fn of_two_deliveries() -> Story {
    let mut story = Story::new();
    story.add("a", 5).add("b", 5).advance(5).claim(&[of(1, "a")]).loss(Kept::Before(25)).claim(&[of(1, "b")]);
    story
}

#[test]
fn of_two_deliveries_with_one_token_an_ack_settles_the_one_that_was_there() {
    // A late ACK of the first worker settles `b`. That is over, and `a` is not.
    of_two_deliveries().ack(1).claim(&[of(2, "a")]).ack(2).holds();
    assert_eq!(of_two_deliveries().ack(1).finds(Kind::Lost).of, "a");
    let again = of_two_deliveries().ack(1).claim(&[of(2, "a"), of(3, "b")]).ack(2).finds(Kind::Resurrected);
    assert_eq!(again.of, "b");
    let twice = of_two_deliveries().ack(1).claim(&[of(2, "a")]).ack(2).ack(1).finds(Kind::Doubled);
    assert_eq!(twice.of, "b");
    // An ACK before the token came again was of the first, and is lost with it.
    let mut story = Story::new();
    story.add("a", 5).add("b", 5).advance(5).claim(&[of(1, "a")]).ack(1).loss(Kept::Before(25));
    story.claim(&[of(1, "b")]).claim(&[of(2, "a")]).ack(2);
    assert_eq!(story.finds(Kind::Lost).of, "b");
    story.wait(2).claim(&[of(3, "b")]).ack(3).holds();
}

/// In virtual time much happens at one moment.
#[test]
fn an_ack_at_the_moment_of_its_claim_settles_it() {
    let mut story = Story::new();
    story.add("a", 5).advance(5).claim(&[of(1, "a")]).ack(1);
    for call in &mut story.history.calls[2..] {
        (call.begin, call.end) = (20, 20);
    }
    story.holds();
}

#[test]
fn an_ack_that_may_be_of_either_of_two_deliveries_excuses_both_and_condemns_neither() {
    // It came without a reply before the loss, or overlaps the second claim: nobody knows what it settled.
    let mut story = Story::new();
    story.add("a", 5).add("b", 5).advance(5).claim(&[of(1, "a")]).ack(1).silent().loss(Kept::Before(25));
    story.claim(&[of(1, "b")]).holds();
    let mut story = of_two_deliveries();
    story.ack(1);
    let (claim, ack) = (story.history.calls[4].begin, story.history.calls.len() - 1);
    story.history.calls[ack].begin = claim;
    story.holds();
    story.claim(&[of(2, "a"), of(3, "b")]).ack(2).ack(3).holds();
}

/// The simulation knows nothing of how long a call takes.
#[test]
fn calls_that_take_no_time_are_judged_as_others_are() {
    let mut story = Story::new();
    story.add("a", 5).advance(5).claim(&[of(1, "a")]).ack(1);
    story.history.calls.iter_mut().for_each(|call| call.end = call.begin);
    story.holds();
}

#[test]
fn what_was_acknowledged_does_not_come_back() {
    let comes_back = |kept: Option<Kept>| {
        let mut story = Story::new();
        story.add("a", 5).advance(5).claim(&[of(1, "a")]).ack(1);
        if let Some(kept) = kept {
            story.loss(kept);
        }
        story.claim(&[of(2, "a")]);
        story
    };
    comes_back(None).finds(Kind::Resurrected);
    comes_back(Some(Kept::Answered)).finds(Kind::Resurrected);
    comes_back(Some(Kept::Before(0))).holds();
    comes_back(Some(Kept::Replicated)).holds();
    // What was written again since it was handed out is something else.
    Story::new().add("a", 5).advance(5).claim(&[of(1, "a")]).add("a", 5).ack(1).claim(&[of(2, "a")]).ack(2).holds();
    // An ACK without a reply may never have arrived.
    Story::new().add("a", 5).advance(5).claim(&[of(1, "a")]).ack(1).silent().wait(2).claim(&[of(2, "a")]).holds();
}

#[test]
fn nobody_works_under_a_lease_of_another() {
    Story::new().add("a", 5).advance(5).claim(&[of(1, "a")]).wait(1).claim(&[of(2, "a")]).ack(2).holds();
    Story::new().add("a", 5).advance(5).claim(&[of(1, "a")]).claim(&[of(2, "a")]).ack(2).finds(Kind::TwoLeases);
    Story::new().add("a", 5).advance(5).claim(&[of(1, "a")]).hand_back(1).claim(&[of(2, "a")]).ack(2).holds();
    // An extended lease ends later, a shortened one earlier.
    for (lease_ms, two) in [(30, true), (1, false)] {
        let mut story = Story::new();
        story.add("a", 5).advance(5).claim(&[of(1, "a")]);
        story.call(Act::Extend { tokens: vec![1], lease_ms }, Answer::Done).claim(&[of(2, "a")]).ack(2);
        assert_eq!(judge(&story.history).kinds() == [Kind::TwoLeases], two);
    }
    // A clock that was set forward ends it.
    let mut story = Story::new();
    story.add("a", 5).advance(5).claim(&[of(1, "a")]).history.steps.push((25, 1_000));
    story.claim(&[of(2, "a")]).ack(2).holds();
    // A lease that was lost ends, too.
    Story::new().add("a", 5).advance(5).claim(&[of(1, "a")]).loss(Kept::Before(25)).claim(&[of(2, "a")]).ack(2).holds();
}

#[test]
fn tokens_rise() {
    Story::new().add("a", 0).add("b", 0).advance(5).claim(&[of(2, "a")]).claim(&[of(3, "b")]).ack(2).ack(3).holds();
    let mut story = Story::new();
    story.add("a", 0).add("b", 0).advance(5).claim(&[of(2, "a")]).claim(&[of(1, "b")]).ack(2).ack(1);
    story.finds(Kind::TokenNotRising);
    // A token twice; also if a loss lies between, as long as the clock went on.
    Story::new()
        .add("a", 0)
        .advance(5)
        .claim(&[of(2, "a")])
        .wait(2)
        .claim(&[of(2, "a")])
        .ack(2)
        .finds(Kind::TokenNotRising);
    let mut story = Story::new();
    story.add("a", 0).advance(5).claim(&[of(2, "a")]).loss(Kept::Before(15)).claim(&[of(2, "a")]).ack(2);
    story.finds(Kind::TokenNotRising);
    // The clock was set back behind the tokens that were lost: nothing is promised.
    story.history.calls[3].clock = (0, 1);
    story.holds();
}

#[test]
fn what_a_server_answers_that_is_a_master_no_more_is_judged_by_itself() {
    // Two masters for a while: `a` is handed out by the new one, and by the old one before it hears that it is over.
    let mut story = Story::new();
    story.add("a", 5).replicated().advance(5).replicated().claim(&[of(2, "a")]).claim(&[of(1, "a")]).ack(2);
    let mut apart = story.history.clone();
    apart.losses.push(Loss { at: 20, until: 35, kept: Kept::Replicated });
    apart.calls[2].replicated = Some(20);
    assert!(judge(&apart).is_clean(), "{}", judge(&apart));
    assert_eq!(judge(&story.history).kinds(), [Kind::TwoLeases, Kind::TokenNotRising]);
}

#[test]
fn of_a_group_one_is_in_hand() {
    let limited = Terms { one_at_a_time: true, ..terms(Gate::Watermark) };
    let (a, b) = (in_group("g", of(1, "a")), in_group("g", of(2, "b")));
    let begin = || {
        let mut story = Story::with(limited.clone());
        story.add("a", 0).add("b", 0).advance(5);
        story
    };
    begin().claim(&[a.clone()]).ack(1).claim(&[b.clone()]).ack(2).holds();
    begin().claim(&[a.clone()]).claim(&[b.clone()]).ack(1).ack(2).finds(Kind::GroupsOverlap);
    begin().claim(&[a.clone(), b.clone()]).ack(1).ack(2).finds(Kind::GroupsOverlap);
    begin().claim(&[a.clone(), in_group("h", of(2, "b"))]).ack(1).ack(2).holds();
    begin().claim(&[a]).wait(1).claim(&[b]).ack(1).ack(2).holds();
}

#[test]
fn items_are_in_one_entry() {
    Story::new()
        .push(&["x", "y"])
        .claim(&[items(1, &["x", "y"])])
        .wait(2)
        .claim(&[items(2, &["x", "y"])])
        .ack(2)
        .holds();
    let mut story = Story::new();
    story
        .push(&["x", "y"])
        .claim(&[items(1, &["x", "y"])])
        .wait(2)
        .claim(&[items(2, &["x"]), items(3, &["y"])])
        .ack(2)
        .ack(3);
    story.finds(Kind::ItemDoubled);
    Story::new().push(&["x", "y"]).claim(&[items(1, &["x", "y", "x"])]).ack(1).finds(Kind::ItemDoubled);
    // One item of several is lost.
    assert_eq!(Story::new().push(&["x", "y"]).claim(&[items(1, &["x"])]).ack(1).finds(Kind::Lost).of, "y");
}

#[test]
fn sums_are_exact() {
    let begin = || {
        let mut story = Story::new();
        story.count("f", 2).count("f", 3);
        story
    };
    let all = batch(1, "7", &[("f", 5)]);
    begin().claim(&[all.clone()]).ack(1).holds();
    // A batch that comes again under its number is in the database once.
    begin().claim(&[all.clone()]).wait(2).claim(&[batch(2, "7", &[("f", 5)])]).ack(2).holds();
    begin().claim(&[batch(1, "7", &[("f", 4)])]).ack(1).finds(Kind::SumNotExact);
    begin().claim(&[batch(1, "7", &[("f", 5), ("g", 1)])]).ack(1).finds(Kind::SumNotExact);
    begin().claim(&[all.clone()]).ack(1).claim(&[batch(2, "8", &[("f", 5)])]).ack(2).finds(Kind::SumNotExact);
    // An increment without a reply counts or does not, but not by half.
    for (sum, is_right) in [(5, true), (9, true), (10, false), (4, false)] {
        let mut story = begin();
        story.count("f", 4).silent().claim(&[batch(1, "7", &[("f", sum)])]).ack(1);
        assert_eq!(judge(&story.history).is_clean(), is_right, "{sum}");
    }
    // A number that died with its claim: the sums came again under another.
    begin().claim(&[all]).loss(Kept::Before(19)).claim(&[batch(2, "8", &[("f", 5)])]).ack(2).holds();
}

#[test]
fn a_batch_number_has_one_content() {
    let mut story = Story::new();
    story.count("f", 2).claim(&[batch(1, "7", &[("f", 2)])]).ack(1).count("f", 3);
    story.claim(&[batch(2, "7", &[("f", 3)])]).ack(2);
    assert!(judge(&story.history).kinds().contains(&Kind::BatchReused));
    // One master had answered before it was lost: the next one may not use its number.
    let mut after = story.history.clone();
    after.losses.push(Loss { at: 25, until: 39, kept: Kept::Replicated });
    assert!(judge(&after).kinds().contains(&Kind::BatchReused));
    // Two masters at a time may, and the database has one of the two contents.
    after.losses[0].at = 5;
    assert!(judge(&after).is_clean(), "{}", judge(&after));
}

#[test]
fn a_remembered_id_is_not_accepted_again() {
    let begin = || {
        let mut story = Story::with(Terms { remember_ms: 50, ..terms(Gate::Watermark) });
        story.add("a", 0).advance(5).claim(&[of(1, "a")]).ack(1);
        story
    };
    begin().add("a", 0).refused().holds();
    begin().add("a", 0).claim(&[of(2, "a")]).ack(2).finds(Kind::IdNotRemembered);
    // Its time is over, or it was removed, or the ACK was lost.
    begin().wait(5).add("a", 0).claim(&[of(2, "a")]).ack(2).holds();
    begin().remove("a").add("a", 0).claim(&[of(2, "a")]).ack(2).holds();
    begin().loss(Kept::Before(0)).add("a", 0).claim(&[of(2, "a")]).ack(2).holds();
}

#[test]
fn no_more_is_taken_than_the_limit_allows() {
    // A beat is 10 ms, and one comes back each 20 ms.
    let takes = |burst: u64, times: usize| {
        let limit = Some(Limit { burst, each_ms: 20.0 });
        let mut story = Story::with(Terms { limit, ..terms(Gate::Clock) });
        for _ in 0..times {
            story.call(Act::Take, Answer::Done);
        }
        story
    };
    takes(3, 6).holds();
    takes(3, 12).finds(Kind::OverLimit);
    let mut refused = takes(3, 12);
    refused.history.calls.iter_mut().for_each(|call| call.answer = Answer::Refused);
    refused.holds();
    // A crash forgets, and a clock that was set ahead gives back.
    takes(3, 6).loss(Kept::Before(0)).holds();
    let mut forgotten = takes(2, 4);
    forgotten.loss(Kept::Before(0));
    for _ in 0..4 {
        forgotten.call(Act::Take, Answer::Done);
    }
    forgotten.holds();
    // Whoever removes it forgives.
    let mut removed = takes(2, 4);
    removed.remove("k");
    for _ in 0..4 {
        removed.call(Act::Take, Answer::Done);
    }
    removed.holds();
    // One that was ahead, so that the limit was full again and forgotten, and was set right: time passes anew.
    let mut set_right = takes(3, 6);
    set_right.history.calls[..2].iter_mut().for_each(|call| call.clock = (call.clock.0 + 500, call.clock.1 + 500));
    set_right.holds();
    let mut ahead = takes(3, 12);
    ahead.history.calls[6..].iter_mut().for_each(|call| call.clock = (call.clock.0 + 1_000, call.clock.1 + 1_000));
    ahead.holds();
}

#[test]
fn what_comes_again_is_settled_as_often_as_it_comes() {
    let recurring = || Story::with(Terms { comes_again: true, ..terms(Gate::Watermark) });
    let (first, second) = (of(1, "job"), of(2, "job"));
    recurring().add("job", 5).advance(5).claim(&[first.clone()]).ack(1).claim(&[second.clone()]).ack(2).holds();
    // But it is in one hand.
    recurring().add("job", 5).advance(5).claim(&[first]).claim(&[second]).ack(2).finds(Kind::TwoLeases);
}

#[test]
fn a_report_says_what_was_put_to_the_test() {
    let report = Story::new().add("a", 5).replicated().advance(5).claim(&[of(1, "a")]).ack(1).holds();
    assert_eq!(report.judged[&(Kind::Lost, Durability::Replicated)], 1);
    assert_eq!(report.times_judged(Kind::Early), 1);
    assert_eq!(report.times_judged(Kind::IdNotRemembered), 0);
}
