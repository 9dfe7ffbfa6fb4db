//! Snapshots that say of runs what cannot be true.

use super::super::Recurring;
use super::{chunks, claim, every, fail, key, once_and_no_more};
use crate::gate::watermark::{Addition, Guard, Watermark, WatermarkRules};
use crate::{DeliveryOptions, Error, Loader, Millis, Tsgen, UnixMs};

/// A sound key has a run that waits, one that is leased, and a dead one. What its snapshot says of these runs is forged here.
#[test]
fn forged_recurrences_are_refused() {
    let load = |forge: &dyn Fn(&mut Recurring)| {
        let mut key = key(once_and_no_more());
        for (id, timestamp) in [("waits", 900), ("dies", 10), ("is leased", 100)] {
            key.add(&every(10, timestamp, id), UnixMs(0)).expect("room");
        }
        let (_, token) = claim(&mut key, 1_000, 50);
        fail(&mut key, token, true, 51);
        claim(&mut key, 1_000, 100);
        forge(key.gate.recurring.as_mut().expect("some recur"));
        let mut loader = Loader::new([3, 4]);
        let mut told = Ok(());
        key.save(&mut |chunk| told = told.clone().and_then(|()| loader.push(chunk)));
        told.and_then(|()| loader.finish())
    };
    assert_eq!(load(&|_| {}).map(|key| (key.recurring(), key.len())), Ok((3, 4)));
    let period = |ms: u64| move |forged: &mut Recurring| *forged.periods.values_mut().next().expect("one") = Millis(ms);
    for ms in [0, Millis::MAX_DURATION.0 + 1, i64::MAX as u64, u64::MAX] {
        assert_eq!(load(&period(ms)).err(), Some(Error::Damaged("an impossible EVERY")), "{ms}");
    }
    assert!(load(&period(Millis::MAX_DURATION.0)).is_ok());
    let dead = |forged: &Recurring| *forged.past.first().expect("one died");
    let refused = |why: &'static str, forge: &dyn Fn(&mut Recurring)| {
        assert_eq!(load(forge).err(), Some(Error::Damaged(why)));
    };
    refused("a run is missing", &|forged| _ = forged.periods.insert(999, Millis(1)));
    refused("a run is missing", &|forged| _ = forged.past.insert(u64::MAX));
    refused("a run is missing", &|forged| _ = forged.periods.insert(u64::MAX, Millis(1)));
    refused("an impossible past run", &|forged| _ = forged.periods.insert(dead(forged), Millis(1)));
    // The dead run is what its id means, and so is the one that waits.
    refused("an id stands twice", &|forged| forged.past.clear());
    let mut twice = key(DeliveryOptions::default());
    assert_eq!(twice.gate.take_period(5, Millis(1)), Ok(()));
    assert!(twice.gate.take_period(5, Millis(1)).is_err() && twice.gate.take_period(4, Millis(1)).is_err());
    assert_eq!(twice.gate.take_past(7), Ok(()));
    assert!(twice.gate.take_past(7).is_err() && twice.gate.take_past(5).is_err());
}

#[test]
fn a_dead_letter_that_comes_again_and_every_without_a_clock_are_refused() {
    let load = |key: &Tsgen| {
        let mut loader: Loader<Watermark> = Loader::new([3, 4]);
        chunks(key).iter().try_for_each(|chunk| loader.push(chunk)).and_then(|()| loader.finish()).err()
    };
    let mut key = key(once_and_no_more());
    key.add(&Addition::once(Guard::Always, 10, b"a", b"job"), UnixMs(0)).expect("room");
    let (_, token) = claim(&mut key, 5, 20);
    fail(&mut key, token, true, 20);
    assert_eq!(load(&key), None);
    key.gate.recur(0, Millis(1));
    assert_eq!(load(&key), Some(Error::Damaged("a dead letter that comes again")));
    let mut external = Tsgen::create(WatermarkRules::default(), DeliveryOptions::default(), [1, 2]).expect("valid");
    external.add(&Addition::once(Guard::Always, 10, b"a", b"job"), UnixMs(0)).expect("room");
    assert_eq!(load(&external), None);
    external.gate.recur(0, Millis(1));
    assert_eq!(load(&external), Some(Error::Damaged("EVERY without a clock")));
}
