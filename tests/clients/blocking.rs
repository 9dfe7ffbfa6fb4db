//! A worker that waits in the server, through every client.

use crate::clients::{Client, Mode, CLIENTS};
use crate::harness::*;
use crate::runner::Runner;

/// Starts the client and has it wait in a CLAIM.
#[track_caller]
fn waiting(server: &Server, client: &Client) -> Runner {
    let newest = client.protocols.iter().max().expect("a version of RESP");
    let mut runner = Runner::start(client, server.port, *newest, Mode::Plain);
    runner.begin(&[words("TSGEN.CLAIM k w BLOCK 0")]);
    wait_for_waiting(server, "1");
    runner
}

#[track_caller]
fn wait_for_waiting(server: &Server, count: &str) {
    let mut c = server.client();
    wait_until(&format!("{count} clients wait"), || c.info("clients", "blocked_clients") == count);
}

#[test]
fn a_blocked_claim_is_answered_when_an_entry_gets_ready() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for client in &CLIENTS {
        let mut runner = waiting(&server, client);
        c.ok("TSGEN.ADD k 5 a two");
        c.ok("TSGEN.ADVANCE k 5");
        let entries = runner.reply();
        let [entry] = entries.items() else { panic!("{}: {entries}", client.name) };
        let token = entry.items()[0].int();
        assert_eq!(entry.to_string(), format!("[{token} 1 'a' 5 'two']"), "{}", client.name);
        assert_eq!(runner.run(&[&format!("TSGEN.ACK k {token}")]), [Reply::Int(1)], "{}", client.name);
        c.ok("DEL k");
    }
}

#[test]
fn a_connection_that_is_lost_while_it_waits_leaves_no_lease() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for client in &CLIENTS {
        waiting(&server, client).kill();
        wait_for_waiting(&server, "0");
        c.ok("TSGEN.ADD k 5 a two");
        c.ok("TSGEN.ADVANCE k 5");
        let info = c.ok("TSGEN.INFO k");
        let counts = ["ready", "leased", "delivered"].map(|name| info.field(name).int());
        assert_eq!(counts, [1, 0, 0], "{}", client.name);
        c.ok("DEL k");
    }
}
