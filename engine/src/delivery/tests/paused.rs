//! Keys that are paused.

use super::{claim, names, ready};
use crate::{Addition, DeliveryOptions, Guard, TokenRange, UnixMs, Which};

#[test]
fn a_paused_key_hands_out_nothing_and_all_else_goes_on() {
    let options = DeliveryOptions { max_deliveries: 2, ..DeliveryOptions::default() };
    let mut key = ready(4, options.clone());
    let held = claim(&mut key, 2, 0);
    let paused = DeliveryOptions { paused: true, ..options.clone() };
    assert_eq!(key.alter_delivery(paused.clone(), UnixMs(1)), Ok(true));
    assert_eq!(key.alter_delivery(paused, UnixMs(1)), Ok(false));
    let nothing = claim(&mut key, 9, 1);
    assert_eq!((nothing.count, nothing.changed), (0, false));
    assert!(key.ready_batch(UnixMs(1)).entries.is_empty());
    key.add(&Addition::once(Guard::Always, 1, b"late", b""), UnixMs(1)).expect("room");
    assert_eq!(key.ack(&[TokenRange::one(held.first)], UnixMs::EVER).expect("one").count, 1);
    // The other lease has ended: that shows, and there is nothing for a worker, nor will time alone bring something.
    let stats = key.stats(UnixMs(100));
    assert_eq!((stats.ready, stats.leased), (4, 0));
    assert!(!key.has_ready(UnixMs(100)) && !key.claimable(UnixMs(100)));
    assert_eq!(key.claimable_from(UnixMs(100)), None);
    assert_eq!(key.claimable_from(UnixMs(50)), None, "not at the end of a lease either");

    assert_eq!(key.alter_delivery(options, UnixMs(101)), Ok(true));
    assert_eq!(key.claimable_from(UnixMs(101)), Some(UnixMs(101)));
    let all = claim(&mut key, 9, 101);
    assert_eq!(names(&key, &all), [1, 2, 3, b'l']);
    assert_eq!(key.claimable_from(UnixMs(102)), Some(UnixMs(201)));
}

#[test]
fn what_was_delivered_for_the_last_time_dies_in_a_paused_key() {
    let options = DeliveryOptions { max_deliveries: 1, ..DeliveryOptions::default() };
    let mut key = ready(1, options.clone());
    claim(&mut key, 1, 0);
    key.alter_delivery(DeliveryOptions { paused: true, ..options }, UnixMs(1)).expect("valid");
    assert_eq!(key.dead(None, 9, UnixMs(100)).len(), 1);
    assert_eq!(key.discard(Which::All(1), UnixMs(100)).expect("all").count, 1);
    assert!(key.is_empty());
}
