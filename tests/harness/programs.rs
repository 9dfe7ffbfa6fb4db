//! Which server the tests run on, and the command line client that they use: what `scripts/which-server` says.

use super::workspace;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

pub struct Programs {
    pub server: PathBuf,
    pub cli: PathBuf,
}

/// Chosen once per test binary.
#[track_caller]
pub fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let script = workspace().join("scripts/which-server");
        let output = Command::new(&script).current_dir(workspace()).output().expect("run scripts/which-server");
        let told = String::from_utf8(output.stdout).expect("paths in UTF-8");
        let mut words = told.trim_end().split('\t').map(PathBuf::from);
        let (Some(server), Some(cli), true) = (words.next(), words.next(), output.status.success()) else {
            panic!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
        };
        Programs { server, cli }
    })
}
