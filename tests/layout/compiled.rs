//! Whether each Rust file of the project is compiled: a file that no `mod` leads to is not, so what it tests is not tested, and nothing says so.

use super::files;
use super::source::Source;
use std::collections::{BTreeMap, BTreeSet};

/// Shared libraries that tests build themselves.
const BUILT_BY_TESTS: &str = "tests/shim/";

/// A path that stands in a file, seen from the project.
fn beside(file: &str, path: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The paths that stand in quotes behind this word.
fn quoted<'a>(file: &'a str, text: &'a str, word: &'a str) -> impl Iterator<Item = String> + 'a {
    text.split(word).skip(1).filter_map(|rest| rest.split('"').next()).map(move |path| beside(file, path))
}

/// The files with which Cargo begins: those that it finds by itself, and those that a package names.
fn first(rust: &BTreeMap<String, String>, packages: &BTreeMap<String, String>) -> BTreeSet<String> {
    let named: BTreeSet<String> = packages.iter().flat_map(|(file, text)| quoted(file, text, "path = \"")).collect();
    let is_first = |file: &&String| {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        let package = folder.strip_suffix("tests").map(|before| format!("{before}Cargo.toml"));
        matches!(name, "main.rs" | "lib.rs")
            || named.contains(*file)
            || package.is_some_and(|package| packages.contains_key(&package))
            || file.starts_with(BUILT_BY_TESTS)
    };
    rust.keys().filter(is_first).cloned().collect()
}

/// Where the modules of a file may stand, and the files that it names itself.
fn next(file: &str, text: &str, is_first: bool) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let folder = if is_first { stem.rsplit_once('/').map(|(folder, _)| folder) } else { stem.strip_suffix("/mod") };
    let folder = folder.unwrap_or(stem);
    let source = Source::read(text);
    let places = |name: &&str| [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")];
    let modules = source.modules();
    let named = quoted(file, text, "path = \"").chain(quoted(file, text, "include!(\""));
    modules.iter().flat_map(places).chain(named).collect()
}

/// The files to which nothing leads.
fn lost(rust: &BTreeMap<String, String>, packages: &BTreeMap<String, String>) -> Vec<String> {
    let first = first(rust, packages);
    let (mut seen, mut to_see) = (BTreeSet::new(), Vec::from_iter(first.clone()));
    while let Some(file) = to_see.pop() {
        let Some(text) = rust.get(&file) else { continue };
        let is_first = first.contains(&file);
        if seen.insert(file.clone()) {
            to_see.extend(next(&file, text, is_first));
        }
    }
    rust.keys().filter(|file| !seen.contains(*file)).cloned().collect()
}

#[test]
fn every_file_is_compiled() {
    let rust = files("", ".rs");
    assert!(rust.len() > 500, "{} files were found", rust.len());
    assert_eq!(lost(&rust, &files("", "Cargo.toml")), [""; 0], "no mod leads to them");
}

/// The test itself would be of no use if all were found.
#[test]
fn a_file_to_which_nothing_leads_is_found() {
    let of = |files: &[(&str, &str)]| {
        files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let packages = of(&[("Cargo.toml", "[[test]]\npath = \"tests/named/tests.rs\"")]);
    let rust = of(&[
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", "mod c;"),
        ("src/a/c.rs", "// mod d;"),
        ("src/a/d.rs", ""),
        ("src/b/mod.rs", "pub mod e { }"),
        ("src/b/e.rs", ""),
        ("tests/alone.rs", ""),
        ("tests/named/tests.rs", "#[path = \"../harness/mod.rs\"] mod harness; mod beside;"),
        ("tests/named/beside.rs", ""),
        ("tests/named/forgotten/mod.rs", ""),
        ("tests/harness/mod.rs", "include!(\"told.rs\");"),
        ("tests/harness/told.rs", ""),
    ]);
    assert_eq!(lost(&rust, &packages), ["src/a/d.rs", "src/b/e.rs", "tests/named/forgotten/mod.rs"]);
}
