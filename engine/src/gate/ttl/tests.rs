mod ends;

use crate::{
    expired, ClaimTerms, Copied, DeliveryOptions, Ending, Error, Expiry, Loader, Millis, OfLife, Owed, Prefix,
    TokenRange, TtlRules, UnixMs, Update, MAX_NAME,
};

fn rules(prefixes: &[&str]) -> TtlRules {
    let prefix = |prefix: &&str| Prefix(prefix.as_bytes().into());
    TtlRules { prefixes: prefixes.iter().map(prefix).collect(), max_value: 8, keep_evicted: true, max_held: 0 }
}

fn watcher() -> Expiry {
    Expiry::create(rules(&["order:"]), DeliveryOptions::default(), [1, 2]).expect("a prefix")
}

fn copied(text: &str) -> Copied {
    Copied { kind: 1, bytes: Some(text.as_bytes().into()) }
}

fn listed(key: &Expiry) -> Vec<(String, i64)> {
    let tracked = key.tracked(None, 99);
    tracked.iter().map(|key| (String::from_utf8_lossy(key.name).into_owned(), key.deadline.0)).collect()
}

fn claim(key: &mut Expiry) -> Vec<(String, i64, Ending, Option<String>)> {
    let claim = key
        .claim(&ClaimTerms { consumer: b"w", count: 99, lease: Millis(1_000), first: None }, UnixMs(0))
        .expect("no sink");
    let told = |entry: crate::Delivered<'_>| {
        let expired = expired(entry.body);
        let value = expired.value.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        (String::from_utf8_lossy(entry.name).into_owned(), entry.key, expired.ending, value)
    };
    key.delivered(&claim).map(told).collect()
}

fn restore(key: &Expiry) -> Expiry {
    let mut loader = Loader::new([7, 8]);
    key.save(&mut |chunk| loader.push(chunk).expect("a chunk just saved loads"));
    loader.finish().expect("a snapshot just taken is whole")
}

fn fingerprint(key: &Expiry) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    key.fingerprint(&mut |chunk| chunks.push(chunk.to_vec()));
    chunks
}

#[test]
fn prefixes_must_be_there_and_differ() {
    for prefixes in [&[][..], &["a", "b", "a"]] {
        let refused = Expiry::create(rules(prefixes), DeliveryOptions::default(), [1, 2]);
        assert!(matches!(refused, Err(Error::OutOfRange(_))), "{prefixes:?}");
    }
    assert!(rules(&["a:", ""]).covers(b"whatever"));
    assert!(!rules(&["a:", "b:"]).covers(b"a"));
}

#[test]
fn how_a_key_ended_is_known_until_it_lives_again() {
    let mut key = watcher();
    key.track(b"order:1", UnixMs(100));
    assert_eq!((key.ended(b"order:1"), key.ended(b"order:2")), (None, None));
    key.note_gone(b"order:1");
    assert_eq!(key.ended(b"order:1"), Some(Ending::Expired));
    key.track(b"order:1", UnixMs(300));
    assert_eq!(key.ended(b"order:1"), None);
    assert!(!key.closes_again(), "the deadlines of keys are theirs");
}

#[test]
fn whether_a_value_will_be_shown_is_forgotten_with_the_next_life() {
    let mut key = watcher();
    let is_shown = |key: &Expiry| key.tracked(None, 9)[0].is_shown;
    key.track(b"order:1", UnixMs(100));
    key.note_shown(b"order:2");
    assert!(!is_shown(&key));
    key.note_shown(b"order:1");
    assert!(is_shown(&key));
    key.track(b"order:1", UnixMs(300));
    assert!(!is_shown(&key));
}

#[test]
fn a_new_deadline_moves_a_key_and_its_value_stays() {
    let mut key = watcher();
    key.track(b"order:1", UnixMs(100));
    key.track(b"order:2", UnixMs(200));
    key.keep(b"order:1", copied("one"));
    key.track(b"order:1", UnixMs(300));
    assert_eq!(listed(&key), [("order:2".into(), 200), ("order:1".into(), 300)]);
    assert_eq!(key.kept(b"order:1"), Some(&copied("one")));
    assert!(key.untrack(b"order:2") && !key.untrack(b"order:2"));
    assert_eq!(key.tracked_until(b"order:1"), Some(UnixMs(300)));
    assert!(!key.was_evicted(b"order:1"));
}

