//! Sinks in a cluster: one node feeds the stream, whatever moves when.

use crate::harness::*;

const GROUPS: usize = 20;

/// `{tag}:queue`, in which groups are collecting that fire in a moment, and its stream.
fn collecting(cluster: &Cluster, tag: &str, idle_ms: u32) -> [String; 2] {
    let [queue, stream] = ["queue", "stream"].map(|name| format!("{{{tag}}}:{name}"));
    let mut router = cluster.router();
    router.ok(&format!("XADD {stream} * group before"));
    router.ok(&format!("DEBOUNCE.CREATE {queue} IDLE {idle_ms} SINK {stream}"));
    for nth in 0..GROUPS {
        router.ok(&format!("DEBOUNCE.PUSH {queue} g{nth} item"));
    }
    [queue, stream]
}

/// Fails unless the stream ends up with each group once, and the master and its replica with the same.
#[track_caller]
fn assert_fed_once(cluster: &Cluster, stream: &str, node: usize) {
    let mut router = cluster.router();
    wait_until("the sink was fed", || router.ok(&format!("XLEN {stream}")).int() > GROUPS as i64);
    let fed = router.ok(&format!("XRANGE {stream} - +"));
    let mut groups: Vec<String> = fed.items().iter().map(|entry| entry.items()[1].field("group").text()).collect();
    assert_eq!(groups.remove(0), "before");
    groups.sort();
    groups.dedup();
    assert_eq!((groups.len(), fed.items().len()), (GROUPS, GROUPS + 1), "{groups:?}");
    same_data(&cluster.nodes[node], &cluster.nodes[node + 3]);
}

/// A node of which only one key of the slot has arrived may not write to the other: it tries until the slot is its own.
#[test]
fn a_sink_that_arrives_before_its_stream_waits_for_it() {
    let cluster = Cluster::form();
    let tag = tags(0, 1000).next().expect("a tag");
    let slot = slot_of(&tag);
    let [queue, stream] = collecting(&cluster, &tag, 500);
    cluster.begin_move(slot, 0, 1);
    cluster.migrate(&[&queue], 0, 1);
    wait_until("the target has tried", || cluster.nodes[1].client().info("tsgen", "tsgen_sink-errors") != "0");
    assert_eq!(cluster.run(0, &format!("XLEN {stream}")), 1, "the stream is where it was, and as it was");
    cluster.migrate(&[&stream], 0, 1);
    cluster.end_move(slot, 0, 1);
    assert_fed_once(&cluster, &stream, 1);
    assert_eq!(cluster.nodes[0].client().info("tsgen", "tsgen_scheduled-keys"), "0", "the source's timer");
}

#[test]
fn a_sink_whose_stream_has_gone_ahead_follows_it() {
    let cluster = Cluster::form();
    let tag = tags(0, 1000).next().expect("a tag");
    let slot = slot_of(&tag);
    let [queue, stream] = collecting(&cluster, &tag, 500);
    cluster.begin_move(slot, 0, 1);
    cluster.migrate(&[&stream], 0, 1);
    wait_until("the source has tried", || cluster.nodes[0].client().info("tsgen", "tsgen_sink-errors") != "0");
    assert_eq!(cluster.run(0, &format!("EXISTS {queue}")), 1);
    cluster.migrate(&[&queue], 0, 1);
    cluster.end_move(slot, 0, 1);
    assert_fed_once(&cluster, &stream, 1);
}

/// Groups fire while their slot goes back and forth and while the other masters and replicas look on: some on the one node, some
/// on the other, each once.
#[test]
fn groups_that_fire_while_slots_are_resharded_are_fed_once() {
    let cluster = Cluster::form();
    let tag = tags(0, 60).next().expect("a tag");
    let [queue, stream] = collecting(&cluster, &tag, 300);
    let fed = |cluster: &Cluster| cluster.router().ok(&format!("XLEN {stream}")).int() > GROUPS as i64;
    wait_long("all have fired", || {
        cluster.reshard(60, 0, 1, 1);
        cluster.reshard(60, 1, 0, 1);
        fed(&cluster)
    });
    assert_fed_once(&cluster, &stream, 0);
    assert_eq!(cluster.router().ok(&format!("DEBOUNCE.INFO {queue}")).field("delivered"), &Reply::Int(0));
}
