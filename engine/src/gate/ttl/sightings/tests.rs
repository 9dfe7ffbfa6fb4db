use super::*;

const SET: Change = Change::Set { after: Some(UnixMs(5)), until: None };

fn changes(seen: &Sightings) -> Vec<(i32, String, Change)> {
    let told = |seen: ChangedKey<'_>| (seen.db, String::from_utf8_lossy(seen.name).into_owned(), seen.change);
    seen.each_change().map(told).collect()
}

/// The first end that is to be told.
fn take_end(seen: &mut Sightings) -> Option<SeenEnd> {
    let mut ends = seen.take_ends()?;
    assert_eq!(ends.len(), 1);
    ends.pop_front()
}

fn last(deadline: i64) -> Last {
    Last { deadline: UnixMs(deadline), value: Some(Copied { kind: 0, bytes: Some(b"v"[..].into()) }) }
}

#[test]
fn of_several_changes_the_last_one_counts() {
    let mut seen = Sightings::new();
    for change in [SET, Change::Unset, Change::Set { after: None, until: None }] {
        seen.note_change(0, b"a", change);
    }
    seen.note_change(1, b"a", Change::Unset);
    assert_eq!(
        changes(&seen),
        [(0, "a".into(), Change::Set { after: None, until: None }), (1, "a".into(), Change::Unset)]
    );
    assert_eq!(
        seen.look_at_next().map(|seen| (seen.db, seen.change)),
        Some((0, Change::Set { after: None, until: None }))
    );
    assert_eq!((seen.looked(), seen.looked()), (Some(Change::Set { after: None, until: None }), None));
    assert!(!seen.is_empty() && !seen.has_ends());
    seen.note_end(0, b"a", Ending::Expired);
    assert!(seen.has_ends());
}

#[test]
fn an_end_takes_the_change_before_it_with_it_and_what_was_shown() {
    let mut seen = Sightings::new();
    seen.note_change(0, b"a", SET);
    seen.note_last(0, b"a", last(7));
    seen.note_end(0, b"a", Ending::Expired);
    seen.note_change(0, b"a", Change::Unset);
    let end = take_end(&mut seen).expect("an end");
    assert_eq!(end.end, End { how: Ending::Expired, deadline: Some(UnixMs(7)), set: Some(Some(UnixMs(5))) });
    assert_eq!((end.value, end.times), (last(7).value, 1));
    assert_eq!(changes(&seen), [(0, "a".into(), Change::Unset)]);
}

#[test]
fn what_was_shown_of_another_key_is_not_taken_for_this_ones() {
    let mut seen = Sightings::new();
    seen.note_last(0, b"a", last(7));
    seen.note_end(0, b"b", Ending::Evicted);
    assert_eq!(take_end(&mut seen).expect("an end").end.deadline, None);
    seen.note_last(1, b"a", last(7));
    seen.note_end(0, b"a", Ending::Evicted);
    assert_eq!(take_end(&mut seen).expect("an end").end.deadline, None);
    seen.note_last(0, b"a", last(7));
    seen.turn_ends();
    seen.note_end(0, b"a", Ending::Evicted);
    assert_eq!(take_end(&mut seen).expect("an end").end.deadline, None);
}

#[test]
fn a_deletion_is_none_of_our_ends_whatever_it_is_called() {
    let mut seen = Sightings::new();
    seen.note_deletion(0, b"a");
    seen.note_end(0, b"a", Ending::Expired);
    assert_eq!((take_end(&mut seen), changes(&seen)), (None, vec![(0, "a".into(), Change::Unset)]));
    // Another key takes its place, and that one's life is over in the same turn.
    seen.note_deletion(0, b"a");
    seen.note_change(0, b"a", SET);
    seen.note_end(0, b"a", Ending::Expired);
    assert!(take_end(&mut seen).is_some());
    // Set into the past.
    seen.note_change(0, b"a", SET);
    seen.note_last(0, b"a", last(4));
    seen.note_end(0, b"a", Ending::Expired);
    assert_eq!((take_end(&mut seen), changes(&seen)), (None, vec![(0, "a".into(), Change::Unset)]));
}

#[test]
fn a_million_changes_of_one_key_take_the_memory_of_one() {
    let mut seen = Sightings::new();
    for n in 0..1_000_000 {
        seen.note_change(0, b"a", Change::Set { after: Some(UnixMs(n)), until: None });
    }
    assert_eq!(seen.changes(), 1);
    for _ in 0..1_000_000 {
        seen.note_change(0, b"a", SET);
        seen.note_end(0, b"a", Ending::Expired);
    }
    let end = take_end(&mut seen).expect("an end");
    assert_eq!((end.times, take_end(&mut seen)), (1_000_000, None));
}

