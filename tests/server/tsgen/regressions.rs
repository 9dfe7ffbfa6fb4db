//! What went wrong once, told as it was seen.

use crate::common::*;
use crate::harness::*;

/// The server was killed by an assertion of its own: a worker that was woken for nothing had told replicas what it found.
#[test]
fn a_lease_that_ends_in_a_delay_or_in_death_while_a_worker_waits_does_not_end_the_server() {
    for options in ["BACKOFF 200", "BACKOFF 3600000", "MAXDELIVERIES 1"] {
        let mut master = Server::start(&["--appendonly", "yes"]);
        let replica = Server::start(&[]);
        replica.replica_of(&master);
        let mut c = master.client();
        c.ok(&format!("TSGEN.CREATE k {options}"));
        c.play("> TSGEN.ADD k 1 a\n 1\n > TSGEN.ADVANCE k 1\n 1\n > TSGEN.CLAIM k x LEASE 100\n [[…]]");
        let mut worker = Blocked::new(&master, "TSGEN.CLAIM k y BLOCK 0");
        match options {
            "BACKOFF 200" => assert!(worker.reply().to_string().contains("'a'")),
            "MAXDELIVERIES 1" => wait_until("it is dead", || stat(&mut c, "k", "dead") == 1),
            _ => wait_until("it rests", || stat(&mut c, "k", "delayed") == 1),
        }
        master.assert_alive();
        same_data(&master, &replica);
        let digest = master.digest("k");
        c.ok("TSGEN.ADD k 1 b");
        if options != "BACKOFF 200" {
            assert!(worker.reply().to_string().contains("'b'"), "{options}");
        }
        drop(worker);
        assert_ne!(master.digest("k"), digest);
        same_data(&master, &replica);
        let digest = master.digest_all();
        master.restart(Stop::Kill);
        assert_eq!(master.digest_all(), digest, "{options}");
    }
}

#[test]
fn a_lease_of_a_replaced_element_that_ends_while_a_worker_waits_does_not_end_the_server() {
    let mut server = Server::start(&["--appendonly", "yes"]);
    let mut c = server.client();
    c.play(
        "> TSGEN.ADD k 1 a\n 1\n > TSGEN.ADVANCE k 1\n 1\n > TSGEN.CLAIM k x LEASE 100\n [[…]]\n > TSGEN.ADD k 9 a\n 1",
    );
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k y BLOCK 0");
    wait_until("the lease has ended", || stat(&mut c, "k", "leased") == 0);
    c.ok("TSGEN.ADVANCE k 9");
    assert!(worker.reply().to_string().contains("'a' 9"));
    server.assert_alive();
}

/// A source above the watermark was lowered on the master alone, because the watermark itself did not change.
#[test]
fn a_watermark_altered_to_where_it_is_lowers_the_sources_on_replicas_too() {
    let (master, replica) = (Server::start(&[]), Server::start(&[]));
    replica.replica_of(&master);
    let mut c = master.client();
    c.play("> TSGEN.CREATE k SOURCES 2 a b\n OK\n > TSGEN.ADVANCE k 100 SOURCE a\n nil\n > TSGEN.ADVANCE k 10 SOURCE b\n 10\n > TSGEN.ALTER k WATERMARK 10\n OK");
    same_data(&master, &replica);
    c.expect("TSGEN.ADVANCE k 50 SOURCE b", "10");
    same_data(&master, &replica);
}

/// More leases ended at once than one claim sweeps, none of which gave anything: the worker slept on.
#[test]
fn a_worker_is_woken_though_very_many_leases_ended_before_the_one_that_matters() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let names: Vec<String> = (0..10_005).map(|n| format!("id{n}")).collect();
    c.pipeline(names.iter().map(|id| words(&format!("TSGEN.ADD k 1 {id}"))));
    c.ok("TSGEN.ADVANCE k 1");
    for count in [10_000, 5] {
        c.ok(&format!("TSGEN.CLAIM k x COUNT {count} LEASE 900"));
    }
    c.pipeline(names.iter().map(|id| words(&format!("TSGEN.ADD k 500 {id}"))));
    c.play("> TSGEN.ADD k 1 one\n 0\n > TSGEN.CLAIM k x LEASE 1200\n [[…]]");
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k y BLOCK 0");
    assert!(worker.reply().to_string().contains("'one'"));
}

#[test]
fn a_worker_that_waits_is_woken_after_the_data_were_reloaded() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.ADD k 1 a\n 1\n > TSGEN.ADVANCE k 1\n 1\n > TSGEN.CLAIM k x LEASE 1500\n [[…]]");
    let mut worker = Blocked::new(&server, "TSGEN.CLAIM k y BLOCK 0");
    c.ok("DEBUG RELOAD");
    assert!(worker.reply().to_string().contains("'a'"));
}

/// The timer kept deleted keys in mind until their deadline, which may be years away.
#[test]
fn deleted_keys_leave_the_timer() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for command in ["DEL", "UNLINK"] {
        for n in 0..50 {
            c.ok(&format!("TSGEN.CREATE k{n} CLOCK"));
            c.ok(&format!("TSGEN.ADD k{n} +300000000000 a"));
        }
        wait_until("new keys have been looked at", || {
            c.info("tsgen", "tsgen_timer-next-deadline").parse::<i64>().is_ok_and(|next| next > now_ms() + 1_000_000)
        });
        assert_eq!(c.info("tsgen", "tsgen_scheduled-keys"), "50");
        for n in 0..50 {
            c.ok(&format!("{command} k{n}"));
        }
        assert_eq!(c.info("tsgen", "tsgen_scheduled-keys"), "0", "{command}");
    }
}

#[test]
fn who_may_only_write_can_add_and_settle_but_not_claim() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("ACL SETUSER producer on nopass %W~* +@all");
    c.ok("TSGEN.CREATE k");
    let mut p = server.client();
    p.ok("AUTH producer x");
    for command in ["ADD k 1 a", "MADD k 1 b x", "REM k b", "ADVANCE k 1", "ACK k 1", "NACK k 1", "EXTEND k 1 1"] {
        let reply = p.run(&format!("TSGEN.{command}"));
        assert!(!reply.is_error(), "{command}: {reply}");
    }
    for command in ["CLAIM k w", "GET k a", "RANGE k - +", "INFO k"] {
        p.expect(&format!("TSGEN.{command}"), "-NOPERM …");
    }
}
