//! Typed calls: each command of the module has one with each of its options, and makes of the reply what its comment says.

use crate::connected;
use crate::harness::{workspace, Client, Server};
use serde_json::{json, Value};
use std::time::{Duration, SystemTime};
use tsgen_client::{
    Added, Batch, Content, Dead, Error, Expired, Family, Field, Group, Item, Job, Key, Late, Name, Options, Raw, Retry,
    State, Tokens, Tsgen,
};

const HOUR: Duration = Duration::from_secs(3600);

fn s(n: u64) -> Duration {
    Duration::from_secs(n)
}

async fn one<T: Content<Family = F>, F: Family>(key: &Key<F>) -> Job<T> {
    let mut jobs = key.claim::<T>("me").await.expect("a claim");
    assert_eq!(jobs.len(), 1);
    jobs.remove(0).expect("a job that decodes")
}

/// All that a key with one ready entry can do.
async fn delivery<T: Content<Family = F>, F: Family>(t: &Tsgen, key: &Key<F>, id: &str, altered: Options<F>) {
    let mut jobs = key.claim::<T>("me").count(5).lease(s(60)).await.expect("a claim");
    let job = jobs.remove(0).expect("a job that decodes");
    assert_eq!((job.deliveries, job.id.to_string(), &job.key), (1, id.to_owned(), key.name()));
    let page = key.peek::<T>(State::Leased, 1, "0").await.expect("a page");
    let [peeked] = &page.entries[..] else { panic!("{} entries", page.entries.len()) };
    assert_eq!((page.cursor.as_str(), peeked.token, peeked.deliveries), ("0", Some(job.token), 1));
    assert_eq!((peeked.consumer.clone(), peeked.id.to_string()), (Some("me".into()), id.to_owned()));
    assert!(peeked.content.is_ok() && peeked.until.is_some() && peeked.group.is_none());
    let pending = key.pending(Some(&"me".into()), 5, 0).await.expect("a list");
    assert_eq!((pending.len(), pending[0].token, &pending[0].consumer), (1, job.token, &Some("me".into())));
    assert!(key.pending(None, 5, job.token).await.expect("a list").is_empty());
    assert_eq!(key.extend(s(30), job.token).await.expect("a count"), 1);
    assert_eq!(key.nack(job.token, Retry::after(HOUR)).await.expect("a count"), 1);
    assert_eq!(key.delayed(5).await.expect("a list")[0].consumer, None);
    assert_eq!(key.peek::<T>(State::Delayed, 5, "0").await.expect("a page").entries.len(), 1);
    assert_eq!(key.promote_all(5).await.expect("a count"), 1);
    let token = one::<T, F>(key).await.token;
    assert_eq!(key.nack(token, Dead::because("why")).await.expect("a count"), 1);
    let dead = key.dead(5, 0).await.expect("a list");
    assert_eq!((dead.len(), dead[0].id.to_string(), dead[0].reason.to_string()), (1, id.to_owned(), "why".into()));
    let letter = &key.peek::<T>(State::Dead, 5, "0").await.expect("a page").entries[0];
    assert_eq!((letter.reason.clone(), letter.died_at), (Some("why".into()), Some(dead[0].died_at)));
    assert_eq!(key.requeue(dead[0].token).await.expect("a count"), 1);
    let token = one::<T, F>(key).await.token;
    assert_eq!(key.release("me").await.expect("a count"), 1);
    assert_eq!(key.ack(token).await.expect("a count"), 0);
    let token = one::<T, F>(key).await.token;
    key.nack(token, Dead::default()).await.expect("a count");
    assert_eq!(key.discard(token..=token).await.expect("a count"), 1);
    for nothing in [key.discard_all(5).await, key.requeue_all(5).await, key.promote([token, token + 1]).await] {
        assert_eq!(nothing.expect("a count"), 0);
    }
    assert_eq!(key.ack(Tokens::default()).await.expect("nothing to send"), 0);
    let info = key.info().await.expect("figures");
    assert_eq!((info.ready, info.leased, info.dead, info.paused), (0, 0, 0, false));
    assert!(info["lease"] == 7000 && info["sink"] == "" && info["none"].integer() == 0);
    key.alter(altered.lease(s(8)).max_deliveries(3).backoff(s(1)).max_backoff(HOUR)).await.expect("it is altered");
    let info = key.info().await.expect("figures");
    assert!(info["lease"] == 8000 && info["maxdeliveries"] == 3 && info["backoff"] == 1000);
    assert!(key.peek::<T>(State::Ready, 5, "0").await.expect("a page").entries.is_empty());
    // Empty pages from a cursor, acknowledgements in claims, and other keys.
    let other = t.key::<F>(&format!("{}-other", key.name()));
    assert!(key.peek::<T>(State::Ready, 5, "1").await.is_err());
    assert!(key.claim::<T>("me").ack(token).await.expect("a claim").is_empty());
    let claim = key.claim_with::<T>(&[&other], "me").count(5).lease(s(60)).ack(key.name(), token);
    assert!(claim.await.expect("a claim").is_empty());
}

