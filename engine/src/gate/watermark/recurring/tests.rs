use super::next;
use crate::gate::watermark::{Added, Addition, Guard, Kind, Late, WatermarkRules};
use crate::{
    Claim, ClaimTerms, DeliveryOptions, Error, Listing, Loader, Millis, Nack, Token, TokenRange, Tsgen, UnixMs, Which,
};

mod forged;

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;

fn key(options: DeliveryOptions) -> Tsgen {
    Tsgen::create(WatermarkRules { kind: Kind::Clock, late: Late::Ready }, options, [1, 2]).expect("valid options")
}

fn once_and_no_more() -> DeliveryOptions {
    DeliveryOptions { max_deliveries: 1, ..DeliveryOptions::default() }
}

fn every(period: i64, timestamp: i64, id: &str) -> Addition<'_> {
    let every = Some(Millis(period.unsigned_abs()));
    Addition { every, ..Addition::once(Guard::Always, timestamp, id.as_bytes(), b"job") }
}

fn take(key: &mut Tsgen, lease: i64, now: i64) -> Claim {
    let terms = ClaimTerms { consumer: b"w", count: 100, lease: Millis(lease.unsigned_abs()), first: None };
    key.claim(&terms, UnixMs(now)).expect("no sink")
}

/// Claims everything; the timestamps of what came.
fn claim(key: &mut Tsgen, lease: i64, now: i64) -> (Vec<i64>, Token) {
    let claim = take(key, lease, now);
    (key.delivered(&claim).map(|entry| entry.key).collect(), claim.first)
}

fn ack(key: &mut Tsgen, token: Token, now: i64) -> usize {
    key.ack(&[TokenRange::one(token)], UnixMs(now)).expect("few").count
}

fn fail(key: &mut Tsgen, token: Token, dead: bool, now: i64) {
    let how = Nack { delay: None, dead, reason: b"why" };
    assert_eq!(key.nack(&[TokenRange::one(token)], &how, UnixMs(now)).expect("few").count, 1);
}

/// State, timestamp and period of the element of an id.
fn get(key: &Tsgen, id: &str, now: i64) -> Option<(&'static str, i64, Option<i64>)> {
    let element = key.get(id.as_bytes(), UnixMs(now))?;
    assert_eq!(element.payload, b"job");
    Some((element.state, element.timestamp, element.every.map(|period| period.0 as i64)))
}

fn copy(key: &Tsgen) -> Tsgen {
    let mut loader = Loader::new([3, 4]);
    key.save(&mut |chunk| loader.push(chunk).expect("just saved"));
    loader.finish().expect("whole")
}

fn chunks(key: &Tsgen) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    key.save(&mut |chunk| chunks.push(chunk.to_vec()));
    chunks
}

#[test]
fn the_next_time_is_on_the_grid_and_after_now_and_never_the_same() {
    let at = |timestamp, period, now| next(timestamp, Millis(period), UnixMs(now));
    assert_eq!([at(100, 10, 100), at(100, 10, 109), at(100, 10, 110)], [110, 110, 120]);
    assert_eq!(
        [at(100, 10, 99), at(100, 10, i64::MIN)],
        [110, 110],
        "the clock was set back, or the run was settled early"
    );
    assert_eq!([at(-5, 10, 3), at(-5, 10, 5)], [5, 15]);
    assert_eq!([at(i64::MIN, 1, i64::MAX - 1), at(i64::MAX, 1, 0)], [i64::MAX, i64::MAX]);
}

