//! How fast totals rise.

use serde::Serialize;
use std::time::Duration;
use tsgen_client::{Figure, Info};

/// Per second, between two looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rates {
    pub delivered: f64,
    pub redelivered: f64,
    pub acked: f64,
    pub died: f64,
    /// Only if this server's INFO counts what is added.
    pub added: Option<f64>,
}

impl Rates {
    /// Between an INFO and a later one. A total that has fallen belongs to another key of this name, which began at 0.
    pub fn between(before: &Info, now: &Info, passed: Duration) -> Self {
        let seconds = passed.as_secs_f64().max(0.001);
        let rate = |name: &str| {
            let Figure::Integer(now) = now[name] else { return None };
            let before = before[name].integer();
            Some((if now >= before { now.saturating_sub(before) } else { now }) as f64 / seconds)
        };
        let of = |name| rate(name).unwrap_or(0.0);
        Self {
            delivered: of("delivered"),
            redelivered: of("redelivered"),
            acked: of("acked"),
            died: of("died"),
            added: rate("added"),
        }
    }

    /// How much goes on.
    pub fn traffic(&self) -> f64 {
        self.delivered + self.acked + self.died + self.added.unwrap_or(0.0)
    }
}

impl std::ops::AddAssign for Rates {
    fn add_assign(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.redelivered += other.redelivered;
        self.acked += other.acked;
        self.died += other.died;
        self.added = match (self.added, other.added) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or(0.0) + other.unwrap_or(0.0)),
        };
    }
}

impl std::ops::Div<f64> for Rates {
    type Output = Self;
    fn div(self, by: f64) -> Self {
        Self {
            delivered: self.delivered / by,
            redelivered: self.redelivered / by,
            acked: self.acked / by,
            died: self.died / by,
            added: self.added.map(|added| added / by),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An INFO with these figures.
    pub fn info(figures: &[(&str, i64)]) -> Info {
        let of = |name: &str| figures.iter().find(|(own, _)| *own == name).map_or(0, |(_, n)| *n);
        Info {
            gate: "clock".to_owned(),
            waiting: of("waiting"),
            ready: of("ready"),
            leased: of("leased"),
            delayed: of("delayed"),
            dead: of("dead"),
            paused: false,
            oldest_ready_age: figures.iter().find(|(own, _)| *own == "oldest-ready-age").map(|(_, n)| *n),
            figures: figures.iter().map(|(name, n)| ((*name).to_owned(), Figure::Integer(*n))).collect(),
        }
    }

    #[test]
    fn a_rate_is_what_was_added_by_the_time_that_has_passed() {
        let (before, now) = (info(&[("delivered", 10), ("acked", 4)]), info(&[("delivered", 30), ("acked", 4)]));
        let rates = Rates::between(&before, &now, Duration::from_secs(4));
        assert_eq!((rates.delivered, rates.acked, rates.added), (5.0, 0.0, None));
        // A key that was made anew.
        assert_eq!(Rates::between(&now, &before, Duration::from_secs(2)).delivered, 5.0);
        // No time at all is a very short one.
        assert!(Rates::between(&before, &now, Duration::ZERO).delivered.is_finite());
        assert_eq!(Rates::between(&info(&[]), &info(&[("added", 6)]), Duration::from_secs(2)).added, Some(3.0));
        // Nor is anything out of range, whatever the server says.
        let (least, most) = (info(&[("acked", i64::MIN)]), info(&[("acked", i64::MAX)]));
        assert!(Rates::between(&least, &most, Duration::from_secs(1)).acked > 0.0);
    }
}
