//! Reads a scenario and plays it, line by line. `README.md` has the list of what a line may be.

use crate::harness::*;
use crate::languages::Language;
use crate::proxy::Proxy;
use crate::topology::{pass, Topology};
use crate::workers::Workers;
use std::fs;
use std::path::PathBuf;

fn folder() -> PathBuf {
    workspace().join("clients/conformance/scenarios")
}

/// The names of all scenarios.
pub fn files() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the folder of scenarios");
    entries.map(|entry| entry.expect("a file").path().file_stem().expect("a name").to_string_lossy().into()).collect()
}

/// What it is about: the remark that it begins with.
pub fn summary(name: &str) -> String {
    let text = fs::read_to_string(folder().join(name).with_extension("txt")).expect("a scenario");
    let first = text.lines().next().and_then(|line| line.strip_prefix("# ")).expect("a remark");
    first.to_owned()
}

/// Plays one with workers of this language. What fails is told with its line.
pub fn play(name: &str, language: &Language) {
    let text = fs::read_to_string(folder().join(name).with_extension("txt")).expect("a scenario");
    let lines = text.lines().enumerate().map(|(nth, line)| (nth + 1, line.trim()));
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (_, first) = lines.next().expect("a line that says which servers there are");
    // Workers first: they are let go of before the servers.
    let topology = Topology::start(&first.split(' ').collect::<Vec<_>>());
    let mut stage =
        Stage { workers: Workers::default(), topology, language, bindings: Bindings::new(), sent: Vec::new() };
    for (nth, line) in lines {
        let failed = Failed { place: format!("{name}.txt:{nth}: {line}") };
        stage.step(line);
        std::mem::forget(failed);
    }
}

/// Says where a scenario stood when it failed.
struct Failed {
    place: String,
}

impl Drop for Failed {
    fn drop(&mut self) {
        eprintln!("--- failed at {} ---", self.place);
    }
}

struct Stage<'a> {
    workers: Workers,
    topology: Topology,
    language: &'a Language,
    bindings: Bindings,
    /// Connections with commands whose replies nobody waits for.
    sent: Vec<Client>,
}

impl Stage<'_> {
    #[track_caller]
    fn step(&mut self, line: &str) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            ">" => self.redis(rest),
            "until" => self.until(rest),
            "send" => self.send(rest),
            "add" => self.add(rest),
            _ => self.short(verb, rest),
        }
    }

    #[track_caller]
    fn short(&mut self, verb: &str, rest: &str) {
        let (name, more) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "worker" => {
                let url = self.topology.url();
                self.workers.start(name, self.language, more, &url, None);
            }
            "worker-that-fails" => {
                let url = self.topology.url();
                self.workers.launch(name, self.language, more, &url, None);
            }
            "worker-behind-proxy" => {
                let proxy = Proxy::to(self.topology.single().port);
                self.workers.start(name, self.language, more, "", Some(proxy));
            }
            "prints" => {
                let (times, text) = more.split_once(' ').expect("how often, and what");
                self.workers.prints(name, times.parse().expect("how often"), text);
            }
            "never" => self.workers.assert_never(name, more),
            "signal" if name == "server" => self.topology.single().signal(more),
            "signal" => self.workers.app(name).signal(more),
            "kill" if name == "server" => self.topology.single().stop(Stop::Kill),
            "kill" => self.workers.app(name).kill(),
            "start" => self.topology.single().start_again(),
            "exits" => {
                let status = self.workers.app(name).end();
                assert_eq!(status.code(), Some(more.parse().expect("an exit code")), "how {name} ended: {status}");
            }
            "cut" => self.workers.proxy(name).cut_at(more),
            "is-cut" => {
                let proxy = self.workers.proxy(name);
                wait_until("the connection was cut", || proxy.has_cut());
            }
            "failover" => self.topology.fail_over(),
            "move" => self.topology.move_slot(name),
            "pass" => pass(name),
            "once" => self.workers.each_once(name.parse().expect("how many jobs")),
            "memory" => {
                let (jobs, most) = more.split_once(' ').expect("how many jobs, and KiB");
                let number = |text: &str| text.parse().expect("a number");
                self.workers.assert_memory(name, number(jobs), number(most));
            }
            "apart" => self.workers.assert_apart(),
            "order" => self.workers.assert_order(name, &more.split(' ').collect::<Vec<_>>()),
            _ => panic!("no line of a scenario begins with {verb:?}"),
        }
    }

    /// `> command` must not be refused; with `=> pattern` its reply must be that.
    #[track_caller]
    fn redis(&mut self, rest: &str) {
        let (command, pattern) = rest.split_once(" => ").map_or((rest, None), |(a, b)| (a, Some(b)));
        let reply = self.topology.run(&fill(command, &self.bindings));
        match pattern {
            Some(pattern) => assert!(matches(pattern, &reply.to_string(), &mut self.bindings), "{command}: {reply}"),
            None => assert!(!reply.is_error(), "{command}: {reply}"),
        }
    }

    #[track_caller]
    fn until(&mut self, rest: &str) {
        let (command, pattern) = rest.split_once(" => ").expect("until command => pattern");
        let command = fill(command, &self.bindings);
        let mut last = None;
        let is_so = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(rest, || {
                let reply = self.topology.run(&command).to_string();
                let is_match = matches(pattern, &reply, &mut self.bindings);
                last = Some(reply);
                is_match
            });
        }));
        assert!(is_so.is_ok(), "{command} replies {}", last.unwrap_or_default());
    }

    /// Sends a command without waiting: to a server that is stopped.
    #[track_caller]
    fn send(&mut self, rest: &str) {
        let mut client = self.topology.single().client();
        client.send(&words(rest).iter().map(Vec::as_slice).collect::<Vec<_>>());
        self.sent.push(client);
    }

    /// `add key count prefix payload`: elements that are due, all in one go. The payload has no blanks.
    #[track_caller]
    fn add(&mut self, rest: &str) {
        let [key, count, prefix, payload] = rest.splitn(4, ' ').collect::<Vec<_>>()[..] else {
            panic!("add key count prefix payload");
        };
        let count: usize = count.parse().expect("how many");
        let elements: String = (1..=count).map(|nth| format!(" 1ms {prefix}{nth} {payload}")).collect();
        let reply = self.topology.run(&format!("TSGEN.MADD {key}{elements}"));
        assert!(!reply.is_error(), "{reply}");
    }
}
