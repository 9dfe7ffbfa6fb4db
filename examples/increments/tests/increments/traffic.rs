//! Clients who send increments, and keep account of what they were answered.

use crate::harness::Random;
use crate::world::key;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use ureq::Agent;

/// The answer to one request.
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<u64>,
    pub body: String,
}

pub fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(10)));
    config.build().new_agent()
}

/// Posts a body; None if no answer came.
pub fn post(agent: &Agent, url: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
    let request = headers.iter().fold(agent.post(url), |request, (name, value)| request.header(*name, *value));
    let mut response = request.send(body).ok()?;
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().expect("text").to_owned());
    Some(Answer {
        status: response.status().as_u16(),
        retry_after: retry_after.map(|seconds| seconds.parse().expect("seconds")),
        body: response.body_mut().read_to_string().ok()?,
    })
}

pub fn body(key: &str, value: i64) -> String {
    format!(r#"{{"key": "{key}", "value": {value}}}"#)
}

/// What clients know of their increments, by key.
#[derive(Default)]
pub struct Account {
    /// Answered with 200.
    pub counted: BTreeMap<String, i64>,
    /// Answered with 503, or not at all: they may have been counted.
    pub unknown: BTreeMap<String, i64>,
    pub requests: u64,
}

impl Account {
    fn add(&mut self, other: Account) {
        for (all, some) in [(&mut self.counted, other.counted), (&mut self.unknown, other.unknown)] {
            some.into_iter().for_each(|(key, sum)| *all.entry(key).or_default() += sum);
        }
        self.requests += other.requests;
    }

    /// Fails unless the database has everything that was counted, once, and beyond that at most what is unknown.
    #[track_caller]
    pub fn assert_kept_by(&self, counters: &BTreeMap<String, i64>) {
        assert!(self.counted.len() > 10, "there was hardly any traffic: {} keys", self.counted.len());
        if self.unknown.is_empty() {
            assert_eq!(self.counted, *counters);
        }
        for (key, value) in counters {
            let counted = self.counted.get(key).copied().unwrap_or(0);
            let at_most = counted + self.unknown.get(key).copied().unwrap_or(0);
            assert!((counted..=at_most).contains(value), "{key} is {value}, should be {counted} to {at_most}");
        }
        let lost: Vec<_> = self.counted.keys().filter(|key| !counters.contains_key(*key)).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
    }
}

/// Clients that send as fast as they are answered.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Account>>,
}

impl Traffic {
    /// Starts `clients` of them, spread over `urls`, with random values for random ones of `keys` keys.
    pub fn start(urls: &[&str], clients: u64, keys: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |n: u64| {
            let (stop, url) = (Arc::clone(&stop), urls[n as usize % urls.len()].to_owned());
            std::thread::spawn(move || {
                let (mut random, agent, mut account) = (Random::new(n), agent(), Account::default());
                while !stop.load(Ordering::Relaxed) {
                    let (key, value) = (key(random.below(keys)), random.between(1, 1000));
                    let status = post(&agent, &url, &[], &body(&key, value)).map(|answer| answer.status);
                    let sums = match status {
                        Some(200) => &mut account.counted,
                        Some(503) | None => &mut account.unknown,
                        Some(status) => panic!("answered with {status}"),
                    };
                    *sums.entry(key).or_default() += value;
                    account.requests += 1;
                    if status != Some(200) {
                        // It will not be back within microseconds.
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
                account
            })
        };
        Self { clients: (0..clients).map(client).collect(), stop }
    }

    /// Ends it, and replies with what all clients know.
    #[track_caller]
    pub fn stop(mut self) -> Account {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Account::default();
        self.clients.drain(..).for_each(|client| all.add(client.join().expect("a client")));
        all
    }
}

/// The clients of a test that failed do not go on: another test's server may get the port.
impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
