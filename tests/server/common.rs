//! What tests share: servers in the settings they need, how to look at a key of TSGEN, and what one waits for or compares in every folder.

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

/// Checks fields of a reply of INFO: names and values by turns, each value as transcripts show it.
#[track_caller]
pub fn shows(info: &Reply, expected: &str) {
    let words: Vec<&str> = expected.split_whitespace().collect();
    assert!(!words.is_empty() && words.len() % 2 == 0, "names and values by turns: {expected}");
    for pair in words.chunks_exact(2) {
        assert_eq!(info.field(pair[0]).to_string(), pair[1], "{} in {info}", pair[0]);
    }
}

/// A TSGEN key `k` with these options and these elements, at the timestamps 1, 2, … and all ready.
#[track_caller]
pub fn ready(options: &str, ids: &[&str]) -> Server {
    let server = virtual_clock();
    let mut c = server.client();
    c.ok(&format!("TSGEN.CREATE k {options}"));
    for (id, timestamp) in ids.iter().zip(1..) {
        c.ok(&format!("TSGEN.ADD k {timestamp} {id}"));
    }
    c.ok(&format!("TSGEN.ADVANCE k {}", ids.len()));
    server
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

/// Waits until no rewrite of the AOF runs, nor is going to.
#[track_caller]
pub fn rewritten(c: &mut Client) {
    wait_until("no rewrite runs", || {
        c.info("persistence", "aof_rewrite_in_progress") == "0" && c.info("persistence", "aof_rewrite_scheduled") == "0"
    });
}

/// Has the server write its AOF anew, as commands.
#[track_caller]
pub fn rewrite_as_commands(c: &mut Client) {
    c.ok("CONFIG SET aof-use-rdb-preamble no");
    c.ok("BGREWRITEAOF");
    rewritten(c);
}

/// All data is the same from each kind of file, and so is a copy of the key. The server has the options [`AOF`].
#[track_caller]
pub fn same_from_files(server: &mut Server, key: &str) {
    let (of_key, of_all) = (server.digest(key), server.digest_all());
    let mut c = server.client();
    c.ok("DEBUG RELOAD");
    assert_eq!(server.digest_all(), of_all, "an RDB file");
    server.restart(Stop::Kill);
    assert_eq!(server.digest_all(), of_all, "an AOF as it was written");
    let mut c = server.client();
    c.ok(&format!("COPY {key} same-from-files"));
    assert_eq!(server.digest("same-from-files"), of_key, "a copy");
    c.ok("DEL same-from-files");
    rewrite_as_commands(&mut c);
    server.restart(Stop::Kill);
    assert_eq!(server.digest_all(), of_all, "an AOF of commands");
}

/// How often the server's timer has looked.
#[track_caller]
pub fn ticks(c: &mut Client) -> i64 {
    c.info("tsgen", "tsgen_timer-ticks").parse().expect("a number")
}

/// Sends all lines at once, so that the server reads them in one turn of its loop.
#[track_caller]
pub fn at_once(c: &mut Client, lines: &[impl AsRef<str>]) -> Vec<Reply> {
    c.pipeline(lines.iter().map(|line| words(line.as_ref())))
}

/// Runs each command and checks its error and that no data changed.
#[track_caller]
pub fn refused(server: &Server, cases: &[(&str, &str)]) {
    let mut c = server.client();
    let before = server.digest_all();
    for (command, named) in cases {
        let reply = c.run(command);
        assert!(reply.is_error(), "{command} was not refused: {reply}");
        assert!(reply.to_string().contains(named), "{command}: expected {named:?} in {reply}");
        assert_eq!(server.digest_all(), before, "{command} changed something");
    }
    c.expect("PING", "PONG");
}

/// Everything told up to now, once `server` has been left alone for a while after `count` events.
#[track_caller]
pub fn settled(server: &Server, events: &mut Events, count: usize) -> Vec<String> {
    let mut c = server.client();
    let mut all = Vec::new();
    wait_until("the events are there", || {
        all.extend(events.take(&mut c));
        all.len() >= count
    });
    // Any that should not come has time to come.
    c.expect("TSGEN.CLAIM none w BLOCK 200", "[]");
    all.extend(events.take(&mut c));
    all
}

/// A client whose commands on `k` are looked at for what they announce.
pub struct Told {
    client: Client,
    events: Events,
    family: &'static str,
}

impl Told {
    #[track_caller]
    pub fn of(server: &Server, family: &'static str) -> Self {
        Self { client: server.client(), events: Events::subscribe(server), family }
    }

    /// Plays a script, which must announce exactly this.
    #[track_caller]
    pub fn play(&mut self, script: &str, expected: &[&str]) {
        self.client.play(script);
        let expected: Vec<String> = expected.iter().map(|event| format!("k {}.{event}", self.family)).collect();
        assert_eq!(self.events.take(&mut self.client), expected, "{script}");
    }
}
