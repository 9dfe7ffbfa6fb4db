//! What all processes of a test have in common: they cannot outlive it.

use std::ffi::OsStr;
use std::process::Command;

/// A command that the kernel kills when the thread that runs this test ends, however it ends.
pub fn mortal(binary: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(binary);
    command
}

/// Sends a signal by its name (`STOP`, `CONT`, `TERM`).
#[track_caller]
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().expect("kill");
    assert!(status.success(), "kill -{name} failed");
}
