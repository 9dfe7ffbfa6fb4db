use super::*;
use crate::{Addition, ClaimTerms, Debounce, Guard, IdleRules, Kind, Late, Millis, TokenRange, Tsgen, WatermarkRules};

const NOW: UnixMs = UnixMs(1_000);

fn key(options: DeliveryOptions) -> Tsgen {
    Tsgen::create(WatermarkRules { kind: Kind::Clock, late: Late::Ready }, options, [1, 2]).expect("valid options")
}

fn add(key: &mut Tsgen, id: &[u8]) -> Result<(), Error> {
    key.add(&Addition::once(Guard::Always, 1, id, b""), NOW).map(drop)
}

fn claim(key: &mut Tsgen) -> TokenRange {
    let wanted = ClaimTerms { consumer: b"w", count: 1, lease: Millis(100), first: None };
    TokenRange::one(key.claim(&wanted, NOW).expect("no sink").first)
}

#[test]
fn what_was_replaced_in_hand_is_not_counted() {
    let mut key = key(DeliveryOptions::default());
    assert!(key.is_empty());
    add(&mut key, b"id").expect("room");
    let held = claim(&mut key);
    add(&mut key, b"id").expect("room");
    assert_eq!((key.len(), key.is_empty()), (1, false));
    assert_eq!(key.ack(&[held], NOW).expect("one").count, 1);
    assert_eq!(key.len(), 1, "the newer one");
}

/// A limit may become lower than what is there.
#[test]
fn a_key_with_too_much_in_it_still_takes_what_adds_nothing() {
    let mut key = key(DeliveryOptions::default());
    [b"1", b"2"].into_iter().for_each(|id| add(&mut key, id).expect("room"));
    key.alter_delivery(DeliveryOptions { max_len: 1, ..DeliveryOptions::default() }, NOW).expect("valid");
    assert_eq!([b"1", b"3"].map(|id| add(&mut key, id)), [Ok(()), Err(Error::Full)]);
}

#[test]
fn the_last_sequence_numbers_are_used_and_then_no_more_comes() {
    let mut key = key(DeliveryOptions::default());
    let every = Some(Millis(10));
    key.add(&Addition { every, ..Addition::once(Guard::Always, 1, b"job", b"") }, NOW).expect("room");
    let held = claim(&mut key);
    key.next_seq = MAX_SEQ - 1;
    assert_eq!([b"1", b"2"].map(|id| add(&mut key, id)), [Ok(()), Err(Error::Exhausted)]);
    assert_eq!(key.ack(&[held], NOW).expect("one").count, 1);
    assert_eq!(key.len(), 1, "the job would come again with the next number");
}

/// A replica is told when an ACK was only if that makes a difference.
#[test]
fn acks_depend_on_time_where_work_comes_again_or_is_remembered() {
    let mut plain = key(DeliveryOptions::default());
    let tells = |key: &Tsgen| [key.recurs(), key.remembers(), key.times_acks()];
    add(&mut plain, b"id").expect("room");
    assert_eq!(tells(&plain), [false, false, false]);
    let mut recurring = plain.clone();
    let every = Some(Millis(10));
    recurring.add(&Addition { every, ..Addition::once(Guard::Always, 1, b"job", b"") }, NOW).expect("room");
    assert_eq!(tells(&recurring), [true, false, true]);
    let mut remembering = plain;
    assert_eq!(remembering.alter_remember(Millis(10), 9), Ok(true));
    assert_eq!(tells(&remembering), [false, true, true]);
}

/// The timer asks the key, and the key its gate.
#[test]
fn very_much_that_is_due_is_sorted_out_step_by_step() {
    let mut key = Debounce::create(IdleRules::default(), DeliveryOptions::default(), [1, 2]).expect("valid rules");
    for n in 0..100u8 {
        key.push(&[n], &["item"], NOW).expect("room");
    }
    let due = NOW.after(IdleRules::default().idle);
    assert!(!key.sort_overdue(due, 1) && key.sort_overdue(due, 1_000));
}
