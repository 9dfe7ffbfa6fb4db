//! Restarts while something waits for its time, in all families alike: nobody has to ask first.

use super::timed;
use crate::common::{rewritten, server_ms, AOF};
use crate::harness::*;

#[test]
fn what_fell_due_while_the_server_was_down_is_delivered_at_once() {
    for family in timed() {
        let mut server = Server::start(&AOF);
        let mut c = server.client();
        c.ok(&family.by_time("k", 300));
        c.ok(&(family.by_time("piped", 300) + " SINK stream"));
        c.ok(&family.add("k", "a", 300));
        c.ok(&family.add("piped", "a", 300));
        let added_at = server_ms(&mut c);
        server.stop(Stop::Kill);
        wait_until("both are due", || now_ms() > added_at + 400);
        server.start_again();
        let mut c = server.client();
        c.expect(&family.on("CLAIM # w BLOCK 20000", "k"), "[[<t> 1 …'a' …]]");
        wait_until("the sink has it", || c.run("XLEN stream") == 1);
        assert_eq!(family.counts(&mut c, "piped"), [0; 5], "{}", family.name);
    }
}

/// Nobody touches the key after the restart: only loading it can have told the timer.
#[test]
fn the_timer_knows_a_loaded_key_without_being_asked() {
    for family in timed() {
        for args in [&["--appendonly", "yes", "--aof-use-rdb-preamble", "no"][..], &AOF, &[]] {
            let mut server = Server::start(args);
            let mut c = server.client();
            c.ok("SELECT 5");
            c.ok(&(family.by_time("piped", 400) + " SINK stream"));
            c.ok(&family.add("piped", "a", 400));
            if !args.is_empty() {
                c.ok("BGREWRITEAOF");
                rewritten(&mut c);
            }
            server.restart(if args.is_empty() { Stop::Save } else { Stop::Kill });
            let mut c = server.client();
            c.ok("SELECT 5");
            wait_until("the sink has it", || c.run("XLEN stream") == 1);
        }
    }
}
