//! `web`: at a cluster, under Sentinels, at a server whose module is older, and for a user who may not do everything.

use crate::browse::{Browser, Web};
use crate::harness::*;
use crate::run::url;
use crate::way::{self, Fate};

/// A key with an entry of each state: `l` is leased, `d` delayed, `x` dead of `full`, `r` ready; and `w` is behind the gate.
fn fill(mut run: impl FnMut(&str) -> Reply, key: &str) {
    run(&format!("TSGEN.CREATE {key}"));
    run(&format!("TSGEN.ADVANCE {key} 10"));
    run(&format!("TSGEN.MADD {key} 1 x a 2 d b 3 l c 4 r d 50 w e"));
    let claimed = run(&format!("TSGEN.CLAIM {key} ada COUNT 3 LEASE 1h"));
    let token = |nth: usize| claimed.items()[nth].items()[0].int();
    run(&format!("TSGEN.NACK {key} {} DEAD REASON full", token(0)));
    run(&format!("TSGEN.NACK {key} {} DELAY 1h", token(1)));
}

/// Looks at all pages of such a key, and does on them what can be done.
#[track_caller]
fn walk(browser: &mut Browser, key: &str) {
    let page = format!("/key/0/{}", key.replace('{', "%7B").replace('}', "%7D"));
    browser.get(&page).is(200).has("1</b> dead letter").has("Pause");
    for (state, id) in [("ready", ">r<"), ("leased", ">l<"), ("delayed", ">d<"), ("dead", ">x<"), ("waiting", ">w<")] {
        browser.get(&format!("{page}/{state}")).is(200).has(id);
    }
    browser.get(&format!("{page}/find?id=w")).is(200).has("Waiting");
    browser.get(&format!("{page}/options")).is(200).has("MAXDELIVERIES");
    browser.act(&page, &format!("{page}/pause"), "").is(303);
    browser.get(&page).is(200).has("the key is paused");
    browser.act(&page, &format!("{page}/resume"), "").is(303);
    browser.act(&format!("{page}/options"), &format!("{page}/options"), "MAXDELIVERIES=7&was-MAXDELIVERIES=0").is(303);
    browser.act(&page, &format!("{page}/promote"), "confirmed=yes").is(303);
    browser.get(&format!("{page}/delayed")).is(200).lacks(">d<");
    let question = browser.act(&format!("{page}/dead"), &format!("{page}/requeue"), "all=yes&reason=full").is(200);
    let until = question.body.split_once("name=\"until\" value=\"").expect("a bound").1;
    let until = until.split_once('"').expect("its end").0.to_owned();
    let fields = format!("all=yes&reason=full&until={until}&count=1&confirmed=yes");
    browser.act(&format!("{page}/dead"), &format!("{page}/requeue"), &fields).is(303);
    browser.get(&format!("{page}/dead")).is(200).has("There are no dead letters.");
}

#[test]
fn keys_of_a_cluster_have_all_their_pages_and_actions() {
    let mut cluster = Cluster::form();
    let mut router = cluster.router();
    let keys: Vec<String> = (0..3).map(|node| format!("{{{}}}k", tags(node, 1).next().expect("a tag"))).collect();
    for key in &keys {
        fill(|line| router.ok(line), key);
    }
    let web = Web::start_at(&format!("cluster://127.0.0.1:{}", cluster.nodes[0].port), &[]);
    let mut browser = web.browser();
    wait_until("the keys of all masters", || browser.get("/").body.contains("3 of 3 keys."));
    wait_until("who works on all of them", || {
        browser.get("/workers").body.contains("<td class=\"n\" data-label=\"Holds\">3</td>")
    });
    for node in &cluster.nodes[..3] {
        browser.get("/nodes").is(200).has(&format!("127.0.0.1:{}", node.port));
    }
    for key in &keys {
        walk(&mut browser, key);
    }
    // One moves to another master, and its pages go on.
    let slot = slot_of(&keys[0]);
    cluster.begin_move(slot, 0, 1);
    cluster.migrate(&[&keys[0]], 0, 1);
    cluster.end_move(slot, 0, 1);
    let page = format!("/key/0/{}", keys[0].replace('{', "%7B").replace('}', "%7D"));
    browser.act(&page, &format!("{page}/pause"), "").is(303);
    assert_eq!(cluster.nodes[1].client().ok(&format!("TSGEN.INFO {}", keys[0])).field("paused").text(), "yes");
    wait_until("who holds what is told again", || !browser.get("/workers").body.contains("MOVED"));
    // A master that is gone takes only its own keys along; the others have their pages.
    cluster.nodes[2].stop(Stop::Kill);
    wait_long("it is told", || browser.get("/nodes").body.contains("not reached"));
    browser.get("/").is(200).has("3 of 3 keys.");
    browser.get(&page).is(200).has("the key is paused");
}

