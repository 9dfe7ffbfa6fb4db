//! Very many watchers: what they cost together, and that none of them is forgotten over the others.

use super::*;
use crate::common::AOF;
use crate::harness::*;
use std::collections::BTreeSet;

/// Creates a watcher for each of so many shops.
#[track_caller]
fn open_shops(c: &mut Client, shops: usize) {
    let create = |nth: usize| words(&format!("EXPIRY.CREATE {{shop-{nth}}}:w PREFIX {{shop-{nth}}}:"));
    c.pipeline((0..shops).map(create).collect::<Vec<_>>());
}

/// Sets a key of each shop, to live for so long.
#[track_caller]
fn order(c: &mut Client, shops: usize, ms: i64) {
    let set = |nth: usize| words(&format!("SET {{shop-{nth}}}:order:1 v{nth} PX {ms}"));
    c.pipeline((0..shops).map(set).collect::<Vec<_>>());
}

/// Takes what each shop has ready: the values.
#[track_caller]
fn collect(c: &mut Client, shops: usize) -> BTreeSet<String> {
    let mut values = BTreeSet::new();
    wait_until("all shops have their order", || {
        let claims = (0..shops).map(|nth| words(&format!("EXPIRY.CLAIM {{shop-{nth}}}:w me")));
        for reply in c.pipeline(claims.collect::<Vec<_>>()) {
            values.extend(reply.items().iter().map(|entry| Entry::of(entry).pair().1));
        }
        values.len() == shops
    });
    values
}

fn is_ready(c: &mut Client, shops: usize) -> bool {
    let infos = (0..shops).map(|nth| words(&format!("EXPIRY.INFO {{shop-{nth}}}:w")));
    c.pipeline(infos.collect::<Vec<_>>()).iter().all(|info| *info.field("ready") == 1)
}

/// Each watcher once walked over all keys by itself, one after the other.
#[test]
fn keys_that_were_there_before_three_hundred_watchers_are_all_delivered_in_time() {
    const SHOPS: usize = 300;
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &[]);
    let mut c = server.client();
    c.ok("DEBUG POPULATE 50000 other 10");
    order(&mut c, SHOPS, AHEAD);
    let end = c.ok(&format!("PEXPIRETIME {{shop-{}}}:order:1", SHOPS - 1)).int();
    open_shops(&mut c, SHOPS);
    clock.pass_to(end - 2_000);
    wait_until("all are ready", || is_ready(&mut c, SHOPS));
    let late = clock.now_ms() - end;
    assert!(late < 3_000, "the last one came {late} ms late");
    let expected: BTreeSet<String> = (0..SHOPS).map(|nth| format!("v{nth}")).collect();
    assert_eq!(collect(&mut c, SHOPS), expected);
}

/// One who comes when the walk has passed the keys that it wants needs a round of its own, and so does one who leaves and comes again.
#[test]
fn watchers_that_join_while_others_walk_are_told_of_all_keys() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("EVAL \"for i = 1, 30000 do redis.call('SET', 'k:' .. i, i, 'EX', 1000) end\" 0");
    let mut watchers = 0;
    let tracked = |c: &mut Client, watchers: usize| {
        let infos = (0..watchers).map(|nth| words(&format!("EXPIRY.INFO w{nth}")));
        c.pipeline(infos.collect::<Vec<_>>()).iter().map(|info| info.field("waiting").int()).min()
    };
    wait_until("all are told of all", || {
        if watchers < 20 {
            c.ok(&format!("EXPIRY.CREATE w{watchers} PREFIX k:"));
            watchers += 1;
            if watchers == 10 {
                c.play(
                    "> RENAME w3 w33\n OK\n > RENAME w33 w3\n OK\n > DEL w4\n 1\n > EXPIRY.CREATE w4 PREFIX k:\n OK",
                );
            }
        }
        watchers == 20 && tracked(&mut c, watchers) == Some(30_000)
    });
}

/// Each watcher once walked alone after a restart, and nothing that was due was looked at meanwhile.
#[test]
fn after_a_restart_three_hundred_watchers_hold_up_no_delivery() {
    const SHOPS: usize = 300;
    let mut server = Server::start(&AOF);
    let mut c = server.client();
    c.ok("DEBUG POPULATE 50000 other 10");
    open_shops(&mut c, SHOPS);
    c.ok("BGREWRITEAOF");
    wait_until("the file is rewritten", || c.info("persistence", "aof_rewrite_in_progress") == "0");
    server.restart(Stop::NoSave);
    let mut c = server.client();
    order(&mut c, SHOPS, 600);
    let end = c.ok(&format!("PEXPIRETIME {{shop-{}}}:order:1", SHOPS - 1)).int();
    wait_until("all are ready", || is_ready(&mut c, SHOPS));
    let late = now_ms() - end;
    assert!(late < 3_000, "the last one came {late} ms late");
    collect(&mut c, SHOPS);
}
