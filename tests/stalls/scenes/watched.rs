//! EXPIRY: very many keys that a watcher covers, or does not.

use super::stage::Stage;
use crate::harness::Stop;

/// An order as a shop keeps it. (The fewer bytes a key has, the more what a server spends to tell a module of its deletion counts beside the
/// deletion: with names and values of ten bytes each DEL takes twice what it takes on a plain server, even if nobody notes anything.)
const ORDER: &[u8] =
    br#"{"customer":48151,"items":[{"sku":"b-2342","count":2,"cents":1995}],"ship_to":"DE","total_cents":3990}"#;

fn order(n: usize) -> String {
    format!("order:{n:012}")
}

fn watch_orders(stage: &mut Stage) {
    watch_often(stage, 1);
}

fn watch_often(stage: &mut Stage, watchers: usize) {
    if stage.is_ours() {
        for n in 0..watchers {
            let name = if n == 0 { "w".to_owned() } else { format!("w{n}") };
            stage.client.ok(&format!("EXPIRY.CREATE {name} PREFIX order:"));
        }
    }
}

fn set_orders(stage: &mut Stage, deadline: i64) {
    let (size, at) = (stage.size, deadline.to_string());
    stage.many(size, |requests, n| {
        requests.push(&[b"SET", order(n).as_bytes(), ORDER, b"PXAT", at.as_bytes()]);
    });
}

pub fn expired(stage: &mut Stage) {
    watch_orders(stage);
    let deadline = stage.clock.now_ms() + 3_600_000;
    set_orders(stage, deadline);
    let size = stage.size as i64;
    stage.watch(|stage| {
        stage.pass_to(deadline - 50);
        if stage.is_ours() {
            stage.until("all are ready", |stage| stage.stat("EXPIRY.INFO w", "ready") == size);
        } else {
            stage.until("all are expired", |stage| stage.client.ok("DBSIZE").int() == 0);
        }
    });
}

pub fn deleted(stage: &mut Stage) {
    delete(stage, 1);
}

pub fn deleted_for_five(stage: &mut Stage) {
    delete(stage, 5);
}

fn delete(stage: &mut Stage, watchers: usize) {
    watch_often(stage, watchers);
    let deadline = stage.clock.now_ms() + 3_600_000;
    set_orders(stage, deadline);
    let size = stage.size;
    stage.watch(|stage| drop(stage.large(&["DEL"], size, order)));
}

pub fn retimed(stage: &mut Stage) {
    watch_orders(stage);
    stage.client.ok("SET order:1 v");
    let size = stage.size;
    stage.watch(|stage| {
        stage
            .client
            .ok(&format!("EVAL \"for n = 1, ARGV[1] do redis.call('EXPIRE', KEYS[1], 3600) end\" 1 order:1 {size}"));
    });
}

pub fn uncovered(stage: &mut Stage) {
    if stage.is_ours() {
        stage.many(1_000, |requests, n| {
            let name = format!("watcher-{n}");
            requests.push(&[b"EXPIRY.CREATE", name.as_bytes(), b"PREFIX", format!("of-{n}:").as_bytes()]);
        });
        stage.client.ok("PING");
    }
    let size = stage.size;
    stage.watch(|stage| {
        stage.many(size, |requests, n| {
            requests.push(&[b"SET", format!("key-{n}").as_bytes(), b"v", b"EX", b"3600"]);
        });
    });
}

/// A replica is promoted while one watched key is past its deadline, which its master has not said: it had stopped before.
pub fn promoted(stage: &mut Stage) {
    let size = stage.size;
    let mut master = stage.another();
    let mut c = master.client();
    if stage.is_ours() {
        c.ok("EXPIRY.CREATE w PREFIX order:");
    }
    c.ok(&format!("EVAL \"for n = 1, ARGV[1] do redis.call('SET', 'other-' .. n, 'v') end\" 0 {size}"));
    stage.server.replica_of(&master);
    let deadline = stage.clock.now_ms() + 3_600_000;
    c.ok(&format!("SET order:1 v PXAT {deadline}"));
    stage.server.wait_in_sync(&master);
    master.signal("STOP");
    stage.pass_to(deadline + 5);
    master.stop(Stop::Kill);
    stage.watch(|stage| {
        stage.fast("REPLICAOF NO ONE");
        if stage.is_ours() {
            stage.until("the key is delivered", |stage| stage.stat("EXPIRY.INFO w", "ready") == 1);
        }
    });
}

/// A key that holds very many names: a watcher that tracks them, or a hash.
fn holder(stage: &mut Stage) {
    let size = stage.size;
    watch_orders(stage);
    let deadline = stage.clock.now_ms() + 3_600_000;
    if stage.is_ours() {
        set_orders(stage, deadline);
        stage.until("all are tracked", |stage| stage.stat("EXPIRY.INFO w", "waiting") == size as i64);
    } else {
        let at = deadline.to_string();
        stage.many(size, |requests, n| requests.push(&[b"HSET", b"w", order(n).as_bytes(), at.as_bytes()]));
    }
}

/// A watcher comes into another keyspace, where it finds anew what is there.
pub fn moved(stage: &mut Stage) {
    holder(stage);
    stage.watch(|stage| {
        stage.client.ok("MOVE w 1");
        stage.client.ok("SELECT 1");
        if stage.is_ours() {
            stage.until("it has forgotten", |stage| stage.stat("EXPIRY.INFO w", "waiting") == 0);
        }
    });
}

pub fn restored(stage: &mut Stage) {
    holder(stage);
    let payload = stage.client.ok("DUMP w").bytes().to_vec();
    stage.watch(|stage| {
        assert_eq!(stage.client.call(&[b"RESTORE", b"other", b"0", &payload]), "OK");
    });
}
