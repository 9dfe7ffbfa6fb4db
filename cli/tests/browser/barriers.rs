//! What would keep somebody from using a page: axe-core looks for it, in light and in dark.

use crate::harness::*;
use crate::tab::Tab;
use std::path::PathBuf;
use std::sync::OnceLock;

/// What `scripts/setup console` has installed.
fn axe() -> &'static str {
    static AXE: OnceLock<String> = OnceLock::new();
    AXE.get_or_init(|| {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
        let path = target.join("console/node/node_modules/axe-core/axe.min.js");
        std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}: `scripts/setup console`", path.display()))
    })
}

/// Looks at a page as it is.
#[track_caller]
fn look(tab: &Tab, how: &str) {
    tab.eval(&format!("{}; true", axe()));
    let found = tab.eval(
        "axe.run(document, { resultTypes: ['violations'] }).then(found => found.violations.map(violation =>
         `${violation.id}: ${violation.help}\\n  ` + violation.nodes.map(node => node.html + ' ' + node.failureSummary).join('\\n  ')))",
    );
    let found: Vec<&str> = found.as_array().expect("a list").iter().filter_map(|text| text.as_str()).collect();
    assert!(found.is_empty(), "{} in {how}:\n{}", tab.address(), found.join("\n"));
}

/// There are none on this page.
#[track_caller]
pub fn none(tab: &Tab) {
    for how in ["light", "dark"] {
        tab.prefer(how);
        look(tab, how);
    }
}
