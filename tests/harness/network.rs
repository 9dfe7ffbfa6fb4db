//! Two networks of a test's own, and a cable between them that can be pulled: what is on the other side gets no word more, not even that the connection is over.
//!
//! They are network namespaces, so they take root. Nothing of them is left once the test has ended, however it ends: each lives as long as a process in it.

use super::process::{mortal, Process};
use super::wait_until;
use std::fs;
use std::process::{Command, Stdio};

pub struct Networks {
    pub sides: [Network; 2],
    /// Whatever runs in the networks ends before them.
    _keepers: [Process; 2],
}

/// One of them, as those who start something there know it.
#[derive(Clone)]
pub struct Network {
    /// The process by which it lives.
    keeper: u32,
    pub address: &'static str,
}

/// Addresses for documentation, which lead nowhere.
const ADDRESSES: [&str; 2] = ["192.0.2.1", "192.0.2.2"];

impl Networks {
    /// Two networks, with the cable plugged in; or why there are none.
    pub fn lay() -> Result<Self, String> {
        let keepers = [keeper()?, keeper()?];
        let side = |nth: usize| Network { keeper: keepers[nth].pid(), address: ADDRESSES[nth] };
        let networks = Self { sides: [side(0), side(1)], _keepers: keepers };
        let [near, far] = &networks.sides;
        near.ip(&format!("link add cable type veth peer name cable netns {}", far.keeper))?;
        for side in &networks.sides {
            side.ip("link set lo up")?;
            side.ip(&format!("address add {}/24 dev cable", side.address))?;
            side.ip("link set cable up")?;
        }
        Ok(networks)
    }

    /// Pulls the cable.
    #[track_caller]
    pub fn cut(&self) {
        self.sides[0].ip("link set cable down").expect("cut the link");
    }

    #[track_caller]
    pub fn mend(&self) {
        self.sides[0].ip("link set cable up").expect("mend the link");
    }
}

/// A process in a network of its own, which it has entered.
fn keeper() -> Result<Process, String> {
    let mut command = mortal("unshare");
    command.args(["--net", "sleep", "infinity"]).stdin(Stdio::null()).stderr(Stdio::null());
    let keeper = Process::spawn(&mut command).map_err(|error| format!("cannot run unshare: {error}"))?;
    let ours = fs::read_link("/proc/self/ns/net").map_err(|error| format!("cannot tell networks apart: {error}"))?;
    let mut has_entered = false;
    wait_until("the network is there, or refused", || {
        has_entered = fs::read_link(format!("/proc/{}/ns/net", keeper.pid())).is_ok_and(|theirs| theirs != ours);
        has_entered || keeper.has_ended().is_some()
    });
    if has_entered {
        Ok(keeper)
    } else {
        Err("networks of one's own take root (CAP_SYS_ADMIN)".to_owned())
    }
}

impl Network {
    /// A program that will run in this network, and die with its test.
    pub fn mortal(&self, binary: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = mortal("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.keeper)).arg("--").arg(binary);
        command
    }

    /// One command of iproute2.
    fn ip(&self, line: &str) -> Result<(), String> {
        let output = self.mortal("ip").args(line.split(' ')).output();
        let output = output.map_err(|error| format!("cannot run nsenter and ip (iproute2): {error}"))?;
        let told = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            Ok(())
        } else {
            Err(format!("ip {line}: {}", told.trim()))
        }
    }
}
