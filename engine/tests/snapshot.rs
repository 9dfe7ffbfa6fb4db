//! Snapshots are the same for equal keys, whole or refused, and safe to read from anybody.

#[path = "snapshot/keys.rs"]
mod keys;

use keys::{chunks, exercise, Family};
use proptest::prelude::*;
use tsgen_engine::{
    Addition, ClaimTerms, DeliveryOptions, Error, Gate, Guard, Idle, Loader, Millis, Queue, TokenRange, Tsgen, Ttl,
    UnixMs, Watermark, WatermarkRules, Window,
};

const NOW: UnixMs = UnixMs(1_000);

fn load<G: Gate>(chunks: &[Vec<u8>], seed: [u64; 2]) -> Result<Queue<G>, Error> {
    let mut loader = Loader::new(seed);
    chunks.iter().try_for_each(|chunk| loader.push(chunk))?;
    loader.finish()
}

fn reload<G: Gate>(chunks: &[Vec<u8>]) -> Queue<G> {
    load(chunks, [9, 9]).expect("what was saved loads")
}

fn does_not_depend_on_the_hash_seed_or_on_how_memory_is_used<F: Family>() {
    for key in F::everything() {
        let restored: Queue<F> = load(&chunks(&key), [1, 1]).expect("whole");
        assert_eq!(chunks(&restored), chunks(&key));
        assert_eq!(chunks(&key.clone()), chunks(&key));
        exercise(restored, reload);
    }
}

fn truncated_is_refused_at_every_byte<F: Family>() {
    for whole in F::everything().iter().map(chunks) {
        for (index, chunk) in whole.iter().enumerate() {
            assert!(load::<F>(&whole[..index], [1, 1]).is_err(), "without chunk {index} and what follows");
            for end in 0..chunk.len() {
                let mut cut = whole[..=index].to_vec();
                cut[index].truncate(end);
                cut.extend_from_slice(&whole[index + 1..]);
                assert!(load::<F>(&cut, [1, 1]).is_err(), "chunk {index} cut at {end}");
            }
        }
    }
}

fn with_a_damaged_byte_is_refused_or_gives_a_sound_key<F: Family>() {
    for whole in F::everything().iter().map(chunks) {
        for index in 0..whole.len() {
            for at in 0..whole[index].len() {
                for flip in [0x01, 0x80, 0xff] {
                    let mut damaged = whole.clone();
                    damaged[index][at] ^= flip;
                    if let Ok(key) = load::<F>(&damaged, [1, 1]) {
                        exercise(key, reload);
                    }
                }
            }
        }
    }
}

fn with_chunks_missing_out_of_order_or_twice_is_refused<F: Family>() {
    for whole in F::everything().iter().map(chunks) {
        for index in 0..whole.len() {
            let mut missing = whole.clone();
            missing.remove(index);
            assert!(load::<F>(&missing, [1, 1]).is_err(), "without chunk {index} of {}", whole.len());
            let mut twice = whole.clone();
            twice.insert(index, whole[index].clone());
            assert!(load::<F>(&twice, [1, 1]).is_err(), "chunk {index} twice");
        }
        let mut reversed = whole;
        reversed.reverse();
        assert!(load::<F>(&reversed, [1, 1]).is_err());
    }
}

