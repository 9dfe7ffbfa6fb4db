//! `web`: the pages of all keys.

use crate::browse::{is_guarded, Seen, Web};
use crate::harness::*;
use crate::run::tsgen;
use std::time::{Duration, Instant};

fn server() -> Server {
    let server = Server::start(&[]);
    server.client().play(
        "> TSGEN.CREATE mails MAXDELIVERIES 1\n OK\n > TSGEN.ADVANCE mails 10\n 10
         > TSGEN.MADD mails 1 mail-1 a 2 mail-2 b 3 mail-3 c 20 mail-4 d\n [0 0 0 1]
         > DEBOUNCE.CREATE scans IDLE 1h PAUSED yes\n OK\n > DEBOUNCE.PUSH scans seller-1 a b\n 2
         > TALLY.CREATE likes\n OK\n > TALLY.INCR likes video-1 5\n 5
         > EXPIRY.CREATE checkouts PREFIX order:\n OK
         > SET ordinary x\n OK
         > SELECT 3\n OK\n > TSGEN.CREATE jobs CLOCK\n OK",
    );
    server
}

/// The names of the keys of a page, in its order.
fn names(page: &Seen) -> Vec<String> {
    let rows = page.body.split("<td class=\"key\"><a href=\"").skip(1);
    rows.map(|row| row.split_once('>').expect("a link").1.split('<').next().expect("a name").to_owned()).collect()
}

/// The overview, once it shows so many keys.
#[track_caller]
fn overview(web: &Web, path: &str, count: usize) -> Seen {
    let mut found = None;
    wait_until(&format!("{path} has {count} keys"), || {
        let page = web.get(path);
        let is_it = page.status == 200 && names(&page).len() == count;
        found = Some(page);
        is_it
    });
    found.expect("a page")
}

#[test]
fn all_keys_have_a_row() {
    let server = server();
    let web = Web::start(&server, &[]);
    let page = overview(&web, "/?sort=key", 5);
    assert_eq!(names(&page), ["checkouts", "jobs", "likes", "mails", "scans"]);
    page.has("paused").has("5 of 5 keys").lacks("ordinary");
}

#[test]
fn filters_and_order_live_in_the_address() {
    let server = server();
    let web = Web::start(&server, &[]);
    overview(&web, "/", 5);
    let of = |path: &str| names(&web.get(path).is(200));
    assert_eq!(of("/?family=tsgen&sort=key"), ["jobs", "mails"]);
    assert_eq!(of("/?db=3"), ["jobs"]);
    assert_eq!(of("/?name=s%3Fa*"), ["scans"]);
    assert_eq!(of("/?name=ail"), ["mails"]);
    assert_eq!(of("/?paused=1"), ["scans"]);
    assert_eq!(of("/?dead=1"), Vec::<String>::new());
    assert_eq!(of("/?late=0s"), ["mails"]);
    assert_eq!(of("/?late=1h"), Vec::<String>::new());
    assert_eq!(of("/?sort=-ready")[0], "mails");
    // What is late stands first if nothing else is asked for.
    assert_eq!(of("/"), ["mails", "checkouts", "jobs", "likes", "scans"]);
    assert_eq!(of("/?sort=-oldest"), of("/"));
    assert_eq!(of("/?sort=oldest"), ["checkouts", "jobs", "likes", "scans", "mails"]);
    web.get("/").is(200).has("aria-sort=\"descending\"><a href=\"/?sort=oldest\">Oldest ready</a>");
    assert_eq!(of("/?sort=-key"), ["scans", "mails", "likes", "jobs", "checkouts"]);
    assert_eq!(of("/?sort=-db")[0], "jobs");
    assert_eq!(of("/?sort=nonsense&page=99").len(), 5);
    web.get("/?late=soon").is(400).has("30s or 5m");
    web.get("/?db=x").is(400).has("db is a number");
    web.get("/?family=x").is(400).has("tsgen, debounce, expiry, tally");
    // A link of a title keeps the filter.
    web.get("/?family=tsgen&page=2").is(200).has("/?family=tsgen&amp;sort=-dead");
    web.get("/?refresh=10").is(200).has("<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>");
}

#[test]
fn what_happens_is_shown() {
    let server = server();
    let web = Web::start(&server, &[]);
    overview(&web, "/", 5);
    server.client().play("> TSGEN.CLAIM mails w COUNT 2\n [[<a> …] [<b> …]]\n > TSGEN.NACK mails <a> REASON full\n 1\n > TSGEN.ACK mails <b>\n 1");
    overview(&web, "/?dead=1", 1).has("/key/0/mails/dead");
    server.client().ok("DEL likes");
    overview(&web, "/", 4);
}

