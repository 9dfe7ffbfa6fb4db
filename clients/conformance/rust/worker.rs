//! The worker in Rust that the suite runs; `clients/conformance/README.md` tells what it must do.

use serde_json::{json, Value};
use std::fmt;
use std::future::Future;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tsgen_client::{Batch, Claimed, Cron, Dead, Expired, Failure, Group, Hooks, Job, Retry, Tsgen, Worker};

/// Prints a line in one write: lines of several tasks must not mix.
fn say(line: impl fmt::Display) {
    let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
}

fn micros() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros()
}

struct Told;

impl Hooks for Told {
    fn on_ready(&self) {
        say("ready");
    }

    fn on_done(&self, job: &Claimed, _: Duration) {
        say(format_args!("done {}", job.id));
    }

    fn on_failed(&self, job: &Claimed, _: &Failure, _: Duration) {
        say(format_args!("failed {}", job.id));
    }

    fn on_lost(&self, job: &Claimed) {
        say(format_args!("lost {}", job.id));
    }
}

#[derive(Debug)]
struct Unprintable;

impl fmt::Display for Unprintable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no text")
    }
}

impl std::error::Error for Unprintable {}

fn is_plausible(at: i64) -> bool {
    at > 1_600_000_000_000
}

/// Says that a handler has ended, however it does.
struct End<'a>(&'a Claimed);

impl Drop for End<'_> {
    fn drop(&mut self) {
        say(format_args!("end {} {}", self.0.id, micros()));
    }
}

/// A handler with the lines around it.
async fn between<T>(job: &Job<T>, work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    say(format_args!("start {} {} {}", job.id, job.deliveries, micros()));
    let _end = End(job);
    work.await
}

fn got<T>(job: &Job<T>, content: &Value) -> Result<(), Failure> {
    say(format_args!("got {} {content}", job.id));
    Ok(())
}

async fn element(job: Job<Value>) -> Result<(), Failure> {
    between(&job, obey(&job)).await
}

async fn obey(job: &Job<Value>) -> Result<(), Failure> {
    let order = |name: &str| job.payload[name].as_str().unwrap_or_default().to_owned();
    let length = Duration::from_millis(job.payload["ms"].as_u64().unwrap_or_default());
    let is_first = job.deliveries == 1;
    match order("do").as_str() {
        "sleep" => tokio::time::sleep(length).await,
        "hold" => return Err(job.withdrawn().await.into()),
        "deaf" => tokio::time::sleep(Duration::from_secs(3600)).await,
        "fail" => return Err(order("text").into()),
        "fail-once" if is_first => panic!("the first time"),
        "fail-bytes" => {
            let hex = order("hex");
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
            let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
            return Err(String::from_utf8_lossy(&bytes).into_owned().into());
        }
        "unprintable" => return Err(Unprintable.into()),
        "exit" => std::panic::panic_any(std::process::ExitCode::SUCCESS),
        "retry" if is_first => return Err(Retry::after(length).because("later").into()),
        "dead" => return Err(Dead(order("text")).into()),
        "tell" => return got(job, &job.payload),
        _ if job.payload.is_null() => return got(job, &Value::Null),
        _ => {}
    }
    Ok(())
}

async fn group(job: Job<Group<Value>>) -> Result<(), Failure> {
    let Group { reason, items } = &job.payload;
    let values: Vec<_> = items.iter().map(|item| &item.value).collect();
    let content = json!([reason, values, items.iter().all(|item| is_plausible(item.at))]);
    between(&job, async { got(&job, &content) }).await
}

async fn expired(job: Job<Expired>) -> Result<(), Failure> {
    let Expired { kind, value, deadline, reason } = &job.payload;
    let value = String::from_utf8_lossy(value.as_deref().unwrap_or_default());
    let content = json!([kind, value, reason, is_plausible(*deadline)]);
    between(&job, async { got(&job, &content) }).await
}

async fn batch(job: Job<Batch>) -> Result<(), Failure> {
    let Batch { number, opened_at, sealed_at, sums, .. } = &job.payload;
    let total: i64 = sums.iter().map(|(_, sum)| sum).sum();
    let content = json!([sums.len(), total, *number > 0, sealed_at >= opened_at]);
    between(&job, async { got(&job, &content) }).await
}

async fn run(config: Value) -> Result<(), tsgen_client::Error> {
    let url = config["url"].as_str().expect("an address");
    let tsgen = Tsgen::from(tsgen_client::Server::at(url)?);
    let keys: Vec<&str> =
        config["keys"].as_array().into_iter().flatten().map(|key| key.as_str().expect("a key")).collect();
    let number = |name: &str, default: u64| config[name].as_u64().unwrap_or(default);
    let mut worker = keys[1..].iter().fold(Worker::new(&tsgen, keys[0]), |worker, key| worker.and_then(*key));
    worker = worker
        .concurrency(usize::try_from(number("concurrency", 1)).expect("a number of hands"))
        .lease(Duration::from_millis(number("lease_ms", 30_000)))
        .shutdown_timeout(Duration::from_millis(number("shutdown_timeout_ms", 30_000)))
        .hooks(Told);
    for job in config["recurring"].as_array().into_iter().flatten() {
        let word = |name: &str| job[name].as_str().expect("a word");
        worker = worker.recurring(word("name"), Cron::new(word("cron"), word("tz"))?, &());
    }
    let is_burst = config["burst"].as_bool().unwrap_or(false);
    match config["family"].as_str().unwrap_or("TSGEN") {
        "DEBOUNCE" => worker.run(group).await,
        "EXPIRY" => worker.run(expired).await,
        "TALLY" => worker.run(batch).await,
        _ if is_burst => worker.run_until_empty(element).await,
        _ => worker.run(element).await,
    }
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let config = std::env::args().nth(1).expect("a configuration");
    match run(serde_json::from_str(&config).expect("JSON")).await {
        Ok(()) => {
            say("stopped");
            std::process::ExitCode::SUCCESS
        }
        Err(error) => {
            say(format_args!("error {error}"));
            std::process::ExitCode::FAILURE
        }
    }
}
