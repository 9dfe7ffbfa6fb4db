//! Bounds of what is tracked and kept, and how lives end.

use super::*;

#[test]
fn a_watcher_has_a_hundred_prefixes_at_most() {
    let many: Vec<_> = (0..101).map(|n| format!("{n}:")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let made = |prefixes| Expiry::create(rules(prefixes), DeliveryOptions::default(), [1, 2]).is_ok();
    assert_eq!([made(&many[..100]), made(&many)], [true, false]);
}

#[test]
fn a_name_that_no_entry_could_have_is_not_tracked() {
    let (fits, too_long) = (vec![b'x'; MAX_NAME], vec![b'x'; MAX_NAME + 1]);
    let mut each = watcher();
    [&fits, &too_long].into_iter().for_each(|name| each.track(name, UnixMs(100)));
    let mut many = watcher();
    many.update_each(&[&fits, &too_long], |_, _| Update::Track(UnixMs(100)));
    for key in [each, many] {
        assert_eq!([&fits, &too_long].map(|name| key.tracked_until(name)), [Some(UnixMs(100)), None]);
    }
}

/// What is in no file cannot be told after a restart, so the bound waits. The size of each value counts all the same.
#[test]
fn for_a_file_values_are_kept_however_much_is_held() {
    let mut key = limited(3, false);
    for name in [b"order:1", b"order:2"] {
        key.track(name, UnixMs(100));
        key.keep_for_file(name, copied("abc"));
    }
    key.keep_for_file(b"order:2", copied("12345678"));
    assert_eq!(key.held_bytes(), 3 + 8);
    key.keep_for_file(b"order:2", copied("123456789"));
    assert_eq!((key.held_bytes(), key.values_dropped()), (3, 0));
    key.track_anew(b"order:1", UnixMs(100));
    assert_eq!((key.kept(b"order:1"), key.held_bytes()), (None, 0));
    key.keep_for_file(b"order:1", copied("abcd"));
    key.keep(b"order:2", copied(""));
    assert_eq!(key.kept(b"order:2"), Some(&copied("")), "what takes no room is no too much");
    key.forget_value(b"order:1");
    assert_eq!((key.kept(b"order:1"), key.held_bytes()), (None, 0));
}

#[test]
fn who_decides_that_a_life_has_ended_delivers_its_last_value_or_the_one_that_is_kept() {
    let mut key = limited(5, false);
    let end = Owed { deadline: UnixMs(100), ending: Ending::Expired };
    for name in [b"order:1", b"order:2", b"order:3", b"order:4"] {
        key.track(name, UnixMs(100));
    }
    key.keep(b"order:1", copied("kept"));
    let kept = key.end_life(b"order:1", end, None, OfLife::This);
    assert_eq!(kept, Ok(Some(copied("kept"))));
    assert_eq!(key.end_life(b"order:2", end, Some(copied("l")), OfLife::This), Ok(Some(copied("l"))));
    assert_eq!(key.values_dropped(), 0);
    // There is no room left for this one, and so what is kept of its type alone.
    let without = Ok(Some(Copied { kind: 1, bytes: None }));
    assert_eq!(key.end_life(b"order:3", end, Some(copied("last")), OfLife::This), without);
    assert_eq!(key.values_dropped(), 1);
    key.keep(b"order:4", copied("x"));
    assert_eq!(key.end_life(b"order:4", end, None, OfLife::Earlier), Ok(None), "that was another life's");
    assert_eq!((key.values_dropped(), key.tracked(None, 9).len()), (1, 0));
    let values: Vec<_> = claim(&mut key).into_iter().map(|(name, .., value)| (name, value)).collect();
    let told = [("order:1", Some("kept")), ("order:2", Some("l")), ("order:3", None), ("order:4", None)];
    assert_eq!(values, told.map(|(name, value)| (name.to_owned(), value.map(str::to_owned))));
}

#[test]
fn an_expiry_without_a_value_that_was_not_dropped_is_not_counted_as_such() {
    let mut key = limited(1, false);
    for (name, value) in [(b"order:1", "too much"), (b"order:2", "x")] {
        key.track(name, UnixMs(100));
        key.keep(name, copied(value));
        key.expire(name, UnixMs(100), Ending::Expired, None).expect("a place");
    }
    assert_eq!(key.values_dropped(), 1);
}