#[test]
fn hostile_names_are_only_shown() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let long = vec![b'x'; 65536];
    let names: [&[u8]; 7] = [
        b"<script>alert(1)</script>",
        b"\"><img src=x onerror=alert(1)>",
        b"\0\xff\n/..?#%",
        "\u{202e}evil".as_bytes(),
        b"",
        b"..",
        &long,
    ];
    for name in names {
        c.call(&[b"TSGEN.CREATE", name]);
    }
    let web = Web::start(&server, &[]);
    let page = overview(&web, "/", names.len());
    assert!(page.body.len() < 100_000, "{}", page.body.len());
    let page = page.lacks("<script>alert").lacks("<img").lacks("\u{202e}").has("&lt;script&gt;alert(1)");
    // Each link leads to its key.
    let links: Vec<_> = page
        .body
        .split("<td class=\"key\"><a href=\"")
        .skip(1)
        .map(|row| row.split('"').next().expect("an address"))
        .collect();
    for link in links {
        let page = web.get(link).is(200);
        is_guarded(&page);
        page.lacks("<script>alert").lacks("<img").lacks("\u{202e}");
        let done = web.browser().act(link, &format!("{link}/pause"), "paused=yes").is(303);
        assert_eq!(done.header("location"), link);
    }
    overview(&web, "/?paused=1", names.len());
}

#[test]
fn a_server_that_goes_away_comes_back() {
    let mut server = server();
    let mut c = server.client();
    c.play("> TSGEN.CREATE held CLOCK LEASE 1h\n OK\n > TSGEN.ADD held +0 a x\n 0\n > TSGEN.CLAIM held w\n [[… 'x']]");
    let web = Web::start(&server, &[]);
    overview(&web, "/", 6);
    web.get("/workers").is(200).has("held");
    let product = if server.has_valkey("7.2") { "valkey" } else { "redis" };
    web.get("/nodes").is(200).has("reached").has(&format!("<td data-label=\"Server\">{product} "));
    server.stop(Stop::Save);
    wait_until("it is told", || web.get("/nodes").body.contains("not reached"));
    let page = overview(&web, "/", 6);
    page.has("What is shown of it is");
    // Who holds what is looked at anew after a moment.
    wait_until("it is told", || web.get("/workers").body.contains("Who holds what could not be read"));
    web.get("/workers").lacks("Nobody holds anything");
    let page = web.get("/key/0/mails");
    assert!(matches!(page.status, 200 | 502), "{page:?}");
    is_guarded(&page);
    server.start_again();
    wait_until("it is back", || !web.get("/nodes").body.contains("not reached"));
    overview(&web, "/", 6).lacks("What is shown of it is");
    web.browser().act("/key/0/mails", "/key/0/mails/pause", "paused=yes").is(303);
}

#[test]
fn it_starts_before_the_server() {
    let mut server = server();
    server.stop(Stop::Save);
    let web = Web::start(&server, &[]);
    wait_until("it is told", || web.get("/").is(200).body.contains("127.0.0.1"));
    server.start_again();
    overview(&web, "/", 5);
}

#[test]
fn ten_thousand_keys_are_shown_in_parts() {
    let server = Server::start(&[]);
    server.client().ok("EVAL \"for i = 1, 10000 do redis.call('TSGEN.CREATE', 'k:' .. i) end\" 0");
    let web = Web::start(&server, &[]);
    // The first page has figures, however many keys there are, and says how many have none yet.
    wait_until("there are some", || names(&web.get("/").is(200)).len() == 100);
    wait_long("all are seen", || web.get("/?name=none").body.contains("0 of 10000 keys."));
    overview(&web, "/", 100).has("Part 1 of 100");
    // The fastest of several, for the machine may be busy.
    let took = (0..10).map(|nth| {
        let began = Instant::now();
        assert_eq!(names(&web.get(&format!("/?sort=-ready&page={}", nth + 1)).is(200)).len(), 100);
        began.elapsed()
    });
    let fastest = took.min().expect("some");
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
}

/// A key is ready for so many ms.
fn late(c: &mut Client, key: &str, ms: i64, ready: usize) {
    c.ok(&format!("TSGEN.CREATE {key} CLOCK"));
    for nth in 0..ready {
        c.ok(&format!("TSGEN.ADD {key} {} e-{nth} x", now_ms() - ms));
    }
}

#[test]
fn what_is_late_stands_first_and_stays_there() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for (key, ms, ready) in [("b-hour", 3_600_000, 1), ("a-minute", 60_000, 9), ("on-time", 0, 0), ("early", 0, 0)] {
        late(&mut c, key, ms, ready);
    }
    // Late since the same second: the one with more that is ready, then the one with the lesser name.
    let second = now_ms() / 1000 * 1000 - 600_000 + 300;
    for (key, ready) in [("same-c", 1), ("same-b", 3), ("same-a", 1)] {
        c.ok(&format!("TSGEN.CREATE {key} CLOCK"));
        for nth in 0..ready {
            c.ok(&format!("TSGEN.ADD {key} {second} e-{nth} x"));
        }
    }
    let web = Web::start(&server, &["--every", "100ms"]);
    let expected = ["b-hour", "same-b", "same-a", "same-c", "a-minute", "early", "on-time"];
    overview(&web, "/", expected.len());
    // Meanwhile there are new pictures, with figures of other moments.
    for _ in 0..100 {
        assert_eq!(names(&web.get("/").is(200)), expected);
    }
}