/// What the server has been sent so far.
fn sent(server: &Server, mut monitor: Client) -> Vec<String> {
    server.client().ok("ECHO the-end");
    let mut lines = Vec::new();
    loop {
        let line = monitor.read().to_string();
        if line.contains("the-end") {
            return lines;
        }
        lines.push(line);
    }
}

/// The first line of code of a page: the command and all it takes.
fn syntax(page: &str) -> &str {
    page.lines().find_map(|line| line.strip_prefix("    ")).expect("a syntax")
}

async fn every_command(protocol: &str) -> Vec<String> {
    let (server, t) = connected(protocol).await;
    let mut monitor = server.client();
    monitor.ok("MONITOR");
    elements(&t).await;
    collectors(&t).await;
    let taken = t.take("login:ada", 5, s(60)).cost(1).await.expect("an answer");
    assert_eq!((taken.allowed, taken.remaining, taken.retry_after), (true, 4, Duration::ZERO));
    let taken = t.take("login:ada", 5, s(60)).burst(5).cost(5).await.expect("an answer");
    assert!(!taken.allowed && taken.retry_after > Duration::ZERO && taken.reset_after >= taken.retry_after);
    let (t, clock) = t.with_virtual_clock(1_900_000_000_000).await.expect("a clock");
    let timed = t.delay_queue("timed");
    timed.add("a", &(), HOUR).await.expect("it is added");
    assert!(timed.claim::<()>("me").await.expect("a claim").is_empty());
    clock.jump(HOUR);
    assert_eq!(timed.claim::<()>("me").await.expect("a claim").len(), 1);
    sent(&server, monitor)
}