/// Every night at one, for a year of virtual time; the server is down for three nights; a run that dies does not stop the next.
#[test]
fn a_nightly_job_for_a_year() {
    let mut key = key(DeliveryOptions { max_deliveries: 2, ..DeliveryOptions::default() });
    let first = 20_000 * DAY + HOUR;
    key.add(&every(DAY, first, "nightly"), UnixMs(first - HOUR)).expect("room");
    let (mut done, mut died) = (Vec::new(), 0);
    let mut now = first - HOUR;
    while now < first + 365 * DAY {
        let night = (now - first).div_euclid(DAY);
        if (100..103).contains(&night) {
            now += DAY;
            continue;
        }
        let (runs, token) = claim(&mut key, 10 * 60_000, now);
        assert!(runs.len() <= 1, "one run at a time");
        for run in runs {
            assert!((run - first) % DAY == 0 && run <= now, "no drift, and never early");
            if night == 200 {
                fail(&mut key, token, true, now + 1);
                died += 1;
            } else {
                // It takes five minutes, and so ends each night at another time of day than it began.
                assert_eq!(ack(&mut key, token, now + 5 * 60_000), 1);
                done.push(run);
            }
        }
        now += 7 * 60_000;
        if night == 300 {
            key = copy(&key);
        }
    }
    let nights: Vec<i64> = done.iter().map(|run| (run - first) / DAY).collect();
    let expected: Vec<i64> = (0..365).filter(|night| ![101, 102, 103, 200].contains(night)).collect();
    assert_eq!((nights, died, key.stats(UnixMs(now)).dead), (expected, 1, 1));
    assert_eq!((key.recurring(), key.len()), (1, 2));
}

#[test]
fn runs_that_were_missed_are_one_run() {
    let mut key = key(DeliveryOptions::default());
    assert_eq!(key.add(&every(10, 100, "a"), UnixMs(0)), Ok(Added::Waits));
    assert_eq!((claim(&mut key, 5, 99).0, get(&key, "a", 99)), (vec![], Some(("waiting", 100, Some(10)))));
    let (runs, token) = claim(&mut key, 1_000, 135);
    assert_eq!((runs, get(&key, "a", 135)), (vec![100], Some(("leased", 100, Some(10)))));
    assert!(claim(&mut key, 5, 140).0.is_empty(), "the next one comes when this one is settled");
    assert_eq!((ack(&mut key, token, 147), ack(&mut key, token, 148)), (1, 0));
    assert_eq!((get(&key, "a", 149), key.len()), (Some(("waiting", 150, Some(10))), 1));
    assert_eq!(claim(&mut key, 5, 150).0, [150]);
}

#[test]
fn what_comes_back_is_the_same_run() {
    let mut key = key(DeliveryOptions { max_deliveries: 3, ..DeliveryOptions::default() });
    key.add(&every(10, 100, "a"), UnixMs(0)).expect("room");
    let (_, token) = claim(&mut key, 5, 100);
    fail(&mut key, token, false, 104);
    assert_eq!(claim(&mut key, 5, 130).0, [100], "handed back");
    assert_eq!(claim(&mut key, 50, 140).0, [100], "the lease ended");
    assert_eq!(key.release(b"w", UnixMs(141)).count, 1);
    let (runs, token) = claim(&mut key, 5, 142);
    assert_eq!((runs, key.len(), key.recurring()), (vec![100], 1, 1));
    // Its lease has ended, and nobody else got it.
    assert_eq!((ack(&mut key, token, 200), get(&key, "a", 200)), (1, Some(("waiting", 210, Some(10)))));
}

#[test]
fn a_run_that_dies_does_not_stop_the_next_and_its_letter_stays() {
    let mut key = key(once_and_no_more());
    key.alter_remember(Millis(1_000_000), 100).expect("valid");
    key.add(&every(10, 100, "a"), UnixMs(0)).expect("room");
    let (_, by_nack) = claim(&mut key, 5, 100);
    fail(&mut key, by_nack, false, 101);
    let (runs, by_lease_end) = claim(&mut key, 5, 110);
    assert_eq!(runs, [110]);
    // The lease ended at 115; the next run is that of 120, whenever somebody looks.
    assert_eq!(get(&key, "a", 165), Some(("ready", 120, Some(10))));
    let (runs, third) = claim(&mut key, 5, 165);
    assert_eq!((runs, key.dead(None, 10, UnixMs(165)).len(), key.len()), (vec![120], 2, 3));
    // A worker that was too slow may still say that it is done: that makes no run.
    assert_eq!((ack(&mut key, by_lease_end, 166), key.len(), key.remembered()), (1, 2, 0));
    assert_eq!(ack(&mut key, third, 167), 1);
    assert_eq!((get(&key, "a", 167), key.remembered()), (Some(("waiting", 170, Some(10))), 0));
    // Once more, and only once.
    assert_eq!(key.requeue(Which::All(10), UnixMs(168)).map(|settled| settled.count), Ok(1));
    key = copy(&key);
    let (runs, extra) = claim(&mut key, 5, 168);
    assert_eq!((runs, get(&key, "a", 168)), (vec![100], Some(("waiting", 170, Some(10)))));
    assert_eq!((ack(&mut key, extra, 169), key.len(), key.recurring(), key.remembered()), (1, 1, 1, 0));
}

