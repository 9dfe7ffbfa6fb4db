//! Entries that leave for a sink.

use super::{claim, ready, tokens, unbounded, FAILED, LEASE};
use crate::{
    Addition, ClaimTerms, DeliveryOptions, Error, Guard, Millis, Nack, Settled, Sink, Sunk, Tsgen, UnixMs, SINK_BATCH,
};

#[test]
fn a_sink_takes_the_place_of_claim_and_cannot_be_set_while_entries_are_leased() {
    let sink = Sink { stream: b"s"[..].into(), max_len: 0 };
    let options = DeliveryOptions { sink: Some(sink), ..unbounded() };
    let mut key = ready(3, unbounded());
    let held = claim(&mut key, 1, 0);
    assert_eq!(key.alter_delivery(options.clone(), UnixMs(0)), Err(Error::Leased));
    key.nack(&tokens(&held), &Nack { delay: Some(Millis(50)), ..FAILED }, UnixMs(0)).expect("few");
    assert_eq!(key.alter_delivery(options, UnixMs(0)), Ok(true));
    assert_eq!(
        key.claim(&ClaimTerms { consumer: b"w", count: 1, lease: LEASE, first: None }, UnixMs(0)),
        Err(Error::HasSink)
    );
    let batch = |key: &mut Tsgen, now| {
        let batch = key.ready_batch(UnixMs(now));
        (batch.entries.iter().map(|entry| entry.name[0]).collect::<Vec<_>>(), batch.swept)
    };
    assert_eq!(batch(&mut key, 0), (vec![1, 2], false));
    let mut replica = key.clone();
    assert_eq!(batch(&mut key, 50), (vec![0, 1, 2], true), "what rests is ready again in its old place");
    let places: Vec<_> = key.ready_batch(UnixMs(50)).entries.iter().map(|ready| ready.place()).collect();
    assert_eq!(key.drop_taken(&places[..2], UnixMs(50)), Sunk { count: 2, oldest: true });
    assert_eq!(batch(&mut key, 50), (vec![2], false));
    assert!(replica.sweep_for(SINK_BATCH, UnixMs(50)));
    assert_eq!(replica.drop_ready(2, UnixMs(50)), Settled { count: 2, changed: true });
    assert_eq!(batch(&mut replica, 50), (vec![2], false));
}

#[test]
fn what_leaves_for_the_sink_is_what_it_has_taken_whatever_has_come_in_between() {
    let mut key = ready(3, unbounded());
    let places: Vec<_> = key.ready_batch(UnixMs(0)).entries.iter().map(|ready| ready.place()).collect();
    // Other code runs: one comes in front, one of those that were taken is gone, and one has been replaced.
    key.add(&Addition::once(Guard::Always, -1, b"before", b""), UnixMs(0)).expect("room");
    assert!(key.rem(&[0]));
    key.add(&Addition::once(Guard::Always, 0, &[1], b"new"), UnixMs(0)).expect("room");
    let mut replica = key.clone();
    assert_eq!(key.drop_taken(&places, UnixMs(0)), Sunk { count: 1, oldest: false });
    let left: Vec<_> = key.ready_batch(UnixMs(0)).entries.iter().map(|ready| ready.name.to_vec()).collect();
    assert_eq!(left, [b"before".to_vec(), vec![1]]);
    assert_eq!(replica.drop_taken(&places, UnixMs(0)).count, 1);
    assert_eq!(key.drop_taken(&places, UnixMs(0)), Sunk { count: 0, oldest: true }, "settled once");
}

#[test]
fn a_key_that_goes_on_under_another_name_is_claimed_from_again() {
    let sink = Sink { stream: b"s"[..].into(), max_len: 0 };
    let mut key = ready(1, DeliveryOptions { sink: Some(sink), ..unbounded() });
    key.drop_sink();
    assert_eq!(*key.options(), unbounded());
    assert_eq!(claim(&mut key, 1, 0).count, 1);
}

#[test]
fn what_a_sink_is_shown_at_once_is_bounded_in_bytes() {
    let mut key = ready(0, unbounded());
    for n in 0..20u8 {
        key.add(&Addition::once(Guard::Always, 1, &[n; 100], &[7; 16_284]), UnixMs(0)).expect("room");
    }
    assert_eq!(key.ready_batch(UnixMs(0)).entries.len(), 5, "four have 64 KiB, and another is what goes beyond");
}
