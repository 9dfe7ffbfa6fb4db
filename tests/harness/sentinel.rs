//! Three Sentinels that watch one master. They run from the server's own binary, which `redis-sentinel` is another name of.

use super::port::Port;
use super::process::{mortal, Process};
use super::programs::programs;
use super::{wait_until, Client, Network, Server};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const COUNT: usize = 3;
/// The name under which they watch it.
const NAME: &str = "watched";

pub struct Sentinels {
    folder: tempfile::TempDir,
    processes: Vec<Process>,
    ports: Vec<Port>,
}

impl Sentinels {
    /// The name of the master, for clients.
    pub const NAME: &'static str = NAME;

    /// Starts them, and waits until they know each other and both the master and its `replicas` replicas.
    #[track_caller]
    pub fn watch(master: &Server, replicas: usize) -> Self {
        Self::watch_from([None; COUNT], master, replicas)
    }

    /// The same, each from its network; loopback if there is none.
    #[track_caller]
    pub fn watch_from(networks: [Option<&Network>; COUNT], master: &Server, replicas: usize) -> Self {
        let folder = tempfile::Builder::new().prefix("tsgen-sentinel-").tempdir().expect("a temporary folder");
        let mut sentinels = Sentinels { folder, processes: Vec::new(), ports: Vec::new() };
        for (nth, network) in networks.into_iter().enumerate() {
            let port = Port::reserve();
            let process = spawn(sentinels.folder.path(), nth, network, port.number(), master);
            sentinels.processes.push(process);
            sentinels.ports.push(port);
        }
        let known = format!("slaves={replicas},sentinels={COUNT}");
        wait_until("the sentinels know everybody", || {
            (0..COUNT).all(|nth| {
                let client = Client::try_connect(&sentinels.socket(nth));
                client.is_ok_and(|mut client| client.ok("INFO sentinel").text().contains(&known))
            })
        });
        sentinels
    }

    fn socket(&self, nth: usize) -> PathBuf {
        socket(self.folder.path(), nth)
    }

    /// From now on a master counts as down once it was not heard for so long.
    #[track_caller]
    pub fn notice_after(&self, ms: u32) {
        for nth in 0..COUNT {
            Client::connect(&self.socket(nth)).ok(&format!("SENTINEL SET {NAME} down-after-milliseconds {ms}"));
        }
    }

    /// Where clients ask them.
    pub fn ports(&self) -> Vec<u16> {
        self.ports.iter().map(Port::number).collect()
    }

    /// The port of the master, as they tell clients.
    #[track_caller]
    pub fn master_port(&self) -> u16 {
        let told = Client::connect(&self.socket(0)).ok(&format!("SENTINEL GET-MASTER-ADDR-BY-NAME {NAME}"));
        told.items()[1].text().parse().expect("a port")
    }

    /// The same once all of them name one master and none is about to make another: two that saw the old one die may each hold a failover, one
    /// after the other.
    #[track_caller]
    pub fn agreed_master_port(&self) -> Option<u16> {
        let mut agreed = None;
        for nth in 0..COUNT {
            let master = Client::connect(&self.socket(nth)).ok(&format!("SENTINEL MASTER {NAME}"));
            let port = master.field("port").text().parse().expect("a port");
            if master.field("flags").text() != "master" || *agreed.get_or_insert(port) != port {
                return None;
            }
        }
        agreed
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        self.processes.clear();
        if std::thread::panicking() {
            for nth in 0..COUNT {
                let log = fs::read_to_string(self.folder.path().join(format!("log-{nth}"))).unwrap_or_default();
                eprintln!("--- log of sentinel {nth} ---\n{log}");
            }
        }
    }
}

fn socket(folder: &Path, nth: usize) -> PathBuf {
    folder.join(format!("socket-{nth}"))
}

/// A Sentinel keeps its state in its configuration file, so each has one of its own. A master counts as down after a second.
fn spawn(folder: &Path, nth: usize, network: Option<&Network>, port: u16, master: &Server) -> Process {
    let path = folder.join(format!("sentinel-{nth}.conf"));
    let configuration = format!(
        "port {port}\nbind {}\nprotected-mode no\nunixsocket {}\nlogfile {}\nsentinel monitor {NAME} {} {} 2\n\
         sentinel down-after-milliseconds {NAME} 1000\nsentinel failover-timeout {NAME} 5000\n",
        network.map_or("127.0.0.1", |network| network.address),
        socket(folder, nth).display(),
        folder.join(format!("log-{nth}")).display(),
        master.address(),
        master.port,
    );
    fs::write(&path, configuration).expect("a configuration file");
    let program = &programs().server;
    let mut command = network.map_or_else(|| mortal(program), |network| network.mortal(program));
    command.arg(path).arg("--sentinel");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Process::spawn(&mut command).expect("start a sentinel")
}
