use super::{Idle, Items, SavedGroup, MAX_ITEMS};
use crate::entries::MAX_SEQ;
use crate::gate::Gate;
use crate::{
    fired, ClaimTerms, Debounce, DeliveryOptions, Error, Fired, IdleRules, Loader, Millis, Pushed, Settled, UnixMs,
};

const IDLE: IdleRules = IdleRules { idle: Millis(100), max_wait: Millis::ZERO, max_items: 0, unique: true };

fn key(rules: IdleRules) -> Debounce {
    Debounce::create(rules, DeliveryOptions::default(), [1, 2]).expect("valid rules")
}

fn push(key: &mut Debounce, group: &str, items: &[&str], now: i64) -> Pushed {
    key.push(group.as_bytes(), items, UnixMs(now)).expect("room")
}

/// A fired group as `name reason item@time …`.
type Told = String;

/// What one claim hands out.
fn claim(key: &mut Debounce, count: usize, now: i64) -> Vec<Told> {
    let claim = key
        .claim(&ClaimTerms { consumer: b"w", count, lease: Millis(1_000_000), first: None }, UnixMs(now))
        .expect("no sink");
    key.delivered(&claim).map(|entry| tell(entry.name, entry.body)).collect()
}

fn tell(name: &[u8], body: &[u8]) -> Told {
    let Fired { reason, items } = fired(body);
    let items = items.map(|(item, at)| format!(" {}@{}", String::from_utf8_lossy(item), at.0));
    format!("{} {}{}", String::from_utf8_lossy(name), reason.as_str(), items.collect::<String>())
}

fn groups(key: &mut Debounce, after: Option<&str>, count: usize, now: i64) -> Vec<(String, usize, i64)> {
    let listed = key.groups(after.map(str::as_bytes), count, UnixMs(now));
    listed
        .iter()
        .map(|group| (String::from_utf8_lossy(group.name).into_owned(), group.items, group.fires_at.0))
        .collect()
}

fn snapshot(key: &Debounce) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    key.save(&mut |chunk| chunks.push(chunk.to_vec()));
    chunks
}

fn restore(key: &Debounce) -> Debounce {
    let mut loader = Loader::new([7, 8]);
    snapshot(key).iter().for_each(|chunk| loader.push(chunk).expect("a chunk just saved loads"));
    loader.finish().expect("a snapshot just taken is whole")
}

#[test]
fn a_group_fires_when_it_has_been_quiet_and_not_a_millisecond_earlier() {
    let mut key = key(IDLE);
    assert!(!key.closes_again() && !key.times_acks() && !key.recurs());
    push(&mut key, "g", &["a"], 0);
    assert!(key.closes_again(), "a clock that steps back makes it wait again");
    assert_eq!(push(&mut key, "g", &["b", "c"], 60).fires_at, Some(UnixMs(160)));
    assert_eq!(claim(&mut key, 9, 159), [""; 0]);
    assert_eq!(claim(&mut key, 9, 160), ["g idle a@0 b@60 c@60"]);
    assert_eq!(claim(&mut key, 9, 1_000), [""; 0]);
}

#[test]
fn max_wait_bounds_a_group_that_is_pushed_to_for_ever() {
    let mut key = key(IdleRules { max_wait: Millis(250), ..IDLE });
    for now in (0..250).step_by(50) {
        push(&mut key, "g", &["a"], now);
    }
    assert_eq!(groups(&mut key, None, 9, 249), [("g".into(), 1, 250)]);
    assert_eq!(claim(&mut key, 1, 250), ["g maxwait a@0"]);
}

#[test]
fn equal_deadlines_of_quiet_and_max_wait_are_told_as_quiet() {
    let mut key = key(IdleRules { max_wait: Millis(100), ..IDLE });
    push(&mut key, "g", &["a"], 0);
    assert_eq!(claim(&mut key, 1, 100), ["g idle a@0"]);
}

