//! Each option that COMMAND DOCS tells of CREATE, at a value that INFO tells from what it would be without, is there after whatever saves and
//! loads a key, and on replicas. A new option is tried without a word here.

use super::words::{field, has_flag, parts};
use super::{Family, FAMILIES};
use crate::common::*;
use crate::harness::*;

/// What stands for a value: numbers, of which none is a default everywhere, and a name. Durations are texts.
const VALUES: [&str; 4] = ["7", "1", "77777", "a"];

/// The ways to write an argument.
fn forms(argument: &Reply) -> Vec<String> {
    let token = field(argument, "token").map_or(String::new(), |token| format!(" {}", token.text()));
    let values: Vec<String> = match argument.field("type").text().as_str() {
        "pure-token" => vec![String::new()],
        "oneof" => parts(argument).iter().flat_map(forms).collect(),
        "block" => parts(argument).iter().fold(vec![String::new()], |before, part| {
            let mut ways = forms(part);
            ways.extend(has_flag(part, "optional").then(String::new));
            before.iter().flat_map(|front| ways.iter().map(move |way| format!("{front}{way}"))).collect()
        }),
        _ => VALUES.map(|value| format!(" {value}")).to_vec(),
    };
    values.into_iter().map(|value| format!("{token}{value}")).collect()
}

/// The options that CREATE takes, each in all its forms.
#[track_caller]
fn options(c: &mut Client, family: &str) -> Vec<Vec<String>> {
    let docs = c.ok(&format!("COMMAND DOCS {family}.CREATE"));
    let options: Vec<Reply> = parts(&docs.items()[1]).into_iter().filter(|part| has_flag(part, "optional")).collect();
    assert!(options.len() > 8, "{family} has {} options", options.len());
    options.iter().map(forms).collect()
}

/// What INFO shows of a key, but for what time alone changes: the watermark, which may be the clock, and sources that fall silent.
#[track_caller]
fn info(c: &mut Client, family: &str, key: &str) -> Vec<(String, String)> {
    let info = c.ok(&format!("{family}.INFO {key}"));
    let fields = info.items().chunks_exact(2).map(|pair| (pair[0].text(), pair[1].to_string()));
    fields.filter(|(name, _)| !["watermark", "idle-sources"].contains(&name.as_str())).collect()
}

/// Creates a key. True if this is allowed.
fn creates(c: &mut Client, family: &Family, key: &str, options: &str) -> bool {
    let reply = c.run(&format!("{}.CREATE {key}{}{options}", family.name, family.create));
    !reply.is_error()
}

/// Whether INFO tells a key with these options from one that has `beside` alone.
#[track_caller]
fn shows(c: &mut Client, family: &Family, options: &str, beside: &str) -> bool {
    c.run("DEL with without");
    creates(c, family, "without", beside)
        && creates(c, family, "with", &format!("{beside}{options}"))
        && info(c, family.name, "with") != info(c, family.name, "without")
}

/// Makes a key for each form of each option that shows, alone or else beside another option, and tells how each was made.
#[track_caller]
fn fill(c: &mut Client, family: &Family) -> Vec<String> {
    let options = options(c, family.name);
    let others: Vec<&String> = options.iter().flatten().collect();
    let mut made = Vec::new();
    for forms in &options {
        let alone: Vec<String> = forms.iter().filter(|form| shows(c, family, form, "")).cloned().collect();
        let mut found = alone;
        if found.is_empty() {
            let pairs = others.iter().flat_map(|other| forms.iter().map(move |form| (*other, form)));
            let pair = pairs.into_iter().find(|(other, form)| shows(c, family, form, other));
            found.extend(pair.map(|(other, form)| format!("{other}{form}")));
        }
        assert!(!found.is_empty(), "{}: INFO shows none of {forms:?}", family.name);
        made.extend(found);
    }
    for (nth, options) in made.iter().enumerate() {
        assert!(creates(c, family, &format!("k{nth}"), options), "{}{options}", family.name);
    }
    made
}

#[test]
fn every_option_of_create_is_saved_and_replicated() {
    for family in &FAMILIES {
        let (master, replica) = pair(&["--appendonly", "yes"]);
        let mut c = master.client();
        let made = fill(&mut c, family);
        let shown = |c: &mut Client| -> Vec<_> {
            let of = |(nth, options): (usize, &String)| (options.clone(), info(c, family.name, &format!("k{nth}")));
            made.iter().enumerate().map(of).collect()
        };
        let before = shown(&mut c);
        let check = |way: &str, c: &mut Client| {
            for (was, is) in before.iter().zip(shown(c)) {
                assert_eq!(was, &is, "{}: {way}", family.name);
            }
        };
        replica.wait_in_sync(&master);
        check("as it was replicated", &mut replica.client());
        c.ok("DEBUG RELOAD");
        check("from an RDB file", &mut c);
        for nth in 0..made.len() {
            let key = format!("k{nth}");
            let dump = c.ok(&format!("DUMP {key}"));
            assert_eq!(crate::cmd!(c, "RESTORE", &key, 0, dump.bytes(), "REPLACE"), "OK");
        }
        check("restored", &mut c);
        rewrite_as_commands(&mut c);
        c.ok("DEBUG LOADAOF");
        check("from a rewritten AOF", &mut c);
    }
}