#[test]
fn an_expiry_is_delivered_with_its_value_and_once() {
    let mut key = watcher();
    key.track(b"order:1", UnixMs(100));
    key.expire(b"order:1", UnixMs(100), Ending::Expired, Some(copied("one").as_last())).expect("room");
    assert_eq!(listed(&key), []);
    assert_eq!(claim(&mut key), [("order:1".into(), 100, Ending::Expired, Some("one".into()))]);
}

#[test]
fn an_expiry_leaves_a_later_deadline_of_the_same_name_alone() {
    let mut key = watcher();
    key.track(b"order:1", UnixMs(500));
    key.expire(b"order:1", UnixMs(100), Ending::Evicted, None).expect("room");
    assert_eq!(listed(&key), [("order:1".into(), 500)]);
    assert_eq!(claim(&mut key), [("order:1".into(), 100, Ending::Evicted, None)]);
}

#[test]
fn values_beyond_the_bound_are_not_kept() {
    let mut key = watcher();
    key.track(b"order:1", UnixMs(100));
    key.keep(b"order:1", copied("12345678"));
    assert_eq!(key.kept(b"order:1"), Some(&copied("12345678")));
    key.keep(b"order:1", copied("123456789"));
    assert_eq!(key.kept(b"order:1"), Some(&Copied { kind: 1, bytes: None }), "its type is known");
    key.keep(b"nobody", copied("1"));
    assert_eq!(key.len(), 1);
}

#[test]
fn listings_page_and_find_what_ends_in_between() {
    let mut key = watcher();
    for n in 0..6 {
        key.track(format!("order:{n}").as_bytes(), UnixMs(100 + n / 2));
    }
    let names = |listed: Vec<crate::Tracked<'_>>| listed.iter().map(|key| key.name[6] as char).collect::<String>();
    assert_eq!(names(key.tracked(Some(b"order:2"), 2)), "34");
    assert_eq!(names(key.tracked(Some(b"gone"), 2)), "01");
    assert_eq!(names(key.ending_between(UnixMs(100), UnixMs(101), 9)), "23");
    assert_eq!(key.count_between(UnixMs(100), UnixMs(101)), 2);
    assert_eq!(key.count_between(UnixMs(-5), UnixMs::NEVER), 6);
    assert_eq!(key.count_between(UnixMs(101), UnixMs(100)), 0);
    assert_eq!(names(key.ending_between(UnixMs(i64::MIN), UnixMs(101), 3)), "012");
}

#[test]
fn what_is_tracked_is_saved_but_is_not_what_nodes_are_compared_by() {
    let mut key = watcher();
    let before = fingerprint(&key);
    key.track(b"order:1", UnixMs(100));
    key.keep(b"order:1", copied("one"));
    key.note_evicted(b"order:1");
    assert_eq!(fingerprint(&key), before);
    let mut loaded = restore(&key);
    assert_eq!(listed(&loaded), listed(&key));
    assert_eq!(loaded.kept(b"order:1"), Some(&copied("one")));
    assert_eq!(loaded.tracked_until(b"order:1"), Some(UnixMs(100)));
    assert!(loaded.was_evicted(b"order:1"));
    assert_eq!(loaded.stats(UnixMs(0)).waiting, 1);
}

#[test]
fn a_new_life_of_an_evicted_key_is_not_evicted() {
    let mut key = watcher();
    key.track(b"order:1", UnixMs(100));
    key.note_evicted(b"order:1");
    key.track(b"order:1", UnixMs(100));
    assert_eq!(key.tracked_until(b"order:1"), Some(UnixMs(100)));
    assert!(!key.was_evicted(b"order:1"));
}

