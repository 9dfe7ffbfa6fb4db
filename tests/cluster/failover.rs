//! Masters that die or hand over, and the replicas that take their place.

use crate::families::FAMILIES;
use crate::harness::*;
use crate::state;
use crate::traffic::Traffic;
use std::time::{Duration, Instant};

/// What is there when a master dies, in all states, and what happens until there is a new one.
#[test]
fn a_replica_goes_on_where_its_dead_master_stopped() {
    let mut cluster = Cluster::form();
    let tag = tags(0, 1000).next().expect("a tag");
    let mut router = cluster.router();
    let held = state::fill(&mut router, &tag);
    let key = |name: &str| format!("{{{tag}}}:{name}");
    // These come due while nobody is master.
    router.ok(&format!("DEBOUNCE.CREATE {} IDLE 1500 SINK {}", key("late"), key("late-stream")));
    router.ok(&format!("DEBOUNCE.PUSH {} group item", key("late")));
    router.ok(&format!("EXPIRY.CREATE {} PREFIX {}", key("late-watcher"), key("k:")));
    router.ok(&format!("SET {} value PX 1500", key("k:string")));
    let due = router.ok(&format!("PEXPIRETIME {}", key("k:string"))).int();
    router.ok(&format!("HSET {} field value", key("k:hash")));
    router.ok(&format!("PEXPIRE {} 1500", key("k:hash")));
    router.ok(&format!("TSGEN.CREATE {} LEASE 1500", key("short")));
    router.ok(&format!("TSGEN.ADD {} 1 a", key("short")));
    router.ok(&format!("TSGEN.ADVANCE {} 1", key("short")));
    router.ok(&format!("TSGEN.CLAIM {} dies-with-it", key("short")));
    let mut worker = Blocked::new(&cluster.nodes[0], &format!("TSGEN.CLAIM {} me BLOCK 0", key("clock")));
    cluster.be_alert();
    assert_eq!(cluster.run(0, "WAIT 1 10000"), 1);
    let before = held.digests(&cluster.nodes[0]);

    cluster.nodes[0].stop(Stop::Kill);
    assert!(now_ms() < due, "too late: it has come due already");
    assert!(worker.client.try_read().is_err(), "the connection of a blocked worker ends");
    wait_long("the replica is master", || cluster.nodes[3].client().info("replication", "role") == "master");
    let promoted = Instant::now();
    assert_eq!(held.digests(&cluster.nodes[3]), before, "digests after the failover");
    wait_until("the group has fired", || router.ok(&format!("XLEN {}", key("late-stream"))) == 1);
    // A replica looks at its keys every ten seconds.
    assert!(promoted.elapsed() < Duration::from_secs(4), "it took {:?}", promoted.elapsed());

    let late = router.ok(&format!("EXPIRY.CLAIM {} me COUNT 2 BLOCK 10000", key("late-watcher")));
    let more = router.ok(&format!("EXPIRY.CLAIM {} me COUNT 2 BLOCK 2000", key("late-watcher")));
    let mut told: Vec<String> = late.items().iter().chain(more.items()).map(Reply::to_string).collect();
    told.sort_by_key(|entry| entry.contains(":k:hash"));
    // A node may not run DUMP on what is its master's, so a replica in a cluster has copies of strings only.
    let patterns = ["[… 1 '…:k:string' 'string' 'value' … 'expired']", "[… 1 '…:k:hash' 'hash' nil … 'expired']"];
    assert_eq!(told.len(), 2, "{told:?}");
    for (pattern, told) in patterns.iter().zip(&told) {
        assert!(matches(pattern, told, &mut Default::default()), "{told} is not {pattern}");
    }
    let again = router.ok(&format!("TSGEN.CLAIM {} heir BLOCK 10000", key("short")));
    assert_eq!(again.items()[0].items()[1], 2, "the second delivery, the lease of the first has ended");
    held.use_up(&mut router);

    cluster.nodes[0].start_again();
    cluster.wait_for_role(0, "slave");
    same_data(&cluster.nodes[3], &cluster.nodes[0]);
    assert_eq!(router.ok(&format!("XLEN {}", key("late-stream"))), 1);
}

