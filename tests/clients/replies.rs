//! The conversation, through every client, in every version of RESP and every mode.

use crate::clients::{Client, Mode, CLIENTS, MODES, WITH_NUMBERS};
use crate::conversation::{self, Integers};
use crate::harness::*;

fn in_all_ways(client: &Client, modes: &[Mode], integers: Integers) {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut c = server.client();
    c.ok("CONFIG SET tsgen.virtual-clock yes");
    for protocol in client.protocols {
        for mode in modes {
            let compared = conversation::hold(&server, client, *protocol, *mode, integers);
            assert!(compared > 100, "{compared} replies");
            c.ok("FLUSHALL");
        }
    }
}

macro_rules! every_client {
    ($($test:ident: $index:literal,)+) => { $(
        #[test]
        fn $test() {
            in_all_ways(&CLIENTS[$index], &MODES, Integers::Exact);
        }
    )+ };
}

every_client! {
    redis_py_gets_the_replies: 0,
    redis_py_with_hiredis_gets_the_replies: 1,
    node_redis_gets_the_replies: 2,
    ioredis_gets_the_replies: 3,
    redis_rs_gets_the_replies: 4,
    hiredis_gets_the_replies: 5,
}

/// As tokens, times and batches are, and will be until the year 2248; sums and timestamps of the user's may be greater.
#[test]
fn numbers_of_javascript_are_exact_nearly_up_to_two_to_the_53() {
    for client in &WITH_NUMBERS {
        in_all_ways(client, &[Mode::Pipeline], Integers::Numbers);
    }
}

#[test]
fn the_conversation_has_every_command_in_it() {
    let server = Server::start(&[]);
    let listed = server.client().ok("COMMAND LIST FILTERBY MODULE tsgen");
    let said: Vec<String> = conversation::commands()
        .flat_map(|words| words.into_iter().take(3))
        .map(|word| String::from_utf8_lossy(&word).to_lowercase())
        .collect();
    // What only a rewritten AOF has.
    let listed = listed.items().iter().map(|name| name.text().to_lowercase()).filter(|name| !name.ends_with(".load"));
    let (said, missing): (Vec<_>, Vec<_>) = listed.partition(|name| said.contains(name));
    assert!(missing.is_empty() && said.len() > 60, "not in the conversation: {missing:?}");
}
