//! Where the commands are listed by hand: in docs/design.md, and in the README.

use super::{is_command, read, read_all};
use std::collections::BTreeSet;

/// A command, as its file says.
struct Told {
    folder: String,
    name: String,
    writes: bool,
    /// Clients may send it, by itself.
    is_public: bool,
}

/// All commands but TSGEN.AT.
fn commands() -> Vec<Told> {
    let files = read_all().into_iter().filter(|(file, _)| is_command(file));
    let commands: Vec<Told> = files
        .map(|(file, source)| {
            let (folder, name) = file.split_once("/commands/").expect("a command is in a folder of commands");
            let name = name.replace(".rs", "").replace('_', "").to_uppercase();
            // LOAD rebuilds a saved key; only a rewritten AOF has it.
            let is_public = source.count(&["public", ":", "false"]) == 0 && name != "LOAD";
            Told { folder: folder.to_owned(), name, writes: source.count(&["Row", "::", "WRITE"]) > 0, is_public }
        })
        .collect();
    assert!(commands.len() > 35 && commands.iter().any(|told| !told.writes), "commands were not read");
    commands
}

fn names(commands: &[Told], is_one: impl Fn(&Told) -> bool) -> BTreeSet<&str> {
    commands.iter().filter(|told| is_one(told)).map(|told| &*told.name).collect()
}

/// What stands in capitals in a text.
fn in_capitals(text: &str) -> BTreeSet<&str> {
    let words = text.split(|char: char| !char.is_alphanumeric());
    words.filter(|word| word.len() > 1 && word.chars().all(|char| char.is_uppercase())).collect()
}

#[test]
fn the_design_page_names_those_of_delivery() {
    let (page, commands) = (read("docs/design.md"), commands());
    let row = page.lines().find(|line| line.starts_with("| `delivery/commands/` |")).expect("a row for the commands");
    assert_eq!(in_capitals(row), names(&commands, |told| told.folder == "delivery"));
}

/// A command that writes is repeated elsewhere, and the table says in which form.
#[test]
fn the_design_page_tells_how_each_write_is_replicated() {
    let (page, commands) = (read("docs/design.md"), commands());
    let section = page.split("\n## Replication and the AOF\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows = section.expect("the section").lines().filter(|line| line.starts_with("| "));
    let told: BTreeSet<&str> = rows.flat_map(in_capitals).collect();
    let writes = names(&commands, |told| told.writes && told.name != "LOAD");
    assert_eq!(writes.difference(&told).collect::<Vec<_>>(), [&""; 0], "not in the table of replication");
}

#[test]
fn the_readme_names_those_that_clients_may_send() {
    let (readme, commands) = (read("README.md"), commands());
    let mut found = BTreeSet::new();
    for row in readme.lines().filter(|line| line.starts_with("| [`") && line.contains("](docs/commands/")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let family = cells[0].split('`').nth(1).unwrap_or_default().to_lowercase();
        let own = names(&commands, |told| told.folder == family && told.is_public);
        assert_eq!(in_capitals(cells[1]), own, "{family}");
        if family == "tsgen" {
            assert_eq!(in_capitals(cells[2]), names(&commands, |told| told.folder == "delivery" && told.is_public));
        }
        found.insert(family);
    }
    let folders: BTreeSet<String> =
        commands.into_iter().map(|told| told.folder).filter(|of| of != "delivery").collect();
    assert_eq!(found, folders, "the families in the README");
}
