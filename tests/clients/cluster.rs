//! Clients that find the node of a key by themselves.

use crate::clients::{named, Client, Mode};
use crate::harness::*;
use crate::runner::Runner;

const MASTERS: usize = 3;

/// Uses a key of each master, and returns how often a node had to send the client elsewhere.
#[track_caller]
fn use_every_master(cluster: &Cluster, client: &Client) -> u64 {
    let before = moved(cluster);
    let mut runner = Runner::start(client, cluster.nodes[0].port, 2, Mode::Cluster);
    for node in 0..MASTERS {
        let tag = format!("{{{}}}", tags(node, 1000).next().expect("a tag"));
        let replies = runner.run(&[
            &format!("TSGEN.CREATE {tag}:fed SINK {tag}:stream"),
            &format!("TSGEN.MADD {tag}:k 1 a x 2 b y"),
            &format!("TSGEN.ADVANCE {tag}:k 1"),
            &format!("TSGEN.REM {tag}:k b nobody"),
            &format!("TSGEN.GET {tag}:k a"),
            &format!("DEBOUNCE.PUSH {tag}:d group item"),
            &format!("THROTTLE.TAKE {tag}:t 5 60000"),
            &format!("TSGEN.CLAIM {tag}:k w BLOCK 1000"),
        ]);
        let (entries, others) = replies.split_last().expect("replies");
        assert_eq!(
            format!("{others:?}"),
            "['OK', [1 1], 1, 1, ['ready' 1 'x'], 1, [1 5 4 -1 12000]]",
            "{}",
            client.name
        );
        let token = entries.items()[0].items()[0].int();
        assert_eq!(runner.run(&[&format!("TSGEN.ACK {tag}:k {token}")]), [Reply::Int(1)], "{}", client.name);
        assert_eq!(cluster.run(node, &format!("TSGEN.INFO {tag}:k")).field("acked").int(), 1, "{}", client.name);
        cluster.run(node, "FLUSHALL");
    }
    moved(cluster) - before
}

fn moved(cluster: &Cluster) -> u64 {
    let of = |node: usize| cluster.nodes[node].client().try_info("errorstats", "errorstat_MOVED");
    let counts =
        (0..MASTERS).filter_map(of).map(|text| text.trim_start_matches("count=").parse::<u64>().expect("a count"));
    counts.sum()
}

#[test]
fn clients_of_a_cluster_find_the_node_of_a_key() {
    let cluster = Cluster::form();
    // These two know: by the key specs of COMMAND, and by what the caller says.
    for client in named(&["redis-py", "node-redis"]) {
        assert_eq!(use_every_master(&cluster, client), 0, "{}", client.name);
    }
    // It knows only Redis's own commands. It asks any node, and goes where that sends it.
    for client in named(&["ioredis"]) {
        assert!(use_every_master(&cluster, client) > 0, "{}", client.name);
    }
}
