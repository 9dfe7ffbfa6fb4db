//! Makes the pictures of the pages in docs/pictures: a Chromium looks at a shop in which something went wrong. `make pictures`.

#[path = "../../../tests/harness/mod.rs"]
#[macro_use]
mod harness;

#[path = "../browser/chromium.rs"]
mod chromium;
#[path = "../browser/demo.rs"]
mod demo;
#[path = "../browser/site.rs"]
#[allow(dead_code)] // what only tests need
mod site;
#[path = "../browser/tab.rs"]
#[allow(dead_code)] // what only tests need
mod tab;

use base64::prelude::{Engine, BASE64_STANDARD};
use harness::*;
use serde_json::json;
use site::Site;
use tab::Tab;

/// Writes what the window shows, so many pixels high, as a PNG of few colours.
fn draw(tab: &Tab, height: u32, name: &str) {
    tab.resize(1100, height);
    let picture = tab.call("Page.captureScreenshot", json!({ "format": "png" }));
    let picture = BASE64_STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("base64");
    let path = workspace().join("docs/pictures").join(name);
    std::fs::write(&path, picture).expect("write the picture");
    let mut smaller = mortal("pngquant");
    smaller.args(["--force", "--strip", "--speed", "1", "--quality", "70-95", "--output"]).arg(&path).arg(&path);
    assert!(smaller.status().expect("pngquant: `scripts/setup picture`").success());
}

#[test]
fn of_the_pages() {
    let site = Site::start();
    demo::fill(&site.server);
    let tab = site.tab();
    tab.prefer("light");
    // Some looks later there are rates, and a line in each graph.
    let mut c = site.server.client();
    let busy = std::time::Instant::now();
    let mut nth = 0;
    tab.go("/key/0/mails");
    while busy.elapsed() < std::time::Duration::from_secs(100) {
        nth += 1;
        c.ok(&format!("TSGEN.ADD mails +0 busy-{nth} x"));
        c.ok("TALLY.INCR views video-9");
        // The oldest stay late: there is but one worker left.
        if nth % 8 == 0 {
            c.ok("EVAL \"for _, e in ipairs(redis.call('TSGEN.CLAIM', KEYS[1], 'mailer-3')) do redis.call('TSGEN.ACK', KEYS[1], e[1]) end\" 1 mails");
        }
        if nth % 20 == 0 {
            tab.go("/");
            tab.go("/key/0/mails");
        }
        std::thread::sleep(std::time::Duration::from_millis(60 + nth % 37 * 4));
    }
    tab.go("/");
    tab.shows("mails");
    draw(&tab, 560, "web-overview.png");
    tab.go("/key/0/mails");
    draw(&tab, 1020, "web-key.png");
    tab.go("/key/0/mails/dead?reason=*full*");
    draw(&tab, 820, "web-dead.png");
}
