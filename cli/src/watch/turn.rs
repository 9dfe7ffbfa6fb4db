//! Whose turn it is when there is not time for all keys.

use std::time::Duration;

/// A key that waits for its turn.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// How old its figures are; `None`: there are none yet.
    pub age: Option<Duration>,
    /// Whether somebody has it in view.
    pub is_looked_at: bool,
    /// Whether something went on when it was looked at last.
    pub is_busy: bool,
}

impl Candidate {
    /// How much its age counts. Ages grow without end, so the turn of everyone comes: of one that is idle after at most eight times as
    /// long as of a busy one.
    fn weight(&self) -> f64 {
        match (self.is_looked_at, self.is_busy) {
            (true, _) => 1000.0,
            (false, true) => 8.0,
            (false, false) => 1.0,
        }
    }

    fn urgency(&self) -> f64 {
        // What was never looked at: as if a minute ago.
        self.weight() * self.age.unwrap_or(Duration::from_secs(60)).as_secs_f64().max(1e-6)
    }
}

/// The places of those whose turn it is, most urgent first: at most so many.
pub fn chosen(candidates: &[Candidate], most: usize) -> Vec<usize> {
    let mut places: Vec<(f64, usize)> =
        candidates.iter().enumerate().map(|(place, candidate)| (candidate.urgency(), place)).collect();
    places.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    places.truncate(most);
    places.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Candidate = Candidate { age: Some(Duration::from_secs(2)), is_looked_at: false, is_busy: false };

    #[test]
    fn what_is_in_view_comes_first_then_what_is_new_then_what_is_busy() {
        let keys = [
            IDLE,
            Candidate { is_busy: true, ..IDLE },
            Candidate { is_looked_at: true, ..IDLE },
            Candidate { age: None, ..IDLE },
        ];
        assert_eq!(chosen(&keys, 4), [2, 3, 1, 0]);
        assert_eq!(chosen(&keys, 1), [2]);
        assert_eq!(chosen(&[], 3), Vec::<usize>::new());
    }

    #[test]
    fn the_turn_of_everyone_comes() {
        // 100 in view, 300 busy and 600 idle keys, and time for 150 each two seconds.
        let mut keys: Vec<Candidate> =
            (0..1000).map(|nth| Candidate { is_looked_at: nth < 100, is_busy: nth < 400, ..IDLE }).collect();
        let mut oldest = [Duration::ZERO; 3];
        for _ in 0..1000 {
            for key in &mut keys {
                key.age = key.age.map(|age| age + Duration::from_secs(2));
            }
            for place in chosen(&keys, 150) {
                let kind = if place < 100 {
                    0
                } else if place < 400 {
                    1
                } else {
                    2
                };
                oldest[kind] = oldest[kind].max(keys[place].age.expect("an age"));
                keys[place].age = Some(Duration::ZERO);
            }
        }
        assert_eq!(oldest[0], Duration::from_secs(4), "the two of the beginning, and two");
        // 50 looks are for the others: 15 s and 120 s if they were evenly spread.
        assert!(oldest[1] <= Duration::from_secs(30), "{oldest:?}");
        assert!(oldest[2] <= Duration::from_secs(240), "{oldest:?}");
    }
}
