//! Where a file of the Redis side may stand, and what it may import: the rules of docs/design.md, "The Redis side", read off the source. Also
//! what the engine's files import; whether a file is too long, or not compiled; and what must stand in several places: on that page and others,
//! and in the console.
//!
//! A path behind `crate::`, `super::` or `self::` imports the longest beginning of it that is a file, and so does a path that begins with a child
//! of the file; only `pub use child::…` hands on, and is no import.

mod commands;
mod compiled;
mod console;
mod design_page;
mod engine;
mod figures;
mod source;

use source::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The folders, and what each may import beside itself; in the order of imports, for `server` may import all that stand above it.
const FOLDERS: &[(&str, &[&str])] = &[
    ("redis", &[]),
    ("command", &["redis"]),
    ("delivery/timer", &["redis"]),
    ("delivery", &["redis", "command", "delivery/timer"]),
    ("throttle", &["redis", "command"]),
    ("tsgen", &["redis", "command", "delivery"]),
    ("debounce", &["redis", "command", "delivery"]),
    ("tally", &["redis", "command", "delivery"]),
    ("expiry", &["redis", "command", "delivery", "delivery/timer"]),
    ("server", &[]),
    ("lib.rs", &["redis", "server"]),
];

#[test]
fn files_stand_and_import_as_the_design_says() {
    let files = read_all();
    let imports = imports(&files);
    let families: BTreeSet<_> = files.keys().filter_map(|file| folder(file.strip_suffix("/family.rs")?)).collect();
    let families = &families - &BTreeSet::from(["delivery"]);
    assert!(families.contains("expiry"), "families were not found");
    let mut found = BTreeSet::new();
    for (file, source) in &files {
        found.extend(misplaced(file, source, &files));
        found.extend(wrong_imports(file, &imports[file], &families));
        if reaches(file, file, &imports) {
            found.insert(format!("{file} is in a circle"));
        }
    }
    let found: Vec<_> = found.into_iter().map(|breach| format!("    {breach}\n")).collect();
    assert!(found.is_empty(), "against the rules of docs/design.md, \"The Redis side\":\n{}", found.concat());
}

/// A file is one noun: a longer one has two.
#[test]
fn no_file_is_longer_than_400_lines() {
    let mut long = Vec::new();
    for folder in ["src", "engine/src", "engine/tests", "tests", "cli/src", "cli/tests", "clients/rust"] {
        for (file, lines) in files(folder, ".rs") {
            if lines.lines().count() > 400 {
                long.push(format!("{folder}/{file}"));
            }
        }
    }
    assert!(long.is_empty(), "files of more than 400 lines: {long:?}");
}

/// The test itself would be of no use if it read nothing.
#[test]
fn paths_are_read_as_the_compiler_reads_them() {
    let files: BTreeMap<String, Source> = [
        ("lib.rs", "mod a; mod b; fn f() { a::g(); }"),
        ("a/mod.rs", "pub mod c; pub mod d; pub use c::C; use crate::{b, a::d::{self, X as Y}};"),
        ("a/c.rs", "// crate::b\n/* crate::b /* super::d */ */ const S: &str = \"crate::b\"; fn f<'a>(x: &'a str) -> char { 'c' }"),
        ("a/d.rs", "use super::{c::C, E}; mod inner { use super::super::c; use super::super::super::b::B; }"),
        ("b.rs", "macro_rules! m { () => { $crate::a::c::C } } const R: &[u8] = br#\"\" crate::a::d\"#;"),
    ]
    .into_iter()
    .map(|(file, text)| (file.to_owned(), Source::read(text)))
    .collect();
    let imports = imports(&files);
    let of = |file: &str| imports[file].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(of("lib.rs"), ["a/mod.rs"]);
    assert_eq!(of("a/mod.rs"), ["a/d.rs", "b.rs"]);
    assert_eq!(of("a/c.rs"), [""; 0]);
    assert_eq!(of("a/d.rs"), ["a/c.rs", "a/mod.rs", "b.rs"]);
    assert_eq!(of("b.rs"), ["a/c.rs"]);
    assert!(reaches("a/d.rs", "a/d.rs", &imports) && !reaches("a/c.rs", "a/c.rs", &imports));
}

/// Which folder a file is in: the longest that fits.
fn folder(file: &str) -> Option<&'static str> {
    let fits = |folder: &str| file == folder || file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    FOLDERS.iter().map(|(folder, _)| *folder).filter(|folder| fits(folder)).max_by_key(|folder| folder.len())
}