#[test]
fn every_key_has_its_turn_however_often_the_first_ones_change() {
    let mut seen = Sightings::new();
    let mut turns = Vec::new();
    for db in [0, 2] {
        for name in [b"a", b"b", b"c"] {
            seen.note_change(db, name, SET);
        }
    }
    for _ in 0..6 {
        let ChangedKey { db, name, .. } = seen.look_at_next().expect("a change");
        turns.push((db, name[0] as char));
        seen.looked();
        seen.note_change(0, b"a", SET);
    }
    assert_eq!(turns, [(0, 'a'), (0, 'b'), (0, 'c'), (2, 'a'), (2, 'b'), (2, 'c')]);
    assert_eq!(seen.look_at_next().map(|seen| seen.db), Some(0));
}

#[test]
fn a_key_that_ends_by_being_looked_at_has_ended_after_its_change() {
    let mut seen = Sightings::new();
    seen.note_change(0, b"a", SET);
    seen.look_at_next();
    seen.note_end(0, b"a", Ending::Expired);
    assert_eq!(seen.looked(), None);
    assert_eq!(take_end(&mut seen).map(|seen| seen.end.set), Some(Some(Some(UnixMs(5)))));
    // Another one does.
    seen.note_change(0, b"a", SET);
    seen.look_at_next();
    seen.note_end(0, b"b", Ending::Expired);
    assert_eq!((seen.looked(), take_end(&mut seen).map(|seen| seen.end.set)), (Some(SET), Some(None)));
}

#[test]
fn databases_are_emptied_and_exchanged() {
    let mut seen = Sightings::new();
    for db in [0, 1] {
        seen.note_change(db, b"a", SET);
        seen.note_end(db, b"b", Ending::Expired);
    }
    seen.swap(1, 7);
    assert_eq!(changes(&seen).iter().map(|change| change.0).collect::<Vec<_>>(), [0, 7]);
    assert!(seen.has_end_of(0, b"b") && seen.has_end_of(7, b"b") && !seen.has_end_of(1, b"b"));
    let moved = seen.take_ends_of(7, b"b").expect("an end");
    assert_eq!(moved[0].key, (7, b"b"[..].into()));
    seen.note_end(7, b"b", Ending::Expired);
    seen.forget(Some(7));
    assert!(seen.has_end_of(0, b"b") && !seen.has_end_of(7, b"b"));
    seen.forget(None);
    assert!(seen.is_empty() && seen.look_at_next().is_none());
}

/// If hashes left out the database, a name that is in very many databases would be searched for one by one.
#[test]
fn a_name_has_another_hash_in_each_database_also_once_these_have_changed_places() {
    let mut seen = Sightings::new();
    let hashes: std::collections::HashSet<u32> = (0..1_000).map(|db| seen.hashed(db, b"a").hash).collect();
    assert_eq!(hashes.len(), 1_000);
    (0..20).for_each(|db| seen.note_change(db, b"a", SET));
    seen.swap(3, 700);
    (0..20).filter(|db| *db != 3).chain([700]).for_each(|db| seen.note_change(db, b"a", Change::Unset));
    assert_eq!(seen.changes(), 20, "each was found again");
    assert!(seen.each_change().all(|seen| seen.change == Change::Unset));
}

#[test]
fn several_ends_of_one_key_are_taken_together_and_in_order() {
    let mut seen = Sightings::new();
    for deadline in [3, 4] {
        seen.note_change(0, b"a", Change::Set { after: None, until: None });
        seen.note_last(0, b"a", last(deadline));
        seen.note_end(0, b"a", Ending::Expired);
    }
    let ends = seen.take_ends_of(0, b"a").expect("ends");
    assert_eq!(ends.iter().map(|seen| seen.end.deadline).collect::<Vec<_>>(), [Some(UnixMs(3)), Some(UnixMs(4))]);
    assert!(seen.is_empty() && seen.take_ends().is_none());
}

type Noted = Vec<(KeyId, Change)>;

/// Changes in lists that are searched from the front: those of this round, and those of the next.
#[derive(Default)]
struct Lists {
    first: Noted,
    later: Noted,
}

impl Lists {
    fn len(&self) -> usize {
        self.first.len() + self.later.len()
    }

    fn forget(&mut self, db: i32) {
        for list in [&mut self.first, &mut self.later] {
            list.retain(|((of, _), _)| *of != db);
        }
    }

    /// Exchanges the two databases.
    fn swap(&mut self) {
        self.first.iter_mut().chain(&mut self.later).for_each(|((of, _), _)| *of = 1 - *of);
    }

