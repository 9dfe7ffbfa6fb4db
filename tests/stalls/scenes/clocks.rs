//! The time of day is set while very many keys have something to come.

use super::stage::Stage;
use super::windows;
use std::thread;
use std::time::Duration;

pub fn set_back(stage: &mut Stage) {
    step(stage, 3_600_000, -3_000);
}

pub fn set_ahead(stage: &mut Stage) {
    step(stage, 1_800_000, 3_600_000);
}

/// The time in which a server meets what was done to its clock: its cron comes ten times a second, and the timer has looked at every key. What is
/// looked for is that nothing happens, so there is no condition to wait for.
const WHILE: Duration = Duration::from_millis(1_500);

fn step(stage: &mut Stage, every: usize, by: i64) {
    windows::many_keys(stage, every);
    stage.watch(|stage| {
        stage.clock.step(by);
        thread::sleep(WHILE);
        if stage.is_ours() {
            stage.until("the timer has been everywhere", |stage| {
                let next: i64 = stage.client.info("tsgen", "tsgen_timer-next-deadline").parse().unwrap_or(0);
                next == -1 || next > stage.clock.now_ms()
            });
        }
    });
}
