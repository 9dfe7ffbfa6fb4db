//! Workers, as far as the conformance suite does not play them.

use crate::connected;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tsgen_client::{
    BoxError, Claimed, Cron, Decode, Failure, Hooks, Job, Options, Schedule, Stopper, Withdrawn, Worker,
};

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Serialize, Deserialize)]
struct Mail {
    to: String,
}

fn ada() -> Mail {
    Mail { to: "ada".into() }
}

#[tokio::test]
async fn a_test_jumps_an_hour() {
    let (_server, t) = connected("resp3").await;
    let (t, clock) = t.with_virtual_clock(1_900_000_000_000).await.expect("a clock");
    t.delay_queue("mails").add("mail-1", &ada(), HOUR).await.expect("it is added");
    let sent = Arc::new(Mutex::new(Vec::new()));
    let work = || {
        let sent = sent.clone();
        Worker::new(&t, "mails").run_until_empty(move |job: Job<Mail>| {
            sent.lock().expect("a list").push(job.payload.to);
            async { Ok::<_, Failure>(()) }
        })
    };
    work().await.expect("it ends");
    assert!(sent.lock().expect("a list").is_empty());
    clock.jump(HOUR);
    work().await.expect("it ends");
    assert_eq!(*sent.lock().expect("a list"), ["ada"]);
}

#[tokio::test]
async fn a_payload_of_another_type_is_a_dead_letter_that_does_not_quote_it() {
    let (_server, t) = connected("resp3").await;
    let mails = t.delay_queue("mails");
    mails.add("mail-1", &serde_json::json!({ "to": ["secret"] }), Duration::ZERO).await.expect("it is added");
    mails.add("mail-2", "secret", Duration::ZERO).await.expect("it is added");
    async fn never(job: Job<Mail>) -> Result<(), Failure> {
        panic!("not reached by {}", job.id)
    }
    Worker::new(&t, "mails").run_until_empty(never).await.expect("it ends");
    for letter in mails.dead(5, 0).await.expect("a list") {
        let reason = letter.reason.to_string();
        assert!(reason.starts_with("payload does not decode: Data error in JSON, line 1, column "), "{reason}");
    }
}

#[derive(Clone, Default)]
struct Counts {
    failed: Arc<AtomicUsize>,
}

impl Hooks for Counts {
    fn on_claim(&self, _: &Claimed) {
        panic!("a hook")
    }

    fn on_failed(&self, _: &Claimed, _: &Failure, _: Duration) {
        self.failed.fetch_add(1, Ordering::SeqCst);
    }
}

/// Panics when it is dropped: whatever a handler holds must not take the worker along.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("dropped");
        }
    }
}

#[tokio::test]
async fn a_panic_is_a_failure_and_that_of_a_hook_is_nothing() {
    let (_server, t) = connected("resp3").await;
    let mails = t.delay_queue("mails");
    mails.create(Options::new().clock().max_deliveries(2)).await.expect("it is created");
    mails.add("mail-1", &(), Duration::ZERO).await.expect("it is added");
    mails.add("mail-2", &(), Duration::ZERO).await.expect("it is added");
    let counts = Counts::default();
    async fn oops(job: Job<()>) -> Result<(), Failure> {
        if job.id == "mail-2" {
            let _grenade = Grenade;
            tokio::task::yield_now().await;
            return Ok(());
        }
        panic!("oops")
    }
    Worker::new(&t, "mails").hooks(counts.clone()).run_until_empty(oops).await.expect("it ends");
    assert_eq!(counts.failed.load(Ordering::SeqCst), 4);
    let dead = mails.dead(5, 0).await.expect("a list");
    assert_eq!([&dead[0].reason.to_string(), &dead[1].reason.to_string()], ["panic: oops", "panic: dropped"]);
}

#[tokio::test]
async fn a_shutdown_future_hands_back_what_runs() {
    let (_server, t) = connected("resp3").await;
    let mails = t.delay_queue("mails");
    mails.add("mail-1", &(), Duration::ZERO).await.expect("it is added");
    let began = Arc::new(tokio::sync::Notify::new());
    let told = Arc::new(Mutex::new(None));
    let worker = Worker::new(&t, "mails").shutdown_timeout(Duration::from_millis(50));
    let health = worker.health();
    let handler = {
        let (began, told) = (began.clone(), told.clone());
        move |job: Job<()>| {
            let (began, told) = (began.clone(), told.clone());
            async move {
                began.notify_one();
                let why = job.withdrawn().await;
                *told.lock().expect("a place") = Some(why);
                Err(why)
            }
        }
    };
    worker.run_until(handler, async move { began.notified().await }).await.expect("it ends");
    assert_eq!(*told.lock().expect("a place"), Some(Withdrawn::Stopped));
    let job = mails.claim::<()>("me").await.expect("a claim").remove(0).expect("a job");
    assert_eq!(job.deliveries, 1);
    assert!(health.since_last_claim() < Duration::from_secs(60));
}

