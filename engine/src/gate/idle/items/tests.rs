use super::*;
use proptest::prelude::*;

fn hash(item: &[u8]) -> u32 {
    // Bad on purpose: many items share a hash.
    item.len() as u32
}

fn of(items: &[(&[u8], i64)]) -> Items {
    let mut all = Items::new(UnixMs(items[0].1), 0);
    for (item, at) in items {
        all.push(item, UnixMs(*at));
    }
    all
}

#[test]
fn items_come_back_in_order_with_their_times_even_if_the_clock_stepped_back() {
    let items: [(&[u8], i64); 4] = [(b"a", 1_000), (b"", 990), (b"a", i64::MAX), (b"\0\xff", i64::MIN)];
    let read: Vec<_> = of(&items).iter().map(|(item, at)| (item.to_vec(), at.0)).collect();
    assert_eq!(read, items.map(|(item, at)| (item.to_vec(), at)));
}

#[test]
fn a_fired_group_tells_why() {
    for reason in Reason::ALL {
        let body = of(&[(b"x", 5)]).fired(reason);
        check_fired(&body).expect("a body just made");
        assert_eq!(fired(&body).reason, reason);
        assert!(Items::load(&body, None).is_err(), "it does not collect any more");
    }
    assert!(check_fired(of(&[(b"x", 5)]).as_bytes()).is_err(), "it has not fired yet");
}

#[test]
fn the_size_of_an_item_is_known_before_it_is_added() {
    for length in [0, 1, 127, 128, 20_000] {
        for at in [5, 68, 69, 1 << 40, i64::MIN, i64::MAX] {
            let item = vec![7; length];
            let mut items = of(&[(b"x", 5)]);
            let before = items.size();
            items.push(&item, UnixMs(at));
            assert_eq!(items.size() - before, size_at(&item, UnixMs(at), UnixMs(5)), "{length} bytes at {at}");
        }
    }
    assert_eq!(Items::new(UnixMs(5), 0).size(), HEADER);
}

#[test]
fn one_item_of_16_bytes_takes_27() {
    assert_eq!(of(&[(&[7; 16], 1_790_000_000_000)]).size(), 27);
}

proptest! {
    #[test]
    fn a_unique_group_keeps_the_first_of_equal_items(names in prop::collection::vec(0u32..60, 1..200)) {
        let mut items = Items::new(UnixMs(0), 0);
        let mut model: Vec<Vec<u8>> = Vec::new();
        for (at, name) in names.into_iter().enumerate() {
            let item = vec![b'x'; (name % 7) as usize].into_iter().chain(name.to_be_bytes()).collect::<Vec<_>>();
            let is_new = !model.contains(&item);
            prop_assert_eq!(items.push_new(&item, UnixMs(at as i64), hash), is_new);
            if is_new {
                model.push(item);
            }
        }
        prop_assert_eq!(items.iter().map(|(item, _)| item.to_vec()).collect::<Vec<_>>(), model);
        let loaded = Items::load(items.as_bytes(), Some(&hash)).expect("what was saved loads");
        prop_assert_eq!(loaded.as_bytes(), items.as_bytes());
        prop_assert_eq!(loaded.len(), items.len());
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_without_a_panic(at in 0usize..40, to in any::<u8>(), cut in 0usize..40) {
        let mut bytes = of(&[(b"one", 5), (b"two", 6), (b"three", 900)]).as_bytes().to_vec();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = to;
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        if let Ok(items) = Items::load(&bytes, None) {
            prop_assert_eq!(items.iter().count(), items.len());
        }
        let _ = check_fired(&bytes);
    }
}
