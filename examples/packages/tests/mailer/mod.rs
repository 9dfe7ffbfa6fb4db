//! A program that sends notifications, as slowly and as badly as the test wants it to: it appends them to a file.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

pub struct Mailer {
    folder: tempfile::TempDir,
}

/// What a seller was told: each package with the times of its scans.
#[derive(Debug, PartialEq)]
pub struct Sent {
    pub seller: String,
    pub reason: String,
    pub packages: BTreeMap<String, Vec<i64>>,
}

impl Sent {
    pub fn parse(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        let text = |name: &str| value[name].as_str().expect("a text").to_owned();
        let packages = serde_json::from_value(value["packages"].clone()).expect("packages with times");
        Self { seller: text("seller"), reason: text("reason"), packages }
    }

    pub fn names(&self) -> Vec<&str> {
        self.packages.keys().map(String::as_str).collect()
    }
}

impl Mailer {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("packages-mailer-").tempdir().expect("a temporary folder");
        let mailer = Self { folder };
        // It dies with the notifier that started it, so that one that is killed has sent nothing.
        let script = r#"#!/bin/sh
[ "$MORTAL" ] || MORTAL=1 exec setpriv --pdeathsig KILL "$0"
echo >>"$0.begun"
while [ -e "$0.hold" ]; do sleep 0.01; done
[ ! -e "$0.fail" ] || exit 3
text=$(cat)
printf '%s\n' "$text" >>"$0.sent"
"#;
        fs::write(mailer.path(), script).expect("write the mailer");
        fs::set_permissions(mailer.path(), fs::Permissions::from_mode(0o755)).expect("make it a program");
        mailer
    }

    /// What `--send` takes.
    pub fn path(&self) -> String {
        self.folder.path().join("mail").display().to_string()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("mail.{name}"))
    }

    /// From now on: `hold`, sending does not end; `fail`, it fails.
    pub fn start_to(&self, what: &str) {
        fs::write(self.file(what), "").expect("tell the mailer");
    }

    pub fn stop_to(&self, what: &str) {
        fs::remove_file(self.file(what)).expect("tell the mailer");
    }

    /// How often it was started.
    pub fn begun(&self) -> usize {
        fs::read_to_string(self.file("begun")).map_or(0, |text| text.lines().count())
    }

    pub fn sent(&self) -> Vec<Sent> {
        fs::read_to_string(self.file("sent")).map_or(Vec::new(), |text| text.lines().map(Sent::parse).collect())
    }
}
