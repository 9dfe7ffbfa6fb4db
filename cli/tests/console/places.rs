//! Clusters, Sentinels, sockets, databases.

use crate::harness::*;
use crate::run::{json, tsgen_at};
use serde_json::Value;

#[test]
fn a_cluster_is_seen_as_a_whole() {
    let cluster = Cluster::form();
    let mut router = cluster.router();
    let names: Vec<String> = (0..3).map(|node| format!("{{{}}}k", tags(node, 1).next().expect("a tag"))).collect();
    for name in &names {
        router.ok(&format!("TSGEN.ADD {name} 5 a x"));
    }
    let url = format!("cluster://127.0.0.1:{}", cluster.nodes[0].port);
    let list = tsgen_at(&url, &["ls", "--json"], "").done();
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let nodes: std::collections::BTreeSet<String> =
        list.as_array().expect("a list").iter().map(|row| row["node"].to_string()).collect();
    assert_eq!((list.as_array().expect("a list").len(), nodes.len()), (3, 3), "{list}");
    // A single key is found wherever it is.
    for name in &names {
        let info = tsgen_at(&url, &["info", name, "--json"], "").done();
        assert_eq!(serde_json::from_str::<Value>(&info).expect("JSON")["info"]["waiting"], 1);
        tsgen_at(&url, &["alter", name, "--lease", "5s"], "").done();
    }
    // A key that is imported comes together in its own slot, with and without a tag in its name.
    let export = tsgen_at(&url, &["export", &names[0]], "").done();
    let tagged = format!("{}2", names[1]);
    for key in ["other", &tagged, "a}b", "a{}b", "}{b}c", "a{b", "{}", "x{y}}z"] {
        assert!(tsgen_at(&url, &["import", key], &export).done().starts_with("imported 1\n"));
        let found = router.ok(&format!("TSGEN.GET {key} a")).to_string();
        assert!(found.starts_with("['waiting' 5 'x'"), "{found}");
        router.ok(&format!("DEL {key}"));
    }
    let metrics = tsgen_at(&url, &["metrics"], "").done();
    assert_eq!(metrics.lines().filter(|line| line.starts_with("tsgen_blocked_clients{")).count(), 3);
    let found = tsgen_at(&url, &["doctor"], "");
    assert!(
        found.code == 1 && !found.out.contains("it has no replica") && !found.out.contains("is not loaded"),
        "{}{}",
        found.out,
        found.err
    );
    // A watcher hears of the keys of its own node.
    let tag = tags(1, 1).next().expect("a tag");
    router.ok(&format!("EXPIRY.CREATE {{{tag}}}w PREFIX {{{tag}}}: PREFIX order:"));
    let found = tsgen_at(&url, &["doctor"], "").out;
    assert!(found.contains(&format!("warning: EXPIRY {{{tag}}}w: of the keys that begin with 'order:'")), "{found}");
    assert!(!found.contains(&format!("'{{{tag}}}:'")), "{found}");
    assert!(tsgen_at(&url, &["ls", "--db", "1"], "").failed(1).contains("database 0 only"));
}

#[test]
fn sentinels_tell_where_the_master_is() {
    let master = Server::start(&[]);
    let sentinels = Sentinels::watch(&master, 0);
    master.client().ok("TSGEN.ADD k 5 a x");
    let hosts: Vec<String> = sentinels.ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let url = |name: &str| format!("sentinel://127.0.0.1:1,{}/{name}", hosts.join(","));
    let list: Value = serde_json::from_str(&tsgen_at(&url("watched"), &["ls", "--json"], "").done()).expect("JSON");
    assert_eq!(list[0]["key"], "k");
    assert!(tsgen_at(&url("other"), &["ls"], "").failed(1).contains("no such master"));
    assert!(tsgen_at(&format!("sentinel://{}", hosts[0]), &["ls"], "")
        .failed(1)
        .contains("the name of the master is missing"));
}

#[test]
fn a_socket_and_a_database() {
    let server = Server::start(&[]);
    server.client().play("> SELECT 2\n OK\n > TSGEN.ADD k 5 a x\n 1");
    let url = format!("unix://{}", server.socket().display());
    let list: Value = serde_json::from_str(&tsgen_at(&url, &["ls", "--json"], "").done()).expect("JSON");
    assert_eq!((&list[0]["db"], &list[0]["key"]), (&Value::from(2), &Value::from("k")));
    assert!(tsgen_at(&url, &["info", "k"], "").failed(1).contains("there is no key k"));
    tsgen_at(&format!("{url}?db=2"), &["info", "k"], "").done();
    tsgen_at(&url, &["info", "k", "--db", "2"], "").done();
    assert_eq!(json(&server, &["ls", "--db", "0"]), Value::from(Vec::<Value>::new()));
}