/// Where maps, numbers and nothing have types of their own.
#[test]
fn by_resp3_all_pages_and_actions_are_the_same() {
    let server = Server::start(&[]);
    let mut c = server.client();
    fill(|line| c.ok(line), "mails");
    c.play("> DEBOUNCE.PUSH scans seller a b\n 2\n > EXPIRY.CREATE ends PREFIX e:\n OK\n > SET e:1 x EX 1000\n OK\n > TALLY.CREATE sums\n OK\n > TALLY.INCR sums f\n 1\n > TALLY.SEAL sums\n 1\n > TSGEN.CREATE of SOURCES 1 east\n OK");
    let web = Web::start_at(&format!("{}/?protocol=resp3", url(&server)), &[]);
    let mut browser = web.browser();
    wait_until("the keys", || browser.get("/").body.contains("5 of 5 keys."));
    assert!(c.ok("CLIENT LIST").text().lines().any(|line| line.contains("resp=3")), "RESP3 is spoken");
    wait_until("who holds what", || browser.get("/workers?entry=l").body.contains("ada"));
    browser.get("/nodes").is(200).has(&format!("127.0.0.1:{}", server.port));
    browser.get("/key/0/scans/waiting").is(200).has("seller");
    browser.get("/key/0/ends/waiting").is(200).has("e:1");
    browser.get("/key/0/sums/ready").is(200).has("f");
    browser.get("/key/0/of").is(200).has("east");
    browser.get("/metrics").is(200).has("tsgen_entries{");
    walk(&mut browser, "mails");
}

#[test]
fn pages_follow_a_failover_of_sentinels() {
    let mut master = Server::start(&[]);
    let replica = Server::start(&[]);
    replica.replica_of(&master);
    replica.wait_in_sync(&master);
    let sentinels = Sentinels::watch(&master, 1);
    let mut c = master.client();
    fill(|line| c.ok(line), "mails");
    c.play("> WAIT 1 10000\n 1");
    let hosts: Vec<String> = sentinels.ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let web = Web::start_at(&format!("sentinel://{}/{}", hosts.join(","), Sentinels::NAME), &["--every", "200ms"]);
    let mut browser = web.browser();
    wait_until("the key", || browser.get("/").body.contains("1 of 1 keys."));
    browser.get("/key/0/mails").is(200);
    master.stop(Stop::Kill);
    wait_long("the page of a key is that of the new master", || {
        let page = browser.get("/key/0/mails");
        page.status == 200 && browser.get("/nodes").body.contains(&replica.port.to_string())
    });
    // Connections to the old master are kept for some seconds.
    wait_long("actions are taken by the new one", || browser.get("/key/0/mails").status == 200);
    walk(&mut browser, "mails");
    assert_eq!(replica.client().ok("TSGEN.INFO mails").field("maxdeliveries").int(), 7);
}

/// A way to a server whose module does not know some commands: their names are changed on the way, so the server says just what it says of
/// a command that it does not have.
fn older(server: &Server, unknown: &'static [&'static str]) -> String {
    let ask = move |bytes: &mut [u8]| {
        for name in unknown {
            let name = format!(".{name}\r\n");
            way::replace(bytes, &name, &name.replacen(&name[1..2], "?", 1));
        }
        Fate::Passes
    };
    way::through(server, ask, |_| {})
}