#[test]
fn values_that_are_gone_take_no_memory() {
    let mut key = watcher();
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let after_each = [0, 1, 2, 3].map(|way| {
            key.track(b"order:1", UnixMs(100));
            key.keep(b"order:1", copied("replaced"));
            key.keep(b"order:1", copied("12345678"));
            match way {
                0 => key.forget_value(b"order:1"),
                1 => key.forget_values(UnixMs(0)),
                2 => drop(key.forget_to_come(UnixMs(0))),
                _ => drop(key.untrack(b"order:1")),
            }
            assert_eq!(key.kept(b"order:1"), None);
            key.memory()
        });
        rounds.push(after_each);
    }
    assert!(rounds[0] == rounds[1] && rounds[1] == rounds[2], "{rounds:?}");
}

/// A watcher that may hold so many bytes, and what it delivers of these keys.
fn limited(max_held: u64, keep_evicted: bool) -> Expiry {
    let rules = TtlRules { max_held, keep_evicted, ..rules(&["order:"]) };
    Expiry::create(rules, DeliveryOptions::default(), [1, 2]).expect("a prefix")
}

#[test]
fn no_more_bytes_are_held_than_allowed_and_what_is_dropped_is_counted() {
    let mut key = limited(8, false);
    for (name, value) in [(b"order:1", "five5"), (b"order:2", "four"), (b"order:3", "two")] {
        key.track(name, UnixMs(100));
        key.keep(name, copied(value));
    }
    assert_eq!((key.held_bytes(), key.kept(b"order:2")), (8, Some(&Copied { kind: 1, bytes: None })));
    // The room that a key's copy takes counts for the key's next copy.
    key.keep(b"order:1", copied("now5!"));
    for name in [b"order:1", b"order:2", b"order:3"] {
        let kept = key.kept(name).cloned();
        let told = kept.as_ref().map(Copied::as_last);
        key.expire(name, UnixMs(100), Ending::Expired, told).expect("a place");
    }
    assert_eq!((key.held_bytes(), key.values_dropped()), (8, 1));
    // What is in an entry takes room until it is acknowledged.
    key.track(b"order:4", UnixMs(200));
    key.keep(b"order:4", copied("x"));
    assert_eq!(key.kept(b"order:4").and_then(|copied| copied.bytes.clone()), None);
    let values: Vec<_> = claim(&mut key).into_iter().map(|(.., value)| value).collect();
    assert_eq!(values, [Some("now5!".into()), None, Some("two".into())]);
    assert_eq!((restore(&key).held_bytes(), key.held_bytes()), (8, 8));
    key.ack(&[TokenRange { first: 1, last: 3 }], UnixMs::EVER).expect("narrow");
    assert_eq!(key.held_bytes(), 0);
    key.keep(b"order:4", copied("x"));
    assert_eq!(key.held_bytes(), 1);
}

#[test]
fn the_value_of_an_evicted_key_is_kept_only_if_that_is_wanted() {
    for keep_evicted in [false, true] {
        let mut key = limited(0, keep_evicted);
        key.track(b"order:1", UnixMs(100));
        key.keep(b"order:1", copied("v"));
        key.note_evicted(b"order:1");
        key.keep(b"order:1", copied("w"));
        assert_eq!(key.held_bytes(), u64::from(keep_evicted));
        assert_eq!(key.kept(b"order:1").map(|copied| copied.kind), Some(1), "the type is known");
    }
    let mut key = limited(0, false);
    let rules = TtlRules { keep_evicted: true, ..key.rules().clone() };
    assert!(key.alter_rules(rules.clone()) && !key.alter_rules(TtlRules { max_value: 0, ..rules }));
    key.track(b"order:1", UnixMs(100));
    key.note_evicted(b"order:1");
    key.keep(b"order:1", copied("v"));
    assert_eq!(key.held_bytes(), 1);
}

