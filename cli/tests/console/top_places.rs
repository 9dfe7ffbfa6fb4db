//! `top` of a cluster, under Sentinels, and with a module that lacks the newest commands.

use crate::harness::*;
use crate::tmux::Tmux;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// A terminal in which `top` looks at what is at this URL.
#[track_caller]
fn top(url: &str) -> Tmux {
    let tmux = Tmux::start(80, 24, &[("REDIS_URL", url)]);
    tmux.types("$TSGEN top --every 100ms");
    tmux.shows("KEY");
    tmux
}

fn address(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port)
}

/// Asks again and again, and counts who has connected meanwhile.
#[track_caller]
fn keeps_its_connections(tmux: &Tmux, servers: &[Server]) {
    let mut clients: Vec<Client> = servers.iter().map(Server::client).collect();
    let mut connections = || -> u64 {
        let of =
            |client: &mut Client| client.info("stats", "total_connections_received").parse::<u64>().expect("a number");
        clients.iter_mut().map(of).sum()
    };
    let ask = || {
        tmux.press(&["2"]).shows("two books");
        tmux.press(&["1"]).shows("oldest-ready-age");
    };
    tmux.press(&["Enter"]);
    ask();
    let mut more = || {
        let before = connections();
        (0..5).for_each(|_| ask());
        connections() - before
    };
    // A server that does not answer for two seconds gets a connection anew, and a slow machine may bring that about; but not each time.
    let rounds: Vec<u64> = (0..3).map(|_| more()).take_while(|more| *more > 0).collect();
    assert!(rounds.len() < 3, "connections anew in each round: {rounds:?}");
}

#[test]
fn one_server_is_asked_by_one_connection() {
    let servers = [Server::start(&[])];
    servers[0].client().play("> TSGEN.ADVANCE k 10\n 10\n > TSGEN.ADD k 5 a \"two books\"\n 0");
    let tmux = top(&format!("redis://{}", address(&servers[0])));
    tmux.shows("TSGEN");
    keeps_its_connections(&tmux, &servers);
}

#[test]
fn by_resp3_the_view_is_the_same() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k MAXDELIVERIES 1\n OK\n > TSGEN.ADVANCE k 10\n 10\n > TSGEN.MADD k 4 a \"two books\" 5 b \"a pen\"\n [0 0]\n > TSGEN.CLAIM k w\n [[<t> …]]\n > TSGEN.NACK k <t> DEAD REASON full\n 1");
    let tmux = top(&format!("redis://{}/?protocol=resp3", address(&server)));
    tmux.shows("TSGEN");
    assert!(c.ok("CLIENT LIST").text().lines().any(|line| line.contains("resp=3")), "RESP3 is spoken");
    tmux.press(&["Enter"]).shows("oldest-ready-age");
    tmux.press(&["2"]).shows("a pen");
    tmux.press(&["5"]).shows("two books");
    tmux.press(&["6"]).shows("full");
    tmux.press(&["5"]).shows("two books");
    tmux.press(&["r"]).shows("Requeue");
    tmux.press(&["y"]);
    wait_until("it is ready again", || c.ok("TSGEN.INFO k").field("ready").int() == 2);
}

#[test]
fn a_cluster_is_asked_by_the_same_connections_and_followed_when_a_slot_moves() {
    let cluster = Cluster::form();
    let key = format!("{{{}}}k", tags(0, 1).next().expect("a tag"));
    let mut router = cluster.router();
    router.ok(&format!("TSGEN.ADVANCE {key} 10"));
    router.ok(&format!("TSGEN.ADD {key} 5 a \"two books\""));
    let claimed = router.ok(&format!("TSGEN.CLAIM {key} w"));
    let token = claimed.items()[0].items()[0].int();
    router.ok(&format!("TSGEN.NACK {key} {token} DEAD REASON \"mailbox full\""));
    router.ok(&format!("TSGEN.ADD {key} 6 b \"two books\""));
    let tmux = top(&format!("cluster://{}", address(&cluster.nodes[0])));
    tmux.shows("TSGEN");
    keeps_its_connections(&tmux, &cluster.nodes);
    let slot = slot_of(&key);
    cluster.begin_move(slot, 0, 1);
    cluster.migrate(&[&key], 0, 1);
    cluster.end_move(slot, 0, 1);
    tmux.press(&["6"]).shows("mailbox full");
    tmux.press(&["R"]).shows("Requeue 1 dead letter");
    tmux.press(&["y"]).shows("requeued 1");
    assert_eq!(cluster.nodes[1].client().ok(&format!("TSGEN.INFO {key}")).field("ready").int(), 2);
}

