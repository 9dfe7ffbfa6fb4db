//! Alternating rounds, and the medians that come out of them.
//!
//! Machines drift (frequency, neighbours, caches), so ours and theirs take turns and each round is compared within itself.

/// Runs both sides `rounds` times. Who goes first changes every round.
pub fn alternate<T>(rounds: usize, mut ours: impl FnMut() -> T, mut theirs: impl FnMut() -> T) -> Vec<(T, T)> {
    (0..rounds)
        .map(|round| {
            if round % 2 == 0 {
                let first = ours();
                (first, theirs())
            } else {
                let first = theirs();
                (ours(), first)
            }
        })
        .collect()
}

/// One quantity on both sides.
pub struct Pair {
    pub ours: f64,
    pub theirs: f64,
    /// The median of the rounds' ratios, which is not the ratio of the medians.
    pub ratio: f64,
    /// The lowest and the highest ratio of a round.
    pub spread: (f64, f64),
}

impl Pair {
    pub fn of<T>(samples: &[(T, T)], quantity: impl Fn(&T) -> f64) -> Self {
        let ours = sorted(samples.iter().map(|(ours, _)| quantity(ours)));
        let theirs = sorted(samples.iter().map(|(_, theirs)| quantity(theirs)));
        let ratios = sorted(samples.iter().map(|(ours, theirs)| quantity(ours) / quantity(theirs)));
        Self {
            ours: middle(&ours),
            theirs: middle(&theirs),
            ratio: middle(&ratios),
            spread: (ratios[0], ratios[ratios.len() - 1]),
        }
    }
}

/// Of at least one value.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    middle(&sorted(values))
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The upper one of two: at an even number of rounds the less flattering one.
fn middle(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}