#[test]
fn many_keys_at_once_are_known_and_updated_like_each() {
    let mut key = watcher();
    let names: Vec<Vec<u8>> = (0..3_000).map(|n| format!("order:{n}").into_bytes()).collect();
    for (n, name) in names.iter().enumerate().filter(|(n, _)| n % 3 != 0) {
        key.track(name, UnixMs(n as i64));
        match n % 5 {
            0 => key.note_evicted(name),
            1 => key.note_gone(name),
            _ => {}
        }
    }
    let asked: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    let (mut many, mut met) = (key.clone(), Vec::new());
    many.update_each(&asked, |nth, known| {
        met.push(known);
        match nth % 7 {
            0 => Update::Untrack,
            1..4 => Update::Track(UnixMs(5_000 - nth as i64)),
            _ => Update::None,
        }
    });
    assert_eq!(met, asked.iter().map(|name| key.known(name)).collect::<Vec<_>>());
    assert_eq!(met.iter().flatten().count(), 2_000);
    for (nth, name) in asked.iter().enumerate() {
        match nth % 7 {
            0 => drop(key.untrack(name)),
            1..4 => key.track_anew(name, UnixMs(5_000 - nth as i64)),
            _ => {}
        }
    }
    assert_eq!(listed(&many), listed(&key));
    assert!(asked.iter().all(|name| many.known(name) == key.known(name)));
}

/// Names whose hashes are equal, as those of some of very many keys are.
#[test]
fn keys_with_the_same_hash_are_not_taken_for_each_other() {
    let mut key = watcher();
    let mut by_hash = std::collections::HashMap::new();
    let [one, other] = (0..)
        .find_map(|n| {
            let name = format!("order:{n}").into_bytes();
            by_hash.insert(key.gate.names.hash(&name), name.clone()).map(|before| [before, name])
        })
        .expect("after some 65 thousand names");
    key.track(&one, UnixMs(100));
    key.update_each(&[&other], |_, known| {
        assert_eq!(known, None);
        Update::Track(UnixMs(200))
    });
    let mut known = Vec::new();
    key.update_each(&[&one, &other], |_, met| {
        known.push(met.map(|met| met.deadline));
        Update::Untrack
    });
    assert_eq!(known, [Some(UnixMs(100)), Some(UnixMs(200))]);
    assert!(listed(&key).is_empty());
}

/// Some keys whose time is over at 100, and more that end later.
fn over_and_to_come() -> Expiry {
    let mut key = watcher();
    for n in 0..1_000 {
        key.track(format!("order:{n}").as_bytes(), UnixMs(n));
    }
    key.keep(b"order:7", copied("seven"));
    key.note_evicted(b"order:99");
    key.keep(b"order:500", copied("500"));
    key
}

#[test]
fn of_very_many_keys_those_that_are_over_stay_as_they_are() {
    let mut key = over_and_to_come();
    let known: Vec<_> = (0..100).map(|n| key.known(format!("order:{n}").as_bytes())).collect();
    assert!(key.forget_to_come(UnixMs(100)).is_some(), "there is something to drop");
    assert_eq!(key.tracked(None, 1_000).len(), 100);
    assert_eq!((0..100).map(|n| key.known(format!("order:{n}").as_bytes())).collect::<Vec<_>>(), known);
    assert_eq!((key.kept(b"order:7"), key.held_bytes()), (Some(&copied("seven")), 5));
    assert!(key.was_evicted(b"order:99") && key.tracked_until(b"order:500").is_none());
    key.track(b"order:500", UnixMs(500));
    assert!(key.kept(b"order:500").is_none() && key.untrack(b"order:7"));
    assert!(key.forget_to_come(UnixMs(100)).is_none(), "few are to come");
    assert_eq!((key.tracked(None, 1_000).len(), key.held_bytes()), (99, 0));
}

#[test]
fn a_snapshot_that_is_loaded_elsewhere_leaves_behind_what_is_to_come() {
    let mut key = over_and_to_come();
    let mut loader = Loader::elsewhere([7, 8], UnixMs(100));
    key.save(&mut |chunk| loader.push(chunk).expect("a chunk just saved loads"));
    let elsewhere: Expiry = loader.finish().expect("a snapshot just taken is whole");
    key.forget_to_come(UnixMs(100));
    assert_eq!(listed(&elsewhere), listed(&key));
    assert_eq!((elsewhere.kept(b"order:7"), elsewhere.held_bytes()), (Some(&copied("seven")), 5));
    assert!(elsewhere.was_evicted(b"order:99"));
}
