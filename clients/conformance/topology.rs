//! The servers of a scenario, and what may happen to them.

use crate::harness::*;
use std::time::Duration;

pub enum Topology {
    /// One server, which keeps an AOF.
    Single(Box<Server>),
    /// A master and a replica under three Sentinels.
    Watched {
        servers: Vec<Server>,
        sentinels: Sentinels,
    },
    Cluster(Cluster),
}

impl Topology {
    #[track_caller]
    pub fn start(line: &[&str]) -> Self {
        match line {
            ["server", args @ ..] => {
                let mut all = vec!["--appendonly", "yes"];
                all.extend(args);
                Self::Single(Box::new(Server::start(&all)))
            }
            ["server-without-module"] => Self::Single(Box::new(Server::plain(&[]))),
            ["sentinel"] => {
                let servers: Vec<Server> = (0..2).map(|_| Server::start(&[])).collect();
                servers[1].replica_of(&servers[0]);
                let sentinels = Sentinels::watch(&servers[0], 1);
                Self::Watched { servers, sentinels }
            }
            ["cluster"] => Self::Cluster(Cluster::form()),
            _ => panic!("a scenario begins with its servers, not with {line:?}"),
        }
    }

    /// What a worker is told to connect to.
    pub fn url(&self) -> String {
        match self {
            Self::Single(server) => format!("redis://127.0.0.1:{}", server.port),
            Self::Watched { sentinels, .. } => {
                let hosts: Vec<_> = sentinels.ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
                format!("sentinel://{}/{}", hosts.join(","), Sentinels::NAME)
            }
            Self::Cluster(cluster) => format!("cluster://127.0.0.1:{}", cluster.nodes[0].port),
        }
    }

    /// The only server there is.
    #[track_caller]
    pub fn single(&mut self) -> &mut Server {
        match self {
            Self::Single(server) => server,
            _ => panic!("this is for scenarios with one server"),
        }
    }

    /// One command to whoever is in charge of its key.
    #[track_caller]
    pub fn run(&self, line: &str) -> Reply {
        match self {
            Self::Single(server) => server.client().run(line),
            Self::Watched { servers, sentinels } => {
                let port = sentinels.master_port();
                servers.iter().find(|server| server.port == port).expect("one of ours").client().run(line)
            }
            Self::Cluster(cluster) => cluster.router().run(line),
        }
    }

    /// Kills the master, and waits for the replica to be one.
    #[track_caller]
    pub fn fail_over(&mut self) {
        let Self::Watched { servers, sentinels } = self else { panic!("failover is for scenarios under Sentinels") };
        servers[1].wait_in_sync(&servers[0]);
        servers[0].stop(Stop::Kill);
        wait_long("the replica is master", || {
            let role =
                Client::try_connect(&servers[1].socket()).ok().and_then(|mut c| c.try_info("replication", "role"));
            sentinels.agreed_master_port() == Some(servers[1].port) && role.as_deref() == Some("master")
        });
    }

    /// Moves the slot of a key, with what is in it, from its master to another one.
    #[track_caller]
    pub fn move_slot(&self, key: &str) {
        let Self::Cluster(cluster) = self else { panic!("move is for scenarios in a cluster") };
        let owner = cluster.router().port_of(key);
        let from = cluster.nodes.iter().position(|node| node.port == owner).expect("one of ours");
        let to = (from + 1) % 3;
        let slot = slot_of(key);
        cluster.begin_move(slot, from, to);
        cluster.migrate(&[key], from, to);
        cluster.end_move(slot, from, to);
    }
}

/// Lets time pass: for what only time can bring about, such as the end of a lease.
pub fn pass(ms: &str) {
    std::thread::sleep(Duration::from_millis(ms.parse().expect("milliseconds")));
}
