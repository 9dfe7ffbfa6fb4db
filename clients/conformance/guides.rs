//! The workers that the README and the tutorials show do what these pages say: a program, what gives it work, and what it prints.

use crate::harness::*;
use crate::languages::PYTHON;
use std::fs;
use std::path::{Path, PathBuf};

/// The section "A worker" of a page.
struct Section(String);

impl Section {
    #[track_caller]
    fn of(page: &str) -> Self {
        let text = fs::read_to_string(workspace().join(page)).expect("the page");
        let start = ["\n## A worker\n", "\n### A worker\n"].iter().find_map(|title| text.split_once(title));
        let (_, rest) = start.unwrap_or_else(|| panic!("{page} has no section about a worker"));
        Section(rest.split("\n## ").next().and_then(|rest| rest.split("\n### ").next()).expect("a part").to_owned())
    }

    #[track_caller]
    fn block(&self, language: &str) -> &str {
        let (_, rest) = self.0.split_once(&format!("```{language}\n")).unwrap_or_else(|| panic!("no {language}"));
        rest.split("```").next().expect("a part")
    }

    /// The program for a server on this port.
    #[track_caller]
    fn program(&self, language: &str, port: u16) -> String {
        let text = self.block(language);
        assert_eq!(text.matches("6379").count(), 1, "the port in the program of {language}");
        text.replace("6379", &port.to_string())
    }

    /// What it says that a program prints: all that is in backticks in the sentence with `prints`.
    fn printed(&self) -> Vec<&str> {
        let sentence = self.0.lines().find_map(|line| line.split_once(" prints ")).map_or("", |(_, rest)| rest);
        let end = sentence.find(". ").unwrap_or(sentence.len());
        sentence[..end].trim_end_matches('.').split('`').skip(1).step_by(2).collect()
    }
}

/// The worker of the README in this language, as a file for a server on this port.
#[track_caller]
pub fn write_readme_worker(language: &str, port: u16, file: &Path) {
    fs::write(file, Section::of("README.md").program(language, port)).expect("write the program");
}

/// What the README gives these workers is worked on by this one.
#[track_caller]
pub fn readme_worker_works(server: &Server, mut worker: App) {
    let mut c = server.client();
    c.replay_as(Form::Terminal, Section::of("README.md").block("redis-cli"), |_| {});
    worker.line_with("to ada@example.org");
    assert_eq!(worker.terminate(), Some(0));
    // Neither a library nor the client below it complains of anything.
    for complaint in ["failed", "error", "warn"] {
        assert_eq!(worker.lines_with(complaint), Vec::<String>::new());
    }
    assert_eq!(c.ok("TSGEN.INFO emails").field("acked"), &Reply::Int(1));
}

fn python(file: &Path) -> App {
    let environment = [("PYTHONPATH", workspace().join("clients/python/src")), ("PYTHONUNBUFFERED", "1".into())];
    App::start_with(PYTHON.program(), &[&file.display().to_string()], &environment)
}

#[test]
fn the_worker_of_the_readme_works_in_python() {
    let server = Server::start(&[]);
    let file = server.folder().join("worker.py");
    write_readme_worker("python", server.port, &file);
    readme_worker_works(&server, python(&file));
}

/// The worker of a tutorial, on a key as the tutorial has made it, with short times.
#[track_caller]
fn tutorial(family: &str, create: &str) {
    let section = Section::of(&format!("docs/tutorial-{family}.md"));
    let server = Server::start(&[]);
    let mut c = server.client();
    c.expect(create, "OK");
    let file: PathBuf = server.folder().join("worker.py");
    fs::write(&file, section.program("python", server.port)).expect("write the program");
    let mut worker = python(&file);
    c.replay_as(Form::Terminal, section.block("redis-cli"), |_| {});
    let printed = section.printed();
    assert!(!printed.is_empty(), "the page does not say what is printed");
    for line in printed {
        assert_eq!(worker.line_with(line), line);
    }
    assert_eq!(worker.terminate(), Some(0));
}

#[test]
fn the_worker_of_the_tutorial_of_tsgen_works() {
    tutorial("tsgen", "TSGEN.CREATE mails CLOCK");
}

#[test]
fn the_worker_of_the_tutorial_of_debounce_works() {
    tutorial("debounce", "DEBOUNCE.CREATE scans IDLE 100");
}

#[test]
fn the_worker_of_the_tutorial_of_expiry_works() {
    tutorial("expiry", "EXPIRY.CREATE checkouts PREFIX order:");
}

#[test]
fn the_worker_of_the_tutorial_of_tally_works() {
    tutorial("tally", "TALLY.CREATE likes EVERY 100");
}