#[tokio::test]
async fn a_lost_job_is_told_and_its_work_does_not_count() {
    let (_server, t) = connected("resp3").await;
    let mails = t.delay_queue("mails");
    mails.add("mail-1", &(), Duration::ZERO).await.expect("it is added");
    let (began, ended) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let stopper = Stopper::new();
    let handler = {
        let (began, ended) = (began.clone(), ended.clone());
        move |job: Job<()>| {
            let (began, ended) = (began.clone(), ended.clone());
            async move {
                began.notify_one();
                job.lost().cancelled().await;
                ended.notify_one();
                Ok::<_, Failure>(())
            }
        }
    };
    let worker = Worker::new(&t, "mails").lease(Duration::from_millis(300)).stopped_by(&stopper);
    let running = tokio::spawn(worker.run(handler));
    began.notified().await;
    assert_eq!(mails.rem(["mail-1"]).await.expect("a count"), 1);
    ended.notified().await;
    stopper.stop();
    running.await.expect("no panic").expect("it ends");
}

#[tokio::test]
async fn one_that_fails_stops_what_has_its_stopper() {
    let (_server, t) = connected("resp3").await;
    t.debounce("scans").create(Options::new()).await.expect("it is created");
    async fn nothing(_: Job<()>) -> Result<(), Failure> {
        Ok(())
    }
    let stopper = Stopper::new();
    let worker = |key: &str| Worker::new(&t, key).stopped_by(&stopper).run(nothing);
    let (mails, scans) = tokio::join!(worker("mails"), worker("scans"));
    mails.expect("it ends");
    assert_eq!(scans.expect_err("another family").code(), Some("WRONGTYPE"));
    let none = Worker::new(&t, "mails").concurrency(0).run(nothing).await.expect_err("no hands");
    assert!(none.to_string().contains("concurrency"));
}

struct Even(u64);

impl Decode for Even {
    fn decode(bytes: &[u8]) -> Result<Self, BoxError> {
        let n: u64 = std::str::from_utf8(bytes)?.parse()?;
        if n % 2 == 0 {
            Ok(Self(n))
        } else {
            panic!("odd")
        }
    }
}

#[tokio::test]
async fn a_codec_of_ones_own_may_panic() {
    let (_server, t) = connected("resp2").await;
    let numbers = t.delay_queue("numbers");
    for n in 1..=2 {
        numbers.add(format!("n-{n}"), &n, Duration::ZERO).await.expect("it is added");
    }
    async fn even(job: Job<Even>) -> Result<(), std::fmt::Error> {
        assert_eq!(job.payload.0, 2);
        Ok(())
    }
    Worker::new(&t, "numbers").concurrency(2).run_until_empty(even).await.expect("it ends");
    let dead = numbers.dead(5, 0).await.expect("a list");
    assert_eq!((dead.len(), dead[0].reason.to_string()), (1, "payload does not decode: panic in the codec".into()));
    assert!(numbers.get::<u64>("n-2").await.expect("an answer").is_none());
}

#[tokio::test]
async fn a_recurring_job_has_one_next_run() {
    let (_server, t) = connected("resp3").await;
    let (t, clock) = t.with_virtual_clock(1_900_000_000_000).await.expect("a clock");
    let runs = Arc::new(AtomicUsize::new(0));
    let work = || {
        let runs = runs.clone();
        let hourly = |after: i64| Some((after / 3_600_000 + 1) * 3_600_000);
        Worker::new(&t, "reports").recurring("hourly", hourly, "x").run_until_empty(move |_: Job<String>| {
            let nth = runs.fetch_add(1, Ordering::SeqCst);
            async move {
                if nth == 1 {
                    Err(tsgen_client::Dead::because("no"))
                } else {
                    Ok(())
                }
            }
        })
    };
    work().await.expect("it ends");
    // Missed runs are one run; and a run that is a dead letter has a successor, too.
    for hours in [1, 5, 1] {
        clock.jump(hours * HOUR);
        work().await.expect("it ends");
    }
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    let next = t.elements("reports").range::<String>("-", "+", 5).await.expect("a list");
    assert_eq!(next.len(), 1);
    assert!(next[0].id.to_string().starts_with("hourly@"));
    assert_eq!(t.elements("reports").info().await.expect("figures").dead, 1);
}

#[test]
fn cron_expressions_know_zones() {
    // In the night to 31 March 2030 the clock of Berlin is set from 2:00 to 3:00.
    let next = |expression: &str, after| Cron::new(expression, "Europe/Berlin").expect("a schedule").next(after);
    let (noon_before, three) = (1_901_098_800_000, 1_901_149_200_000);
    assert_eq!(next("0 3 * * *", noon_before), Some(three));
    assert_eq!(next("0 3 * * *", three), Some(three + 24 * 3_600_000));
    assert_eq!(next("30 2 * * *", noon_before), Some(three));
    assert_eq!(next("*/10 * * * * *", 1_900_000_000_001), Some(1_900_000_010_000));
    assert_eq!(next("0 0 30 2 *", 0), None);
    for (expression, zone) in [("a", "UTC"), ("0 3 * * *", "Middle/Earth")] {
        assert!(Cron::new(expression, zone).is_err());
    }
}
