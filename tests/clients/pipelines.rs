//! Many commands at once: what a client sends in one pipeline is answered in one go and in order.

use crate::clients::{Mode, CLIENTS};
use crate::harness::*;
use crate::runner::Runner;

const MANY: i64 = 1000;

#[test]
fn pipelines_of_a_thousand_commands() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for client in &CLIENTS {
        let mut runner = Runner::start(client, server.port, 2, Mode::Pipeline);
        let adds: Vec<_> = (0..MANY).map(|nth| words(&format!("TSGEN.ADD k {nth} id-{nth} payload-{nth}"))).collect();
        assert_eq!(runner.send(&adds), vec![Reply::Int(1); adds.len()], "{}", client.name);
        c.ok(&format!("TSGEN.ADVANCE k {MANY}"));
        let claims = runner.send(&vec![words("TSGEN.CLAIM k w"); adds.len()]);
        let tokens: Vec<i64> = claims.iter().map(|entries| entries.items()[0].items()[0].int()).collect();
        for (nth, entries) in claims.iter().enumerate() {
            let expected = format!("[[{} 1 'id-{nth}' {nth} 'payload-{nth}']]", tokens[nth]);
            assert_eq!(entries.to_string(), expected, "{}", client.name);
        }
        let acks: Vec<_> = tokens.iter().map(|token| words(&format!("TSGEN.ACK k {token}"))).collect();
        assert_eq!(runner.send(&acks), vec![Reply::Int(1); acks.len()], "{}", client.name);
        assert_eq!(c.ok("TSGEN.INFO k").field("acked").int(), MANY);
        c.ok("DEL k");
    }
}
