//! `dead`, `requeue`, `discard`.

use crate::harness::*;
use crate::run::{json, tsgen};
use serde_json::json as value;

/// Dead letters: 30 of a full mailbox, 20 of an unknown host, one of a reason that is no text.
fn server() -> Server {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE mails");
    c.ok("TSGEN.ADVANCE mails 100");
    for (count, reason) in [(30, "mailbox full"), (20, "no such host: a.example"), (1, "\\x1b[2J\\xff")] {
        for nth in 0..count {
            c.ok(&format!("TSGEN.ADD mails {nth} \"{reason}-{nth}\" x"));
        }
        let claimed = c.ok(&format!("TSGEN.CLAIM mails w COUNT {count}"));
        let tokens: Vec<String> = claimed.items().iter().map(|entry| entry.items()[0].int().to_string()).collect();
        c.ok(&format!("TSGEN.NACK mails {} DEAD REASON \"{reason}\"", tokens.join(" ")));
    }
    server
}

fn dead(server: &Server) -> i64 {
    server.client().ok("TSGEN.INFO mails").field("dead").int()
}

#[test]
fn dead_letters_are_listed_by_reason() {
    let server = server();
    let reasons = json(&server, &["dead", "mails", "--by-reason"]);
    let told: Vec<_> =
        reasons.as_array().expect("a list").iter().map(|of| (of["count"].clone(), of["reason"].clone())).collect();
    let odd = value!({ "base64": "G1sySv8=" });
    assert_eq!(
        told,
        [(value!(30), value!("mailbox full")), (value!(20), value!("no such host: a.example")), (value!(1), odd)]
    );
    let full = json(&server, &["dead", "mails", "--reason", "*full"]);
    assert_eq!(full.as_array().expect("a list").len(), 30);
    assert_eq!((&full[0]["id"], &full[0]["deliveries"]), (&value!("mailbox full-0"), &value!(1)));
    let text = tsgen(&server, &["dead", "mails", "-n", "2"]).done();
    assert_eq!(text.lines().count(), 3, "{text}");
    let text = tsgen(&server, &["dead", "mails", "--by-reason"]).done();
    assert!(text.contains("\\x1b[2J\\xff") && !text.contains('\x1b'), "{text}");
}

#[test]
fn all_of_one_reason_get_another_chance() {
    let server = server();
    // Without a terminal nobody can be asked.
    assert!(tsgen(&server, &["requeue", "mails", "--reason", "mailbox*"])
        .failed(1)
        .contains("Requeue 30 dead letters of mails?"));
    assert_eq!(dead(&server), 51);
    assert_eq!(tsgen(&server, &["requeue", "mails", "--reason", "mailbox*", "--yes"]).done(), "requeued 30\n");
    assert_eq!(dead(&server), 21);
    assert_eq!(tsgen(&server, &["requeue", "mails", "--reason", "mailbox*", "--yes"]).done(), "requeued 0\n");
    let token = json(&server, &["dead", "mails"])[0]["token"].to_string();
    assert_eq!(tsgen(&server, &["requeue", "mails", &token]).done(), "requeued 1\n");
    assert_eq!(json(&server, &["requeue", "mails", "--all", "--yes"]), value!({ "requeued": 20 }));
    assert_eq!(dead(&server), 0);
}

#[test]
fn what_is_to_go_for_good_is_asked_for() {
    let server = server();
    let token = json(&server, &["dead", "mails"])[0]["token"].to_string();
    assert!(tsgen(&server, &["discard", "mails", &token]).failed(1).contains("Discard 1 dead letters of mails?"));
    assert_eq!(tsgen(&server, &["discard", "mails", &token, "-y"]).done(), "discarded 1\n");
    assert_eq!(tsgen(&server, &["discard", "mails", "--reason", "no such host*", "-y"]).done(), "discarded 20\n");
    assert_eq!(dead(&server), 30);
    // Which of them has to be said.
    tsgen(&server, &["discard", "mails", "-y"]).failed(2);
    tsgen(&server, &["discard", "mails", "--all", "--reason", "x", "-y"]).failed(2);
    assert_eq!(tsgen(&server, &["discard", "mails", "--all", "-y"]).done(), "discarded 30\n");
}

#[test]
fn more_than_a_page_is_settled() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k");
    c.ok(
        "EVAL \"for i = 1, 25000 do redis.call('TALLY.INCR', KEYS[1], 'f') redis.call('TALLY.SEAL', KEYS[1]) end\" 1 k",
    );
    for _ in 0..3 {
        c.ok("EVAL \"for _, e in ipairs(redis.call('TALLY.CLAIM', KEYS[1], 'w', 'COUNT', 10000)) do redis.call('TALLY.NACK', KEYS[1], e[1], 'DEAD') end\" 1 k");
    }
    assert_eq!(tsgen(&server, &["requeue", "k", "--all", "-y"]).done(), "requeued 25000\n");
    assert_eq!(c.ok("TALLY.INFO k").field("ready").int(), 25_000);
}
