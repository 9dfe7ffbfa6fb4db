//! A page of the documentation, read: what stands where on it.

use crate::harness::Form;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the pages are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands")
}

/// One file of Markdown.
pub struct Page {
    /// As seen from the folder of pages, without `.md`: `tsgen.claim`, `delivery/claim`.
    pub name: String,
    pub path: PathBuf,
    pub text: String,
}

/// The first row of the first table: what the server has to say the same of.
#[derive(Debug, PartialEq, Eq)]
pub struct Facts {
    pub since: String,
    pub complexity: String,
    pub flags: String,
    pub keys: String,
}

impl Page {
    pub fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.strip_prefix(folder()).unwrap_or(&path).with_extension("").display().to_string();
        Page { name, path, text }
    }

    /// All pages, sorted by name.
    pub fn all() -> Vec<Self> {
        let files =
            |folder: PathBuf| fs::read_dir(&folder).expect("a folder of pages").map(|entry| entry.unwrap().path());
        let all = files(folder()).chain(files(folder().join("delivery")));
        let mut pages: Vec<_> =
            all.filter(|path| path.extension().is_some_and(|md| md == "md")).map(Page::read).collect();
        pages.sort_by(|one, other| one.name.cmp(&other.name));
        pages
    }

    /// Whether it is about a delivery command of all families.
    pub fn is_shared(&self) -> bool {
        self.name.starts_with("delivery/")
    }

    fn line_after<'p>(&'p self, what: &str, is: impl Fn(&str) -> bool) -> &'p str {
        self.text.lines().find(|line| is(line)).unwrap_or_else(|| panic!("{} has no {what}", self.name))
    }

    pub fn title(&self) -> &str {
        self.line_after("title", |line| line.starts_with("# ")).trim_start_matches("# ")
    }

    /// The command's name and what it takes.
    pub fn syntax(&self) -> &str {
        self.line_after("syntax", |line| line.starts_with("    ")).trim()
    }

    /// The sentence under the syntax, without its full stop.
    pub fn summary(&self) -> &str {
        let line = self.text.lines().skip_while(|line| !line.starts_with("    ")).skip(1).find(|line| !line.is_empty());
        line.and_then(|line| line.strip_suffix('.')).unwrap_or_else(|| panic!("{} has no summary", self.name))
    }

    pub fn facts(&self) -> Facts {
        let mut rows = self.text.lines().filter(|line| line.starts_with('|'));
        assert_eq!(rows.next(), Some("| since | complexity | flags | keys |"), "{}", self.name);
        let cells: Vec<_> = rows.nth(1).expect("a row of facts").trim_matches('|').split('|').map(str::trim).collect();
        let [since, complexity, flags, keys] = cells[..] else { panic!("{}: {cells:?}", self.name) };
        let flags = flags.replace('`', "");
        Facts { since: since.into(), complexity: complexity.into(), flags, keys: keys.into() }
    }

    /// What stands under the headings that begin with `heading`, to the next one; empty if there is none.
    pub fn section(&self, heading: &str) -> String {
        let mut inside = false;
        let mut section = String::new();
        for line in self.prose() {
            if line.starts_with('#') {
                inside = line.trim_start_matches('#').trim().starts_with(heading);
            } else if inside {
                section.push_str(line);
                section.push('\n');
            }
        }
        section
    }

    /// The lines that are not inside of a fence.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut fenced = false;
        self.text.lines().filter(move |line| {
            let is_fence = line.starts_with("```");
            fenced ^= is_fence;
            !fenced && !is_fence
        })
    }

    /// The transcripts of the short form, each with so many empty lines in front of it that its lines have the numbers they have in the file.
    pub fn examples(&self) -> Vec<String> {
        self.played().into_iter().filter(|(form, _)| *form == Form::Short).map(|(_, example)| example).collect()
    }

    /// All transcripts, those of terminals included, in their order.
    pub fn played(&self) -> Vec<(Form, String)> {
        let mut examples = Vec::new();
        let mut open: Option<(Form, String)> = None;
        for (number, line) in self.text.lines().enumerate() {
            let above = "\n".repeat(number + 1);
            match &mut open {
                None if line == "```transcript" => open = Some((Form::Short, above)),
                None if line == "```redis-cli" => open = Some((Form::Terminal, above)),
                None => {}
                Some(_) if line == "```" => examples.extend(open.take()),
                Some((_, example)) => *example += &format!("{line}\n"),
            }
        }
        assert!(open.is_none(), "{} ends inside of an example", self.name);
        examples
    }

    /// The errors it tells of, as patterns.
    pub fn errors(&self) -> Vec<String> {
        items(&self.section("Errors")).iter().map(|item| first_code(item).to_owned()).collect()
    }

    /// The words that stand in front of the explanations in the section on arguments.
    pub fn explained(&self) -> Vec<String> {
        let arguments = self.section("Arguments");
        let heads = items(&arguments).into_iter().map(|item| {
            let codes = item.split('`').enumerate().map_while(|(nth, part)| match nth % 2 {
                0 if part.contains(':') => None,
                0 => Some(""),
                _ => Some(part),
            });
            codes.collect::<Vec<_>>().join(" ")
        });
        heads.flat_map(|head| head.split([' ', '|', '[', ']']).map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// The targets of its links.
    pub fn links(&self) -> Vec<String> {
        let prose: Vec<_> = self.prose().collect();
        let prose = prose.join("\n");
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        targets.map(|(target, _)| target.to_owned()).collect()
    }

    /// The pages it links.
    pub fn linked(&self) -> Vec<Page> {
        let target = |link: String| {
            let (file, _) = link.split_once('#').unwrap_or((&link, ""));
            let path = self.path.parent()?.join(file).canonicalize().ok()?;
            // Pictures and configuration are no pages.
            let is_page = path.is_file() && path.extension().is_some_and(|md| md == "md") && !file.is_empty();
            is_page.then(|| Page::read(path))
        };
        self.links().into_iter().filter_map(target).collect()
    }

    /// The anchors of its headings, as those who render Markdown make them.
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.prose().filter(|line| line.starts_with('#'));
        let anchor = |line: &str| {
            let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-")
        };
        headings.map(anchor).collect()
    }
}

/// The items of the lists in a piece of Markdown, each in one line.
fn items(section: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in section.lines() {
        match (line.strip_prefix("- "), items.last_mut()) {
            (Some(item), _) => items.push(item.to_owned()),
            (None, Some(last)) if line.starts_with("  ") => *last += &format!(" {}", line.trim()),
            _ => {}
        }
    }
    items
}

/// What stands between the first two backquotes.
fn first_code(item: &str) -> &str {
    item.split('`').nth(1).unwrap_or_else(|| panic!("no code in {item}"))
}