/// A snapshot of each family …
macro_rules! a_snapshot {
    ($($test:ident)*) => {
        mod of_tsgen {
            $(#[test] fn $test() { super::$test::<super::Watermark>() })*
        }
        mod of_debounce {
            $(#[test] fn $test() { super::$test::<super::Idle>() })*
        }
        mod of_expiry {
            $(#[test] fn $test() { super::$test::<super::Ttl>() })*
        }
        mod of_tally {
            $(#[test] fn $test() { super::$test::<super::Window>() })*
        }
    };
}

a_snapshot! {
    does_not_depend_on_the_hash_seed_or_on_how_memory_is_used
    truncated_is_refused_at_every_byte
    with_a_damaged_byte_is_refused_or_gives_a_sound_key
    with_chunks_missing_out_of_order_or_twice_is_refused
}

#[test]
fn chunks_of_an_unknown_format_or_of_two_are_refused() {
    let key = Tsgen::create(WatermarkRules::default(), DeliveryOptions::default(), [3, 4]).expect("valid");
    let whole = chunks(&key);
    for mark in 0x82..=0xff {
        let mut later = whole.clone();
        later.iter_mut().for_each(|chunk| chunk[0] = mark);
        let error = load::<Watermark>(&later, [1, 1]).err();
        assert_eq!(error, Some(Error::Damaged("a format that this version does not know")));
    }
    // The first format had no mark; nothing else has changed in this key.
    let unmarked: Vec<Vec<u8>> = whole.iter().map(|chunk| chunk[1..].to_vec()).collect();
    assert_eq!(chunks(&reload::<Watermark>(&unmarked)), whole);
    let mixed = [unmarked[0].clone(), whole[1].clone()];
    assert_eq!(load::<Watermark>(&mixed, [1, 1]).err(), Some(Error::Damaged("chunks of two formats")));
}

/// Only a paused key tells of a pause: a key that never was one, or is so no more, has the bytes that it always had.
#[test]
fn a_pause_is_saved_and_costs_other_keys_no_byte() {
    let mut key = Tsgen::create(WatermarkRules::default(), DeliveryOptions::default(), [3, 4]).expect("valid");
    let running = chunks(&key);
    let paused = DeliveryOptions { paused: true, ..DeliveryOptions::default() };
    key.alter_delivery(paused.clone(), NOW).expect("valid");
    let told = chunks(&key);
    assert_eq!(told.len(), running.len() + 2, "the pause, and how many such parts there are");
    assert_eq!(told[1], [0x81, 5], "as files have it");
    let mut restored = reload::<Watermark>(&told);
    assert_eq!(restored.options(), &paused);
    assert_eq!(chunks(&restored), told);
    let fingerprint = |key: &Tsgen| {
        let mut chunks = Vec::new();
        key.fingerprint(&mut |chunk| chunks.push(chunk.to_vec()));
        chunks
    };
    let before = fingerprint(&restored);
    restored.alter_delivery(DeliveryOptions::default(), NOW).expect("valid");
    assert_eq!(chunks(&restored), running);
    assert_ne!(fingerprint(&restored), before, "replicas are compared by it");
    // Refused: a pause told twice, or of nothing.
    let mut twice = told.clone();
    twice.insert(1, told[1].clone());
    assert!(load::<Watermark>(&twice, [1, 1]).is_err());
    assert!(load::<Watermark>(&told[1..], [1, 1]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let chunk = [bytes];
        prop_assert!(load::<Watermark>(&chunk, [1, 1]).is_err());
        prop_assert!(load::<Idle>(&chunk, [1, 1]).is_err());
        prop_assert!(load::<Ttl>(&chunk, [1, 1]).is_err());
        prop_assert!(load::<Window>(&chunk, [1, 1]).is_err());
    }
}

/// How leases are cut into grants differs between a master and a replica that has loaded a snapshot. A sweep that
/// stops in the middle of a backlog must stop at the same entry on both.
#[test]
fn a_bounded_sweep_is_the_same_however_grants_are_cut() {
    let mut master = Tsgen::create(WatermarkRules::default(), DeliveryOptions::default(), [3, 4]).expect("valid");
    for n in 0..30_000u32 {
        master.add(&Addition::once(Guard::Always, 1, &n.to_be_bytes(), b""), NOW).expect("room");
    }
    master.advance(1, None, NOW).expect("external");
    let first = master
        .claim(&ClaimTerms { consumer: b"w", count: 9_000, lease: Millis(100), first: None }, NOW)
        .expect("no sink")
        .first;
    let second = master
        .claim(&ClaimTerms { consumer: b"w", count: 8_500, lease: Millis(100), first: None }, NOW)
        .expect("no sink")
        .first;
    assert_eq!(second, first + 9_000);
    for hole in (0..17_000).step_by(7) {
        master.ack(&[TokenRange::one(first + hole)], UnixMs::EVER).expect("one");
    }
    for cut in (1..17_000).step_by(1_300) {
        // Moved away and back: other pieces, the same leases.
        for lease in [50, 100] {
            master
                .extend(&[TokenRange { first: first + cut, last: first + cut + 30 }], Millis(lease), NOW)
                .expect("few");
        }
    }
    let mut replica = load::<Watermark>(&chunks(&master), [5, 6]).expect("whole");
    for count in [1, 10_000, 10, 3_000] {
        let claim = master
            .claim(&ClaimTerms { consumer: b"v", count, lease: Millis(10_000), first: None }, UnixMs(2_000))
            .expect("no sink");
        assert_eq!(
            replica.claim(
                &ClaimTerms { consumer: b"v", count, lease: Millis(10_000), first: Some(claim.first) },
                UnixMs(2_000)
            ),
            Ok(claim)
        );
        assert_eq!(chunks(&replica), chunks(&master), "after a claim of {count}");
    }
}
