//! A shop an hour after something went wrong: what tests and pictures show.

use crate::harness::*;

/// Dead letters of `mails`: how many died of each reason.
pub const REASONS: [(usize, &str); 3] =
    [(48, "timeout: mail.example did not answer"), (17, "550 mailbox full"), (3, "no such template: spring-sale")];

/// Keys of all families, with entries in all states.
pub fn fill(server: &Server) {
    let mut c = server.client();
    mails(&mut c);
    orders(&mut c);
    c.ok("DEBOUNCE.CREATE stock-alerts IDLE 5m MAXWAIT 1h");
    c.ok("DEBOUNCE.PUSH stock-alerts seller-10 package-1 package-2 package-3");
    c.ok("DEBOUNCE.PUSH stock-alerts seller-11 package-4");
    c.ok("DEBOUNCE.FLUSH stock-alerts seller-11");
    c.ok("EXPIRY.CREATE carts PREFIX cart:");
    for nth in 0..5 {
        c.ok(&format!("SET cart:{nth} \"{{\\\"books\\\": {nth}}}\" EX {}", 600 + nth * 60));
    }
    c.ok("TALLY.CREATE views EVERY 1h");
    c.ok("TALLY.MINCR views video-7 5 video-9 2");
    c.ok("TALLY.SEAL views");
    c.ok("TALLY.INCR views video-7");
}

/// A delay queue that is late: a worker is gone, and a host did not answer.
fn mails(c: &mut Client) {
    c.ok("TSGEN.CREATE mails CLOCK LEASE 5m MAXDELIVERIES 3 BACKOFF 1m");
    let add = |c: &mut Client, id: &str, at: &str, payload: &str| {
        assert!(matches!(cmd!(c, "TSGEN.ADD", "mails", at, id, payload), Reply::Int(_)));
    };
    let mail = |nth: usize| {
        format!(
            r#"{{"to": "customer-{nth}@shop.example", "template": "order-shipped", "order": {{"number": {}, "items": [{{"sku": "B-{nth}", "count": 2}}], "total": 29.90}}}}"#,
            70_000 + nth
        )
    };
    let mut nth = 0;
    for (count, reason) in REASONS {
        for _ in 0..count {
            nth += 1;
            add(c, &format!("mail-{nth}"), "+0", &mail(nth));
        }
        let claimed = c.ok(&format!("TSGEN.CLAIM mails mailer-1 COUNT {count}"));
        let tokens: Vec<String> = claimed.items().iter().map(|entry| entry.items()[0].int().to_string()).collect();
        c.ok(&format!("TSGEN.NACK mails {} DEAD REASON \"{reason}\"", tokens.join(" ")));
    }
    for (claim, then) in [("mailer-1 COUNT 4", ""), ("mailer-2 COUNT 6", "DELAY 10m REASON \"421 try again later\"")] {
        for _ in 0..6 {
            nth += 1;
            add(c, &format!("mail-{nth}"), "+0", &mail(nth));
        }
        let claimed = c.ok(&format!("TSGEN.CLAIM mails {claim}"));
        let tokens: Vec<String> = claimed.items().iter().map(|entry| entry.items()[0].int().to_string()).collect();
        if !then.is_empty() {
            c.ok(&format!("TSGEN.NACK mails {} {then}", tokens.join(" ")));
        }
    }
    // Ready for three minutes.
    for _ in 0..120 {
        nth += 1;
        add(c, &format!("mail-{nth}"), &(now_ms() - 180_000).to_string(), &mail(nth));
    }
    for later in 1..=25 {
        nth += 1;
        add(c, &format!("mail-{nth}"), &format!("+{}", later * 60_000), &mail(nth));
    }
}

/// A watermark of three sources, one of which is far behind.
fn orders(c: &mut Client) {
    c.ok("TSGEN.CREATE orders SOURCES 3 berlin lisbon oslo GROUPLIMIT 1");
    for nth in 0..40 {
        c.ok(&format!("TSGEN.ADD orders GROUP customer-{} {} order-{nth} \"two books\"", nth % 7, 1000 + nth));
    }
    for (source, at) in [("berlin", 1030), ("lisbon", 1012), ("oslo", 1031)] {
        c.ok(&format!("TSGEN.ADVANCE orders {at} SOURCE {source}"));
    }
    c.ok("TSGEN.CLAIM orders packer-1 COUNT 2");
}