#[test]
fn an_extra_run_may_die_again_and_be_discarded_and_the_end_of_the_job_leaves_letters() {
    let mut key = key(once_and_no_more());
    key.add(&every(10, 100, "a"), UnixMs(0)).expect("room");
    for now in [100, 110] {
        let (_, token) = claim(&mut key, 5, now);
        fail(&mut key, token, true, now);
    }
    assert_eq!(key.requeue(Which::All(1), UnixMs(111)).map(|settled| settled.count), Ok(1));
    let (runs, token) = claim(&mut key, 5, 111);
    assert_eq!(runs, [100]);
    fail(&mut key, token, true, 112);
    assert_eq!((key.stats(UnixMs(112)).dead, key.len()), (2, 3));
    assert!(key.rem(b"a") && !key.rem(b"a"));
    assert_eq!((get(&key, "a", 113), key.len(), key.recurring()), (None, 2, 0));
    // A new element of this id is another matter.
    assert_eq!(key.add(&Addition::once(Guard::IfAbsent, 100, b"a", b"job"), UnixMs(113)), Ok(Added::Ready));
    key = copy(&key);
    assert_eq!(key.discard(Which::All(9), UnixMs(114)).map(|settled| settled.count), Ok(2));
    let (_, token) = claim(&mut key, 5, 114);
    assert_eq!((ack(&mut key, token, 115), key.is_empty()), (1, true));
    assert!(key.gate.recurring.is_none(), "nothing is left of it");
}

#[test]
fn what_was_replaced_while_it_ran_makes_no_run() {
    let mut key = key(DeliveryOptions::default());
    key.add(&every(10, 100, "a"), UnixMs(0)).expect("room");
    let (_, old) = claim(&mut key, 1_000, 100);
    key.add(&every(7, 200, "a"), UnixMs(101)).expect("room");
    assert_eq!((ack(&mut key, old, 102), key.len()), (1, 1));
    assert_eq!(get(&key, "a", 102), Some(("waiting", 200, Some(7))));
    let (_, old) = claim(&mut key, 10, 201);
    key.add(&every(9, 300, "a"), UnixMs(202)).expect("room");
    // Its lease ends.
    assert_eq!(
        (claim(&mut key, 5, 250).0, key.len(), get(&key, "a", 250)),
        (vec![], 1, Some(("waiting", 300, Some(9))))
    );
    assert_eq!(ack(&mut key, old, 251), 0);
    let (_, old) = claim(&mut key, 10, 300);
    assert!(key.rem(b"a"));
    assert_eq!((ack(&mut key, old, 301), key.is_empty(), key.gate.recurring.is_none()), (0, true, true));
}

