//! The library on real servers. What every worker must survive is in `clients/conformance`.

#[path = "../../../../tests/harness/mod.rs"]
mod harness;

#[allow(dead_code)] // the example that it belongs to asks more of it
#[path = "../../../../examples/increments/tests/increments/postgres.rs"]
mod postgres;

mod calls;
mod sums;
mod telemetry;
mod work;

use harness::Server;
use tsgen_client::Tsgen;

/// A server of the test's own, and a connection to it.
async fn connected(protocol: &str) -> (Server, Tsgen) {
    let server = Server::start(&["--tsgen.virtual-clock", "yes"]);
    let url = format!("redis://127.0.0.1:{}/?protocol={protocol}", server.port);
    let tsgen = Tsgen::connect(&url).await.expect("a connection");
    (server, tsgen)
}