#[test]
fn the_time_between_two_looks_has_bounds() {
    let server = Server::start(&[]);
    for args in [&["web", "--listen", "127.0.0.1:0", "--every"][..], &["top", "--every"], &["ls", "--watch"]] {
        for every in ["0s", "99ms", "25h", "500000000000years"] {
            let said = tsgen(&server, &[args, &[every]].concat()).failed(2);
            let has_range = said.contains("EVERY must be between 100ms and 1day");
            let is_named = said.contains(args.last().expect("an option"));
            assert!(is_named && (has_range || every.ends_with("years")), "{said}");
        }
    }
}

#[test]
fn what_somebody_looks_at_is_never_old() {
    let server = Server::start(&[]);
    server.client().ok("EVAL \"for i = 1, 3000 do redis.call('TSGEN.CREATE', 'k:' .. i) end\" 0");
    // At this pace the turn of each comes after two minutes.
    let web = Web::start(&server, &["--keys-per-second", "25"]);
    wait_long("all are seen", || web.get("/?name=none").body.contains("0 of 3000 keys."));
    for nth in 1..=30 {
        let began = Instant::now();
        let mut page = web.get(&format!("/?sort=key&page={nth}")).is(200);
        assert_eq!(names(&page).len(), 100);
        let is_old = |page: &Seen| page.body.contains(" old</span>");
        // It is fresh at once; but a page does not wait for ever, and a machine may be slow.
        assert!(!is_old(&page) || began.elapsed() >= Duration::from_millis(400), "part {nth} in {:?}", began.elapsed());
        wait_until("it is fresh", || {
            let was_old = is_old(&page);
            page = web.get(&format!("/?sort=key&page={nth}")).is(200);
            !was_old
        });
    }
    // What goes on where somebody looks is seen at once.
    server.client().ok("TSGEN.ADD k:2999 1 a x");
    wait_until("it is seen", || web.get("/?name=k:2999").is(200).body.contains("data-label=\"Waiting\">1</td>"));
}

#[test]
fn consumers_and_what_they_hold_are_shown() {
    let server = server();
    let mut c = server.client();
    c.play("> TSGEN.CLAIM mails ada COUNT 2 LEASE 1h\n [[<a> …] [<b> …]]\n > TSGEN.CLAIM mails \"<i>\\xff\" LEASE 2h\n [[<c> …]]");
    let web = Web::start(&server, &[]);
    wait_until("they are listed", || web.get("/workers").is(200).body.contains("ada"));
    let page = web.get("/workers").is(200).lacks("<i>").has("&lt;i&gt;\\xff").has("/key/0/mails/leased").has("in 59m");
    assert_eq!(page.body.matches("data-label=\"Holds\">2</td>").count(), 1, "{}", page.body);
    let one = web.get("/workers?consumer=ada").is(200).has("mail-1").has("mail-2").lacks("mail-3");
    is_guarded(&one);
    web.get("/workers?consumer=%253Ci%253E%25FF").is(200).has("mail-3").lacks("mail-1").has("in 1h");
    web.get("/workers?entry=mail-2").is(200).has("mail-2").has("ada").lacks("mail-1");
    web.get("/workers?entry=x").is(200).has("Nobody holds such an entry");
    c.ok("TSGEN.RELEASE mails ada");
    wait_until("it is seen", || !web.get("/workers").is(200).body.contains("ada"));
}

#[test]
fn what_has_happened_is_listed() {
    let mut server = server();
    let web = Web::start(&server, &[]);
    overview(&web, "/", 5);
    let until = |text: &str| wait_until(text, || web.get("/events").is(200).body.contains(text));
    server.client().play(
        "> TSGEN.CLAIM mails w\n [[<a> …]]\n > TSGEN.NACK mails <a> REASON full\n 1\n > TSGEN.CREATE \"<b>new\"\n OK",
    );
    until("1 entry has become a dead letter.");
    until("The key is new.");
    web.get("/events").is(200).has("&lt;b&gt;new").lacks("<b>new");
    web.browser().act("/key/0/likes", "/key/0/likes/pause", "paused=yes").is(303);
    until("pause: ");
    until("Paused.");
    is_guarded(&web.get("/events?kind=dead").is(200).has("dead letter").lacks("The key is new."));
    web.get("/events?name=likes").is(200).has("Paused.").lacks("dead letter");
    server.stop(Stop::Save);
    until("is not reached");
    server.start_again();
    until("is back.");
    until("has been started again.");
}

#[test]
fn metrics_are_beside_the_pages() {
    let server = server();
    let web = Web::start(&server, &["--base-path", "/x"]);
    overview(&web, "/", 5);
    let text = web.get("/metrics").is(200);
    is_guarded(&text);
    assert!(text.header("content-type").starts_with("text/plain"), "{:?}", text.headers);
    text.has("tsgen_entries{db=\"0\",family=\"TSGEN\",key=\"mails\",state=\"ready\"} 3");
}
