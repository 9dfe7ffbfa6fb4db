//! The pages of `docs/commands` are true: their examples get these replies, what they quote of the server is what it tells,
//! and there is one for each command. The other pages, and the links of all: `guides`.

mod guarantees;
mod guides;
mod page;
mod told;

use crate::harness::*;
use page::{folder, Page};
use std::collections::BTreeSet;
use told::{listed, permission, Told};

/// What a page about a command has, itself or on the page of all families.
const SECTIONS: [&str; 7] = ["Semantics", "Arguments", "Replies", "Errors", "Events", "Replication", "Examples"];

/// Errors that no example can show: it takes a forged snapshot to get to the first, a thousand sources to the last, and a fault of the module to the others.
const NOT_SHOWN: [&str; 4] = [
    "ERR the key has used up its sequence numbers or tokens; copy its entries to another",
    "ERR internal error, see the server log",
    "DAMAGED an internal error of the module has damaged this key, …",
    "ERR ADDSOURCE must not leave more than 1000 sources",
];

fn page(name: &str) -> Page {
    Page::read(folder().join(format!("{name}.md")))
}

fn page_of(command: &str) -> Page {
    page(&command.to_lowercase())
}

/// The commands that `internal.md` has headings for.
fn internal() -> BTreeSet<String> {
    let page = page("internal");
    let headings = page.text.lines().filter_map(|line| line.strip_prefix("## "));
    headings.flat_map(|heading| heading.split(", ")).filter(|name| name.contains('.')).map(str::to_owned).collect()
}

/// The page of a command, and the one of all families if it leaves things to that.
fn with_shared(command: &str) -> Vec<Page> {
    let own = page_of(command);
    let verb = command.split_once('.').expect("a family and a verb").1.to_lowercase();
    let shared = own.links().contains(&format!("delivery/{verb}.md")).then(|| page(&format!("delivery/{verb}")));
    std::iter::once(own).chain(shared).collect()
}

fn has_match(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, text, &mut Default::default()))
}

#[test]
fn every_command_has_a_page_and_every_page_a_command() {
    let server = Server::start(&["--tsgen.virtual-clock", "yes"]);
    let mut c = server.client();
    let listed: BTreeSet<String> = listed(&mut c).into_iter().collect();
    let internal = internal();
    let pages = Page::all();
    let pages: BTreeSet<_> =
        pages.iter().filter(|page| page.name.contains('.')).map(|page| page.name.to_uppercase()).collect();
    let in_order: Vec<_> = listed.difference(&internal).collect();
    assert_eq!(in_order, pages.iter().collect::<Vec<_>>(), "commands, and pages");
    for name in &internal {
        // Those that clients cannot call are known inside of the envelope.
        let reply = c.run(&format!("TSGEN.AT 1000 {name} no-such-key")).to_string();
        assert!(!reply.contains("TSGEN.AT takes"), "{name} of internal.md: {reply}");
    }
}

#[test]
fn examples_get_their_replies_and_show_every_error_that_is_quoted() {
    let of_every_command = page("README").errors();
    for page in Page::all() {
        let (quoted, mut seen) = (page.errors(), BTreeSet::new());
        for example in page.examples() {
            // Shown if the next line fails.
            eprintln!("an example of docs/commands/{}.md", page.name);
            let server = Server::start(&[]);
            server.client().replay(&example, |reply| {
                if let Reply::Error(text) = reply {
                    seen.insert(text.clone());
                }
            });
        }
        let unseen = quoted.iter().filter(|quoted| !seen.iter().any(|text| has_match(&[quoted.to_string()], text)));
        let unseen: Vec<_> = unseen.filter(|quoted| !NOT_SHOWN.contains(&quoted.as_str())).collect();
        assert!(unseen.is_empty(), "{} quotes errors that no example shows: {unseen:#?}", page.name);
        let elsewhere: Vec<_> = page.linked().iter().flat_map(Page::errors).chain(of_every_command.clone()).collect();
        let unquoted: Vec<_> =
            seen.iter().filter(|text| !has_match(&quoted, text) && !has_match(&elsewhere, text)).collect();
        assert!(
            unquoted.is_empty() || page.name == "internal",
            "{} shows errors it does not tell of: {unquoted:#?}",
            page.name
        );
    }
}