#[test]
fn a_full_group_fires_at_once_and_a_long_push_more_than_once() {
    let mut key = key(IdleRules { max_items: 2, ..IDLE });
    let pushed = push(&mut key, "g", &["a", "b", "c", "d", "e"], 5);
    assert_eq!(pushed, Pushed { collecting: 1, filled: 2, fires_at: Some(UnixMs(105)) });
    assert_eq!(claim(&mut key, 9, 5), ["g full a@5 b@5", "g full c@5 d@5"]);
    assert_eq!(push(&mut key, "g", &["f"], 6), Pushed { collecting: 0, filled: 1, fires_at: None });
    assert_eq!(claim(&mut key, 9, 6), ["g full e@5 f@6"]);
}

#[test]
fn an_item_the_group_has_restarts_the_timer_and_keeps_its_first_time() {
    let mut key = key(IDLE);
    push(&mut key, "g", &["a", "b"], 0);
    assert_eq!(push(&mut key, "g", &["a"], 50), Pushed { collecting: 2, filled: 0, fires_at: Some(UnixMs(150)) });
    assert_eq!(claim(&mut key, 1, 150), ["g idle a@0 b@0"]);
}

#[test]
fn without_unique_every_item_counts() {
    let mut key = key(IdleRules { unique: false, ..IDLE });
    assert_eq!(push(&mut key, "g", &["a", "a"], 0).collecting, 2);
}

#[test]
fn a_push_to_an_overdue_group_fires_it_first_at_its_deadline() {
    let mut key = key(IDLE);
    push(&mut key, "g", &["a"], 0);
    push(&mut key, "other", &["x"], 50);
    assert_eq!(push(&mut key, "g", &["b"], 200), Pushed { collecting: 1, filled: 0, fires_at: Some(UnixMs(300)) });
    assert_eq!(claim(&mut key, 9, 200), ["g idle a@0", "other idle x@50"]);
    assert_eq!(claim(&mut key, 9, 300), ["g idle b@200"]);
}

#[test]
fn groups_fire_in_the_order_of_their_deadlines_then_of_their_creation() {
    let mut key = key(IDLE);
    for (group, at) in [("late", 3), ("b", 1), ("a", 1), ("pushed", 0), ("pushed", 2)] {
        push(&mut key, group, &["x"], at);
    }
    let names = |told: Vec<Told>| told.iter().map(|told| told.split(' ').next().map(str::to_owned)).collect::<Vec<_>>();
    let listed: Vec<_> = groups(&mut key, None, 9, 50).into_iter().map(|(name, ..)| Some(name)).collect();
    let claimed = names(claim(&mut key, 9, 1_000));
    assert_eq!(claimed, ["b", "a", "pushed", "late"].map(|name| Some(name.to_owned())));
    assert_eq!(listed, claimed);
}

#[test]
fn listings_go_on_behind_a_group_and_begin_anew_if_it_has_fired() {
    let mut key = key(IDLE);
    for (at, group) in ["a", "b", "c", "d"].into_iter().enumerate() {
        push(&mut key, group, &["x"], at as i64);
    }
    push(&mut key, "b", &["y"], 10);
    let mut names = |after: Option<&str>, count, now| {
        groups(&mut key, after, count, now).into_iter().map(|(name, ..)| name).collect::<String>()
    };
    assert_eq!(names(None, 2, 10), "ac");
    assert_eq!(names(Some("c"), 2, 10), "db");
    assert_eq!(names(Some("b"), 2, 10), "");
    assert_eq!(names(Some("a"), 9, 100), "cdb");
}

#[test]
fn flush_fires_now_and_cancel_drops_but_neither_what_is_overdue() {
    let mut key = key(IDLE);
    push(&mut key, "overdue", &["x"], 0);
    for group in ["a", "b", "c"] {
        push(&mut key, group, &["x"], 100);
    }
    assert_eq!(key.flush(&["overdue", "a", "a", "nobody"], UnixMs(110)), Settled { count: 1, changed: true });
    assert_eq!(key.cancel(&["overdue", "b"], UnixMs(110)), Settled { count: 1, changed: true });
    assert_eq!(key.flush_all(9, UnixMs(110)), Settled { count: 1, changed: true });
    assert_eq!(key.flush_all(9, UnixMs(110)), Settled::default());
    assert_eq!(claim(&mut key, 9, 110), ["overdue idle x@0", "a flush x@100", "c flush x@100"]);
}

