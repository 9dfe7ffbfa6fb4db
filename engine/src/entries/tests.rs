use super::class::{BLOCKS_PER_PAGE, BLOCK_OF_CLASS, CLASSES, MAX_BLOCKS};
use super::pages::Page;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, PartialEq, Debug)]
struct Model {
    place: Place,
    name: Vec<u8>,
    body: Vec<u8>,
    aux: u32,
    state: State,
    superseded: bool,
    delivered: bool,
}

fn read(entries: &Entries, handle: Handle) -> Model {
    let (name, body) = entries.name_and_body(handle);
    assert_eq!((name, body), (entries.name(handle), entries.body(handle)));
    Model {
        place: entries.place(handle),
        name: name.to_vec(),
        body: body.to_vec(),
        aux: entries.aux(handle),
        state: entries.state(handle),
        superseded: entries.superseded(handle),
        delivered: entries.delivered(handle),
    }
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => Just(40usize),
        3 => 0usize..300,
        2 => (0..CLASSES, 0usize..3)
            .prop_map(|(class, off)| (BLOCK_OF_CLASS[class] as usize + off).saturating_sub(HEADER + 1)),
        1 => 4000usize..9000,
    ]
}

proptest! {
    #[test]
    fn behaves_like_a_map(ops in prop::collection::vec(
        (0u8..5, any::<prop::sample::Index>(), any::<i64>(), 0..=MAX_SEQ, length(), any::<u32>()), 1..400)) {
        let mut entries = Entries::new();
        let mut model: BTreeMap<Handle, Model> = BTreeMap::new();
        for (kind, pick, key, seq, total, number) in ops {
            let any = (!model.is_empty()).then(|| *pick.get(&model.keys().copied().collect::<Vec<_>>()));
            match (kind, any) {
                (3, Some(handle)) => {
                    prop_assert_eq!(&read(&entries, handle), &model[&handle]);
                    entries.remove(handle);
                    model.remove(&handle);
                }
                (4, Some(handle)) => {
                    let entry = model.get_mut(&handle).unwrap();
                    entry.state = [State::Queued, State::Leased, State::Delayed, State::Dead][number as usize % 4];
                    entry.superseded = number & 4 != 0;
                    entry.delivered = number & 8 != 0;
                    entry.aux = number;
                    entries.set_state(handle, entry.state);
                    entries.set_superseded(handle, entry.superseded);
                    entries.set_delivered(handle, entry.delivered);
                    entries.set_aux(handle, number);
                }
                _ => {
                    let split = number as usize % (total + 1);
                    let (name, body) = (vec![number as u8; split], vec![key as u8; total - split]);
                    let place = Place { key, seq };
                    let handle = entries.insert(place, &name, &body, number);
                    let entry = Model {
                        place, name, body, aux: number, state: State::Queued, superseded: false, delivered: false,
                    };
                    prop_assert!(model.insert(handle, entry).is_none(), "a handle in use was given out");
                }
            }
            prop_assert_eq!(entries.len(), model.len());
        }
        let copy = entries.clone();
        prop_assert!(copy.memory() <= entries.memory());
        for (&handle, entry) in &model {
            prop_assert_eq!(&read(&entries, handle), entry);
            prop_assert_eq!(&read(&copy, handle), entry);
        }
        for &handle in model.keys() {
            entries.remove(handle);
        }
        prop_assert!(entries.is_empty());
        prop_assert_eq!(entries.memory(), 0);
    }
}

#[test]
fn every_length_around_a_class_and_the_limits_comes_back_whole() {
    let mut entries = Entries::new();
    let place = Place { key: i64::MIN, seq: MAX_SEQ };
    let mut lengths: Vec<(usize, usize)> = vec![(0, 0), (MAX_NAME, 0), (MAX_NAME, 5), (0, 3 << 20), (1, (1 << 27) + 3)];
    for block in BLOCK_OF_CLASS {
        let total = block as usize - HEADER;
        lengths.extend([(0, total), (total, 0), (total / 2, total - total / 2), (0, total + 1), (1, total)]);
    }
    for (name, body) in lengths {
        let (name, body) = (vec![b'n'; name], vec![b'b'; body]);
        let (first, second) =
            (entries.insert(place, &name, &body, 7), entries.insert(place, &body[..1.min(body.len())], &name, 8));
        assert!(entries.name_and_body(first) == (&name[..], &body[..]));
        assert!(entries.body(second) == &name[..]);
        assert_eq!((entries.place(first), entries.aux(first), entries.aux(second)), (place, 7, 8));
        entries.remove(first);
        entries.remove(second);
        assert_eq!(entries.memory(), 0);
    }
}

