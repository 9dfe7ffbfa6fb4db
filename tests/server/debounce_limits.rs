//! The server at its limits with groups collecting: what is DEBOUNCE's own.

use super::debounce::*;
use crate::harness::*;

#[test]
fn at_maxmemory_a_push_is_refused_and_groups_are_flushed_and_cancelled() {
    Server::start(&[]).client().play(
        r#"
        > DEBOUNCE.PUSH k a 1
        1
        > DEBOUNCE.PUSH k b 1
        1
        > DEBOUNCE.PUSH k c 1
        1
        > CONFIG SET maxmemory 1
        OK
        > DEBOUNCE.PUSH k a 2
        -OOM …
        > DEBOUNCE.FLUSH k a
        1
        > DEBOUNCE.CANCEL k b
        1
        > DEBOUNCE.FLUSHALL k
        1
        > DEBOUNCE.CLAIM k w COUNT 2
        [[<a> 1 'a' …] [<c> 1 'c' …]]
        "#,
    );
}

/// Much is due at once: other clients are served between the ticks, and nothing is skipped.
#[test]
fn twenty_thousand_groups_due_at_once_are_all_announced_claimed_and_acknowledged() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("DEBOUNCE.CREATE k IDLE 600");
    let push = |i: usize| ["DEBOUNCE.PUSH", "k", &format!("g{i}"), "x"].map(|word| word.as_bytes().to_vec());
    c.pipeline((0..20_000).map(push));
    let mut names = std::collections::BTreeSet::new();
    while names.len() < 20_000 {
        let reply = c.ok("DEBOUNCE.CLAIM k w COUNT 1000 BLOCK 20000");
        assert!(!reply.items().is_empty(), "{} of 20000 groups came", names.len());
        let tokens: Vec<i64> = reply.items().iter().map(|entry| entry.items()[0].int()).collect();
        names.extend(reply.items().iter().map(|entry| entry.items()[2].text()));
        c.expect(&format!("DEBOUNCE.ACK k {}-{}", tokens[0], tokens[tokens.len() - 1]), &tokens.len().to_string());
    }
    assert_eq!(groups(&mut c, "k"), [0; 5]);
}
