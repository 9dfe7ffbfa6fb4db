//! What the tests of all libraries' packages need.

use crate::harness::workspace;
use std::fs;
use std::path::Path;
use std::process::Command;

#[track_caller]
pub fn succeeds(mut command: Command) -> String {
    let output = command.output().expect("run it");
    let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{command:?}\n{told}");
    told
}

/// The program that a library's README begins with: a worker, complete, and short, on the server that the environment names.
#[track_caller]
pub fn first_program(library: &Path, language: &str) -> String {
    let readme = fs::read_to_string(library.join("README.md")).expect("the README");
    let block = readme.split("```").nth(1).expect("a first program");
    let program = block.strip_prefix(&format!("{language}\n")).expect("a first program in this language");
    let lines = program.lines().count();
    assert!(lines <= 15, "the first program in {language} has {lines} lines");
    assert!(program.contains("\"mails\"") || program.contains("'mails'"), "the key of the worker in {language}");
    assert!(program.contains("REDIS_URL"), "the first program in {language} does not ask REDIS_URL");
    program.to_owned()
}

/// What the tests of the packages run is what each README begins with, without building anything.
#[test]
fn the_first_program_of_each_library_is_short() {
    for (library, language) in [("python", "python"), ("node", "js"), ("go", "go"), ("rust", "rust")] {
        first_program(&workspace().join("clients").join(library), language);
    }
}

/// The commands that a library's README shows for it, without the last one, which starts the program: a test needs its process.
#[track_caller]
pub fn first_commands(library: &Path) -> String {
    let readme = fs::read_to_string(library.join("README.md")).expect("the README");
    let block = readme.split("```").nth(3).expect("what to type");
    let lines: Vec<_> = block.strip_prefix("sh\n").expect("what to type").trim_end().lines().collect();
    lines[..lines.len() - 1].join("\n")
}

/// Copies what is in a folder, without what begins with a dot: a build would write into it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name");
        if name.to_string_lossy().starts_with('.') || name == "__pycache__" {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).expect("a copy");
        }
    }
}