#[test]
fn an_add_replaces_the_period_and_xx_keeps_it() {
    let mut key = key(DeliveryOptions::default());
    key.add(&every(10, 100, "a"), UnixMs(0)).expect("room");
    assert_eq!(key.put_off(205, b"a", UnixMs(0)), Ok(Added::Waits));
    assert_eq!(get(&key, "a", 0), Some(("waiting", 205, Some(10))));
    let (_, token) = claim(&mut key, 5, 205);
    ack(&mut key, token, 206);
    assert_eq!(get(&key, "a", 206), Some(("waiting", 215, Some(10))), "from then on it counts from there");
    let other = Addition { guard: Guard::IfPresent, payload: None, ..every(3, 300, "a") };
    assert_eq!((key.add(&other, UnixMs(0)), get(&key, "a", 0)), (Ok(Added::Waits), Some(("waiting", 300, Some(3)))));
    let absent = Addition { guard: Guard::IfAbsent, ..every(4, 400, "a") };
    assert_eq!((key.add(&absent, UnixMs(0)), get(&key, "a", 0)), (Ok(Added::Refused), Some(("waiting", 300, Some(3)))));
    assert_eq!(
        (key.recurring(), key.add(&Addition::once(Guard::Always, 400, b"a", b"job"), UnixMs(0))),
        (1, Ok(Added::Waits))
    );
    assert_eq!((key.recurring(), get(&key, "a", 0)), (0, Some(("waiting", 400, None))));
    let (_, token) = claim(&mut key, 5, 400);
    assert_eq!((ack(&mut key, token, 401), key.is_empty()), (1, true));
}

#[test]
fn a_clock_that_was_set_back_repeats_no_run() {
    let mut key = key(DeliveryOptions::default());
    key.add(&every(10, 100, "a"), UnixMs(0)).expect("room");
    let (_, token) = claim(&mut key, 1_000, 105);
    assert_eq!((ack(&mut key, token, 50), get(&key, "a", 50)), (1, Some(("waiting", 110, Some(10)))));
    assert_eq!((claim(&mut key, 5, 105).0, claim(&mut key, 5, 110).0), (vec![], vec![110]));
}

#[test]
fn what_the_sink_takes_is_settled() {
    let mut key = key(DeliveryOptions::default());
    key.add(&every(10, 100, "a"), UnixMs(0)).expect("room");
    assert_eq!((key.drop_ready(9, UnixMs(99)).count, key.drop_ready(9, UnixMs(123)).count), (0, 1));
    assert_eq!((get(&key, "a", 123), key.drop_ready(9, UnixMs(124)).count), (Some(("waiting", 130, Some(10))), 0));
    let places: Vec<_> = key.ready_batch(UnixMs(131)).entries.iter().map(|ready| ready.place()).collect();
    assert_eq!(
        (key.drop_taken(&places, UnixMs(131)).count, get(&key, "a", 131)),
        (1, Some(("waiting", 140, Some(10))))
    );
}

/// Each reader tells before the sweep what it tells after it.
#[test]
fn the_next_run_shows_before_it_is_made() {
    let mut key = key(once_and_no_more());
    for (id, period) in [("late", 10), ("soon", 1_000)] {
        key.add(&every(period, 100, id), UnixMs(0)).expect("room");
    }
    claim(&mut key, 5, 100);
    let read = |key: &mut Tsgen| {
        let now = UnixMs(200);
        let peeked = key.peek(Listing::Ready, None, 9, now);
        let peeked: Vec<_> =
            peeked.entries.iter().map(|one| (one.name.to_vec(), one.key, one.deliveries, one.token)).collect();
        let range: Vec<_> = key
            .range(0, 5_000, 9, now)
            .iter()
            .map(|one| (one.state, one.id.to_vec(), one.timestamp, one.every))
            .collect();
        (peeked, range, key.stats(now), get(key, "late", 200), get(key, "soon", 200), key.dead(None, 9, now).len())
    };
    let before = read(&mut key);
    assert_eq!((before.0.len(), before.2.ready, before.2.waiting, before.2.dead), (1, 1, 1, 2));
    assert_eq!((before.3, before.4), (Some(("ready", 110, Some(10))), Some(("waiting", 1_100, Some(1_000)))));
    assert!(key.sweep_stride(UnixMs(200)));
    assert_eq!(read(&mut key), before);
}