async fn elements(t: &Tsgen) {
    let orders = t.elements("orders");
    let options = Options::new().lease(s(7)).late(Late::Ready).remember(HOUR).remember_max(10).max_len(100);
    orders
        .create(options.paused(false).max_deliveries(0).backoff(s(0)).max_backoff(s(0)))
        .await
        .expect("it is created");
    let large = json!({ "n": i64::MAX });
    assert_eq!(orders.add(5, "a", &large).await.expect("an answer"), Added::Waits);
    assert_eq!(orders.add(5, "a", "x").nx().await.expect("an answer"), Added::Nothing);
    assert!(orders.postpone(6, "a").await.expect("an answer"));
    assert_eq!(orders.add(6, "none", "x").xx().await.expect("an answer"), Added::Nothing);
    let found = orders.get::<Value>("a").await.expect("an answer").expect("an element");
    assert_eq!(
        (found.state.as_str(), found.timestamp, found.payload.expect("JSON"), found.every),
        ("waiting", 6, large, None)
    );
    let odd = Name(vec![0xff]);
    let two = [(7, Name::from("b"), Value::Null), (8, odd.clone(), json!([1]))];
    assert_eq!(orders.add_all(&two).await.expect("answers"), [Added::Waits, Added::Waits]);
    let range = orders.range::<Raw>("(6", "+", 5).await.expect("a list");
    assert_eq!((range.len(), &range[0].id, range[0].timestamp, &range[1].id), (2, &"b".into(), 7, &odd));
    assert_eq!(range[0].payload.as_ref().expect("bytes"), &Raw(Vec::new()));
    assert_eq!(orders.rem([&Name::from("b"), &odd, &"none".into()]).await.expect("a count"), 2);
    assert_eq!(orders.watermark().await.expect("an answer"), None);
    assert_eq!(orders.advance(6).await.expect("an answer"), Some(6));
    let altered =
        Options::new().watermark(6).late(Late::Reject).remember(HOUR).remember_max(9).max_len(0).paused(false);
    delivery::<Value, _>(t, &orders, "a", altered.sink("").group_limit(0).fair(false)).await;
    assert!(orders.get::<Value>("a").await.expect("an answer").is_none());

    let grouped = t.elements("grouped");
    grouped.create(Options::new().group_limit(1).fair(true)).await.expect("it is created");
    grouped.add_all(&[(1, "a", 1), (2, "b", 2)]).group("g").await.expect("answers");
    grouped.add(3, "c", &()).group("h").await.expect("an answer");
    let waiting = grouped.peek::<Option<i64>>(State::Waiting, 5, "0").await.expect("a page");
    let groups: Vec<_> = waiting.entries.into_iter().map(|entry| entry.group).collect();
    assert_eq!(groups, [Some("g".into()), Some("g".into()), Some("h".into())]);
    grouped.advance(5).await.expect("an answer");
    assert_eq!(grouped.claim::<Option<i64>>("me").count(5).await.expect("a claim").len(), 2);
    let ready = grouped.peek::<i64>(State::Ready, 5, "0").await.expect("a page");
    assert!(ready.entries[0].held && *ready.entries[0].content.as_ref().expect("a number") == 2);
    let sink = t.elements("sink");
    sink.create(Options::new().sink("stream").sink_max_len(10)).await.expect("it is created");
    sink.alter(Options::new().sink("stream").sink_max_len(5)).await.expect("it is altered");

    let sources = t.elements("sources");
    let options = Options::new().sources(["east", "west"]).source_idle(HOUR).max_jump(5);
    sources.create(options).await.expect("it is created");
    assert_eq!(sources.advance(3).source("east").await.expect("an answer"), None);
    let east = &sources.sources().await.expect("a list")[0];
    assert_eq!((east.name.to_string(), east.timestamp, east.is_idle), ("east".into(), Some(3), false));
    let options =
        Options::new().late(Late::Ready).source("east", 2).add_source("north").add_source("south").rem_source("west");
    sources.alter(options.source_idle(HOUR).max_jump(10).paused(true)).await.expect("it is altered");
    assert_eq!(sources.sources().await.expect("a list")[1].reported_at, None);
    let refused = sources.advance(100).source("east").await.expect_err("too far");
    assert_eq!(refused.code(), Some("JUMP"));
    assert_eq!(sources.advance(100).source("east").force().await.expect("an answer"), None);
    assert!(sources.info().await.expect("figures").paused);

    let mails = t.delay_queue("mails");
    let in_an_hour = SystemTime::now() + HOUR;
    assert_eq!(mails.add_at("a", "x", in_an_hour).nx().await.expect("an answer"), Added::Waits);
    assert_eq!(mails.add("b", &Raw(b"\xff".to_vec()), s(0)).await.expect("an answer"), Added::IsReady);
    mails.add("nightly", "x", HOUR).every(24 * HOUR).await.expect("an answer");
    let nightly = mails.get::<String>("nightly").await.expect("an answer").expect("an element");
    assert_eq!((nightly.every, nightly.payload.expect("JSON")), (Some(24 * HOUR), "x".to_owned()));
    let undecodable = mails.claim::<String>("me").await.expect("a claim").remove(0).expect_err("no JSON");
    assert!(undecodable.to_string().starts_with("payload does not decode"), "{undecodable}");
    assert_eq!(mails.ack(undecodable.claimed.token).await.expect("a count"), 1);
    assert!(t
        .delay_queue("orders")
        .add("a", "x", HOUR)
        .await
        .expect_err("no clock")
        .to_string()
        .contains("needs a CLOCK key"));
    let exists = mails.create(Options::new().clock().late(Late::Reject)).await.expect_err("it exists");
    assert_eq!(exists.code(), Some("BUSYKEY"));
    let wrong = t.debounce("mails").info().await.expect_err("another family");
    assert_eq!(wrong.code(), Some("WRONGTYPE"));
    assert!(!wrong.passes() && matches!(wrong, Error::Refused { .. }));
}

