//! What docs/design.md has of the source: files, and the folders with their imports. Who adds one says there what it is.

use super::{files, is_command, read, read_all, FOLDERS};
use std::collections::BTreeSet;

fn page() -> String {
    read("docs/design.md")
}

/// Who adds a file says on the page what is in it.
#[test]
fn it_names_every_file() {
    let page = page();
    let files = read_all();
    let mut missing = Vec::new();
    for file in files.keys().filter(|file| !is_command(file)) {
        let (in_folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        let stem = name.trim_end_matches(".rs");
        // Those of `redis/` are named for what they wrap in redismodule.h.
        if !matches!(in_folder, "" | "redis") && stem != "mod" && !named(&page, in_folder).contains(stem) {
            missing.push(file);
        }
    }
    assert!(missing.is_empty(), "not in the table of docs/design.md, \"The Redis side\": {missing:?}");
}

#[test]
fn it_names_every_file_of_the_engine() {
    let page = page();
    let table = page.split("**Engine files.**").nth(1).and_then(|rest| rest.split("**The Redis side**").next());
    let rows: Vec<(Vec<&str>, BTreeSet<&str>)> = table
        .expect("the table of engine files")
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "))
        .map(|(of, row)| (of.split('`').skip(1).step_by(2).collect(), row.split('`').skip(1).step_by(2).collect()))
        .collect();
    let is_named = |path: &str| {
        let (_, stem) = path.rsplit_once('/').unwrap_or(("", path));
        let of = rows.iter().flat_map(|(of, _)| of).filter(|of| format!("{path}/").starts_with(&format!("{of}/")));
        let longest = of.max_by_key(|of| of.len());
        longest.is_some_and(|of| *of == path || rows.iter().any(|(all, row)| all.contains(of) && row.contains(stem)))
    };
    let files = files("engine/src", ".rs");
    let paths = files.keys().map(|file| file.trim_end_matches(".rs"));
    let code = paths.filter(|path| !path.split('/').any(|part| part == "tests" || part == "lib"));
    let missing: Vec<_> = code.filter(|path| !is_named(path)).collect();
    assert!(missing.is_empty(), "not in the table of docs/design.md, \"Engine files\": {missing:?}");
}

/// What the table of folders has in backticks in the rows of a folder.
fn named<'a>(page: &'a str, folder: &str) -> BTreeSet<&'a str> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let of_folder = rows.filter(|(folders, _)| folders.contains(&format!("`{folder}/`")));
    of_folder.flat_map(|(_, row)| row.split('`').skip(1).step_by(2)).collect()
}

/// What stands left on a line of imports may be imported by what stands right, if the list of folders says so.
#[test]
fn it_draws_the_imports() {
    let page = page();
    let drawn: Vec<Vec<BTreeSet<&str>>> = page
        .lines()
        .filter(|line| line.starts_with("    redis <- "))
        .map(|line| line.split("<-").map(|level| level.split(',').map(str::trim).collect()).collect())
        .collect();
    let named: BTreeSet<&str> = drawn.iter().flatten().flatten().copied().collect();
    assert_eq!(named, FOLDERS.iter().map(|(folder, _)| *folder).collect(), "the folders in the lines of imports");
    let stands_left = |one: &str, other: &str| {
        drawn.iter().any(|line| {
            let level_of = |folder: &str| line.iter().position(|level| level.contains(folder));
            matches!((level_of(one), level_of(other)), (Some(one), Some(other)) if one < other)
        })
    };
    for (folder, imported) in FOLDERS {
        let wrong: Vec<_> = imported.iter().filter(|imported| !stands_left(imported, folder)).collect();
        assert!(wrong.is_empty(), "{folder} may import {wrong:?}, and is not drawn to the right of it");
    }
}
