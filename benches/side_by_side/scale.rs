//! How much is measured: the full sizes that the targets speak of, tiny ones for a smoke test, or what the environment says.

use std::env;
use std::time::Duration;

pub struct Scale {
    /// The measures to run, by name.
    pub only: Vec<String>,
    /// The scenes of `pings` to play, by name; none: all.
    pub scenes: Vec<String>,
    /// Elements in one key, where cost per element is measured.
    pub sizes: Vec<usize>,
    /// Ready entries that one round claims and acknowledges.
    pub settle_entries: usize,
    /// Elements that one ADVANCE releases.
    pub advance_elements: usize,
    /// Elements in the one key whose stalls are looked for.
    pub stall_elements: usize,
    /// Groups that are filled from nothing by some pushes each.
    pub pushed_groups: usize,
    /// Groups that collect, where pushing to one is measured, and keeping them.
    pub live_groups: usize,
    /// Groups of a key with GROUPLIMIT or FAIR.
    pub limited_groups: usize,
    /// Pushes of one round to groups that are there.
    pub pushes: usize,
    /// How long a server is watched doing nothing.
    pub idling: Duration,
    pub firing: Firing,
    pub expiring: Expiring,
    /// Fields of the largest window.
    pub fields: usize,
    /// Increments of one round.
    pub increments: usize,
    /// SETs, or takes from a limit, of one round.
    pub sets: usize,
    /// Alternating rounds of ours and theirs.
    pub rounds: usize,
    /// Whether the sizes are those of the targets, so that a verdict means something.
    pub has_verdicts: bool,
}

/// Groups that come due one after the other.
#[derive(Clone, Copy)]
pub struct Firing {
    pub groups: usize,
    /// The time over which they are pushed to; 0: as fast as they can be.
    pub over_ms: u64,
    /// Longer than pushing takes.
    pub idle_ms: i64,
}

/// Watched keys that expire.
pub struct Expiring {
    /// Other keys that have a time to live and are not due, one number for each time.
    pub others: Vec<usize>,
    /// As many as come due all the time.
    pub due: Due,
    /// As many as come due when much was set in the same second.
    pub crowd: Due,
    /// How long the last of Redis's own events is waited for.
    pub patience: Duration,
}

/// Keys whose deadlines are evenly spread.
#[derive(Clone, Copy)]
pub struct Due {
    pub keys: usize,
    pub over_ms: u64,
    /// From before the first key is set to its deadline; longer than it takes to set them.
    pub lead_ms: i64,
}

impl Scale {
    /// A word that is not understood is a panic: a typo must not silently measure something else.
    pub fn from_env(measures: &[&str]) -> Self {
        let is_smoke = match env::var("TSGEN_BENCH").as_deref() {
            Ok("smoke") => true,
            Ok("full" | "") | Err(_) => false,
            Ok(other) => panic!("TSGEN_BENCH is 'smoke' or 'full', not '{other}'"),
        };
        let size = |full, smoke| if is_smoke { smoke } else { full };
        let only = words("TSGEN_BENCH_ONLY");
        for name in only.iter().flatten() {
            assert!(measures.contains(&name.as_str()), "TSGEN_BENCH_ONLY takes {measures:?}, not '{name}'");
        }
        Self {
            only: only.unwrap_or_else(|| measures.iter().map(|name| (*name).to_owned()).collect()),
            scenes: words("TSGEN_BENCH_SCENES").unwrap_or_default(),
            sizes: numbers("TSGEN_BENCH_SIZES").unwrap_or_else(|| {
                if is_smoke {
                    vec![2_000]
                } else {
                    vec![200_000, 1_000_000]
                }
            }),
            settle_entries: size(200_000, 2_000),
            advance_elements: size(1_000_000, 2_000),
            stall_elements: numbers("TSGEN_BENCH_STALL").map_or(size(10_000_000, 200_000), |numbers| numbers[0]),
            pushed_groups: size(100_000, 200),
            live_groups: size(1_000_000, 2_000),
            limited_groups: size(100_000, 1_000),
            pushes: size(200_000, 2_000),
            idling: Duration::from_millis(size(5_000, 100) as u64),
            firing: if is_smoke {
                Firing { groups: 500, over_ms: 50, idle_ms: 200 }
            } else {
                Firing { groups: 100_000, over_ms: 1_000, idle_ms: 3_000 }
            },
            expiring: if is_smoke {
                Expiring {
                    others: vec![0, 1_000],
                    due: Due { keys: 100, over_ms: 100, lead_ms: 100 },
                    crowd: Due { keys: 1_000, over_ms: 100, lead_ms: 200 },
                    patience: Duration::from_millis(100),
                }
            } else {
                Expiring {
                    others: vec![0, 10_000, 100_000, 1_000_000],
                    due: Due { keys: 1_000, over_ms: 2_000, lead_ms: 1_000 },
                    crowd: Due { keys: 100_000, over_ms: 1_000, lead_ms: 2_500 },
                    patience: Duration::from_secs(20),
                }
            },
            fields: size(100_000, 1_000),
            increments: size(200_000, 2_000),
            sets: size(200_000, 2_000),
            rounds: numbers("TSGEN_BENCH_ROUNDS").map_or(size(5, 1), |numbers| numbers[0]),
            has_verdicts: !is_smoke,
        }
    }
}

fn words(variable: &str) -> Option<Vec<String>> {
    let text = env::var(variable).ok().filter(|text| !text.trim().is_empty())?;
    Some(text.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

/// At least one number, each at least 1.
fn numbers(variable: &str) -> Option<Vec<usize>> {
    let number = |word: &String| match word.replace('_', "").parse() {
        Ok(number) if number > 0 => number,
        _ => panic!("{variable} takes positive numbers, not '{word}'"),
    };
    Some(words(variable)?.iter().map(number).collect())
}