    fn note(&mut self, key: KeyId, change: Change) {
        match self.first.iter_mut().chain(&mut self.later).find(|(noted, _)| *noted == key) {
            Some((_, known)) => *known = change,
            None => self.later.push((key, change)),
        }
    }

    /// What an end takes with it: the change noted of the key.
    fn take(&mut self, key: &KeyId) -> Option<Change> {
        let taken = [&mut self.later, &mut self.first].map(|list| {
            let at = list.iter().position(|(noted, _)| noted == key);
            at.map(|at| list.remove(at).1)
        });
        taken[1].or(taken[0])
    }

    fn by_name(self) -> Noted {
        sorted([self.first, self.later].concat())
    }
}

fn sorted(mut all: Noted) -> Noted {
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all
}

/// One look at the next changed key: the key that is shown, in whatever order, is one that was noted in this round.
fn look(seen: &mut Sightings, lists: &mut Lists) {
    assert_eq!(seen.begins_round(), lists.first.is_empty());
    if lists.first.is_empty() {
        std::mem::swap(&mut lists.first, &mut lists.later);
    }
    let next = seen.look_at_next().map(|seen| ((seen.db, seen.name.into()), seen.change));
    assert_eq!(next.is_none(), lists.first.is_empty());
    if let Some(next) = next {
        lists.first.remove(lists.first.iter().position(|noted| *noted == next).expect("noted before"));
        assert_eq!(seen.looked(), Some(next.1));
    }
}

/// Random changes, ends and looks at the keys of two databases, which are emptied and exchanged.
#[test]
fn changes_are_found_among_few_and_among_many() {
    let mut random = fastrand::Rng::with_seed(7);
    for keys in [3, 40, 5_000] {
        let (mut seen, mut lists) = (Sightings::new(), Lists::default());
        for step in 0..30_000 {
            let (db, name) = (random.i32(0..2), format!("key-{}", random.usize(0..keys)).into_bytes());
            let key: KeyId = (db, name.clone().into());
            match random.u16(0..4_000) {
                0 => {
                    seen.forget(Some(db));
                    lists.forget(db);
                }
                1..=4 => {
                    seen.swap(0, 1);
                    lists.swap();
                }
                _ => {}
            }
            match random.u8(0..10) {
                0 => {
                    seen.note_end(db, &name, Ending::Evicted);
                    let set = match lists.take(&key) {
                        Some(Change::Set { after, .. }) => Some(after),
                        _ => None,
                    };
                    assert_eq!(take_end(&mut seen).map(|seen| (seen.key, seen.end.set)), Some((key, set)));
                }
                1..=3 => look(&mut seen, &mut lists),
                kind => {
                    let set = Change::Set { after: Some(UnixMs(step)), until: None };
                    let change = if kind == 4 { Change::Unset } else { set };
                    seen.note_change(db, &name, change);
                    lists.note(key, change);
                }
            }
            assert_eq!(seen.changes(), lists.len());
        }
        let left = seen.each_change().map(|seen| ((seen.db, seen.name.into()), seen.change)).collect();
        assert_eq!(sorted(left), lists.by_name());
    }
}

/// Two million notes take eight milliseconds to free.
#[test]
fn what_takes_long_to_free_is_handed_over() {
    const MANY: usize = 100_000;
    fn note_all(seen: &mut Sightings, dbs: i32) {
        (0..MANY).for_each(|n| seen.note_change(n as i32 % dbs, &n.to_le_bytes(), SET));
    }
    fn take_all(seen: &mut Sightings) -> usize {
        (0..).take_while(|_| seen.look_at_next().is_some() && seen.looked().is_some()).count()
    }
    let mut seen = Sightings::new();
    for n in 0..100 {
        seen.note_change(0, &[n], SET);
    }
    assert_eq!((take_all(&mut seen), seen.take_rubbish().count()), (100, 0), "a few are freed at once");
    for dbs in [1, 3] {
        note_all(&mut seen, dbs);
        assert_eq!((take_all(&mut seen), seen.take_rubbish().count()), (MANY, 1));
        assert_eq!(seen.take_rubbish().count(), 0);
        note_all(&mut seen, dbs);
        (0..dbs).for_each(|db| seen.forget(Some(db)));
        assert!(seen.is_empty() && seen.take_rubbish().count() == 1);
        note_all(&mut seen, dbs);
        seen.note_end(0, b"ended", Ending::Expired);
        seen.forget(None);
        assert!(seen.is_empty() && seen.take_rubbish().count() == 1);
    }
    seen.note_change(2, b"a", SET);
    seen.swap(2, 1);
    seen.forget(Some(2));
    assert_eq!(changes(&seen), [(1, "a".into(), SET)]);
    seen.forget(Some(1));
    assert!(seen.is_empty());
}
