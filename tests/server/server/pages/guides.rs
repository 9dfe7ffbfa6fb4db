//! The README and the pages of `docs` that are for reading from top to bottom are true: what their terminals show is what happens,
//! and every page can be reached.
//!
//! Unlike the examples of a command, those of a guide are one story: they are played one after another on one server.

use super::page::{folder, Page};
use crate::harness::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Guides with nothing to play: they tell how it works, what it is beside others, or what takes more than one server, or another client, to show.
const WITHOUT_EXAMPLES: [&str; 12] = [
    "README",
    "benchmarks",
    "clients",
    "cluster",
    "compare",
    "console",
    "design",
    "glossary",
    "guarantees",
    "monitoring/README",
    "recipes/README",
    "servers",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn markdown(folder: PathBuf) -> impl Iterator<Item = Page> {
    let files = std::fs::read_dir(folder).expect("a folder of pages").map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|md| md == "md")).map(Page::read)
}

/// The pages of `docs` but those of the commands, by name as seen from there.
fn guides() -> Vec<(String, Page)> {
    let docs = root().join("docs");
    let folders = ["", "monitoring", "recipes"].map(|folder| docs.join(folder));
    let pages = folders.into_iter().flat_map(markdown);
    let name = |page: &Page| page.path.strip_prefix(&docs).unwrap().with_extension("").display().to_string();
    let mut named: Vec<_> = pages.map(|page| (name(&page), page)).collect();
    named.sort_by(|one, other| one.0.cmp(&other.0));
    named
}

/// Plays the page on a server whose clock is the test's: times are as people can type, and nobody waits for them.
fn play(page: &Page) {
    let mut clock = Clock::new();
    let server = Server::start_under(&clock, &[]);
    let is_over = AtomicBool::new(false);
    scope(|scope| {
        scope.spawn(|| {
            let mut observer = server.client();
            while !is_over.load(Ordering::Relaxed) {
                // Asking makes the server look at its clock, so what was due is out by now. Who waits still waits for a time to come.
                if observer.info("clients", "blocked_clients") != "0" {
                    clock.pass(STEP_MS);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let _over = Over(&is_over);
        let mut c = server.client();
        for (form, example) in page.played() {
            // Shown if the next line fails.
            eprintln!("an example of {}", page.path.display());
            c.replay_as(form, &example, |_| {});
        }
    });
}

/// So much time passes at once while a client waits: less than what a page waits for, and than what makes a difference on it.
const STEP_MS: i64 = 200;

/// Ends the thread that lets time pass, also if the page is not as it says.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn the_readme_shows_what_happens() {
    let readme = Page::read(root().join("README.md"));
    assert!(!readme.played().is_empty(), "the README shows nothing");
    play(&readme);
}

#[test]
fn guides_show_what_happens() {
    let guides = guides();
    for (name, page) in &guides {
        let is_empty = page.played().is_empty();
        assert_eq!(is_empty, WITHOUT_EXAMPLES.contains(&name.as_str()), "{name}: has it nothing to play?");
    }
    // Most of their time is starting servers and waiting for time to pass, so they do so side by side.
    scope(|scope| {
        for (_, page) in guides.iter().filter(|(_, page)| !page.played().is_empty()) {
            scope.spawn(|| play(page));
        }
    });
}

#[test]
fn every_page_can_be_reached_from_the_readme() {
    let mut reached: BTreeSet<PathBuf> = BTreeSet::new();
    let mut ahead = vec![Page::read(root().join("README.md"))];
    while let Some(page) = ahead.pop() {
        if reached.insert(page.path.canonicalize().expect("a page that exists")) {
            ahead.extend(page.linked());
        }
    }
    let all = guides().into_iter().map(|(_, page)| page).chain(Page::all());
    let lost: Vec<_> =
        all.map(|page| page.path.canonicalize().unwrap()).filter(|path| !reached.contains(path)).collect();
    assert!(lost.is_empty(), "no way leads to {lost:#?}");
}

#[test]
fn links_lead_somewhere() {
    let guides = guides().into_iter().map(|(_, page)| page);
    let readme = Page::read(root().join("README.md"));
    for page in guides.chain(Page::all()).chain([readme]) {
        for link in page.links().into_iter().filter(|link| !link.starts_with("https://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let path = page.path.parent().unwrap().join(file);
            let path = if file.is_empty() { page.path.clone() } else { path };
            assert!(path.exists(), "{} links {link}, which is not there", page.path.display());
            let has_anchor = || Page::read(path.clone()).anchors().iter().any(|have| have == anchor);
            assert!(anchor.is_empty() || has_anchor(), "{}: {link} is no heading there", page.path.display());
        }
    }
}

#[test]
fn commands_in_guides_exist() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let listed: BTreeSet<String> = super::listed(&mut c).into_iter().chain(super::internal()).collect();
    let (families, verbs): (BTreeSet<_>, BTreeSet<_>) = listed.iter().filter_map(|name| name.split_once('.')).unzip();
    let readme = Page::read(folder().join("../../README.md"));
    for page in guides().into_iter().map(|(_, page)| page).chain([readme]) {
        let words = page.text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'));
        for word in words.map(|word| word.trim_end_matches('.')) {
            let Some((family, verb)) = word.split_once('.') else { continue };
            let is_known = match family {
                "F" => verbs.contains(verb),
                _ => !families.contains(family) || listed.contains(word),
            };
            assert!(is_known, "{} tells of {word}, which is no command", page.path.display());
        }
    }
}
