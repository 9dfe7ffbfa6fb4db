//! Where a file of the Redis side may stand, and what it may import: the rules of docs/design.md, "The Redis side", read off the source. Also
//! whether that page names every file, and whether one is too long.
//!
//! A path behind `crate::`, `super::` or `self::` imports the longest beginning of it that is a file, and so does a path that begins with a child
//! of the file; only `pub use child::…` hands on, and is no import.

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
    let files = read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut long = Vec::new();
    for folder in ["src", "engine/src", "engine/tests", "tests", "cli/src", "cli/tests", "clients/rust"] {
        for (file, lines) in rust_files(&root.join(folder)) {
            if lines.lines().count() > 400 {
                long.push(format!("{folder}/{file}"));
            }
        }
    }
    assert!(long.is_empty(), "files of more than 400 lines: {long:?}");
}

/// Who adds a file says on the page what is in it.
#[test]
fn the_design_page_names_every_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/design.md")).expect("the page");
    let files = read_all(&root.join("src"));
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
fn the_design_page_names_every_file_of_the_engine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/design.md")).expect("the page");
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
    let files = rust_files(&root.join("engine/src"));
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
    let has = |word: &str| source.tokens.iter().any(|token| token == word);
    if folder != "redis" && (has("unsafe") || (has("unsafe_code") && has("allow"))) {
        found.push(format!("{file} is unsafe"));
    }
    let commands = source.tokens.windows(2).filter(|pair| pair[0] == "Command" && pair[1] == "for").count();
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

fn read_all(src: &Path) -> BTreeMap<String, Source> {
    let files: BTreeMap<_, _> = rust_files(src).into_iter().map(|(file, text)| (file, Source::read(&text))).collect();
    assert!(files.len() > 50 && files.contains_key("lib.rs"), "src was not read");
    files
}

/// The Rust files of a folder and those inside of it, by their paths from there, with their text.
fn rust_files(root: &Path) -> BTreeMap<String, String> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the project") {
            let path: PathBuf = entry.expect("an entry of a folder").path();
            let name = path.strip_prefix(root).expect("inside of it").to_string_lossy().replace('\\', "/");
            if path.is_dir() && !name.split('/').any(|part| part == "target" || part == "node_modules") {
                folders.push(path);
            } else if name.ends_with(".rs") {
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

/// A source file: its words and signs, without comments and without what stands in quotes.
struct Source {
    tokens: Vec<String>,
}

impl Source {
    fn read(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let (mut tokens, mut at) = (Vec::new(), 0);
        while let Some(char) = chars.get(at) {
            let next = chars.get(at + 1).copied().unwrap_or(' ');
            match *char {
                '/' if next == '/' => at += chars[at..].iter().take_while(|char| **char != '\n').count(),
                '/' if next == '*' => at = end_of_comment(&chars, at),
                '"' => at = end_of_quote(&chars, at + 1, '"'),
                // A lifetime has no second quote.
                '\'' if next == '\\' || chars.get(at + 2) == Some(&'\'') => at = end_of_quote(&chars, at + 1, '\''),
                char if char.is_alphanumeric() || char == '_' => {
                    let word: String = chars[at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
                    at += word.chars().count();
                    match (word.as_str(), chars.get(at)) {
                        ("r" | "br" | "cr", Some('#' | '"')) => at = end_of_raw(&chars, at),
                        _ => tokens.push(word),
                    }
                }
                ':' if next == ':' => {
                    tokens.push("::".to_owned());
                    at += 2;
                }
                char => {
                    if !char.is_whitespace() {
                        tokens.push(char.to_string());
                    }
                    at += 1;
                }
            }
        }
        Source { tokens }
    }

    fn token(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", String::as_str)
    }

    /// All paths that lead from this module into the crate, from its root.
    fn paths(&self, module: &[String]) -> Vec<Vec<String>> {
        let children: BTreeSet<&str> = (0..self.tokens.len())
            .filter(|at| self.token(*at) == "mod" && self.token(at + 2) == ";")
            .map(|at| self.token(at + 1))
            .collect();
        // The depths at which modules inside of this file began.
        let (mut paths, mut depth, mut inner, mut at) = (Vec::new(), 0, Vec::new(), 0);
        while at < self.tokens.len() {
            match self.token(at) {
                "mod" if self.token(at + 2) == "{" => inner.push(depth),
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if inner.last() == Some(&depth) {
                        inner.pop();
                    }
                }
                word if self.token(at.wrapping_sub(1)) != "::" => {
                    let hands_on = self.token(at.wrapping_sub(1)) == "use"
                        && matches!(self.token(at.wrapping_sub(2)), "pub" | ")");
                    let begins = match word {
                        "crate" | "super" | "self" => self.token(at + 1) == "::",
                        child => {
                            children.contains(child) && inner.is_empty() && self.token(at + 1) == "::" && !hands_on
                        }
                    };
                    // `crate` in the braces of a `use` cannot be, and `self` there is the module that it is in.
                    if begins {
                        let mut here = module.to_vec();
                        here.extend(inner.iter().map(|_| String::new()));
                        let end = self.spell_out(at, here, &mut paths);
                        at = end;
                        continue;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        paths
    }

    /// Spells out the path, or the tree of paths, that begins here; where it ends.
    fn spell_out(&self, mut at: usize, mut path: Vec<String>, paths: &mut Vec<Vec<String>>) -> usize {
        loop {
            match self.token(at) {
                "{" => {
                    at += 1;
                    while self.token(at) != "}" {
                        at = self.spell_out(at, path.clone(), paths);
                        if self.token(at) == "," {
                            at += 1;
                        }
                    }
                    return at + 1;
                }
                "crate" => path.clear(),
                "super" => drop(path.pop()),
                "self" => {}
                part => path.push(part.to_owned()),
            }
            at += 1;
            if self.token(at) != "::" || self.token(at + 1) == "<" {
                break;
            }
            at += 1;
        }
        if self.token(at) == "as" {
            at += 2;
        }
        paths.push(path);
        at
    }
}

fn end_of_comment(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (at, depth) = (at + 2, depth + 1),
            ('*', Some('/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn end_of_quote(chars: &[char], from: usize, quote: char) -> usize {
    let mut at = from;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn end_of_raw(chars: &[char], from: usize) -> usize {
    let fences = chars[from..].iter().take_while(|char| **char == '#').count();
    let mut at = from + fences + 1;
    while at < chars.len() && !(chars[at] == '"' && chars[at + 1..].iter().take(fences).all(|char| *char == '#')) {
        at += 1;
    }
    at + 1 + fences
}
