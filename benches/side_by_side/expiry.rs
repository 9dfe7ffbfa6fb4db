//! Watched keys that expire: how late their entries reach a worker while other keys have a time to live, too, next to Redis's own
//! `expired` events; and how long a PING waits while a crowd of them expires, next to Redis's own expiring of the same keys.
//!
//! Events are waited for only so long; what had not come by then is missing in their numbers, which flatters them.

use crate::due::{announced, delivered, expired_by_redis, Others, Run, COUNT};
use crate::rounds::{alternate, median, Pair};
use crate::scale::{Due, Scale};
use crate::table::{Table, Unit};
use std::time::Duration;

/// Workers for a crowd; one is enough for a few.
const WORKERS: usize = 4;

pub fn measure(scale: &Scale, table: &mut Table) {
    let (due, patience) = (scale.expiring.due, scale.expiring.patience);
    let title = format!(
        "{} watched keys due within {} ms: p99 lateness at a worker in CLAIM BLOCK COUNT {COUNT}; theirs: `expired` events",
        due.keys, due.over_ms
    );
    table.section("expiry", &title);
    let most = scale.expiring.others.iter().max().copied().unwrap_or(0);
    let among = scale.expiring.others.iter().map(|count| Others { count: *count, is_watched: false });
    for others in among.chain([Others { count: most, is_watched: true }]) {
        let runs: Vec<Run> = (0..scale.rounds.min(3)).map(|_| delivered(due, others, 1)).collect();
        // To Redis it is all the same who else watches.
        let theirs = (!others.is_watched).then(|| announced(due, others, patience));
        let also = if others.is_watched { ", these watched as well" } else { "" };
        tell(table, &format!("among {} others{also}", others.count), &runs, theirs.as_ref(), patience);
    }

    let crowd = scale.expiring.crowd;
    let title =
        format!("{} watched keys expire: the longest PING; theirs: the same keys on a plain server", crowd.keys);
    table.section("expiry", &title);
    for (what, due) in [
        (format!("due evenly over {} ms", crowd.over_ms), crowd),
        ("due in the same millisecond".to_owned(), Due { over_ms: 0, ..crowd }),
    ] {
        let none = Others { count: 0, is_watched: false };
        let samples = alternate(scale.rounds.min(3), || delivered(due, none, WORKERS), || expired_by_redis(due));
        let pings = Pair::of(&samples, |run| run.ping.own);
        table.ratio(&format!("{what}: the longest PING"), &pings, Unit::Milliseconds, Some(1.0));
        let walls = Pair::of(&samples, |run| run.ping.wall);
        table.note(&format!(
            "{:.2} ms and {:.2} ms with the time the kernel ran something else",
            walls.ours, walls.theirs
        ));
        let bare = samples.iter().map(|(ours, _)| ours.bare as f64).fold(0.0, f64::max);
        table.limit(&format!("{what}: delivered without their value"), bare, None, Unit::Entries, Some(0.0));
        let ours: Vec<Run> = samples.into_iter().map(|(ours, _)| ours).collect();
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| median(ours.iter().map(|run| run.within(share))));
        table.note(&format!(
            "half delivered within {p50:.2} ms, 99 % within {p99:.2} ms, all within {max:.2} ms; {}",
            cpu(&ours)
        ));
    }
}

fn tell(table: &mut Table, what: &str, runs: &[Run], theirs: Option<&Run>, patience: Duration) {
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| median(runs.iter().map(|run| run.within(share))));
    let came = theirs.filter(|run| !run.lateness.is_empty());
    table.limit(what, p99, came.map(|run| run.within(0.99)), Unit::Milliseconds, Some(10.0));
    let worst = runs.iter().map(|run| run.within(1.0)).fold(0.0, f64::max);
    let ping = median(runs.iter().map(|run| run.ping.own));
    table.note(&format!(
        "all came, half within {p50:.2} ms, all within {max:.2} ms ({worst:.2} ms in the worst round), longest PING {ping:.2} ms; {}",
        cpu(runs)
    ));
    let bare = runs.iter().map(|run| run.bare).max().unwrap_or(0);
    if bare > 0 {
        table.note(&format!("{bare} of these without their value"));
    }
    if let Some(theirs) = theirs {
        let half = came.map_or(String::new(), |run| format!(", half of these within {:.0} ms", run.within(0.5)));
        let all = runs[0].lateness.len();
        table.note(&format!(
            "events: {} of {all} came by {patience:?} after the last deadline{half}",
            theirs.lateness.len()
        ));
    }
}

fn cpu(runs: &[Run]) -> String {
    let (ran, waited) = (median(runs.iter().map(|run| run.server.0)), median(runs.iter().map(|run| run.server.1)));
    format!("server {ran:.0} ms on a processor, {waited:.1} ms kept waiting for one")
}
