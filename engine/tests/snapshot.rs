//! Snapshots are the same for equal keys, whole or refused, and safe to read from anybody.

use proptest::prelude::*;
use tsgen_engine::{DeliveryOptions, Error, Guard, Kind, Late, Loader, Millis, Nack, Tsgen, UnixMs, Watermark, Which};
use tsgen_engine::{Source, TokenRange};

const NOW: UnixMs = UnixMs(1_000);

fn source(name: &str) -> Source {
    Source { name: name.as_bytes().into(), timestamp: None, reported_at: UnixMs(0) }
}

/// A key with entries in every state, a superseded delivery, lapsed tokens, and sources.
fn everything() -> Tsgen {
    let options = DeliveryOptions { max_deliveries: 2, ..DeliveryOptions::default() };
    let kind = Kind::Sources(vec![source("a"), source("b")]);
    let mut key = Tsgen::create(kind, Late::Ready, options, [3, 4]).expect("valid");
    for n in 0..40u8 {
        key.add(Guard::Always, i64::from(n), &[n; 5], &vec![n; usize::from(n) * 10], NOW).expect("room");
    }
    key.advance(30, Some(b"a"), NOW).expect("a source");
    key.advance(29, Some(b"b"), NOW).expect("a source");
    let first = key.claim(b"w", 10, Millis(100), None, NOW).expect("no sink").first;
    let token = |n: u64| [TokenRange::one(first + n)];
    key.nack(&token(0), &Nack { delay: Some(Millis(500)), dead: false, reason: b"" }, NOW).expect("current");
    key.nack(&token(1), &Nack { delay: None, dead: true, reason: b"broken" }, NOW).expect("current");
    key.extend(&token(5), Millis(10_000), NOW).expect("current");
    key.add(Guard::Always, 3, &[3; 5], b"newer", NOW).expect("room");
    // At 1100 all leases but the extended one lapse; three are claimed again and die at 1200 of having been claimed twice.
    key.claim(b"v", 3, Millis(100), None, UnixMs(1_100)).expect("no sink");
    key.claim(b"v", 4, Millis(10_000), None, UnixMs(1_200)).expect("no sink");
    key.add(Guard::Always, 99, &[5; 5], b"supersedes a running lease", NOW).expect("room");
    let stats = key.stats(UnixMs(1_200));
    for (name, count) in [
        ("waiting", stats.waiting),
        ("ready", stats.ready),
        ("leased", stats.leased),
        ("delayed", stats.delayed),
        ("dead", stats.dead),
    ] {
        assert!(count > 0, "nothing is {name}: {stats:?}");
    }
    key
}

fn chunks(key: &Tsgen) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    key.save(&mut |chunk| chunks.push(chunk.to_vec()));
    chunks
}

fn load(chunks: &[Vec<u8>], seed: [u64; 2]) -> Result<Tsgen, Error> {
    let mut loader = Loader::<Watermark>::new(seed);
    chunks.iter().try_for_each(|chunk| loader.push(chunk))?;
    loader.finish()
}

/// Whatever loads must be a key like any other: every operation works on it, and it saves and loads again.
fn exercise(mut key: Tsgen) {
    let all = TokenRange { first: 1, last: u64::MAX >> 1 };
    let later = UnixMs(5_000);
    key.stats(later);
    key.pending(None, None, 100, later);
    key.dead(None, 100, later);
    key.range(i64::MIN, i64::MAX, 100, later);
    key.add(Guard::Always, 5, b"new", b"", later).ok();
    key.claim(b"x", 7, Millis(50), None, later).ok();
    key.extend(&[all], Millis(10), later).ok();
    key.nack(&[all], &Nack { delay: None, dead: false, reason: b"" }, UnixMs(5_005)).ok();
    key.requeue(Which::All(5), UnixMs(9_000)).ok();
    key.release(b"x", UnixMs(9_000));
    let again = load(&chunks(&key), [9, 9]).expect("what was saved loads");
    assert_eq!(chunks(&again), chunks(&key));
    key.ack(&[all]).ok();
    key.discard(Which::Tokens(&[all]), UnixMs::NEVER).ok();
    while key.claim(b"x", 100, Millis(50), None, UnixMs(9_000)).is_ok_and(|claim| claim.count > 0) {
        key.ack(&[all]).expect("few");
    }
}

