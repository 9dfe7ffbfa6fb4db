//! The page of guarantees is numbered, each promise has its tests, and these exist. So have the recipes their promises from there.

use super::page::Page;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the tests are that the page names, by the first part of their names.
const SUITES: [(&str, &str); 9] = [
    ("server", "tests/server"),
    ("stalls", "tests/stalls"),
    ("cluster", "tests/cluster"),
    ("torture", "tests/torture"),
    ("model", "engine/tests/model"),
    ("sim", "engine/tests/sim"),
    ("exhaustive", "engine/tests/exhaustive"),
    ("snapshot", "engine/tests/snapshot"),
    ("engine", "engine/src"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> Page {
    Page::read(root().join("docs/guarantees.md"))
}

/// The names of tests in a piece of the page.
fn named(text: &str) -> Vec<&str> {
    let codes = text.split('`').skip(1).step_by(2);
    codes.filter(|code| code.contains("::") && !code.ends_with("::")).collect()
}

/// Whether a file has a test of this name, and not only a function.
fn has_test(text: &str, function: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let begins = |line: &&str| line.trim_start().starts_with(&format!("fn {function}("));
    lines.iter().position(begins).is_some_and(|at| {
        let mut attributes = lines[..at].iter().rev().take_while(|line| line.trim_start().starts_with("#["));
        attributes.any(|line| line.trim() == "#[test]")
    })
}

/// Whether there is such a test, in the file that its module is.
fn exists(name: &str) -> bool {
    let (suite, path) = name.split_once("::").expect("a name with a suite");
    let Some((_, folder)) = SUITES.iter().find(|(of, _)| *of == suite) else { return false };
    let (module, function) = path.rsplit_once("::").unwrap_or(("", path));
    let module = root().join(folder).join(module.replace("::", "/"));
    let is_there = |file: PathBuf| {
        let text = fs::read_to_string(file).unwrap_or_default();
        // The scenes of stalls are a list, from which their tests are made.
        let is_listed = suite == "stalls" && text.lines().any(|line| line.trim() == format!("{function},"));
        (is_listed && text.contains("#[test]")) || has_test(&text, function)
    };
    let file_of = |ending: &str| PathBuf::from(format!("{}{ending}", module.display()));
    // The tests of a suite that is one file beside its folder, too.
    [file_of(".rs"), module.join("mod.rs"), module.join("main.rs"), root().join(format!("{folder}.rs"))]
        .into_iter()
        .any(is_there)
}

#[test]
fn promises_are_numbered_and_each_has_its_tests() {
    let page = page();
    let promises: Vec<_> =
        page.text.split("\n## ").filter(|part| part.starts_with(|c: char| c.is_ascii_digit())).collect();
    for (nth, promise) in promises.iter().enumerate() {
        let heading = promise.lines().next().unwrap_or_default();
        assert!(heading.starts_with(&format!("{}. ", nth + 1)), "promise {} is headed {heading}", nth + 1);
        let (_, tests) =
            promise.split_once("\n- Fails otherwise: ").unwrap_or_else(|| panic!("{heading} has no tests"));
        assert!(named(tests).len() > 1, "{heading} has one test at most");
    }
    assert!(promises.len() > 20, "{} promises", promises.len());
}

#[test]
fn the_tests_of_the_promises_exist() {
    let page = page();
    let lost: Vec<_> = named(&page.text).into_iter().filter(|name| !exists(name)).collect();
    assert!(lost.is_empty(), "docs/guarantees.md names tests that are not there: {lost:#?}");
    assert!(!exists("server::tsgen::sink::no_such_test") && !exists("elsewhere::tsgen::sink::entries_arrive"));
}

#[test]
fn what_recipes_promise_is_among_the_promises() {
    let mut found = 0;
    for entry in fs::read_dir(root().join("docs/recipes")).expect("the recipes") {
        let page = Page::read(entry.expect("a recipe").path());
        for promise in page.text.split("\n\n").filter(|part| part.starts_with("**What is promised")) {
            found += 1;
            assert!(promise.contains("](../guarantees.md#"), "{} promises by itself: {promise}", page.path.display());
        }
    }
    assert!(found > 20, "{found} promises");
}