#[test]
fn a_failover_of_sentinels_is_followed_by_what_is_asked_and_done() {
    let mut master = Server::start(&[]);
    let replica = Server::start(&[]);
    replica.replica_of(&master);
    replica.wait_in_sync(&master);
    let sentinels = Sentinels::watch(&master, 1);
    master.client().play("> TSGEN.ADVANCE k 10\n 10\n > TSGEN.ADD k 5 a \"two books\"\n 0\n > WAIT 1 10000\n 1");
    let hosts: Vec<String> = sentinels.ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let tmux = top(&format!("sentinel://{}/{}", hosts.join(","), Sentinels::NAME));
    tmux.shows("TSGEN");
    tmux.press(&["Enter", "2"]).shows("two books");
    master.stop(Stop::Kill);
    wait_long("the replica is master", || {
        let client = Client::try_connect(&replica.socket()).ok();
        client.and_then(|mut client| client.try_info("replication", "role")).as_deref() == Some("master")
    });
    tmux.shows("the server is back");
    tmux.press(&["p"]).shows("Pause k?");
    tmux.press(&["y"]);
    wait_until("it is paused", || replica.client().ok("TSGEN.INFO k").field("paused").text() == "yes");
    tmux.press(&["1"]).shows("watermark");
    tmux.press(&["2"]).shows("two books");
}

/// Stands before a server, and spells these commands so that the server does not know them: as a module that lacks them.
fn without(server: &Server, commands: &'static [&str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (url, port) = (format!("redis://{}", listener.local_addr().expect("its address")), server.port);
    std::thread::spawn(move || {
        for near in listener.incoming() {
            let (Ok(near), Ok(far)) = (near, TcpStream::connect(("127.0.0.1", port))) else { return };
            let (mut from, mut to) = (far.try_clone().expect("a stream"), near.try_clone().expect("a stream"));
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            std::thread::spawn(move || misspell(near, far, commands));
        }
    });
    url
}

/// Names of commands come whole: `top` sends each in one small write.
fn misspell(mut from: TcpStream, mut to: TcpStream, commands: &[&str]) {
    let mut chunk = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        for command in commands {
            let name = command.as_bytes();
            for place in 0..(length + 1).saturating_sub(name.len()) {
                if chunk[place..].starts_with(name) {
                    chunk[place + name.len() - 1] = b'_';
                }
            }
        }
        if to.write_all(&chunk[..length]).is_err() {
            return;
        }
    }
}

#[test]
fn a_module_without_the_newest_commands_shows_what_it_can() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.ADVANCE k 10\n 10\n > TSGEN.ADD k 5 a \"two books\"\n 0\n > TSGEN.CLAIM k w\n [[<t> …]]\n > TSGEN.NACK k <t> DEAD REASON \"mailbox full\"\n 1");
    let tmux = top(&without(&server, &["TSGEN.PEEK", "TSGEN.PROMOTE", "TSGEN.DISCARD", "TSGEN.SOURCES"]));
    tmux.shows("TSGEN");
    tmux.press(&["Enter"]).shows("watermark");
    tmux.press(&["5"]).shows("unknown command");
    // What the module has goes on.
    tmux.press(&["6"]).shows("mailbox full");
    tmux.press(&["X"]).shows("Discard 1 dead letter");
    tmux.press(&["y"]).shows("unknown command");
    tmux.press(&["R"]).shows("Requeue 1 dead letter");
    tmux.press(&["y"]).shows("requeued 1");
    assert_eq!(c.ok("TSGEN.INFO k").field("ready").int(), 1);
}
