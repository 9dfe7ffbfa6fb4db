//! The server at its limits while something waits for its time, in all families alike: paused, out of memory, failing over, shutting
//! down.

use super::timed;
use crate::common::*;
use crate::harness::*;

/// Everything the timer does by itself becomes due while writes are paused. Redis aborts if anything is replicated then.
#[test]
fn the_timer_is_silent_while_writes_are_paused_and_then_goes_on() {
    for family in timed() {
        let mut server = Server::start(&["--appendonly", "yes"]);
        let replica = Server::start(&[]);
        replica.replica_of(&server);
        let mut c = server.client();
        c.ok(&family.by_time("k", 60));
        c.ok(&(family.by_time("piped", 60) + " SINK stream"));
        family.add_ready(&mut c, "leased", "a");
        c.expect(&family.on("CLAIM # w1", "leased"), "[[<t> 1 …]]");
        let [mut by_time, mut by_lease] =
            ["k", "leased"].map(|key| Blocked::new(&server, &family.on("CLAIM # w2 BLOCK 0", key)));
        c.ok("MULTI");
        c.ok(&family.add("k", "a", 60));
        c.ok(&family.add("piped", "a", 60));
        c.play(&format!(
            "> {}\n QUEUED\n > CLIENT PAUSE 60000 WRITE\n QUEUED",
            family.on("EXTEND # 100 <t>", "leased")
        ));
        c.expect("EXEC", "[… 1 OK]");
        let started = now_ms();
        wait_until("all have been due for a while", || now_ms() > started + 300);
        // Reads go on; they show what is due, and nothing has moved.
        assert_eq!(family.counts(&mut c, "k"), [0, 1, 0, 0, 0], "{}", family.name);
        c.expect("EXISTS stream", "0");
        assert!(by_time.is_blocked(&mut c) && by_lease.is_blocked(&mut c), "{}", family.name);
        c.ok("CLIENT UNPAUSE");
        assert!(matches("[[<u> 1 …'a' …]]", &by_time.reply().to_string(), &mut c.bindings));
        assert!(matches("[[<v> 2 …'a' …]]", &by_lease.reply().to_string(), &mut c.bindings));
        wait_until("the sink is fed", || c.run("XLEN stream") == 1);
        same_data(&server, &replica);
        server.assert_alive();
    }
}

#[test]
fn at_maxmemory_what_adds_is_refused_and_what_delivers_works() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        family.add_ready(&mut c, "k", "a");
        family.add_ready(&mut c, "k", "b");
        c.ok("CONFIG SET maxmemory 1");
        let [create, add, _] = family.at_once("new", "c");
        c.expect(&create, "-OOM …");
        c.expect(&add.replace("new", "k"), "-OOM …");
        for (command, reply) in [
            ("CLAIM # w COUNT 2", "[[<a> 1 …] [<b> 1 …]]"),
            ("EXTEND # 99999 <a>", "1"),
            ("NACK # <a> DEAD", "1"),
            ("REQUEUE # ALL", "1"),
            ("RELEASE # w", "1"),
            ("NACK # <b> DELAY 1", "0"),
            ("ALTER # LEASE 5000", "OK"),
            ("INFO #", "…"),
            ("DISCARD # ALL", "0"),
            ("CLAIM # w COUNT 2", "[[<c> …] [<d> …]]"),
            ("NACK # <c> DELAY 3600000", "1"),
            ("ACK # <d>", "1"),
            ("PROMOTE # ALL", "1"),
        ] {
            c.play(&format!("> {}\n {reply}", family.on(command, "k")));
        }
        c.ok("CONFIG SET maxmemory 0");
        c.ok(&add.replace("new", "k"));
    }
}

