//! What a seller is told, and how it is sent.

use crate::redis_key::{duration, process_name};
use crate::scan;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

pub struct Notification {
    pub seller: String,
    /// Why now: `idle` for an hour of quiet; DEBOUNCE knows `maxwait`, `full` and `flush` too.
    reason: String,
    /// Each package, with the times of its scans in Unix milliseconds.
    packages: BTreeMap<String, Vec<i64>>,
}

impl Notification {
    /// `items` are what was pushed, and when.
    pub fn new<'a>(seller: &[u8], reason: &[u8], items: impl IntoIterator<Item = (&'a [u8], i64)>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut packages: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for (item, pushed_at) in items {
            let (package, scanned_at) = scan::parse(item, pushed_at);
            packages.entry(package).or_default().push(scanned_at);
        }
        Self { seller: text(seller), reason: text(reason), packages }
    }

    fn to_json(&self) -> String {
        json!({ "seller": self.seller, "reason": self.reason, "packages": self.packages }).to_string()
    }
}

/// How notifications are sent.
#[derive(clap::Args)]
pub struct Sender {
    /// The program that sends a notification: it gets it as JSON on its stdin, and ends with 0 once it is sent. Without one, it is printed
    #[arg(long)]
    send: Option<PathBuf>,
    /// How soon another process takes over what this one held when it died
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub lease: Duration,
    /// After SIGTERM, how long a notification that is being sent may take; then it is handed back, and another process sends it
    #[arg(long, default_value = "5s", value_parser = duration)]
    pub grace: Duration,
    /// The name under which Redis knows this process; no other may have it [default: host and process id]
    #[arg(long, default_value_t = process_name(), hide_default_value = true)]
    pub name: String,
}

impl Sender {
    /// Sends it; dropped, it breaks off. Your own way of sending goes here.
    pub async fn send(&self, it: &Notification) -> Result<(), String> {
        let text = it.to_json();
        let Some(program) = &self.send else {
            println!("{text}");
            return Ok(());
        };
        let explain = |error: std::io::Error| format!("{}: {error}", program.display());
        let mut child = Command::new(program).stdin(Stdio::piped()).kill_on_drop(true).spawn().map_err(explain)?;
        let mut stdin = child.stdin.take().expect("it was asked for");
        // A program that does not read all of it may still know what it does: its exit code tells.
        let _ = stdin.write_all(text.as_bytes()).await;
        drop(stdin);
        let status = child.wait().await.map_err(explain)?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("{}: {status}", program.display()))
        }
    }
}
