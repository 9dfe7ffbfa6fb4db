//! What tests share: servers in the settings they need, and how to look at a key of TSGEN.

use crate::harness::*;

/// With these options a server has in its AOF whatever it has replied to.
pub const AOF: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// A server on which TSGEN.AT is open to everyone, so that a test says what time it is.
#[track_caller]
pub fn virtual_clock() -> Server {
    Server::start(&["--tsgen.virtual-clock", "yes"])
}

/// Exact counts of a key: waiting, ready, leased, delayed, dead.
#[track_caller]
pub fn counts(client: &mut Client, key: &str) -> [i64; 5] {
    let info = client.ok(&format!("TSGEN.INFO {key}"));
    ["waiting", "ready", "leased", "delayed", "dead"].map(|state| info.field(state).int())
}

/// One integer of TSGEN.INFO.
#[track_caller]
pub fn stat(client: &mut Client, key: &str, name: &str) -> i64 {
    client.ok(&format!("TSGEN.INFO {key}")).field(name).int()
}

/// Checks fields of a reply of INFO, each as transcripts show it.
#[track_caller]
pub fn shows(info: &Reply, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(info.field(name).to_string(), *value, "{name} in {info}");
    }
}

/// The server's clock in Unix milliseconds.
#[track_caller]
pub fn server_ms(client: &mut Client) -> i64 {
    let time = client.ok("TIME");
    let [seconds, micros] = [0, 1].map(|part| time.items()[part].text().parse::<i64>().expect("a number"));
    seconds * 1_000 + micros / 1_000
}

/// Master and replica in sync, and the link in use: Redis sends nothing before a new replica's first word, up to a second later.
#[track_caller]
pub fn pair(args: &[&str]) -> (Server, Server) {
    follow(Server::start(args), Server::start(args))
}

/// The same, both under one clock.
#[track_caller]
pub fn pair_under(clock: &Clock, args: &[&str]) -> (Server, Server) {
    follow(Server::start_under(clock, args), Server::start_under(clock, args))
}

#[track_caller]
fn follow(master: Server, replica: Server) -> (Server, Server) {
    replica.replica_of(&master);
    master.client().play("> SET first 1\n OK\n > WAIT 1 20000\n 1");
    (master, replica)
}

/// Kills the master, and puts its replica in its place.
#[track_caller]
pub fn promote(mut master: Server, replica: &Server) -> Client {
    master.stop(Stop::Kill);
    let mut c = replica.client();
    c.ok("REPLICAOF NO ONE");
    c
}

/// Has the two change their roles, with nothing lost.
#[track_caller]
pub fn fail_over(master: &Server, replica: &Server) {
    master.client().ok(&format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 10000", replica.port));
    wait_until("the roles are swapped", || {
        replica.client().info("replication", "role") == "master"
            && master.client().info("replication", "role") == "slave"
    });
}
