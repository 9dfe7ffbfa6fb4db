//! THROTTLE.TAKE against what people do by hand: a plain INCR, which limits nothing yet, and the usual script for a fixed window (INCR, a
//! PEXPIRE for the first, and a comparison). The server's CPU per call.
//!
//! By hand, twice the limit passes around the end of a window. None of that is counted for us.

use crate::gauge;
use crate::harness::{Client, Server};
use crate::load;
use crate::pipe::{Pipe, Requests};
use crate::push::PER_WRITE;
use crate::rounds::{alternate, Pair};
use crate::scale::Scale;
use crate::table::{Table, Unit};

/// Calls to each key, one key after the other.
const PER_KEY: usize = 20;
/// Longer than any round takes.
const PERIOD: &[u8] = b"3600000";
const SCRIPT: &str = "local n = redis.call('INCR', KEYS[1]) \
    if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end \
    if n > tonumber(ARGV[1]) then return {0, redis.call('PTTL', KEYS[1])} end \
    return {1, tonumber(ARGV[1]) - n}";

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Throttle,
    Incr,
    Script,
}

pub fn measure(scale: &Scale, table: &mut Table) {
    let calls = scale.sets;
    table.section("throttle", &format!("{calls} takes, {PER_KEY} of each key, pipelined: server CPU per take"));
    let aof = &["--appendonly", "yes", "--appendfsync", "no"][..];
    for (what, theirs, limit, args, target) in [
        ("all allowed; theirs: INCR", Way::Incr, "1000000", &[][..], None),
        ("all allowed; theirs: a script", Way::Script, "1000000", &[], Some(1.0)),
        ("all but the first refused; theirs: a script", Way::Script, "1", &[], Some(1.0)),
        ("all allowed, with an AOF (no fsync); theirs: INCR", Way::Incr, "1000000", aof, None),
        ("all allowed, with an AOF (no fsync); theirs: a script", Way::Script, "1000000", aof, Some(1.0)),
    ] {
        let side = |way| move || ns_per_take(way, calls, limit, args);
        let samples = alternate(scale.rounds, side(Way::Throttle), side(theirs));
        table.ratio(what, &Pair::of(&samples, |ns| *ns), Unit::Nanoseconds, target);
    }
}

fn ns_per_take(way: Way, calls: usize, limit: &str, args: &[&str]) -> f64 {
    let server = if way == Way::Throttle { Server::start(args) } else { Server::plain(args) };
    let (mut client, mut pipe, mut requests) = (server.client(), Pipe::to(&server), Requests::default());
    let script = load_script(&mut client);
    let before = gauge::cpu_us(&mut client);
    for call in 0..calls {
        let key = load::id(call % (calls / PER_KEY));
        match way {
            Way::Throttle => requests.push(&[b"THROTTLE.TAKE", &key, limit.as_bytes(), PERIOD]),
            Way::Incr => requests.push(&[b"INCR", &key]),
            Way::Script => requests.push(&[b"EVALSHA", script.as_bytes(), b"1", &key, limit.as_bytes(), PERIOD]),
        }
        if requests.count == PER_WRITE {
            pipe.run(&mut requests);
        }
    }
    pipe.run(&mut requests);
    (gauge::cpu_us(&mut client) - before) * 1000.0 / calls as f64
}

fn load_script(client: &mut Client) -> String {
    client.call(&[b"SCRIPT", b"LOAD", SCRIPT.as_bytes()]).text()
}