#[test]
fn pages_say_what_the_server_tells() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let index = page("README").text;
    for name in listed(&mut c) {
        let told = Told::of(&mut c, &name);
        assert_eq!((told.text("group"), told.text("module")), ("module".into(), "tsgen".into()), "{name}");
        if internal().contains(&name) {
            let text = page("internal").text;
            for quoted in [told.syntax(), told.text("summary"), told.facts().complexity] {
                assert!(text.contains(&quoted), "internal.md does not say of {name}: {quoted}");
            }
            continue;
        }
        let page = page_of(&name);
        assert_eq!(page.title(), name, "title");
        assert_eq!(page.syntax(), told.syntax(), "syntax of {name}");
        assert_eq!(page.summary(), told.text("summary"), "summary of {name}");
        assert_eq!(page.facts(), told.facts(), "{name}");
        let row = format!("| [{name}]({}.md) | {} |", page.name, told.text("summary"));
        assert!(index.lines().any(|line| line == row), "the index lacks\n{row}");
    }
}

#[test]
fn what_a_page_says_of_all_families_holds_for_each() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let listed = listed(&mut c);
    for page in Page::all().iter().filter(|page| page.is_shared()) {
        let verb = page.name.trim_start_matches("delivery/").to_uppercase();
        assert_eq!(page.title(), format!("F.{verb}"));
        let all: Vec<_> = listed.iter().filter(|name| name.ends_with(&format!(".{verb}"))).collect();
        // GET and others exist in one family or two, and are no delivery commands.
        assert!(all.len() >= 3, "{verb} is not a command of all families: {all:?}");
        for name in all {
            let told = Told::of(&mut c, name);
            // What differs from family to family: the options of CREATE and ALTER, and the states that PEEK lists.
            let differing = ["[gate options] [delivery options]", "state [COUNT n]"];
            let syntax = page.syntax().replace("F.", &name.replace(&verb, ""));
            let syntax = differing.into_iter().fold(syntax, |syntax, differs| syntax.replace(differs, "…"));
            assert!(matches(&syntax, &told.syntax(), &mut Default::default()), "{syntax}\n{}", told.syntax());
            let mut facts = told.facts();
            if verb == "CREATE" {
                // What it makes each family says for itself.
                facts.complexity = page.facts().complexity;
            } else {
                assert_eq!(page.summary(), told.text("summary"), "{name}");
            }
            assert_eq!(page.facts(), facts, "{name}");
            let link = format!("../{}.md", name.to_lowercase());
            assert!(page.links().contains(&link), "{} does not link {link}", page.name);
        }
    }
}

#[test]
fn pages_are_complete_and_explain_every_word_of_their_syntax() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for name in listed(&mut c).iter().filter(|name| !internal().contains(*name)) {
        let pages = with_shared(name);
        for section in SECTIONS {
            assert!(
                pages.iter().any(|page| !page.section(section).is_empty()) || has_examples(&pages, section),
                "{name} has no {section}"
            );
        }
        assert!(!pages[0].examples().is_empty(), "{name} has no example of its own");
        let explained: BTreeSet<String> = pages.iter().flat_map(Page::explained).collect();
        let told = Told::of(&mut c, name);
        let words = told.arguments().iter().flat_map(|argument| argument.words()).collect::<Vec<_>>();
        let unexplained: Vec<_> = words.iter().filter(|word| !explained.contains(*word)).collect();
        assert!(unexplained.is_empty(), "{name} does not explain {unexplained:?}");
        // And the other way round: options that were renamed or removed are not explained any more.
        let syntax = told.syntax();
        let superfluous = explained_options(&pages[0]).filter(|word| !words.contains(word));
        assert_eq!(superfluous.collect::<Vec<_>>(), [""; 0], "explained, but not in {syntax}");
    }
}

/// A section whose text is examples only counts as one.
fn has_examples(pages: &[Page], section: &str) -> bool {
    section == "Examples" && pages.iter().any(|page| !page.examples().is_empty())
}

/// The option words that a page itself explains.
fn explained_options(page: &Page) -> impl Iterator<Item = String> {
    let is_option = |word: &String| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
    page.explained().into_iter().filter(is_option)
}