#[test]
fn a_clock_that_steps_back_delays_but_loses_nothing() {
    let mut key = key(IDLE);
    push(&mut key, "g", &["a"], 1_000);
    assert_eq!(key.stats(UnixMs(1_100)).ready, 1, "overdue for who looks now");
    assert_eq!(groups(&mut key, None, 9, 500), [("g".into(), 1, 1_100)]);
    assert_eq!(push(&mut key, "g", &["b"], 500).fires_at, Some(UnixMs(600)));
    assert_eq!(claim(&mut key, 9, 599), [""; 0]);
    assert_eq!(claim(&mut key, 9, 600), ["g idle a@1000 b@500"]);
}

/// The clock is set back behind the first push: a group that is pushed to without end used to fire only once the clock was there again.
#[test]
fn max_wait_counts_anew_once_the_clock_has_stepped_back_behind_the_first_push() {
    let rules = IdleRules { max_wait: Millis(250), ..IDLE };
    for unique in [true, false] {
        let mut key = key(IdleRules { unique, ..rules });
        push(&mut key, "g", &["a", "b"], 1_000_000);
        let mut naive = vec!["a@1000000".to_owned(), "b@1000000".to_owned()];
        for now in (500..750).step_by(50) {
            // The same item again changes nothing but the deadline.
            assert_eq!(push(&mut key, "g", &["a"], now).fires_at, Some(UnixMs((now + 100).min(750))));
            naive.extend((!unique).then(|| format!("a@{now}")));
            key = restore(&key);
        }
        assert_eq!(claim(&mut key, 9, 749), [""; 0]);
        assert_eq!(claim(&mut key, 9, 750), [format!("g maxwait {}", naive.join(" "))]);
    }
    // Many items are found by hash: that works all the same.
    let mut key = key(rules);
    let items: Vec<String> = (0..1_000).map(|item| item.to_string()).collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    push(&mut key, "g", &items, 10_000);
    assert_eq!(push(&mut key, "g", &items, 500).collecting, 1_000);
    assert_eq!(push(&mut key, "g", &["new"], 501).collecting, 1_001);
    let restored = restore(&key);
    assert_eq!(snapshot(&restored), snapshot(&key));
}

/// A group that waits anew tells the times of its items by more bytes, so it may get full.
#[test]
fn a_group_that_is_full_once_the_clock_has_stepped_back_counts_as_full_before_the_push_is_done() {
    let rules = IdleRules { max_wait: Millis(10_000), ..IDLE };
    let options = DeliveryOptions { max_len: 1, ..DeliveryOptions::default() };
    let mut key = Debounce::create(rules, options, [1, 2]).expect("valid rules");
    let items: Vec<String> = (0..60_000).map(|nth| format!("{nth:0276}")).collect();
    let (ahead, now) = (10_000_000, 6_400_000);
    assert_eq!(push(&mut key, "g", &items.iter().map(String::as_str).collect::<Vec<_>>(), ahead).filled, 0);
    let before = snapshot(&key);
    // The first makes it full; the second would begin another.
    assert_eq!(key.push(b"g", &["x", "y"], UnixMs(now)), Err(Error::Full));
    assert!(snapshot(&key) == before, "a refused push changes nothing");
    assert_eq!(push(&mut key, "g", &["x"], now).filled, 1);
    assert_eq!(key.len(), 1);
}

#[test]
fn what_fired_before_the_clock_stepped_back_is_announced_once() {
    let mut key = key(IDLE);
    push(&mut key, "g", &["a"], 10_000);
    assert_eq!(claim(&mut key, 9, 11_000), ["g idle a@10000"]);
    assert!(key.fired_between(UnixMs(9_000), UnixMs(9_000), UnixMs(11_000)));
    assert!(!key.fired_between(UnixMs(500), UnixMs(500), UnixMs(501)));
    push(&mut key, "g", &["b"], 600);
    assert_eq!(claim(&mut key, 9, 700), ["g idle b@600"]);
    assert!(key.fired_between(UnixMs(600), UnixMs(600), UnixMs(700)));
}