#[test]
fn of_an_older_module_all_is_shown_but_what_it_does_not_know() {
    let server = Server::start(&[]);
    let mut c = server.client();
    fill(|line| c.ok(line), "mails");
    let web = Web::start_at(&older(&server, &["PEEK", "MCLAIM", "PROMOTE", "SOURCES"]), &[]);
    let mut browser = web.browser();
    wait_until("the key", || browser.get("/").body.contains("1 of 1 keys."));
    browser.get("/key/0/mails").is(200).has("1</b> dead letter");
    browser.get("/key/0/mails/waiting").is(200).has(">w<");
    browser.get("/key/0/mails/options").is(200);
    wait_until("who holds what", || browser.get("/workers?entry=l").body.contains("ada"));
    // By its whole name an element is found all the same.
    let found = browser.get("/key/0/mails/find?id=l").is(200).has("<h2>Leased</h2>").has("cannot be looked through");
    assert!(found.body.contains("unknown command"), "{}", found.body);
    for page in ["/key/0/mails/ready", "/key/0/mails/leased"] {
        browser
            .get(page)
            .is(501)
            .has("The module on this server does not know that yet")
            .has("It is older than this program");
    }
    browser.act("/key/0/mails", "/key/0/mails/promote", "confirmed=yes").is(409).has("unknown command");
    // Dead letters have their reasons, and get their other chance, without one that can be looked at.
    let page = browser.get("/key/0/mails/dead").is(200).has("full").has("The letters themselves cannot be shown");
    drop(page);
    let question = browser.act("/key/0/mails/dead", "/key/0/mails/requeue", "all=yes&reason=full").is(200);
    question.has("Requeue 1 dead letters?");
}

/// Of a module that has PEEK, but none of what waits: all of that is shown by RANGE, page by page, also where many wait for the same time.
#[test]
fn of_a_module_that_does_not_list_what_waits_it_is_shown_by_range() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.ADVANCE k 5");
    for (nth, timestamp) in (0..70).map(|nth| (nth, 10)).chain((70..75).map(|nth| (nth, 20 + nth))) {
        c.ok(&format!("TSGEN.ADD k {timestamp} e{nth}. x"));
    }
    // The second user may not ask how much memory it takes, so it could be large.
    c.ok("ACL SETUSER ada on >secret ~* +@all -memory");
    let way = way::through(
        &server,
        |bytes| {
            way::replace(bytes, "WAITING", "NOWHERE");
            Fate::Passes
        },
        |_| {},
    );
    for url in [way.clone(), way.replace("redis://", "redis://ada:secret@")] {
        let web = Web::start_at(&url, &[]);
        let mut browser = web.browser();
        wait_until("the key", || browser.get("/").body.contains("1 of 1 keys."));
        let (mut seen, mut page) = (Vec::new(), "/key/0/k/waiting".to_owned());
        loop {
            let shown = browser.get(&page).is(200).has("has no TSGEN.PEEK with WAITING");
            seen.extend((0..75).filter(|nth| shown.body.contains(&format!(">e{nth}.<"))));
            let Some((before, _)) = shown.body.split_once("\">Next page") else {
                break;
            };
            page = before.rsplit_once("href=\"").expect("a link").1.replace("&amp;", "&");
        }
        let all: Vec<usize> = if url == way { (0..75).collect() } else { (0..52).chain(70..75).collect() };
        assert_eq!(seen, all, "{url}");
    }
}

#[test]
fn who_may_not_do_everything_is_told_what_is_missing() {
    let server = Server::start(&[]);
    let mut c = server.client();
    fill(|line| c.ok(line), "mails");
    c.ok("ACL SETUSER ada on >secret ~* +@all -tsgen.peek -tsgen.alter");
    let web = Web::start_at(&url(&server).replace("redis://", "redis://ada:secret@"), &[]);
    let mut browser = web.browser();
    wait_until("the key", || browser.get("/").body.contains("1 of 1 keys."));
    browser.get("/key/0/mails").is(200);
    browser.get("/key/0/mails/dead").is(200).has("full").has("The letters themselves cannot be shown");
    let page = browser.get("/key/0/mails/ready").is(403).has("The server's user may not do that").lacks("secret");
    assert!(page.body.to_lowercase().contains("tsgen.peek"), "{}", page.body);
    browser.act("/key/0/mails", "/key/0/mails/pause", "").is(403);
    assert_eq!(c.ok("TSGEN.INFO mails").field("paused").text(), "no");
}