#[test]
fn arity_and_types_follow_from_the_documented_arguments() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for name in listed(&mut c) {
        let told = Told::of(&mut c, &name);
        let widths: Vec<_> = told.arguments().iter().map(|argument| argument.width()).collect();
        let least = 1 + widths.iter().map(|width| width.0).sum::<i64>();
        // EXPIRY.CREATE says itself that PREFIX is missing.
        let least = if name == "EXPIRY.CREATE" { 2 } else { least };
        let arity = if widths.iter().any(|width| width.1) { -least } else { least };
        assert_eq!(told.arity(), arity, "{}", told.syntax());
        let kinds: Vec<_> = told.arguments().iter().flat_map(|argument| argument.kinds()).collect();
        assert!(kinds.contains(&"key".to_owned()), "{name} documents no key");
        let too_few = vec![b"x".to_vec(); usize::try_from(least - 2).unwrap()];
        let mut call = vec![name.as_bytes().to_vec()];
        call.extend(too_few);
        let reply = c.call(&call.iter().map(Vec::as_slice).collect::<Vec<_>>());
        assert_eq!(reply.to_string(), format!("-ERR wrong number of arguments for '{name}' command"));
    }
}

/// A call of a command from its own page.
fn sample(name: &str) -> Vec<Vec<u8>> {
    let examples = page_of(name).examples();
    let mut commands =
        examples.iter().flat_map(|example| example.lines()).filter_map(|line| line.trim().strip_prefix("> "));
    let command = commands.find(|command| command.starts_with(&format!("{name} ")));
    let command = command.unwrap_or_else(|| panic!("no example of {name} calls it"));
    let mut words = words(command);
    for word in words.iter_mut().filter(|word| word.starts_with(b"<")) {
        *word = b"1".to_vec();
    }
    words
}

#[test]
fn the_keys_of_every_command_are_known_and_need_what_its_page_says() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for name in listed(&mut c).iter().filter(|name| !internal().contains(*name)) {
        let call = sample(name);
        let ask = |c: &mut Client, of: &[&str]| {
            let words: Vec<&[u8]> =
                of.iter().map(|word| word.as_bytes()).chain(call.iter().map(Vec::as_slice)).collect();
            c.call(&words)
        };
        let keys = ask(&mut c, &["COMMAND", "GETKEYS"]);
        let place = match name.as_str() {
            "TSGEN.AT" => 3,
            // The number of keys comes first. The page's first example has two.
            name if name.ends_with(".MCLAIM") => 2,
            _ => 1,
        };
        let key = &call[place];
        assert_eq!(keys.items()[0].bytes(), key.as_slice(), "{name}: {keys}");
        let with_flags = ask(&mut c, &["COMMAND", "GETKEYSANDFLAGS"]);
        let flags = with_flags.items()[0].items()[1].items().iter().map(Reply::text).collect::<Vec<_>>();
        let needs = permission(&flags);
        let said = page_of(name).facts().keys;
        assert!(said.starts_with(&format!("`key` `{needs}`")), "{name} needs {needs}, its page says {said}");
        for have in ["%R~", "%W~", "%RW~"] {
            let granted: Vec<String> = keys.items().iter().map(|key| format!("{have}{}", key.text())).collect();
            c.ok(&format!("ACL SETUSER user reset on nopass +@all {} resetchannels", granted.join(" ")));
            let may = ask(&mut c, &["ACL", "DRYRUN", "user"]) == "OK";
            let is_enough = have == "%RW~" || have == needs;
            assert_eq!(may, is_enough, "{name} with {have}");
        }
    }
}

#[test]
fn the_stream_of_a_sink_is_a_key() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for name in listed(&mut c).iter().filter(|name| name.ends_with(".CREATE") || name.ends_with(".ALTER")) {
        let with_prefix = if *name == "EXPIRY.CREATE" { "PREFIX x" } else { "" };
        let reply = c.ok(&format!("COMMAND GETKEYSANDFLAGS {name} k {with_prefix} LEASE 5 SINK s SINKMAXLEN 7"));
        assert_eq!(reply, "[['k' [RW update]] ['s' [RW update]]]", "{name}");
    }
}
