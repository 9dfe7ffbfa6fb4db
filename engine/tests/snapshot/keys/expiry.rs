//! EXPIRY keys.

use super::{check_states, fail_some, lose_some, Family};
use std::collections::BTreeSet;
use tsgen_engine::{expired, Copied, DeliveryOptions, Ending, Expiry, LastValue, Mark, Prefix, Ttl, TtlRules, UnixMs};

impl Family for Ttl {
    /// With values of every kind, none, and too large ones; with keys that end together, are overdue, and were evicted.
    fn everything() -> Vec<Expiry> {
        let options = DeliveryOptions { max_deliveries: 2, ..DeliveryOptions::default() };
        let prefixes = ["k:", "other:"].map(|prefix| Prefix(prefix.as_bytes().into())).into();
        let mut key =
            Expiry::create(TtlRules { prefixes, max_value: 20, keep_evicted: true, max_held: 1000 }, options, [3, 4])
                .expect("valid");
        let endings = [Ending::Expired, Ending::Evicted];
        for n in 0..20u8 {
            let value = vec![n; usize::from(n)];
            let value = LastValue { kind: n % 7, bytes: (n % 5 != 0).then_some(&value[..]) };
            let deadline = UnixMs(900 + i64::from(n / 2));
            let known = (n % 4 != 0).then_some(value);
            key.expire(&[b"k:", &[n; 3][..]].concat(), deadline, endings[usize::from(n % 2)], known).expect("room");
        }
        let first = fail_some(&mut key);
        lose_some(&mut key, first);
        for n in 0..12u8 {
            let name = [b"other:", &[n; 4][..]].concat();
            key.track(&name, UnixMs(1_190 + 10 * i64::from(n / 3)));
            if n % 3 != 0 {
                key.keep(&name, Copied { kind: n % 7, bytes: Some(vec![n; 2 * usize::from(n)].into()) });
            }
            if n % 4 == 1 {
                key.note_evicted(&name);
            }
        }
        check_states(&mut key);
        vec![key]
    }

    fn exercise(key: &mut Expiry, now: UnixMs) {
        let names = check_tracked(key);
        for (nth, name) in names.iter().enumerate() {
            match nth % 5 {
                0 => key.track(name, now),
                1 => key.keep(name, Copied { kind: 1, bytes: Some([7; 9].into()) }),
                2 => key.forget_value(name),
                3 => key.note_evicted(name),
                _ => assert!(key.untrack(name)),
            }
        }
        check_tracked(key);
        let mut refused = false;
        for name in &names {
            let kept = key.kept(name).cloned();
            let value = kept.as_ref().map(Copied::as_last);
            if let Some(deadline) = key.tracked_until(name) {
                refused |= key.expire(name, deadline, Ending::Expired, value).is_err();
            }
        }
        assert!(refused || key.tracked(None, 100).is_empty());
        let rules = key.rules().clone();
        for ahead in [-50, 0, 50] {
            let name = [&rules.prefixes[0].0[..], ahead.to_string().as_bytes()].concat();
            key.track(&name, UnixMs(now.0.saturating_add(ahead)));
            key.keep(&name, Copied { kind: 0, bytes: Some(name.clone().into()) });
        }
        key.forget_values(now);
        key.forget_to_come(now);
        check_tracked(key);
        let batch = key.ready_batch(now);
        for ready in batch.entries {
            let told = expired(ready.body);
            assert!(told.kind.is_none_or(|kind| kind < 7) && (told.kind.is_some() || told.value.is_none()));
        }
    }
}

/// However they are listed, the same keys are tracked, each once and under its deadline. Tells their names.
fn check_tracked(key: &Expiry) -> Vec<Vec<u8>> {
    let listed: Vec<_> = key.tracked(None, 100).into_iter().map(|key| (key.name.to_vec(), key.deadline)).collect();
    assert!(listed.is_sorted_by_key(|(_, deadline)| *deadline));
    let names: Vec<_> = listed.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a key twice");
    for (name, deadline) in &listed {
        assert_eq!(key.tracked_until(name), Some(*deadline));
        assert!(key.rules().covers(name));
    }
    let marked = key.ending_behind(Mark::at(UnixMs(i64::MIN)), UnixMs::NEVER, 100);
    assert_eq!(marked.iter().map(|(key, _)| key.name).collect::<Vec<_>>(), names);
    assert_eq!(key.ending_between(UnixMs(i64::MIN), UnixMs::NEVER, 100).len(), names.len());
    names
}
