//! The server at its limits with groups collecting: what is DEBOUNCE's own.

use super::*;
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

/// The items of a list of groups that were claimed.
fn counts_of(claimed: &Reply) -> Vec<(String, usize)> {
    let entries = claimed.items().iter().map(Reply::items);
    entries.map(|entry| (entry[3].text(), entry[4].items().len() / 2)).collect()
}

/// Whatever its options say: making an entry of a group, its CLAIM and its XADD are each one piece of work.
#[test]
fn a_group_fires_as_full_at_a_hundred_thousand_items_also_in_the_middle_of_a_push() {
    let mut server = Server::start(&["--appendonly", "yes"]);
    let replica = Server::start(&[]);
    replica.replica_of(&server);
    let mut c = server.client();
    for (key, options) in [("unique", ""), ("any", "UNIQUE no"), ("bounded", "MAXLEN 3")] {
        c.ok(&format!("DEBOUNCE.CREATE {key} IDLE 3600000 {options}"));
        let items = (0..250_000).map(|n| format!("item-{n:06}").into_bytes());
        let command: Vec<Vec<u8>> =
            ["DEBOUNCE.PUSH", key, "g"].iter().map(|word| word.as_bytes().to_vec()).chain(items).collect();
        assert_eq!(c.pipeline([command]), [Reply::Int(50_000)], "{key}");
        assert_eq!(groups(&mut c, key), [1, 2, 0, 0, 0], "{key}");
    }
    c.expect("DEBOUNCE.PUSH bounded other x", "-FULL …");
    same_data(&server, &replica);
    let digest = server.digest_all();
    server.restart(Stop::Kill);
    assert_eq!(server.digest_all(), digest);
    let mut c = server.client();
    c.ok("DEBOUNCE.FLUSHALL any");
    // A claim ends with the entry at which it holds 4 MiB.
    let claimed = c.ok("DEBOUNCE.CLAIM any w COUNT 10");
    let full = ("full".to_owned(), 100_000);
    assert_eq!(counts_of(&claimed), [full.clone(), full, ("flush".to_owned(), 50_000)]);
    c.play(
        r#"
        > DEBOUNCE.ALTER any MAXITEMS 100001
        -ERR MAXITEMS must be an integer between 0 and 100000
        > DEBOUNCE.CREATE more MAXITEMS 100001
        -ERR MAXITEMS must be an integer between 0 and 100000
        > CONFIG SET tsgen.debounce-max-items 100001
        -ERR …
        "#,
    );
}

#[test]
fn a_group_fires_as_full_at_16_mib_and_takes_an_item_of_any_size() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let (half, large) = (vec![b'x'; 8 << 20], vec![b'y'; 64 << 20]);
    assert_eq!(crate::cmd!(c, "DEBOUNCE.PUSH", "k", "g", &half), 1);
    assert_eq!(crate::cmd!(c, "DEBOUNCE.PUSH", "k", "g", &large, "z"), 1, "the large one filled the group");
    assert_eq!(groups(&mut c, "k"), [1, 1, 0, 0, 0]);
    c.ok("DEBUG RELOAD");
    assert_eq!(counts_of(&c.ok("DEBOUNCE.CLAIM k w")), [("full".to_owned(), 2)]);
}