#[test]
fn what_has_fired_stays_ready_when_the_clock_steps_back() {
    let mut key = key(IDLE);
    push(&mut key, "g", &["a"], 1_000);
    push(&mut key, "g", &["b"], 1_200);
    assert_eq!(key.stats(UnixMs(0)).ready, 1);
    assert_eq!(claim(&mut key, 9, 0), ["g idle a@1000"]);
}

#[test]
fn counts_tell_collecting_from_overdue() {
    let mut key = key(IDLE);
    push(&mut key, "a", &["x"], 0);
    push(&mut key, "b", &["x"], 50);
    let stats = key.stats(UnixMs(120));
    assert_eq!((stats.waiting, stats.ready, key.len()), (1, 1, 2));
    assert_eq!(stats.oldest_ready_age, Some(Millis(20)));
    assert_eq!(stats.next_deadline, Some(UnixMs(150)));
    assert!(key.collecting(b"a", UnixMs(120)).is_none());
    assert_eq!(key.collecting(b"b", UnixMs(120)).map(|group| group.count), Some(1));
}

#[test]
fn max_len_counts_groups_and_a_refused_push_changes_nothing() {
    let options = DeliveryOptions { max_len: 2, ..DeliveryOptions::default() };
    let mut key = Debounce::create(IdleRules { max_items: 2, ..IDLE }, options, [1, 2]).expect("valid");
    push(&mut key, "a", &["x"], 0);
    let before = snapshot(&key);
    // Fills `a`, and would begin two more.
    assert_eq!(key.push(b"a", &["y", "z", "z", "u", "v"], UnixMs(1)), Err(Error::Full));
    assert_eq!(snapshot(&key), before);
    // The second `z` is not another.
    assert_eq!(
        push(&mut key, "a", &["y", "z", "z"], 1),
        Pushed { collecting: 1, filled: 1, fires_at: Some(UnixMs(101)) }
    );
    assert_eq!(key.push(b"b", &["x"], UnixMs(1)), Err(Error::Full));
    assert_eq!(key.push(b"a", &["x"], UnixMs(1)).map(|pushed| pushed.filled), Ok(1), "the last group may fill");
}

#[test]
fn altered_rules_hold_from_the_next_push_on() {
    let mut key = key(IdleRules { max_wait: Millis(1_000), ..IDLE });
    push(&mut key, "a", &["x"], 0);
    push(&mut key, "b", &["x"], 0);
    let rules = IdleRules { idle: Millis(10), max_wait: Millis(20), max_items: 9, ..IDLE };
    assert_eq!(key.alter_rules(rules), Ok(true));
    assert_eq!(key.alter_rules(IdleRules { unique: !rules.unique, ..rules }), Ok(false));
    assert!(key.alter_rules(IdleRules { idle: Millis::ZERO, ..rules }).is_err());
    assert_eq!(push(&mut key, "a", &["y"], 5).fires_at, Some(UnixMs(15)));
    // Its max wait is over by the new rule: it fires now, not in the past.
    assert_eq!(push(&mut key, "b", &["y"], 50).fires_at, Some(UnixMs(50)));
    assert_eq!(claim(&mut key, 9, 50), ["a idle x@0 y@5", "b maxwait x@0 y@50"]);
}

#[test]
fn a_snapshot_holds_what_is_collected_whoever_looked_before() {
    let mut key = key(IdleRules { max_wait: Millis(150), ..IDLE });
    for n in 0..40 {
        push(&mut key, &format!("g{}", n % 15), &[&format!("item {n}")], n * 5);
    }
    let before = snapshot(&key);
    key.stats(UnixMs(170));
    groups(&mut key, None, 9, 100);
    assert_eq!(snapshot(&key), before, "looking changes nothing");
    let mut loaded = restore(&key);
    assert_eq!(snapshot(&loaded), before);
    for now in [150, 180, 250, 400] {
        assert_eq!(claim(&mut loaded, 4, now), claim(&mut key, 4, now));
    }
    assert_eq!(snapshot(&loaded), snapshot(&key));
}