/// Where Redis refuses every command at maxmemory, what drains cannot be sent: the README says so.
#[test]
fn at_maxmemory_redis_refuses_what_drains_in_multi_and_in_scripts_that_do_not_allow_it() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        family.add_ready(&mut c, "k", "a");
        family.add_ready(&mut c, "k", "b");
        let script =
            |head: &str| format!("EVAL \"{head}return #redis.call('{}.CLAIM', KEYS[1], 'w')\" 1 k", family.name);
        c.play("> CONFIG SET maxmemory 1\n OK\n > MULTI\n OK");
        // From 7.4 on, and in Valkey, only what is flagged is.
        if server.has_version("7.4") || server.has_valkey("8") {
            c.expect(&family.on("PENDING #", "k"), "QUEUED");
            c.expect("EXEC", "[[]]");
        } else {
            c.expect(&family.on("CLAIM # w", "k"), "-OOM …");
            c.expect("EXEC", "-EXECABORT …");
        }
        c.expect(&script("#!lua\\n"), "-OOM …");
        c.expect(&script("#!lua flags=allow-oom\\n"), "1");
        // One of the old kind is refused only what is flagged.
        c.expect(&script(""), "1");
        c.expect(&family.on("RELEASE # w", "k"), "2");
    }
}

#[test]
fn what_becomes_ready_at_maxmemory_is_handed_to_a_blocked_worker() {
    for family in timed() {
        let server = Server::start(&[]);
        let mut c = server.client();
        c.ok(&family.by_time("k", 80));
        c.ok(&family.add("k", "a", 80));
        let mut worker = Blocked::new(&server, &family.on("CLAIM # w BLOCK 0", "k"));
        c.ok("CONFIG SET maxmemory 1");
        assert!(worker.reply().to_string().contains("'a'"));
    }
}

#[test]
fn a_failover_hands_over_what_waits_and_what_is_leased() {
    for family in timed() {
        let (mut master, mut replica) = pair(&[]);
        let mut c = master.client();
        c.ok(&family.by_time("k", 400));
        c.ok(&(family.by_time("piped", 100) + " SINK stream"));
        family.add_ready(&mut c, "leased", "a");
        c.expect(&family.on("CLAIM # w LEASE 50", "leased"), "[[<t> 1 …]]");
        let mut worker = Blocked::new(&master, &family.on("CLAIM # w BLOCK 0", "other"));
        for i in 0..40 {
            c.ok(&family.add("piped", &format!("g{i}"), i * 10));
        }
        c.ok(&family.add("k", "a", 400));
        fail_over(&master, &replica);
        // It would connect to the new master.
        assert!(worker.reply().is_error());
        let mut c = replica.client();
        c.expect(&family.on("CLAIM # heir BLOCK 20000", "k"), "[[<u> 1 …'a' …]]");
        c.expect(&family.on("CLAIM # heir BLOCK 20000", "leased"), "[[<v> 2 …'a' …]]");
        wait_until("the sink is fed, by whichever was the master then", || family.counts(&mut c, "piped") == [0; 5]);
        let stream = c.ok("XRANGE stream - +").to_string();
        for i in 0..40 {
            assert_eq!(stream.matches(&format!("'g{i}'")).count(), 1, "{} g{i}", family.name);
        }
        master.assert_alive();
        replica.assert_alive();
        same_data(&replica, &master);
    }
}

/// A graceful shutdown waits for replicas that lag; the timer must not write in that time.
#[test]
fn a_shutdown_that_waits_for_a_replica_is_clean() {
    for family in timed() {
        let mut master = Server::start(&["--shutdown-timeout", "1", "--appendonly", "yes"]);
        let replica = Server::start(&[]);
        replica.replica_of(&master);
        let mut c = master.client();
        c.ok(&family.by_time("k", 100));
        c.ok(&(family.by_time("piped", 100) + " SINK stream"));
        let _worker = Blocked::new(&master, &family.on("CLAIM # w BLOCK 0 LEASE 1", "k"));
        replica.signal("STOP");
        for i in 0..50 {
            c.ok(&family.add("piped", &format!("g{i}"), i * 25));
            c.ok(&family.add("k", &format!("g{i}"), i * 25));
        }
        master.signal("TERM");
        let status = master.child_end();
        replica.signal("CONT");
        assert!(status.success(), "{} {status}\n{}", family.name, master.log());
    }
}
