//! What is asked of the server, and what is done only once it is confirmed.

use super::*;

#[test]
fn pages_follow_each_other() {
    let mut world = World::new(80, 24);
    let page = |next: Option<&str>| Page { next: next.map(str::to_owned), ..letters(2) };
    let after = |world: &mut World| match world.asked().into_iter().find(is_page) {
        Some(Ask::Page { after, .. }) => after,
        _ => "nothing".to_owned(),
    };
    world.press("<Enter>5").answer(is_page, Ok(Answer::Page(page(Some("2")))));
    assert!(world.screen().contains("n: more"));
    world.press("n").answer(is_page, Ok(Answer::Page(page(None))));
    assert!(world.screen().contains("page 2") && !world.screen().contains("n: more"));
    world.asked();
    assert_eq!(after(world.press("n")), "nothing");
    assert_eq!(after(world.press("b")), "0");
    assert_eq!(after(world.press("b")), "nothing");
}

#[test]
fn nothing_is_asked_twice_before_it_is_answered() {
    let mut world = World::new(80, 24);
    world.press("<Enter>2");
    world.asked();
    assert_eq!(world.sees(rows()).asked(), []);
    world
        .press("<Esc><Enter>2")
        .answer(is_page, Ok(Answer::Page(letters(1))))
        .answer(is_info, Ok(Answer::Info(Vec::new())));
    world.asked();
    assert_eq!(world.sees(rows()).asked().len(), 2);
    // A large page not at each look.
    let mut page = letters(1);
    page.entries[0].bytes = 1 << 20;
    world.press("2").answer(is_page, Ok(Answer::Page(page)));
    world.asked();
    let pages: usize = (0..20).map(|_| world.sees(rows()).asked().iter().filter(|ask| is_page(ask)).count()).sum();
    assert_eq!(pages, 1);
}

#[test]
fn an_answer_that_comes_too_late_is_of_no_account() {
    let mut world = World::new(80, 24);
    world.press("<Enter>5").answer(is_page, Ok(Answer::Page(letters(3))));
    world.press("2");
    let old = world.asks.iter().find(|(_, ask)| is_page(ask)).expect("asked").0;
    world.press("3");
    world.happens(Event::Answered(old, Ok(Answer::Page(letters(9)))));
    assert!(world.screen().contains("looking …"));
    world.answer(is_page, Err("NOPERM no permission"));
    assert!(world.screen().contains("NOPERM no permission"));
}

#[test]
fn all_of_a_reason_are_requeued_once_it_is_confirmed() {
    let mut world = World::new(80, 24);
    world.press("<Enter>6").answer(is_reasons, Ok(Answer::Reasons(some_reasons())));
    world.asked();
    world.press("R");
    let filter = Filter::Reason(Bytes::from("mailbox full"));
    assert!(world.screen().contains("Counting of mails that died of: mailbox full …"));
    // As long as they are counted there is nothing to say yes to.
    world.press("y");
    assert!(world.model.question.is_some());
    assert!(world
        .asks
        .iter()
        .any(|(_, ask)| *ask == Ask::Gather { spot: spot(), fate: Fate::Requeue, filter: filter.clone() }));
    world.answer(is_gather, Ok(Answer::Gathered(vec![1, 2, 3]))).shows("question-80x24");
    world.press("<Enter>");
    assert_eq!(world.asked(), []);
    world.press("y");
    assert!(world.asks.iter().any(|(_, ask)| *ask == Ask::Do(spot(), Deed::Settle(Fate::Requeue, vec![1, 2, 3]))));
    world.answer(is_do, Ok(Answer::Done(3)));
    assert!(world.screen().contains("requeued 3"));
    // Those that are gone do not stay on the screen.
    let asked = world.asked();
    assert!(asked.contains(&Ask::Look) && asked.iter().any(is_reasons), "{asked:?}");
    // What the server says of a failure is told.
    world.press("R").answer(is_gather, Ok(Answer::Gathered(vec![1]))).press("y");
    assert!(world.answer(is_do, Err("READONLY You can't write")).screen().contains("READONLY"));
    // None is left meanwhile.
    world.press("R").answer(is_gather, Ok(Answer::Gathered(Vec::new())));
    assert!(world.model.question.is_none() && world.screen().contains("there are none any more"));
}

#[test]
fn no_means_no() {
    let mut world = World::new(80, 24);
    world.press("<Enter>5").answer(is_page, Ok(Answer::Page(letters(3))));
    world.asked();
    for no in ["n", "<Esc>", "q"] {
        world.press("x");
        assert!(world.screen().contains("Discard the dead letter mail-1?"));
        world.press(no);
        assert!(world.asked().is_empty() && world.model.question.is_none() && world.model.inside.is_some());
    }
    // One that is given up while it is counted does not come back.
    world.press("X");
    let serial = world.asks.last().expect("asked").0;
    world.press("n").happens(Event::Answered(serial, Ok(Answer::Gathered(vec![1]))));
    assert!(world.model.question.is_none());
    // Nor does it mean another one.
    world.press("XnX").happens(Event::Answered(serial, Ok(Answer::Gathered(vec![1]))));
    assert!(world.model.question.as_ref().is_some_and(|question| question.deed.is_none()));
}

#[test]
fn a_pause_begins_and_ends() {
    let mut world = World::new(80, 24);
    world.press("p");
    assert!(world.screen().contains("Pause mails?"));
    world.press("y");
    assert_eq!(world.asks.last().map(|(_, ask)| ask.clone()), Some(Ask::Do(spot(), Deed::Pause(true))));
    world.answer(is_do, Ok(Answer::Done(1)));
    let mut paused = rows();
    paused[0].is_paused = true;
    world.sees(paused).press("<Enter>p");
    assert!(world.screen().contains("Resume mails?"));
}

#[test]
fn who_may_only_read_changes_nothing() {
    let mut world = World::new(80, 24);
    world.model.is_read_only = true;
    world.press("p");
    assert!(world.model.question.is_none() && world.screen().contains("this view is read only"));
    world.press("<Enter>5").answer(is_page, Ok(Answer::Page(letters(3))));
    world.asked();
    world.press("rRxX4").answer(is_page, Ok(Answer::Page(letters(3))));
    world.press("mMp");
    assert!(world.model.question.is_none() && world.asked().iter().all(|ask| !is_do(ask) && !is_gather(ask)));
}

#[test]
fn a_key_that_means_nothing_here_says_where_it_does() {
    let mut world = World::new(80, 24);
    world.press("<Enter>r");
    assert!(world.screen().contains("dead letters are in dead (5) and reasons (6)"));
    assert!(world.press("m").screen().contains("a delay is ended in delayed (4)"));
}

#[test]
fn letters_that_are_typed_into_a_filter_do_nothing_else() {
    let mut world = World::new(80, 24);
    world.press("<Enter>5").answer(is_page, Ok(Answer::Page(letters(3))));
    world.asked();
    world.press("/Rqpx");
    assert!(world.asked().is_empty());
    world.press("<Enter>");
    let filter = Filter::Words("Rqpx".to_owned());
    assert!(world.asked().contains(&Ask::Page {
        spot: spot(),
        state: State::Dead,
        after: "0".to_owned(),
        filter: filter.clone()
    }));
    // And all that match is what it filters.
    world.press("R");
    assert_eq!(world.asked(), [Ask::Gather { spot: spot(), fate: Fate::Requeue, filter }]);
}
