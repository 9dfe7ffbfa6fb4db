//! The last hour, for small graphs: of all keys together, and of those that are in view or busiest. What it holds is bounded, however many
//! keys come and go.

use super::{KeyId, Rates, Row};
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A point is of so long.
pub const STEP: Duration = Duration::from_secs(15);
/// An hour of them.
pub const POINTS: usize = 240;
/// So many keys have a past of their own.
pub const KEYS: usize = 200;

/// A quarter of a minute: how things stood at its end, and how fast they went in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Point {
    /// Unix ms of its end.
    pub at_ms: i64,
    pub waiting: i64,
    pub ready: i64,
    pub leased: i64,
    pub delayed: i64,
    pub dead: i64,
    /// For how long the oldest ready entry had been ready; 0: none was.
    pub oldest_ready_ms: i64,
    /// How late the timers of the nodes came in one of a hundred cases since their start, in µs. 0 in the past of one key.
    pub lateness_us: i64,
    /// The mean of the rates that were seen.
    pub rates: Rates,
}

impl Point {
    pub fn of(row: &Row) -> Self {
        let info = &row.info;
        Self {
            at_ms: 0,
            waiting: info.waiting,
            ready: info.ready,
            leased: info.leased,
            delayed: info.delayed,
            dead: info.dead,
            oldest_ready_ms: info.oldest_ready_age.unwrap_or(0),
            lateness_us: 0,
            rates: row.rates.unwrap_or_default(),
        }
    }

    /// Adds what another key has.
    pub fn add(&mut self, other: &Self) {
        for (own, other) in [
            (&mut self.waiting, other.waiting),
            (&mut self.ready, other.ready),
            (&mut self.leased, other.leased),
            (&mut self.delayed, other.delayed),
            (&mut self.dead, other.dead),
        ] {
            // Whatever a server says.
            *own = own.saturating_add(other);
        }
        self.oldest_ready_ms = self.oldest_ready_ms.max(other.oldest_ready_ms);
        self.rates += other.rates;
    }

    /// Entries that workers are to get yet, or have in hand.
    pub fn backlog(&self) -> i64 {
        self.ready.saturating_add(self.leased).saturating_add(self.delayed)
    }
}

/// Points, oldest first.
pub type Ring = VecDeque<Point>;

/// A ring with the point that is being gathered.
#[derive(Clone, Debug, Default)]
struct Gathering {
    ring: Arc<Ring>,
    last: Point,
    rates: Rates,
    looks: u32,
}

impl Gathering {
    fn note(&mut self, point: Point) {
        self.last = point;
        self.rates += point.rates;
        self.looks += 1;
    }

    fn end(&mut self, at_ms: i64) {
        if self.looks == 0 {
            return;
        }
        let ring = Arc::make_mut(&mut self.ring);
        while ring.len() >= POINTS {
            ring.pop_front();
        }
        ring.push_back(Point { at_ms, rates: self.rates / f64::from(self.looks), ..self.last });
        (self.rates, self.looks) = (Rates::default(), 0);
    }
}

/// What is shown of it.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// All keys together.
    pub all: Arc<Ring>,
    /// Those in view and the busiest: at most 200.
    pub keys: HashMap<KeyId, Arc<Ring>>,
}

/// What gathers it.
#[derive(Default)]
pub struct Recorder {
    all: Gathering,
    keys: HashMap<KeyId, Gathering>,
    /// When the point that is being gathered began.
    began: Option<Instant>,
    past: Arc<Past>,
}

