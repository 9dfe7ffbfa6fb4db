//! A cut network: the master, with one of three Sentinels and half of the clients, on one side; its replica, with the other two Sentinels and the other half, on the other.
//!
//! A cut that is mended before the Sentinels mind it takes nothing back. In one that lasts they make the replica the master, while the old one goes on answering those on its side;
//! when it is mended the old one follows, and what it had answered meanwhile is lost, unless WAIT had confirmed it: which it could not.
//!
//! The two sides are network namespaces, and what crosses the cut is dropped, not refused. That takes root; whoever is not is told so, and nothing is cut, unless `NETWORK` insists.

use crate::crowd::at_work;
use crate::harness::{wait_long, Networks, Random, Sentinels};
use crate::load::Load;
use crate::pair::{Pair, Sync};
use crate::sentinels::{is, ALERT_MS, CALM_MS};
use crate::stage::Stage;
use crate::{insists, number, terms, wind_up, Schedule};
use std::time::Duration;
use tsgen_history::{History, Kept, Loss, Report};

/// Clients with odd numbers are on the side of the replica.
const FAR: usize = 1;

#[test]
fn what_was_promised_holds_across_a_cut_network() {
    let networks = match Networks::lay() {
        Ok(networks) => networks,
        Err(why) => {
            assert!(!insists("NETWORK"), "no network can be cut: {why}");
            println!("NOT RUN, no network is cut: {why}");
            return;
        }
    };
    let first = number("SEED").unwrap_or(1);
    let mut total = Report::default();
    for seed in first..first + number("SCHEDULES").unwrap_or(4).div_ceil(8) {
        let schedule = Schedule::of(seed);
        let history = play(&networks, seed);
        println!("seed {seed}, across a cut network: {} calls", history.calls.len());
        schedule.judged(&history, &mut total);
    }
    print!("{total}");
}

fn play(networks: &Networks, seed: u64) -> History {
    let (mut pair, stage) = Pair::start_in(networks, Sync::Always);
    let [near, far] = networks.sides.each_ref().map(Some);
    // The first tells where the master is.
    let sentinels = Sentinels::watch_from([far, far, near], &pair.master, 1);
    sentinels.notice_after(CALM_MS);
    let mut random = Random::new(seed);
    let mut pause = |most_ms| std::thread::sleep(Duration::from_millis(200 + random.below(most_ms)));
    let client = |number| Load::new(&stage, number, seed);
    let (loads, loss) = at_work(&stage, client, || {
        pause(600);
        networks.cut();
        pause(1_000);
        networks.mend();
        pair.wait_until_replica_stands();
        pause(600);
        let loss = split(&mut pair, &stage, networks, &sentinels, &mut pause);
        pause(300);
        loss
    });
    let history = History { terms: terms(Sync::Always), losses: vec![loss], ..History::default() };
    wind_up(pair, &stage, history, loads, seed)
}

/// There are two masters, until the cut is mended and a Sentinel has told the old one to follow.
fn split(
    pair: &mut Pair,
    stage: &Stage,
    networks: &Networks,
    sentinels: &Sentinels,
    pause: &mut impl FnMut(u64),
) -> Loss {
    let at = stage.now();
    networks.cut();
    sentinels.notice_after(ALERT_MS);
    wait_long("the Sentinels tell of the replica", || sentinels.master_port() == pair.replica.port);
    wait_long("it is a master", || is(&pair.replica, "role", "master"));
    sentinels.notice_after(CALM_MS);
    stage.switch_side_to(FAR, pair.replica.socket());
    pause(600);
    assert!(is(&pair.master, "role", "master"), "the old one answers still");
    networks.mend();
    wait_long("the old one follows", || {
        is(&pair.master, "role", "slave") && is(&pair.master, "master_link_status", "up")
    });
    stage.switch_to(pair.replica.socket());
    pair.swap();
    pair.wait_until_replica_stands();
    Loss { at, until: stage.now(), kept: Kept::Replicated }
}
