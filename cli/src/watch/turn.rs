//! Whose turn it is when there is not time for all keys.

use std::time::Duration;

/// A key that has no figures yet counts as one where something goes on, and as so much older than it has been known for.
const AHEAD: Duration = Duration::from_secs(60);

/// A key that waits for its turn.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// How old its figures are; of one that has none yet, for how long it has been known.
    pub age: Duration,
    /// Whether it was never looked at.
    pub is_new: bool,
    /// Whether somebody has it in view.
    pub is_looked_at: bool,
    /// Whether something went on when it was looked at last.
    pub is_busy: bool,
}

impl Candidate {
    /// How much its age counts. Ages grow without end, those of new ones too, so the turn of everyone comes: of one that is idle after at
    /// most eight times as long as of a busy one.
    fn weight(&self) -> f64 {
        match (self.is_looked_at, self.is_busy || self.is_new) {
            (true, _) => 1000.0,
            (false, true) => 8.0,
            (false, false) => 1.0,
        }
    }

    /// Whether somebody looks at what is older than he may see.
    fn is_due(&self, due: Duration) -> bool {
        self.is_looked_at && (self.is_new || self.age >= due)
    }

    fn urgency(&self) -> f64 {
        let age = if self.is_new { self.age + AHEAD } else { self.age };
        self.weight() * age.as_secs_f64().max(1e-6)
    }
}

/// How many may be asked.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub most: usize,
    /// So many have their turn however many are in view: theirs would never come otherwise.
    pub least: usize,
    /// What is in view and has figures as old as this is asked first.
    pub due: Duration,
    /// So many of these at most, whoever else looks: the rest has its turn at the next look.
    pub most_due: usize,
}

/// Whose turn it is, by their places.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// In view and due.
    pub due: Vec<usize>,
    /// Others, and such as are in view and not due.
    pub others: Vec<usize>,
}

/// First those that are in view and due, then others; of each the most urgent.
pub fn chosen(candidates: &[Candidate], bounds: Bounds) -> Chosen {
    let (mut due, mut others) = (Vec::new(), Vec::new());
    for (place, candidate) in candidates.iter().enumerate() {
        let list = if candidate.is_due(bounds.due) { &mut due } else { &mut others };
        list.push((candidate.urgency(), place));
    }
    let due = most_urgent(due, bounds.most_due);
    let others = most_urgent(others, bounds.most.saturating_sub(due.len()).max(bounds.least));
    Chosen { due, others }
}

