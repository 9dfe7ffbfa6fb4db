//! Whatever can be read of a key, of every family.

use crate::naive::{Entry, Gate as _, Naive, State};
use crate::world::{fingerprint, Content, Family, World};
use tsgen_engine::{Cursor, Extent, Listing, Millis, Peeked, PeekedAt, Queue, UnixMs};

impl<F: Family> World<F> {
    /// Both sides are equal to the byte, in all that nodes are compared by, and everything that can be read is as the naive
    /// list has it.
    pub fn check(&self) {
        assert_eq!(fingerprint(&self.master), fingerprint(&self.replica), "master and replica differ");
        // One side is read as well as the other. A copy of it, for reading must not prepare what the next step finds.
        let replica = self.steps % 2 != 0;
        let key = if replica { &self.replica } else { &self.master };
        let mut naive = self.naive_of(replica);
        check_deadlines(key, &naive, self.now);
        naive.sweep_all(self.now);
        check_stats(key, &naive, self.now);
        check_listings(key, &naive, self.now);
        let (mut peeked, count) = (key.clone(), [1, 3, 1000][self.steps % 3]);
        for listing in [Listing::Waiting, Listing::Ready, Listing::Delayed, Listing::Leased, Listing::Dead] {
            check_peek(&mut peeked, &naive, listing, count, self.now);
        }
        F::check(key, &naive, self.now);
    }
}

fn check_deadlines<F: Family>(key: &Queue<F>, naive: &Naive<F::Naive>, now: i64) {
    assert_eq!(key.clone().next_deadline(UnixMs(now)).map(|at| at.0), naive.next_deadline(now));
    assert_eq!(key.clone().claimable(UnixMs(now)), naive.claimable(now), "claimable");
    assert_eq!(key.clone().has_ready(UnixMs(now)), naive.has_ready(now), "has ready");
    assert_eq!(key.len(), naive.len());
    assert_eq!(key.group_counts(), naive.group_counts());
}

fn check_stats<F: Family>(key: &Queue<F>, naive: &Naive<F::Naive>, now: i64) {
    let stats = key.clone().stats(UnixMs(now));
    let count = |name| naive.entries.iter().filter(|entry| naive.state_name(entry, now) == name).count();
    assert_eq!(
        [stats.waiting, stats.ready, stats.leased, stats.delayed, stats.dead],
        [count("waiting") + naive.gate.collecting(), count("ready"), count("leased"), count("delayed"), count("dead")],
        "waiting, ready, leased, delayed, dead"
    );
    assert_eq!(stats.totals, naive.totals);
    assert_eq!(stats.next_deadline.map(|at| at.0), naive.next_deadline(now));
    let age = |at: i64| Millis((now - at).max(0) as u64);
    let leased = naive.entries.iter().filter(|entry| matches!(entry.state, State::Leased { .. }));
    let oldest = leased.min_by_key(|entry| entry.token);
    assert_eq!(stats.oldest_lease_age, oldest.map(|entry| age(entry.claimed_at)));
    if naive.gate.by_time() {
        let ready = naive.entries.iter().filter(|entry| naive.is_ready(entry, now));
        assert_eq!(stats.oldest_ready_age, ready.map(|entry| entry.key).min().map(age));
    }
}

fn check_listings<F: Family>(key: &Queue<F>, naive: &Naive<F::Naive>, now: i64) {
    let mut entries = naive.entries.clone();
    entries.sort_by_key(|entry| entry.token);
    let leases = entries.iter().filter_map(|entry| match entry.state {
        State::Leased { until } => {
            Some((entry.token, vec![entry.consumer], until, entry.deliveries, entry.name.clone()))
        }
        _ => None,
    });
    let leases: Vec<_> = leases.collect();
    let pending = |consumer: Option<&[u8]>, after, count| -> Vec<_> {
        let listed = key.pending(consumer, after, count, UnixMs(now));
        let lease = listed.iter().map(|lease| {
            (lease.token, lease.consumer.to_vec(), lease.lease_ends_at.0, lease.deliveries, lease.name.to_vec())
        });
        lease.collect()
    };
    assert_eq!(pending(None, None, 1000), leases);
    assert_eq!(
        pending(Some(&[1]), None, 1000),
        leases.iter().filter(|lease| lease.1 == [1]).cloned().collect::<Vec<_>>()
    );
    if let [first, second, ..] = &leases[..] {
        assert_eq!(pending(None, Some(first.0), 1), std::slice::from_ref(second));
    }

    let told = naive.delayed(now).into_iter().map(|index| {
        let entry = &naive.entries[index];
        let State::Delayed { until } = entry.state else { unreachable!("it is delayed") };
        let token = Some(entry.token.max(entry.nacked)).filter(|token| *token != 0);
        (token, until, entry.deliveries, entry.name.clone())
    });
    let told: Vec<_> = told.collect();
    for count in [2, 1000] {
        let delayed = key.delayed(count, UnixMs(now));
        let delayed = delayed.iter().map(|one| (one.token, one.until.0, one.deliveries, one.name.to_vec()));
        assert_eq!(delayed.collect::<Vec<_>>(), told[..told.len().min(count)]);
    }

    let letters = entries.iter().filter_map(|entry| match &entry.state {
        State::Dead { at, reason, .. } => {
            Some((entry.token, entry.deliveries, entry.name.clone(), *at, reason.clone()))
        }
        _ => None,
    });
    let letters: Vec<_> = letters.collect();
    let dead = |after, count| -> Vec<_> {
        let listed = key.dead(after, count, UnixMs(now));
        let letter = listed.iter().map(|letter| {
            (letter.token, letter.deliveries, letter.name.to_vec(), letter.died_at.0, letter.reason.to_vec())
        });
        letter.collect()
    };
    assert_eq!(dead(None, 1000), letters);
    if let [first, second, ..] = &letters[..] {
        assert_eq!(dead(Some(first.0), 1), std::slice::from_ref(second));
    }
}

