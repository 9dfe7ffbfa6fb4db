//! The longest PING, and the most memory, while much happens at once: the scenes of `tests/stalls` at full size, side by side.

use crate::scale::Scale;
use crate::scenes::{limit_ms, play, Side, SCENES, TARGET};
use crate::table::{Table, Unit};

const MIB: f64 = 1024.0 * 1024.0;

pub fn measure(scale: &Scale, table: &mut Table) {
    table.section(
        "pings",
        "the longest PING beside (theirs: the like in commands of a plain server); peak: the most memory",
    );
    for name in &scale.scenes {
        assert!(
            SCENES.iter().any(|scene| scene.name == name),
            "TSGEN_BENCH_SCENES takes names of tests/stalls, not '{name}'"
        );
    }
    for scene in SCENES {
        if !scale.scenes.is_empty() && !scale.scenes.iter().any(|name| name == scene.name) {
            continue;
        }
        let size = if scale.has_verdicts { scene.size * scene.times } else { scene.size / 50 };
        let what = scene.title(size);
        // Of two, the one that the machine disturbed less.
        let rounds: Vec<_> = (0..if scale.has_verdicts { 2 } else { 1 })
            .map(|_| (play(&scene, Side::Ours, size), play(&scene, Side::Theirs, size)))
            .collect();
        let least = |numbers: &mut dyn Iterator<Item = f64>| numbers.fold(f64::MAX, f64::min);
        let ours = least(&mut rounds.iter().map(|(ours, _)| ours.ping.own));
        let theirs = least(&mut rounds.iter().map(|(_, theirs)| theirs.ping.own));
        table.limit(&what, ours, Some(theirs), Unit::Milliseconds, Some(limit_ms(theirs, TARGET)));
        if let Some((ours, theirs)) = rounds.first() {
            table.note(&format!("peak {:.0} MiB, theirs {:.0} MiB", ours.peak / MIB, theirs.peak / MIB));
        }
    }
}