fn most_urgent(mut list: Vec<(f64, usize)>, most: usize) -> Vec<usize> {
    let order = |one: &(f64, usize), other: &(f64, usize)| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1));
    if list.len() > most {
        list.select_nth_unstable_by(most, order);
        list.truncate(most);
    }
    list.sort_by(order);
    list.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { most: 0, least: 0, due: Duration::from_secs(1), most_due: 1000 };
    const IDLE: Candidate =
        Candidate { age: Duration::from_secs(2), is_new: false, is_looked_at: false, is_busy: false };
    const NEW: Candidate = Candidate { age: Duration::ZERO, is_new: true, is_looked_at: false, is_busy: false };

    #[test]
    fn what_is_in_view_comes_first_then_what_is_new_then_what_is_busy() {
        let keys = [IDLE, Candidate { is_busy: true, ..IDLE }, Candidate { is_looked_at: true, ..IDLE }, NEW];
        let of = |most| chosen(&keys, Bounds { most, ..BOUNDS });
        assert_eq!(of(4), Chosen { due: vec![2], others: vec![3, 1, 0] });
        assert_eq!(of(1), Chosen { due: vec![2], others: vec![] });
        assert_eq!(chosen(&[], Bounds { most: 3, ..BOUNDS }), Chosen::default());
    }

    #[test]
    fn what_is_in_view_is_due_within_bounds_and_some_others_have_their_turn() {
        let keys: Vec<Candidate> = (0..2000).map(|nth| Candidate { is_looked_at: nth % 2 == 0, ..IDLE }).collect();
        let bounds = Bounds { most: 500, least: 50, ..BOUNDS };
        let turn = chosen(&keys, bounds);
        assert_eq!((turn.due.len(), turn.others.len()), (1000, 50));
        assert!(turn.due.iter().all(|place| place % 2 == 0));
        // Others do not make up for those in view that have to wait.
        let turn = chosen(&keys, Bounds { most_due: 600, ..bounds });
        assert_eq!((turn.due.len(), turn.others.len()), (600, 50));
        assert!(turn.others.iter().all(|place| place % 2 == 1));
        // What was looked at a moment ago is not asked again because somebody loads a page.
        let turn = chosen(&keys, Bounds { most: 0, due: Duration::from_secs(3), ..bounds });
        assert_eq!((turn.due.len(), turn.others.len()), (0, 50));
    }

    #[test]
    fn the_turn_of_everyone_comes() {
        // 100 in view, 300 busy and 600 idle keys, and time for 150 each two seconds.
        let mut keys: Vec<Candidate> =
            (0..1000).map(|nth| Candidate { is_looked_at: nth < 100, is_busy: nth < 400, ..IDLE }).collect();
        let mut oldest = [Duration::ZERO; 3];
        for _ in 0..1000 {
            for key in &mut keys {
                key.age += Duration::from_secs(2);
            }
            let turn = chosen(&keys, Bounds { most: 150, ..BOUNDS });
            for place in turn.due.into_iter().chain(turn.others) {
                let kind = if place < 100 {
                    0
                } else if place < 400 {
                    1
                } else {
                    2
                };
                oldest[kind] = oldest[kind].max(keys[place].age);
                keys[place].age = Duration::ZERO;
            }
        }
        assert_eq!(oldest[0], Duration::from_secs(4), "the two of the beginning, and two");
        // 50 looks are for the others: 15 s and 120 s if they were evenly spread.
        assert!(oldest[1] <= Duration::from_secs(30), "{oldest:?}");
        assert!(oldest[2] <= Duration::from_secs(240), "{oldest:?}");
    }

    /// Looks every two seconds at 500 keys, of so many that are idle and so many that are busy, with `new` more that are found before each of
    /// the looks after the warming up. The most looks that one of them waits for its first.
    fn longest_wait(idle: usize, busy: usize, new: usize) -> usize {
        let mut keys: Vec<Candidate> = (0..idle + busy).map(|nth| Candidate { is_busy: nth >= idle, ..IDLE }).collect();
        let (warming_up, mut longest) = (2 * (idle + busy) / 500, 0);
        for nth in 0..warming_up + 40 {
            keys.iter_mut().for_each(|key| key.age += Duration::from_secs(2));
            if nth >= warming_up {
                keys.extend(std::iter::repeat_n(NEW, new));
            }
            for place in chosen(&keys, Bounds { most: 500, ..BOUNDS }).others {
                if keys[place].is_new {
                    longest = longest.max(keys[place].age.as_secs() as usize / 2);
                }
                keys[place] = Candidate { age: Duration::ZERO, is_new: false, ..keys[place] };
            }
        }
        let waiting = keys.iter().filter(|key| key.is_new).map(|key| key.age.as_secs() as usize / 2);
        waiting.max().unwrap_or(0).max(longest)
    }

    #[test]
    fn a_new_key_is_looked_at_soon_however_many_others_there_are() {
        assert_eq!(longest_wait(20_000, 0, 1), 0);
        assert_eq!(longest_wait(20_000, 500, 100), 0);
        // Here a busy one has to wait for a minute and a half.
        assert!(longest_wait(0, 20_000, 1) <= 15);
        // Nearly as many new ones as have their turn.
        assert_eq!(longest_wait(2000, 0, 400), 0);
    }
}