#[test]
fn a_snapshot_does_not_depend_on_the_hash_seed_or_on_how_memory_is_used() {
    let key = everything();
    let restored = load(&chunks(&key), [1, 1]).expect("whole");
    assert_eq!(chunks(&restored), chunks(&key));
    assert_eq!(chunks(&key.clone()), chunks(&key));
    exercise(restored);
}

#[test]
fn a_truncated_snapshot_is_refused_at_every_byte() {
    let whole = chunks(&everything());
    for (index, chunk) in whole.iter().enumerate() {
        assert!(load(&whole[..index], [1, 1]).is_err(), "without chunk {index} and what follows");
        for end in 0..chunk.len() {
            let mut cut = whole[..=index].to_vec();
            cut[index].truncate(end);
            cut.extend_from_slice(&whole[index + 1..]);
            assert!(load(&cut, [1, 1]).is_err(), "chunk {index} cut at {end}");
        }
    }
}

#[test]
fn a_damaged_byte_is_refused_or_gives_a_sound_key() {
    let whole = chunks(&everything());
    for index in 0..whole.len() {
        for at in 0..whole[index].len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[index][at] ^= flip;
                if let Ok(key) = load(&damaged, [1, 1]) {
                    exercise(key);
                }
            }
        }
    }
}

#[test]
fn chunks_out_of_order_or_twice_are_refused() {
    let whole = chunks(&everything());
    for index in 0..whole.len() {
        let mut twice = whole.clone();
        twice.insert(index, whole[index].clone());
        assert!(load(&twice, [1, 1]).is_err(), "chunk {index} twice");
    }
    let mut reversed = whole;
    reversed.reverse();
    assert!(load(&reversed, [1, 1]).is_err());
}

proptest! {
    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(load(&[bytes], [1, 1]).is_err());
    }
}

/// How leases are cut into grants differs between a master and a replica that has loaded a snapshot. A sweep that
/// stops in the middle of a backlog must stop at the same entry on both.
#[test]
fn a_bounded_sweep_is_the_same_however_grants_are_cut() {
    let mut master = Tsgen::create(Kind::External, Late::Ready, DeliveryOptions::default(), [3, 4]).expect("valid");
    for n in 0..30_000u32 {
        master.add(Guard::Always, 1, &n.to_be_bytes(), b"", NOW).expect("room");
    }
    master.advance(1, None, NOW).expect("external");
    let first = master.claim(b"w", 9_000, Millis(100), None, NOW).expect("no sink").first;
    let second = master.claim(b"w", 8_500, Millis(100), None, NOW).expect("no sink").first;
    assert_eq!(second, first + 9_000);
    for hole in (0..17_000).step_by(7) {
        master.ack(&[TokenRange::one(first + hole)]).expect("one");
    }
    for cut in (1..17_000).step_by(1_300) {
        // Moved away and back: other pieces, the same leases.
        for lease in [50, 100] {
            master
                .extend(&[TokenRange { first: first + cut, last: first + cut + 30 }], Millis(lease), NOW)
                .expect("few");
        }
    }
    let mut replica = load(&chunks(&master), [5, 6]).expect("whole");
    for count in [1, 10_000, 10, 3_000] {
        let claim = master.claim(b"v", count, Millis(10_000), None, UnixMs(2_000)).expect("no sink");
        assert_eq!(replica.claim(b"v", count, Millis(10_000), Some(claim.first), UnixMs(2_000)), Ok(claim));
        assert_eq!(chunks(&replica), chunks(&master), "after a claim of {count}");
    }
}