fn is_command(file: &str) -> bool {
    file.contains("/commands/") && !file.ends_with("/mod.rs")
}

/// What a file must not have where it stands.
fn misplaced(file: &str, source: &Source, files: &BTreeMap<String, Source>) -> Vec<String> {
    let mut found = Vec::new();
    let Some(folder) = folder(file) else { return vec![format!("{file} is in no folder")] };
    let has = |word: &str| source.count(&[word]) > 0;
    if folder != "redis" && (has("unsafe") || (has("unsafe_code") && has("allow"))) {
        found.push(format!("{file} is unsafe"));
    }
    let commands = source.count(&["Command", "for"]);
    let most = usize::from(is_command(file));
    if commands != most && !(most == 0 && folder == "server" && commands == 1) {
        found.push(format!("{file} has {commands} commands"));
    }
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let has_children = files.keys().any(|other| other.strip_prefix(stem).is_some_and(|rest| rest.starts_with('/')));
    assert!(!has_children, "{file}: a module with children is a mod.rs");
    found
}

/// Imports that point up, or to a command, or name a family where only the list of them may.
fn wrong_imports(file: &str, imported: &BTreeSet<String>, families: &BTreeSet<&str>) -> Vec<String> {
    let Some(own) = folder(file) else { return Vec::new() };
    let row = FOLDERS.iter().position(|(folder, _)| *folder == own).expect("a folder of the list");
    let above = FOLDERS[..row].iter().map(|(folder, _)| *folder);
    let allowed = if own == "server" { above.collect() } else { FOLDERS[row].1.to_vec() };
    let is_allowed = |other: &str| {
        let Some(theirs) = folder(other) else { return false };
        let by_list = file.strip_suffix("mod.rs").is_some_and(|list| other.starts_with(list));
        let is_named = own == "server" && file != "server/families.rs" && families.contains(theirs);
        (theirs == own || allowed.contains(&theirs)) && (!is_command(other) || by_list) && !is_named
    };
    imported.iter().filter(|other| !is_allowed(other)).map(|other| format!("{file} imports {other}")).collect()
}

/// Whether one file imports another, in some steps.
fn reaches(from: &str, to: &str, imports: &BTreeMap<String, BTreeSet<String>>) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        for imported in &imports[file] {
            if imported == to {
                return true;
            }
            if seen.insert(imported.as_str()) {
                next.push(imported);
            }
        }
    }
    false
}

/// The files of `src/`.
fn read_all() -> BTreeMap<String, Source> {
    let files: BTreeMap<_, _> =
        files("src", ".rs").into_iter().map(|(file, text)| (file, Source::read(&text))).collect();
    assert!(files.len() > 50 && files.contains_key("lib.rs"), "src was not read");
    files
}

/// A file of the project.
fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file))
        .unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The files of a folder and of those inside of it whose names end like this, by their paths from there, with their text.
fn files(folder: &str, ending: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut files, mut folders) = (BTreeMap::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the project") {
            let path: PathBuf = entry.expect("an entry of a folder").path();
            let name = path.strip_prefix(&root).expect("inside of it").to_string_lossy().replace('\\', "/");
            let is_ours = |part: &str| !part.starts_with('.') && part != "target" && part != "node_modules";
            if path.is_dir() && name.split('/').all(is_ours) {
                folders.push(path);
            } else if path.is_file() && name.ends_with(ending) {
                files.insert(name, fs::read_to_string(&path).expect("a source file"));
            }
        }
    }
    files
}

/// The files that each file imports, itself left out.
fn imports(files: &BTreeMap<String, Source>) -> BTreeMap<String, BTreeSet<String>> {
    let modules: BTreeMap<Vec<String>, String> = files.keys().map(|file| (module_of(file), file.clone())).collect();
    let file_of = |path: &[String]| {
        (0..=path.len()).rev().find_map(|length| modules.get(&path[..length])).expect("at least lib.rs").clone()
    };
    let of = |(file, source): (&String, &Source)| {
        let paths = source.paths(&module_of(file));
        let imported = paths.iter().map(|path| file_of(path)).filter(|other| other != file).collect();
        (file.clone(), imported)
    };
    files.iter().map(of).collect()
}

/// `a/b.rs` and `a/b/mod.rs` are `a::b`.
fn module_of(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let stem = stem.strip_suffix("/mod").unwrap_or(if stem == "lib" { "" } else { stem });
    stem.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
