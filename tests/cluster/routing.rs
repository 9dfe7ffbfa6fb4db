//! How clients of a cluster find the node that serves a key.

use crate::families::FAMILIES;
use crate::harness::*;
use std::process::Command;

/// The commands of the module that work on a key, and where in the command it stands.
fn keyed_commands(cluster: &Cluster) -> Vec<(String, usize)> {
    let listed = cluster.run(0, "COMMAND LIST FILTERBY MODULE tsgen");
    let commands = listed.items().iter().map(|name| {
        let info = cluster.run(0, &format!("COMMAND INFO {}", name.text()));
        (name.text(), info.items()[0].items()[3].int() as usize)
    });
    commands.filter(|(_, first)| *first > 0).collect()
}

#[test]
fn every_family_delivers_on_every_master_and_its_replica_holds_the_same() {
    let cluster = Cluster::form();
    let mut router = cluster.router();
    for node in 0..3 {
        let tag = tags(node, 1000).next().expect("a tag");
        for family in &FAMILIES {
            router.ok(&family.create(&tag, ""));
            router.ok(&family.put(&tag, "one"));
            let entries = router.ok(&format!("{}.CLAIM {} me BLOCK 10000", family.name, family.key(&tag)));
            let [entry] = entries.items() else { panic!("{}: {entries}", family.name) };
            assert_eq!(family.named(entry), ["one"]);
            assert_eq!(router.port_of(&family.key(&tag)), cluster.nodes[node].port);
            let ack = format!("{}.ACK {} {}", family.name, family.key(&tag), entry.items()[0]);
            assert_eq!(router.ok(&ack), 1);
        }
        same_data(&cluster.nodes[node], &cluster.nodes[node + 3]);
    }
}

#[test]
fn every_command_is_moved_to_the_node_of_its_key() {
    let cluster = Cluster::form();
    let key = format!("{{{}}}:k", tags(1, 1000).next().expect("a tag"));
    let moved = format!("-MOVED {} 127.0.0.1:{}", slot_of(&key), cluster.nodes[1].port);
    let commands = keyed_commands(&cluster);
    assert!(commands.len() > 50, "{commands:?}");
    // A wrong master, and the right master's replica.
    for node in [0, 4] {
        let mut c = cluster.nodes[node].client();
        for (name, first) in &commands {
            let mut words = vec![name.as_str(); 12];
            words[*first] = &key;
            let arity = c.ok(&format!("COMMAND INFO {name}")).items()[0].items()[1].int().unsigned_abs() as usize;
            words.truncate(arity.max(first + 1));
            assert_eq!(c.run(&words.join(" ")).to_string(), moved, "{words:?} at node {node}");
        }
    }
}

#[test]
fn keys_of_one_claim_are_of_one_slot_and_one_node() {
    let cluster = Cluster::form();
    let tag = tags(1, 1000).next().expect("a tag");
    let slot = slot_of(&tag);
    let [urgent, normal] = ["urgent", "normal"].map(|name| format!("{{{tag}}}:{name}"));
    for family in &FAMILIES {
        let claim = |keys: &str, rest: &str| format!("{}.MCLAIM 2 {keys} me {rest}", family.name);
        let (both, crossed) = (format!("{urgent} {normal}"), format!("{urgent} other"));
        for node in [0, 1, 4] {
            let mut c = cluster.nodes[node].client();
            let moved = format!("-MOVED {slot} 127.0.0.1:{}", cluster.nodes[1].port);
            let expected = if node == 1 { "[]" } else { &moved };
            c.expect(&claim(&both, &format!("ACK {normal} 5")), expected);
            c.expect(&claim(&both, "BLOCK 1"), expected);
            c.expect(&claim(&crossed, "BLOCK 0"), "-CROSSSLOT …");
            c.expect(&claim(&crossed, "ACK other 5"), "-CROSSSLOT …");
        }
    }
    // One of them has gone already.
    let mut c = cluster.nodes[1].client();
    c.ok(&format!("TSGEN.CREATE {urgent}"));
    c.ok(&format!("TSGEN.CREATE {normal}"));
    cluster.begin_move(slot, 1, 2);
    cluster.migrate(&[&urgent], 1, 2);
    c.expect(&format!("TSGEN.MCLAIM 2 {urgent} {normal} me BLOCK 0"), "-TRYAGAIN …");
    cluster.migrate(&[&normal], 1, 2);
    c.expect(&format!("TSGEN.MCLAIM 2 {urgent} {normal} me BLOCK 0"), "-ASK …");
    cluster.end_move(slot, 1, 2);
    cluster.nodes[2].client().expect(&format!("TSGEN.MCLAIM 2 {urgent} {normal} me BLOCK 1"), "[]");
}

