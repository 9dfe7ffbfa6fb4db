//! A master and its replica under three Sentinels, while clients work with all families: the master dies, or stops for longer than Sentinels wait, and comes back as what it was.
//!
//! What a stopped master still answers once it goes on is lost, unless WAIT had confirmed it: it follows the new one as soon as a Sentinel has told it to.

use crate::crowd::at_work;
use crate::harness::{wait_long, Client, Random, Sentinels, Server, Stop};
use crate::load::Load;
use crate::pair::{Pair, Sync};
use crate::stage::Stage;
use crate::{number, terms, wind_up, Schedule};
use std::time::Duration;
use tsgen_history::{History, Kept, Loss, Report};

#[test]
fn what_was_promised_holds_while_sentinels_fail_over() {
    let first = number("SEED").unwrap_or(1);
    let mut total = Report::default();
    for seed in first..first + number("SCHEDULES").unwrap_or(4).div_ceil(8) {
        let schedule = Schedule::of(seed);
        let history = play(seed);
        println!("seed {seed}, under Sentinels: {} calls", history.calls.len());
        schedule.judged(&history, &mut total);
    }
    print!("{total}");
}

/// How long a master may be silent, in ms, before it counts as dead: while none should, and while one should.
pub const CALM_MS: u32 = 600_000;
pub const ALERT_MS: u32 = 1_000;

fn play(seed: u64) -> History {
    let (mut pair, stage) = Pair::start(Sync::Always);
    // A Sentinel would take the link away, which leads where the replica says it does not.
    pair.replica.replica_of(&pair.master);
    let sentinels = Sentinels::watch(&pair.master, 1);
    // Nobody is taken for dead because this machine is busy.
    sentinels.notice_after(CALM_MS);
    let client = |number| Load::new(&stage, number, seed);
    let (loads, loss) = at_work(&stage, client, || {
        std::thread::sleep(Duration::from_millis(500 + Random::new(seed).below(1_000)));
        let loss = fail_over(&mut pair, &stage, &sentinels, seed % 2 == 0);
        std::thread::sleep(Duration::from_millis(500));
        loss
    });
    let history = History { terms: terms(Sync::Always), losses: vec![loss], ..History::default() };
    wind_up(pair, &stage, history, loads, seed)
}

fn fail_over(pair: &mut Pair, stage: &Stage, sentinels: &Sentinels, is_killed: bool) -> Loss {
    let at = stage.now();
    if is_killed {
        pair.master.stop(Stop::Kill);
    } else {
        pair.master.signal("STOP");
    }
    sentinels.notice_after(ALERT_MS);
    wait_long("the Sentinels agree on the replica", || sentinels.agreed_master_port() == Some(pair.replica.port));
    wait_long("it is a master", || is(&pair.replica, "role", "master"));
    sentinels.notice_after(CALM_MS);
    stage.switch_to(pair.replica.socket());
    if is_killed {
        pair.restart_killed_master();
    } else {
        pair.master.signal("CONT");
    }
    pair.swap();
    wait_long("the old one follows", || {
        is(&pair.replica, "role", "slave") && is(&pair.replica, "master_link_status", "up")
    });
    pair.wait_until_replica_stands();
    Loss { at, until: stage.now(), kept: Kept::Replicated }
}

/// What a server tells of its replication. A Sentinel that gives it a role ends its connections.
pub fn is(server: &Server, name: &str, value: &str) -> bool {
    let told = Client::try_connect(&server.socket()).ok().and_then(|mut c| c.try_info("replication", name));
    told.as_deref() == Some(value)
}
