//! What `docs/monitoring` has, judged by promtool, and by what `metrics` really tells.

use crate::harness::*;
use crate::run::tsgen;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/monitoring")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Runs promtool in the folder. `scripts/setup console` has installed it.
#[track_caller]
fn promtool(args: &[&str], input: &str) {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let binary = target.join("console/promtool");
    assert!(binary.exists(), "{}: scripts/setup console installs it", binary.display());
    let mut command = mortal(std::fs::canonicalize(binary).expect("its path"));
    command.args(args).current_dir(folder()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("start promtool");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("its output");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "promtool {args:?}: {}", String::from_utf8_lossy(&said));
}

/// Figures of a server that has something of everything.
fn figures() -> String {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE mails SOURCES 1 north MAXLEN 100\n OK\n > TSGEN.ADVANCE mails 10 SOURCE north\n 10");
    c.play("> TSGEN.MADD mails 1 a x 20 b y\n [0 1]\n > TSGEN.CLAIM mails w\n [[<t> …]]\n > TSGEN.ACK mails <t>\n 1");
    c.play("> TALLY.CREATE \"a\\\"b\\\\\\n\\xff\"\n OK\n > TALLY.INCR \"a\\\"b\\\\\\n\\xff\" f 1\n 1\n > EXPIRY.CREATE e PREFIX x:\n OK");
    tsgen(&server, &["metrics"]).done()
}

#[test]
fn figures_are_as_prometheus_wants_them() {
    promtool(&["check", "metrics"], &figures());
}

#[test]
fn rules_do_what_their_tests_say() {
    promtool(&["check", "config", "prometheus.yaml"], "");
    promtool(&["check", "config", "prometheus-compose.yaml"], "");
    // The same but for where `tsgen metrics` is.
    let settings = |name| read(name).split_once('\n').expect("a comment first").1.to_owned();
    assert_eq!(settings("prometheus.yaml").replace("127.0.0.1", "metrics"), settings("prometheus-compose.yaml"));
    promtool(&["check", "rules", "tsgen.rules.yaml"], "");
    promtool(&["test", "rules", "tsgen.rules.test.yaml"], "");
    // Each rule has a test in which it speaks.
    let tests = read("tsgen.rules.test.yaml");
    for alert in read("tsgen.rules.yaml").lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(&format!("        alertname: {alert}\n        exp_alerts:")), "{alert} has no test");
    }
}

/// The names that begin with `tsgen_` in expressions.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("tsgen_")).map(str::to_owned).collect()
}

#[test]
fn every_metric_that_is_named_is_told_and_the_other_way_round() {
    let told: BTreeSet<String> = figures()
        .lines()
        .filter_map(|line| Some(line.strip_prefix("# TYPE ")?.split(' ').next()?.to_owned()))
        .collect();
    let board: serde_json::Value = serde_json::from_str(&read("tsgen.grafana.json")).expect("JSON");
    let panels = board["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let expressions: Vec<&str> = targets.map(|target| target["expr"].as_str().expect("an expression")).collect();
    let of_board = named(&expressions.join("\n"));
    let rules = read("tsgen.rules.yaml");
    let of_rules = named(&rules.lines().filter(|line| !line.trim().starts_with('#')).collect::<Vec<_>>().join("\n"));
    assert!(of_board.len() > 15 && of_rules.len() > 12, "{of_board:?} {of_rules:?}");
    for name in of_board.union(&of_rules) {
        assert!(told.contains(name), "{name} is told by nobody");
    }
    // The page has each, and no other but those of INFO.
    let page = read("README.md");
    for name in &told {
        assert!(
            page.contains(&format!("`{name}`")) || page.contains(&format!("`{name}{{")),
            "{name} is not in the page"
        );
    }
    for cells in page.lines().filter(|line| line.starts_with("| `tsgen_")) {
        let first = cells.split('|').nth(1).expect("a cell").replace("_count`", "`");
        for name in named(&first) {
            assert!(told.contains(&name), "{name} of the page is told by nobody");
        }
    }
}