/// It was stopped, not killed, and believes for a moment to be master still when it goes on.
#[test]
fn a_stale_master_that_comes_back_changes_nothing() {
    let cluster = Cluster::form();
    let tag = tags(0, 1000).next().expect("a tag");
    let mut router = cluster.router();
    let held = state::fill(&mut router, &tag);
    let [queue, stream] = ["late", "late-stream"].map(|name| format!("{{{tag}}}:{name}"));
    router.ok(&format!("DEBOUNCE.CREATE {queue} IDLE 500 SINK {stream}"));
    router.ok(&format!("DEBOUNCE.PUSH {queue} group item"));
    cluster.be_alert();
    assert_eq!(cluster.run(0, "WAIT 1 10000"), 1);
    cluster.nodes[0].signal("STOP");
    cluster.wait_for_role(3, "master");
    let mut router = cluster.router_from(1);
    wait_until("the group has fired", || router.ok(&format!("XLEN {stream}")) == 1);
    cluster.nodes[0].signal("CONT");
    cluster.wait_for_role(0, "slave");
    same_data(&cluster.nodes[3], &cluster.nodes[0]);
    assert_eq!(router.ok(&format!("XLEN {stream}")), 1);
    held.use_up(&mut router);
    same_data(&cluster.nodes[3], &cluster.nodes[0]);
}

/// Leases are long, so whatever came twice would have been handed out twice.
#[test]
fn applications_go_on_when_a_master_hands_over_and_back() {
    let cluster = Cluster::form();
    let tags = tags(0, 1000).take(3).chain(tags(1, 1000).take(1)).collect();
    let traffic = Traffic { families: FAMILIES.iter().collect(), tags, options: "", waits_for_replica: false };
    let mut observer = cluster.router();
    let key = FAMILIES[0].key(&traffic.tags[0]);
    let mut acked = || observer.ok(&format!("TSGEN.INFO {key}")).field("acked").int();
    let outcome = traffic.run(&cluster.router(), || {
        for (replica, master) in [(3, 0), (0, 3)] {
            // Some servers hand over within a moment.
            let before = acked();
            wait_until("work is done", || acked() > before + 10);
            cluster.run(replica, "CLUSTER FAILOVER");
            cluster.wait_for_role(replica, "master");
            cluster.wait_for_role(master, "slave");
            cluster.wait_until_agreed();
            cluster.nodes[master].wait_in_sync(&cluster.nodes[replica]);
        }
    });
    outcome.assert_once();
    assert!(outcome.followed.contains_key("MOVED"), "{:?}", outcome.followed);
    same_data(&cluster.nodes[0], &cluster.nodes[3]);
}

/// At least once: a claim or an ACK whose reply died with the master happens again, and so does what the replica had not heard of.
#[test]
fn applications_go_on_when_a_master_is_killed() {
    let mut cluster = Cluster::form();
    cluster.be_alert();
    let tags: Vec<String> = tags(0, 1000).take(3).collect();
    let mut observer = cluster.router();
    let key = FAMILIES[0].key(&tags[0]);
    let mut acked = || observer.ok(&format!("TSGEN.INFO {key}")).field("acked").int();
    let traffic = Traffic { families: FAMILIES.iter().collect(), tags, options: "LEASE 1000", waits_for_replica: true };
    let outcome = traffic.run(&cluster.router(), || {
        wait_until("work is done", || acked() > 20);
        cluster.nodes[0].stop(Stop::Kill);
        cluster.wait_for_role(3, "master");
        let before = acked();
        cluster.nodes[0].start_again();
        wait_until("work goes on", || acked() > before + 20);
    });
    assert_eq!(outcome.lost(), Vec::<&String>::new());
    assert!(outcome.followed.contains_key("lost"), "nobody noticed: {:?}", outcome.followed);
    assert!(outcome.put.len() > 100, "hardly anything was put in: {}", outcome.put.len());
    same_data(&cluster.nodes[3], &cluster.nodes[0]);
}