/// What PEEK tells of an entry, besides its name.
#[derive(Debug, PartialEq)]
struct Told<C> {
    token: Option<u64>,
    deliveries: u32,
    key: i64,
    group: Option<Vec<u8>>,
    content: C,
    /// Consumer or reason, and the time that goes with the state.
    at: (Vec<u8>, i64),
}

fn told<F: Family>(entry: &Peeked<'_>) -> Told<Content<F>> {
    assert_eq!((entry.extent, entry.size), (Extent::Whole, entry.body.len()));
    let at = match entry.at {
        PeekedAt::Waiting => (Vec::new(), 0),
        PeekedAt::Ready { held_back } => (Vec::new(), held_back.map_or(0, |is_held_back| 1 + i64::from(is_held_back))),
        PeekedAt::Delayed { until } => (Vec::new(), until.0),
        PeekedAt::Leased { consumer, until } => (consumer.to_vec(), until.0),
        PeekedAt::Dead { died_at, reason } => (reason.to_vec(), died_at.0),
    };
    let Peeked { token, deliveries, key, .. } = *entry;
    let group = entry.group.map(<[u8]>::to_vec);
    Told { token, deliveries, key, group, content: F::content(&entry.body), at }
}

/// All that is listed, in pages of up to `count`: each entry once, in order.
fn check_peek<F: Family>(key: &mut Queue<F>, naive: &Naive<F::Naive>, listing: Listing, count: usize, now: i64) {
    type Order = (i64, i64, u64);
    let has_limit = key.options().group_limit != 0;
    let is_held_back = |entry: &Entry<Content<F>>| has_limit && !naive.has_room_in_hand(&entry.group);
    let listed = |entry: &Entry<Content<F>>| -> Option<(Order, (Vec<u8>, i64))> {
        match (&entry.state, listing) {
            (State::Queued, Listing::Waiting) if !naive.is_ready(entry, now) => {
                Some(((0, entry.key, entry.seq), (Vec::new(), 0)))
            }
            (State::Queued, Listing::Ready) if naive.is_ready(entry, now) => {
                let held = i64::from(has_limit) + i64::from(is_held_back(entry));
                Some(((0, entry.key, entry.seq), (Vec::new(), held)))
            }
            (State::Delayed { until }, Listing::Delayed) => {
                Some(((*until, entry.key, entry.seq), (Vec::new(), *until)))
            }
            (State::Leased { until }, Listing::Leased) => Some(((0, 0, entry.token), (vec![entry.consumer], *until))),
            (State::Dead { at, reason, .. }, Listing::Dead) => Some(((0, 0, entry.token), (reason.clone(), *at))),
            _ => None,
        }
    };
    let mut expected: Vec<_> =
        naive.entries.iter().filter_map(|entry| listed(entry).map(|(order, at)| (order, at, entry))).collect();
    expected.sort_by_key(|(order, ..)| *order);
    if listing == Listing::Ready && has_limit {
        // On each page, what is held back comes last.
        expected.chunks_mut(count).for_each(|page| page.sort_by_key(|(order, _, entry)| (is_held_back(entry), *order)));
    }
    let mut entries: Vec<(Vec<u8>, Told<Content<F>>)> = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let page = key.peek(listing, after, count, UnixMs(now));
        assert!(page.entries.len() <= count);
        entries.extend(page.entries.iter().map(|entry| (entry.name.to_vec(), told::<F>(entry))));
        let Some(next) = page.next else { break };
        assert!(after < Some(next), "it gets on");
        assert_eq!(Cursor::read(next.to_string().as_bytes()), Some(next));
        after = Some(next);
    }
    assert_eq!(entries.len(), expected.len(), "{listing:?} by {count}");
    for ((name, told), (_, at, entry)) in entries.into_iter().zip(&expected) {
        // A batch that is still to be sealed has no number yet.
        assert!(name == entry.name || (name.is_empty() && entry.deliveries == 0), "{name:?} is {entry:?}");
        let expected = Told {
            token: Some(entry.token.max(entry.nacked)).filter(|token| *token != 0),
            deliveries: entry.deliveries,
            key: entry.key,
            group: key.options().has_groups().then(|| entry.group.clone()),
            content: entry.content.clone(),
            at: at.clone(),
        };
        assert_eq!(told, expected, "{listing:?} by {count}");
    }
}