#[test]
fn a_group_at_a_place_for_which_there_is_no_room_is_refused_before_it_is_entered() {
    let mut told = key(IDLE);
    push(&mut told, "g", &["a"], 0);
    for (seq, adopted) in [(MAX_SEQ, Ok(MAX_SEQ)), (MAX_SEQ + 1, Err(Error::Damaged("impossible place")))] {
        let (_, saved) = told.gate.saved_groups().next().expect("one collects");
        let mut loaded = key(IDLE);
        assert_eq!(loaded.gate.adopt_group(&SavedGroup { seq, ..saved }), adopted);
        assert_eq!(loaded.gate.saved_groups().count(), usize::from(adopted.is_ok()));
    }
}

#[test]
fn a_group_of_one_small_item_takes_less_than_200_bytes() {
    let mut key = key(IDLE);
    let count = 100_000;
    for n in 0..count {
        push(&mut key, &format!("group-{n:010}"), &["item-0123456789a"], n);
    }
    let each = key.memory() as i64 / count;
    assert!(each <= 180, "{each} bytes");
}

/// As if an older version had written it: a group had no bound then.
#[test]
fn a_group_that_is_loaded_with_more_than_it_may_have_fires_with_the_next_push() {
    let unbounded = IdleRules { max_items: u64::MAX, unique: false, ..IDLE };
    let mut items = Items::new(UnixMs(0), 0);
    (0..150_000).for_each(|_| items.push(b"x", UnixMs(0)));
    let saved = SavedGroup { seq: 0, name: b"g", items: items.as_bytes(), fires_at: UnixMs(100), by_max_wait: false };
    let mut gate = Idle::load(unbounded, [1, 2]).expect("rules of an older version");
    gate.adopt_collected(saved).expect("a group of an older version");
    let mut key = Debounce::with_gate(gate, DeliveryOptions::default(), [1, 2]).expect("valid options");
    key.next_seq = 1;
    assert_eq!(key.rules().max_items, MAX_ITEMS);
    assert_eq!(push(&mut key, "g", &["y", "z"], 5), Pushed { collecting: 1, filled: 1, fires_at: Some(UnixMs(105)) });
    assert_eq!(restore(&key).stats(UnixMs(5)).ready, 1);
}

#[test]
fn looking_at_very_many_groups_that_are_due_at_once_moves_only_some_and_claims_are_exact_all_the_same() {
    let mut key = key(IDLE);
    let count = 20_000u32;
    for round in 0..2 {
        for n in 0..count {
            key.push(&n.to_be_bytes(), &[b"x"], UnixMs(i64::from(n % 7) + round * 50)).expect("room");
        }
    }
    let mut replica = key.clone();
    let stats = key.stats(UnixMs(1_000));
    assert!(stats.ready >= 4_000 && stats.ready < 20_000, "{} ready", stats.ready);
    assert_eq!(stats.ready + stats.waiting, 20_000);
    assert_eq!(groups(&mut key, None, 10, 1_000), []);
    assert_eq!(key.flush_all(10_000, UnixMs(1_000)).count, 0, "none collects any more");
    assert_eq!(claim(&mut key, 10_000, 1_000), claim(&mut replica, 10_000, 1_000));
    while !key.sort_overdue(UnixMs(1_000), 1_000) {}
    let stats = key.stats(UnixMs(1_000));
    assert_eq!((stats.ready, stats.waiting, stats.leased), (10_000, 0, 10_000));
    // The clock is set back: those that have not fired collect again.
    assert_eq!(groups(&mut key, None, 3, 100).len(), 3);
    assert_eq!(snapshot(&key), snapshot(&replica));
}