impl Recorder {
    /// Notes a look. `all` is the sum over the rows.
    pub fn note<'p>(
        &mut self,
        now: Instant,
        at_ms: i64,
        all: Point,
        rows: &[Arc<Row>],
        is_looked_at: impl Fn(&KeyId) -> bool,
        row: impl Fn(&KeyId) -> Option<&'p Arc<Row>>,
    ) -> Arc<Past> {
        self.all.note(all);
        for (id, gathering) in &mut self.keys {
            if let Some(row) = row(id) {
                gathering.note(Point::of(row));
            }
        }
        let is_first = self.began.is_none();
        let began = *self.began.get_or_insert(now);
        if !is_first && now.duration_since(began) < STEP {
            return self.past.clone();
        }
        self.began = Some(now);
        self.all.end(at_ms);
        self.keys.values_mut().for_each(|gathering| gathering.end(at_ms));
        self.choose(rows, is_looked_at);
        let keys = self.keys.iter().filter(|(_, gathering)| !gathering.ring.is_empty());
        let keys = keys.map(|(id, gathering)| (id.clone(), gathering.ring.clone())).collect();
        self.past = Arc::new(Past { all: self.all.ring.clone(), keys });
        self.past.clone()
    }

    /// Who has a past from now on. One that has it keeps it until others are much busier, so that it does not come and go.
    fn choose(&mut self, rows: &[Arc<Row>], is_looked_at: impl Fn(&KeyId) -> bool) {
        let rank = |row: &Row| {
            let traffic = row.rates.map_or(0.0, |rates| rates.traffic());
            let backlog = Point::of(row).backlog() as f64;
            let known = if self.keys.contains_key(&row.id) { 4.0 } else { 1.0 };
            (is_looked_at(&row.id), (traffic * 1000.0 + backlog) * known)
        };
        let mut ranked: Vec<_> = rows.iter().map(|row| (rank(row), &row.id)).collect();
        let order = |one: &((bool, f64), &KeyId), other: &((bool, f64), &KeyId)| {
            other.0 .0.cmp(&one.0 .0).then(other.0 .1.total_cmp(&one.0 .1)).then(one.1.cmp(other.1))
        };
        if ranked.len() > KEYS {
            ranked.select_nth_unstable_by(KEYS, order);
            ranked.truncate(KEYS);
        }
        let mut keys = HashMap::with_capacity(ranked.len());
        for (_, id) in ranked {
            keys.insert(id.clone(), self.keys.remove(id).unwrap_or_default());
        }
        self.keys = keys;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, ready: i64, delivered_per_second: f64) -> Arc<Row> {
        let rates = Some(Rates { delivered: delivered_per_second, ..Rates::default() });
        Arc::new(Row { rates, ..super::super::tests::bare(name, ready) })
    }

    /// Notes a look at these rows so many seconds after the beginning.
    fn note(recorder: &mut Recorder, began: Instant, second: u64, rows: &[Arc<Row>]) -> Arc<Past> {
        let mut all = Point::default();
        rows.iter().for_each(|row| all.add(&Point::of(row)));
        let find = |id: &KeyId| rows.iter().find(|row| row.id == *id);
        let at_ms = i64::try_from(second).expect("a time") * 1000;
        recorder.note(began + Duration::from_secs(second), at_ms, all, rows, |id| id.key.0 == b"seen", find)
    }

    #[test]
    fn a_point_has_the_last_counts_and_the_mean_of_the_rates() {
        let (mut recorder, began) = (Recorder::default(), Instant::now());
        // The first look is a point of its own: a graph begins at once.
        assert_eq!(note(&mut recorder, began, 0, &[row("a", 1, 3.0), row("b", 2, 1.0)]).all.len(), 1);
        note(&mut recorder, began, 2, &[row("a", 5, 10.0)]);
        assert_eq!(note(&mut recorder, began, 14, &[row("a", 5, 20.0)]).all.len(), 1);
        let past = note(&mut recorder, began, 15, &[row("a", 7, 30.0)]);
        let (first, second) = (past.all[0], past.all[1]);
        assert_eq!((first.ready, first.oldest_ready_ms, first.rates.delivered), (3, 20, 4.0));
        assert_eq!((second.at_ms, second.ready, second.rates.delivered), (15_000, 7, 20.0));
        let key = &past.keys[&KeyId { db: 0, key: "a".into() }];
        assert_eq!((key.len(), key[0].rates.delivered), (1, 20.0));
    }

    #[test]
    fn sums_stay_in_their_range() {
        let mut all = Point::default();
        for _ in 0..3 {
            all.add(&Point::of(&row("a", i64::MAX, 1.0)));
        }
        assert_eq!((all.ready, all.backlog()), (i64::MAX, i64::MAX));
    }

    #[test]
    fn an_hour_is_kept_however_many_keys_come_and_go() {
        let (mut recorder, began) = (Recorder::default(), Instant::now());
        let mut past = Arc::default();
        for step in 0..300 {
            let mut rows: Vec<_> = (0..400).map(|nth| row(&format!("{step}-{nth}"), 1, 0.0)).collect();
            rows.push(row("busy", 3, 9.0));
            rows.push(row("seen", 0, 0.0));
            past = note(&mut recorder, began, step * 15, &rows);
            assert!(recorder.keys.len() <= KEYS);
        }
        assert_eq!(past.all.len(), POINTS);
        for name in ["busy", "seen"] {
            assert_eq!(past.keys[&KeyId { db: 0, key: name.into() }].len(), POINTS, "{name}");
        }
        // The others were never there twice.
        assert_eq!(past.keys.len(), 2);
    }

    #[test]
    fn a_past_does_not_come_and_go_with_small_differences() {
        let (mut recorder, began) = (Recorder::default(), Instant::now());
        let rows = |favoured: usize| -> Vec<_> {
            (0..2 * KEYS).map(|nth| row(&nth.to_string(), if nth % 2 == favoured { 3 } else { 2 }, 0.0)).collect()
        };
        let mut past = Arc::default();
        for step in 0..4 {
            past = note(&mut recorder, began, 15 * step as u64, &rows(step % 2));
        }
        assert!(past.keys.values().all(|ring| ring.len() == 3) && past.keys.len() == KEYS);
    }
}