async fn collectors(t: &Tsgen) {
    let scans = t.debounce("scans");
    let options = Options::new().idle(HOUR).max_wait(24 * HOUR).max_items(5).unique(true).lease(s(7)).max_len(99);
    let options = options.max_deliveries(0).backoff(s(0)).max_backoff(s(0)).sink("").paused(false);
    scans.create(options.group_limit(0).fair(false)).await.expect("it is created");
    assert_eq!(scans.push("seller-1", [json!("x"), json!(1)]).await.expect("a count"), 2);
    let pushed = scans.get::<Value>("seller-1").await.expect("an answer").expect("a group");
    let items = pushed.items.expect("items");
    assert!(items.len() == 2 && items[0].value == "x" && items[0].at > 0 && pushed.fires_at > items[0].at);
    assert_eq!(scans.groups(5, None).await.expect("a list")[0].items, 2);
    scans.push("seller-2", ["z"]).await.expect("a count");
    let after = scans.groups(5, Some(&"seller-1".into())).await.expect("a list");
    assert_eq!((after.len(), after[0].name.to_string()), (1, "seller-2".to_owned()));
    assert_eq!(scans.cancel(["seller-2"]).await.expect("a count"), 1);
    assert_eq!(scans.cancel([""; 0]).await.expect("nothing to send"), 0);
    assert_eq!(scans.flush(["seller-1"]).await.expect("a count"), 1);
    assert_eq!(scans.flush_all(5).await.expect("a count"), 0);
    let altered = Options::new().idle(s(9)).max_wait(s(99)).max_items(9).max_len(0).sink("").group_limit(0);
    delivery::<Group<Value>, _>(t, &scans, "seller-1", altered.fair(false).paused(false)).await;
    scans.push("seller-3", ["z"]).await.expect("a count");
    scans.flush_all(1).await.expect("a count");
    let job = one::<Group<String>, _>(&scans).await;
    scans.ack(job.token).await.expect("a count");
    let Group { reason, items } = job.payload;
    let [Item { value, .. }] = &items[..] else { panic!("{items:?}") };
    assert_eq!((reason.as_str(), value.as_str()), ("flush", "z"));
    scans.alter(Options::new().sink("stream").sink_max_len(5)).await.expect("it is altered");
    t.debounce("sink-2").create(Options::new().sink("stream").sink_max_len(5)).await.expect("it is created");

    let checkouts = t.expiry("checkouts");
    let options = Options::new().prefix("order:").prefix("cart:").max_value(100).keep_evicted(true).max_held(1 << 20);
    let options = options.lease(s(7)).max_deliveries(0).backoff(s(0)).max_backoff(s(0)).sink("").paused(false);
    checkouts.create(options.group_limit(0).fair(false)).await.expect("it is created");
    t.command(Some(b"order:7"), ["SET", "order:7", "books", "EX", "3600"]).await.expect("it is set");
    assert_eq!(checkouts.tracked(5, None).await.expect("a list")[0].name, "order:7");
    assert!(checkouts.tracked(5, Some(&"order:7".into())).await.expect("a list").is_empty());
    t.command(Some(b"order:7"), ["PEXPIRE", "order:7", "1"]).await.expect("it expires");
    while checkouts.info().await.expect("figures").ready == 0 {}
    let job = one::<Expired, _>(&checkouts).await;
    let told = (job.payload.kind.as_str(), job.payload.value.as_deref(), job.payload.reason.as_str());
    assert_eq!(told, ("string", Some(&b"books"[..]), "expired"));
    checkouts.release("me").await.expect("a count");
    let altered = Options::new().keep_evicted(false).max_held(0).sink("").group_limit(0).fair(false).paused(false);
    delivery::<Expired, _>(t, &checkouts, "order:7", altered).await;
    checkouts.alter(Options::new().sink("stream").sink_max_len(5)).await.expect("it is altered");
    let options = Options::new().prefix("x:").sink("stream").sink_max_len(5);
    t.expiry("sink-3").create(options).await.expect("it is created");

    let likes = t.tally("likes");
    let options = Options::new().every(HOUR).max_fields(10).field(Field::Any).min(-5).max(i64::MAX).lease(s(7));
    let options = options.max_deliveries(0).backoff(s(0)).max_backoff(s(0)).max_len(99).sink("").paused(false);
    likes.create(options).await.expect("it is created");
    assert_eq!(likes.incr("v", i64::MAX - 1).await.expect("a sum"), i64::MAX - 1);
    assert_eq!(likes.incr_all([("v", 1), ("w", -2)]).await.expect("sums"), [i64::MAX, -2]);
    assert_eq!(likes.get("w").await.expect("a sum"), -2);
    assert_eq!(likes.seal().await.expect("a count"), 2);
    let batch = one::<Batch, _>(&likes).await.payload;
    assert_eq!(batch.sums, [("v".into(), i64::MAX), ("w".into(), -2)]);
    assert!(batch.number > 0 && batch.sealed_at >= batch.opened_at && batch.opened_at > 0 && batch.key == "likes");
    likes.release("me").await.expect("a count");
    let altered = Options::new().every(s(9)).max_fields(9).max_len(0).sink("").paused(false);
    delivery::<Batch, _>(t, &likes, &batch.number.to_string(), altered).await;
    likes.alter(Options::new().sink("stream").sink_max_len(5)).await.expect("it is altered");
    let options = Options::new().field(Field::Uuid).sink("stream").sink_max_len(5);
    t.tally("sink-4").create(options).await.expect("it is created");
}