#[test]
fn a_full_key_goes_on_and_a_group_counts_the_next_run() {
    let options = DeliveryOptions { max_len: 1, group_limit: 1, max_deliveries: 1, ..DeliveryOptions::default() };
    let mut key = key(options);
    let addition = Addition { group: Some(b"g"), ..every(10, 100, "a") };
    key.add(&addition, UnixMs(0)).expect("room");
    let (_, token) = claim(&mut key, 50, 100);
    fail(&mut key, token, true, 101);
    assert_eq!((key.len(), key.add(&Addition::once(Guard::Always, 1, b"b", b""), UnixMs(101))), (2, Err(Error::Full)));
    assert_eq!(key.group_of(b"a"), Some(&b"g"[..]));
    assert_eq!(claim(&mut key, 50, 110).0, [110]);
    // Once more: its group has one in hand already.
    assert_eq!(key.requeue(Which::All(1), UnixMs(111)).map(|settled| settled.count), Ok(1));
    assert!(claim(&mut key, 50, 111).0.is_empty());
}

#[test]
fn what_cannot_recur_is_refused_and_changes_nothing() {
    let mut key = key(DeliveryOptions::default());
    for period in [0, Millis::MAX_DURATION.0 + 1] {
        let addition = Addition { every: Some(Millis(period)), ..every(1, 100, "a") };
        assert!(matches!(key.add(&addition, UnixMs(0)), Err(Error::OutOfRange(_))), "{period}");
    }
    let mut external = Tsgen::create(WatermarkRules::default(), DeliveryOptions::default(), [1, 2]).expect("valid");
    assert_eq!(external.add(&every(1, 100, "a"), UnixMs(0)), Err(Error::EveryNeedsClock));
    assert!(key.is_empty() && external.is_empty());
}

#[test]
fn a_key_without_it_is_saved_as_ever_and_one_that_had_it_too() {
    let mut with = key(DeliveryOptions::default());
    with.add(&every(10, 100, "a"), UnixMs(0)).expect("room");
    with.add(&Addition::once(Guard::Always, 100, b"a", b"job"), UnixMs(0)).expect("room");
    let mut without = key(DeliveryOptions::default());
    for _ in 0..2 {
        without.add(&Addition::once(Guard::Always, 100, b"a", b"job"), UnixMs(0)).expect("room");
    }
    assert_eq!(chunks(&with), chunks(&without));
    assert!(!with.times_acks());
}

/// A clock that is set ten years ahead, or a period that leaves time behind, makes one run.
#[test]
fn a_clock_far_ahead_and_the_end_of_time_make_one_run() {
    let mut key = key(DeliveryOptions { max_deliveries: 1, ..DeliveryOptions::default() });
    key.add(&every(1, 100, "a"), UnixMs(0)).expect("room");
    let later = 100 + 10 * 365 * DAY;
    let (runs, token) = claim(&mut key, 1_000, later);
    assert_eq!((runs, ack(&mut key, token, later), key.len()), (vec![100], 1, 1));
    assert_eq!(get(&key, "a", later), Some(("waiting", later + 1, Some(1))));
    // A lease that ends ten years before anybody looks: one letter, and one run.
    assert_eq!(claim(&mut key, 1_000, later + 1).0, [later + 1]);
    assert_eq!(claim(&mut key, 1_000, later + 10 * 365 * DAY).0, [later + 1_002]);
    assert_eq!((key.len(), key.stats(UnixMs(later)).dead), (2, 1));
    // Tokens end long before time does, so only an acknowledgement can come so late.
    let mut key = self::key(DeliveryOptions::default());
    let (end, period) = (i64::MAX - 3, Millis::MAX_DURATION.0 as i64);
    key.add(&every(period, 100, "a"), UnixMs(0)).expect("room");
    let (_, token) = claim(&mut key, 1_000, 100);
    assert_eq!((ack(&mut key, token, end), key.len()), (1, 1));
    assert_eq!(get(&copy(&key), "a", end), Some(("waiting", i64::MAX, Some(period))));
}
