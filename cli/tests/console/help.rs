//! What each command takes: `help.txt` is the help of all of them. `HELP=write` writes it anew.

use crate::harness::*;
use std::path::Path;
use std::process::Output;

fn run(args: &[&str]) -> Output {
    let mut command = mortal(env!("CARGO_BIN_EXE_tsgen"));
    command.args(args).env_remove("REDIS_URL").env_remove("REDISCLI_AUTH").env_remove("COLUMNS");
    command.output().expect("start tsgen")
}

#[track_caller]
fn said(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The names of all commands.
fn commands() -> Vec<String> {
    let help = said(&["--help"]);
    let (_, listed) = help.split_once("\nCommands:\n").expect("commands");
    let (listed, _) = listed.split_once("\n\n").expect("their end");
    // A name stands behind two blanks, and its text behind more.
    let names = listed.lines().filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    names.map(|line| line.split(' ').next().expect("a name").to_owned()).filter(|name| name != "help").collect()
}

#[test]
fn each_command_shows_what_it_takes() {
    let commands = commands();
    assert!(commands.len() > 15, "{commands:?}");
    let of = |args: &[&str]| format!("$ tsgen {}\n{}\n", args.join(" "), said(args));
    let all: Vec<String> =
        [of(&["--help"])].into_iter().chain(commands.iter().map(|name| of(&[name, "--help"]))).collect();
    let (all, file) = (all.concat(), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console/help.txt"));
    if std::env::var_os("HELP").is_some_and(|word| word == "write") {
        std::fs::write(&file, &all).expect("the file");
    }
    let golden = std::fs::read_to_string(&file).expect("the file");
    let differs = golden.lines().zip(all.lines()).find(|(golden, own)| golden != own);
    assert!(golden == all, "HELP=write writes it anew: {differs:?}");
}

#[test]
fn a_flag_that_does_nothing_is_refused() {
    for (args, flag) in [
        (&["top"][..], "--json"),
        (&["top"], "--yes"),
        (&["web"], "--json"),
        (&["web"], "--yes"),
        (&["metrics"], "--json"),
        (&["work", "k", "--exec", "true"], "--yes"),
        (&["ls"], "--yes"),
        (&["export", "k"], "--json"),
        (&["promote", "k"], "--yes"),
    ] {
        let output = run(&[args, &[flag]].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && error.contains("unexpected argument"), "{args:?} {flag}: {error}");
    }
}

#[test]
fn completions_and_the_manual_page_know_every_command() {
    let manual = said(&["man"]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let completions = said(&["completions", shell]);
        for name in commands() {
            assert!(completions.contains(&name), "{shell}: {name}");
        }
        assert!(completions.contains("by-reason") && completions.contains("json"), "{shell}");
    }
    for name in commands() {
        assert!(manual.contains(&format!(".SS \"tsgen {name}\"")), "{name}: {manual}");
    }
    for option in ["\\-\\-by\\-reason", "\\-\\-yes", "\\-\\-url", "\\-\\-concurrency"] {
        assert!(manual.contains(option), "{option}");
    }
    // The shell itself has nothing against it.
    let mut bash = mortal("bash");
    bash.args(["-n", "/dev/stdin"]).stdin(std::process::Stdio::piped());
    let mut bash = bash.spawn().expect("bash");
    std::io::Write::write_all(&mut bash.stdin.take().expect("its input"), said(&["completions", "bash"]).as_bytes())
        .expect("it reads");
    assert!(bash.wait().expect("its end").success());
}