#[test]
fn a_replica_that_may_be_read_answers_reads_and_moves_writes() {
    let cluster = Cluster::form();
    let tag = tags(0, 1000).next().expect("a tag");
    let mut router = cluster.router();
    router.ok(&FAMILIES[0].create(&tag, ""));
    cluster.nodes[3].wait_in_sync(&cluster.nodes[0]);
    let key = FAMILIES[0].key(&tag);
    let mut c = cluster.nodes[3].client();
    c.expect(&format!("TSGEN.INFO {key}"), "-MOVED …");
    c.ok("READONLY");
    c.expect(&format!("TSGEN.PENDING {key}"), "[]");
    assert_eq!(c.ok(&format!("TSGEN.INFO {key}")).field("gate").text(), "clock");
    c.expect(&format!("TSGEN.CLAIM {key} me"), "-MOVED …");
}

#[test]
fn a_sink_in_another_slot_is_refused() {
    let cluster = Cluster::form();
    let mut router = cluster.router();
    for family in &FAMILIES {
        for (sink, reply) in [("other", "-CROSSSLOT …"), ("{a}:stream", "OK")] {
            let reply_to = router.run(&family.create("a", &format!("SINK {sink}"))).to_string();
            assert!(matches(reply, &reply_to, &mut Default::default()), "{}: {reply_to}", family.name);
        }
        let alter = format!("{}.ALTER {} SINK", family.name, family.key("a"));
        assert!(router.run(&format!("{alter} {{b}}:stream")).to_string().starts_with("-CROSSSLOT"));
        assert_eq!(router.run(&format!("{alter} {{a}}:another")), "OK");
    }
}

#[test]
fn clients_are_told_the_keys_of_a_command() {
    let cluster = Cluster::form();
    let mut c = cluster.nodes[0].client();
    for (name, first) in keyed_commands(&cluster) {
        let mut words = vec!["x"; 12];
        words[first - 1] = "the-key";
        if first > 1 {
            words[1] = "TSGEN.ACK";
        }
        let arity = c.ok(&format!("COMMAND INFO {name}")).items()[0].items()[1].int();
        if arity > 0 {
            words.truncate(arity as usize - 1);
        }
        c.expect(&format!("COMMAND GETKEYS {name} {}", words.join(" ")), "['the-key']");
    }
    for family in &FAMILIES {
        for (verb, gate) in [("CREATE", "LEASE 5"), ("ALTER", "LEASE 5")] {
            c.expect(&format!("COMMAND GETKEYS {}.{verb} k {gate} SINK s SINKMAXLEN 5", family.name), "['k' 's']");
        }
    }
}

/// redis-cli is the cluster-aware client that everybody has.
#[test]
fn redis_cli_finds_its_way() {
    let cluster = Cluster::form();
    let mut replies = Vec::new();
    for line in ["TSGEN.ADD k:1 1 a x", "TSGEN.ADD k:2 1 a x", "TSGEN.ADD k:3 1 a x", "TSGEN.GET k:2 a"] {
        let mut command = Command::new(&programs().cli);
        command.args(["-c", "-p", &cluster.nodes[4].port.to_string()]).args(line.split(' '));
        let output = command.output().expect("run redis-cli");
        replies.push(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    assert_eq!(replies, ["1", "1", "1", "waiting\n1\nx"]);
    let nodes: Vec<u16> = (1..4).map(|nth| slot_of(&format!("k:{nth}")) / 5462).collect();
    assert_ne!((nodes[0], nodes[1]), (nodes[1], nodes[2]), "all keys are of one node");
}
