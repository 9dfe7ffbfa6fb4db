//! What an operator looks at, with very many keys.

use super::stage::Stage;
use super::windows;

pub fn info(stage: &mut Stage) {
    windows::many_keys(stage, 3_600_000);
    let section = if stage.is_ours() { "INFO tsgen" } else { "INFO keyspace" };
    stage.watch(|stage| {
        for _ in 0..20 {
            stage.client.ok(section);
        }
    });
}