#[test]
fn classes_fit_their_sizes_and_waste_little_of_a_page() {
    for size in HEADER..=MAX_BLOCK {
        let class = class_of(size);
        assert!(BLOCK_OF_CLASS[class] as usize >= size);
        assert!(class == 0 || (BLOCK_OF_CLASS[class - 1] as usize) < size);
    }
    for class in 0..CLASSES {
        let (block, count) = (BLOCK_OF_CLASS[class] as usize, BLOCKS_PER_PAGE[class] as usize);
        let step = (block * count).next_power_of_two() / 8;
        let allocated = (block * count).next_multiple_of(step);
        assert!(count <= MAX_BLOCKS && count > 0);
        assert!(allocated * 1000 <= block * count * 1015, "{count} blocks of {block} take {allocated}");
    }
    assert_eq!(size_of::<Page>(), 32);
}

#[test]
fn small_keys_are_small_and_an_emptied_page_gives_its_bytes_back() {
    let place = Place { key: 0, seq: 0 };
    let mut entries = Entries::new();
    let first = entries.insert(place, b"name", b"body", 0);
    assert!(entries.memory() < 300, "{}", entries.memory());
    let rest: Vec<Handle> = (0..10_000).map(|_| entries.insert(place, &[1; 16], &[2; 64], 0)).collect();
    let full = entries.memory();
    assert!(full < 10_000 * 105 + 60_000, "{full}");
    for &handle in &rest[..9_900] {
        entries.remove(handle);
    }
    assert!(entries.memory() < full / 8, "{} of {full}", entries.memory());
    for _ in 0..9_900 {
        entries.insert(place, &[1; 16], &[2; 64], 0);
    }
    assert!(entries.memory() <= full, "removed blocks and pages are used again");
    assert_eq!(entries.name(first), b"name");
}

/// With groups each block has 4 bytes more, and takes so much less.
#[test]
fn what_a_block_cannot_take_is_kept_outside_as_long_as_it_is_there() {
    let place = Place { key: 0, seq: 0 };
    for (new, trailer) in [(Entries::new as fn() -> Entries, 0), (Entries::grouped, 4)] {
        let fits = MAX_BLOCK - HEADER - trailer;
        let mut entries = new();
        entries.insert(place, b"name", &vec![7; fits - 4], 0);
        entries.insert_owned(place, b"name", vec![7; fits - 4], 0);
        assert_eq!(entries.outside_bytes(), 0);
        let copied = entries.insert(place, b"name", &vec![7; fits - 3], 0);
        let given = entries.insert_owned(place, b"name", vec![7; fits], 0);
        assert_eq!(entries.outside_bytes(), (fits + 1) + (fits + 4));
        entries.remove(copied);
        assert_eq!(entries.outside_bytes(), fits + 4);
        entries.remove(given);
        assert_eq!((entries.outside_bytes(), entries.len()), (0, 2));
    }
}

#[test]
fn a_page_grows_twofold_and_waste_is_what_is_beyond_two_and_a_half_times_what_is_in_use() {
    let place = Place { key: 0, seq: 0 };
    let mut entries = Entries::new();
    let block = BLOCK_OF_CLASS[class_of(HEADER + 80)] as usize;
    let mut handles = vec![entries.insert(place, &[1; 16], &[2; 64], 0)];
    let with_one = entries.memory();
    for blocks in [2, 4, 4, 8, 8, 8, 8, 16] {
        handles.push(entries.insert(place, &[1; 16], &[2; 64], 0));
        assert_eq!(entries.memory() - with_one, (blocks - 1) * block);
    }
    let count = 20 * BLOCKS_PER_PAGE[class_of(block)] as usize;
    handles.extend((9..count).map(|_| entries.insert(place, &[1; 16], &[2; 64], 0)));
    assert_eq!(entries.waste(), 0);
    let (live, gone): (Vec<_>, Vec<_>) = handles.iter().enumerate().partition(|(nth, _)| nth % 5 == 0);
    gone.into_iter().for_each(|(_, handle)| entries.remove(*handle));
    assert_eq!(entries.waste(), count * block - live.len() * block / 2 * 5);
}
