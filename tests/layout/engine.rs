//! What a file of the engine imports: the order that docs/design.md draws below the table of engine files.

use super::{files, imports, read, Source};
use std::collections::{BTreeMap, BTreeSet};

/// The files of the engine, each with the folder beside it. Each imports those of its own line and of the lines before it.
const LINES: &[&[&str]] = &[
    &[
        "time",
        "error",
        "token",
        "options",
        "duration",
        "hashing",
        "rubbish",
        "mover",
        "snapshot/bytes",
        "snapshot/chunks",
    ],
    &["entries", "order", "names", "shards", "slab", "prefixes", "schedule", "pass"],
    &["grants", "groups"],
    &["gate"],
    &["queue"],
    &["delivery", "compact", "buffers"],
    GATES,
    &["snapshot"],
    &["throttle"],
];

/// They do not import each other.
const GATES: &[&str] = &["gate/watermark", "gate/idle", "gate/window", "gate/ttl"];

#[test]
fn the_engine_imports_one_way() {
    let is_code = |file: &str| file != "lib.rs" && file.split('/').all(|part| part != "tests" && part != "tests.rs");
    let sources: BTreeMap<_, _> =
        files("engine/src", ".rs").into_iter().map(|(file, text)| (file, Source::read(&text))).collect();
    assert!(sources.len() > 50, "engine/src was not read");
    let imports = imports(&sources);
    let mut breaches = BTreeSet::new();
    for (file, imported) in imports.iter().filter(|(file, _)| is_code(file)) {
        let own = Place::of(file);
        for other in imported {
            let theirs = Place::of(other);
            let is_beside = theirs.line == own.line && !GATES.contains(&own.unit);
            if theirs.line >= own.line && theirs.unit != own.unit && !is_beside {
                breaches.insert((file.as_str(), other.as_str()));
            }
        }
    }
    assert_eq!(breaches, BTreeSet::new(), "against the order that docs/design.md draws");
}

#[test]
fn the_page_draws_these_lines() {
    let drawing: String = LINES.iter().map(|line| line.join(", ")).collect::<Vec<_>>().join(" <- ");
    let page = read("docs/design.md");
    let drawn: Vec<&str> =
        page.lines().skip_while(|line| !line.starts_with("    time, ")).take_while(|line| !line.is_empty()).collect();
    let drawn = drawn.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(drawn, drawing, "the imports of the engine in docs/design.md");
}

/// Where a file stands in `LINES`.
#[derive(Clone, Copy)]
struct Place {
    line: usize,
    unit: &'static str,
}

impl Place {
    fn of(file: &str) -> Place {
        let unit = unit_of(file);
        let line = LINES.iter().position(|line| line.contains(&unit));
        Place { line: line.unwrap_or_else(|| panic!("engine/src/{file} is in no line of `LINES`")), unit }
    }
}

/// The longest name of a file of `LINES` that this file has, or is in the folder of.
fn unit_of(file: &str) -> &'static str {
    let path = file.trim_end_matches(".rs");
    let has = |unit: &str| path.strip_prefix(unit).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let units = LINES.iter().copied().flatten().copied();
    units.filter(|unit| has(unit)).max_by_key(|unit| unit.len()).unwrap_or_default()
}