/// What the server was sent, against the pages: each command, and each word of its options.
async fn covers_the_pages(protocol: &str) {
    let lines = every_command(protocol).await;
    let pages = std::fs::read_dir(workspace().join("docs/commands")).expect("the pages");
    let pages = pages.map(|page| page.expect("a page").path()).filter(|page| page.is_file());
    let (mut commands, mut missing) = (0, Vec::new());
    for page in pages {
        let name = page.file_stem().expect("a name").to_string_lossy().to_uppercase();
        if !name.contains('.') {
            continue;
        }
        commands += 1;
        let own: Vec<&String> = lines.iter().filter(|line| line.contains(&format!("\"{name}\""))).collect();
        assert!(!own.is_empty(), "no call sends {name}");
        let text = std::fs::read_to_string(&page).expect("a page");
        let words = syntax(&text).split(|letter: char| !letter.is_ascii_uppercase()).filter(|word| word.len() > 1);
        // Claims that wait are the worker's, which has a connection for them.
        for word in words.filter(|word| !name.split('.').any(|part| part == *word) && *word != "BLOCK") {
            if !own.iter().any(|line| line.contains(&format!("\"{word}\""))) {
                missing.push(format!("{name} {word}"));
            }
        }
    }
    assert!(missing.is_empty(), "no call sends {missing:?}");
    assert!(commands >= 70, "{commands} pages of commands");
}

#[tokio::test]
async fn every_command_and_option_has_a_call_in_resp2() {
    covers_the_pages("resp2").await;
}

#[tokio::test]
async fn every_command_and_option_has_a_call_in_resp3() {
    covers_the_pages("resp3").await;
}

#[tokio::test]
async fn a_connection_that_ended_is_made_again() {
    let (server, t) = connected("resp3").await;
    t.delay_queue("mails").add("a", "x", HOUR).await.expect("it is added");
    server.client().ok("CLIENT KILL TYPE normal SKIPME yes");
    let mut attempts = 0;
    while t.delay_queue("mails").info().await.is_err() {
        attempts += 1;
        assert!(attempts < 3, "it does not connect again");
    }
}

#[tokio::test]
async fn what_is_no_address() {
    let flaw = |answer: Result<Tsgen, Error>| answer.map(drop).expect_err("no address");
    assert!(matches!(flaw(Tsgen::connect("http://localhost").await), Error::Invalid(_)));
    assert!(flaw(Tsgen::connect("sentinel://localhost:1").await).to_string().contains("the master is missing"));
    let nobody = flaw(Tsgen::connect("redis://127.0.0.1:1").await);
    assert!(nobody.passes(), "{nobody}");
    let nobody = flaw(Tsgen::connect("cluster://127.0.0.1:1").await);
    assert!(nobody.passes(), "{nobody}");
    let nobody = flaw(Tsgen::connect("sentinel://user:pass@127.0.0.1:1,127.0.0.1:2/main?protocol=resp3").await);
    assert!(nobody.passes(), "{nobody}");
}

#[tokio::test]
async fn a_password_that_is_wrong_does_not_pass() {
    let server = Server::start(&[]);
    server.client().ok("CONFIG SET requirepass secret");
    let wrong =
        Tsgen::connect(&format!("redis://:other@127.0.0.1:{}", server.port)).await.map(drop).expect_err("wrong");
    assert!(!wrong.passes(), "{wrong}");
    Tsgen::connect(&format!("redis://:secret@127.0.0.1:{}", server.port)).await.expect("a connection");
}
