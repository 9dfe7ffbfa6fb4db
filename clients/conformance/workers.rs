//! The workers of a scenario, and what they have said.

use crate::harness::*;
use crate::languages::Language;
use crate::proxy::Proxy;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Workers {
    all: BTreeMap<String, Worker>,
}

struct Worker {
    app: App,
    proxy: Option<Proxy>,
    /// Its memory before it has claimed anything, in KiB; none of one that ends at once.
    memory: Option<u64>,
}

impl Workers {
    /// Starts one, and waits until it is about to claim.
    #[track_caller]
    pub fn start(&mut self, name: &str, language: &Language, config: &str, url: &str, proxy: Option<Proxy>) {
        self.launch(name, language, config, url, proxy);
        self.prints(name, 1, "ready");
        let worker = self.worker(name);
        worker.memory = memory(&worker.app, "VmRSS");
    }

    /// Starts one. `config` is JSON, to which the address is added.
    #[track_caller]
    pub fn launch(&mut self, name: &str, language: &Language, config: &str, url: &str, proxy: Option<Proxy>) {
        let mut config: Value = serde_json::from_str(config).expect("the configuration of a worker");
        let url = proxy.as_ref().map_or_else(|| url.to_owned(), |proxy| format!("redis://127.0.0.1:{}", proxy.port));
        config["url"] = url.into();
        let mut args = language.args();
        args.push(config.to_string());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let app = App::start_with(language.program(), &args, &language.environment());
        let before = self.all.insert(name.to_owned(), Worker { app, proxy, memory: None });
        assert!(before.is_none(), "two workers are called {name}");
    }

    #[track_caller]
    fn worker(&mut self, name: &str) -> &mut Worker {
        self.all.get_mut(name).unwrap_or_else(|| panic!("there is no worker {name}"))
    }

    #[track_caller]
    pub fn app(&mut self, name: &str) -> &mut App {
        &mut self.worker(name).app
    }

    #[track_caller]
    pub fn proxy(&mut self, name: &str) -> &Proxy {
        self.worker(name).proxy.as_ref().expect("a worker that was started behind a proxy")
    }

    /// Waits until so many of its lines begin with `text`, word by word.
    #[track_caller]
    pub fn prints(&mut self, name: &str, times: usize, text: &str) {
        let app = self.app(name);
        wait_until(&format!("{name} prints {text:?}, {times} times"), || count(app, text) >= times);
        assert_eq!(count(app, text), times, "{name} printed {text:?} more often");
    }

    /// Nobody has printed a line that begins with `text`.
    #[track_caller]
    pub fn assert_never(&self, name: &str, text: &str) {
        let lines = self.all.get(name).expect("a worker").app.lines();
        let found: Vec<_> = lines.iter().filter(|line| begins(line, text)).collect();
        assert!(found.is_empty(), "{name} printed {found:?}");
    }

    fn lines(&self) -> Vec<Vec<String>> {
        let all = self.all.values().flat_map(|worker| worker.app.lines());
        all.map(|line| line.split(' ').map(str::to_owned).collect()).collect()
    }

    /// So many jobs are done, each by one worker and once. Waits for it.
    #[track_caller]
    pub fn each_once(&self, count: usize) {
        let done = || -> Vec<String> {
            self.lines().into_iter().filter(|line| line[0] == "done").map(|line| line[1].clone()).collect()
        };
        wait_until(&format!("{count} jobs are done"), || done().len() >= count);
        let mut names = done();
        names.sort();
        names.dedup();
        assert_eq!((names.len(), done().len()), (count, count), "jobs, and how often any was done");
    }

    /// The most memory that a worker has had so far, for each of so many jobs in hand, is at most so many KiB beyond what it began with.
    #[track_caller]
    pub fn assert_memory(&mut self, name: &str, jobs: u64, most_kib: u64) {
        let worker = self.worker(name);
        let (began, peak) = (worker.memory.expect("it ran"), memory(&worker.app, "VmHWM").expect("it runs"));
        println!("{name} began with {} MiB; with {jobs} jobs in hand {} MiB", began / 1024, peak / 1024);
        let each = peak.saturating_sub(began).div_ceil(jobs);
        assert!(each <= most_kib, "{name} takes {each} KiB for each of {jobs} jobs: {began} KiB, {peak} KiB");
    }

    /// No two handlers ran at the same time, of whatever worker.
    #[track_caller]
    pub fn assert_apart(&self) {
        let time = |word: &String| word.parse::<u64>().expect("microseconds");
        let mut at: Vec<(u64, String)> = Vec::new();
        for line in self.lines() {
            match line[0].as_str() {
                "start" => at.push((time(&line[3]), line[0].clone())),
                "end" => at.push((time(&line[2]), line[0].clone())),
                _ => {}
            }
        }
        at.sort();
        assert!(at.len() >= 4, "too few jobs to tell");
        let turns = at.chunks(2).all(|pair| pair[0].1 == "start" && pair.get(1).is_none_or(|end| end.1 == "end"));
        assert!(turns, "handlers ran at the same time: {at:?}");
    }

    /// The jobs that a worker began, in this order.
    #[track_caller]
    pub fn assert_order(&self, name: &str, jobs: &[&str]) {
        let lines = self.all.get(name).expect("a worker").app.lines();
        let began: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("start ")?.split(' ').next()).collect();
        assert_eq!(began, jobs, "what {name} began");
    }
}

/// A line of what Linux tells of a process, in KiB; nothing of one that has ended.
fn memory(app: &App, line: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", app.pid())).ok()?;
    let told = status.lines().find_map(|of| of.strip_prefix(line)?.strip_prefix(':')?.trim().strip_suffix(" kB"));
    told?.parse().ok()
}

fn count(app: &App, text: &str) -> usize {
    app.lines().iter().filter(|line| begins(line, text)).count()
}

/// Whether a line begins with these words; the last one is whole, too.
fn begins(line: &str, text: &str) -> bool {
    line.strip_prefix(text).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}
