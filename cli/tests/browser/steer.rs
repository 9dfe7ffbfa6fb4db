//! Pause, resume, promote, alter.

use crate::barriers;
use crate::demo;
use crate::harness::*;
use crate::site::Site;

fn info(site: &Site, key: &str) -> Reply {
    site.server.client().ok(&format!("TSGEN.INFO {key}"))
}

#[test]
fn a_key_is_paused_and_resumed() {
    let site = Site::start();
    demo::fill(&site.server);
    for tab in [site.tab(), site.tab().without_script()] {
        tab.go("/key/0/mails");
        tab.follow("form[action$='/pause'] button");
        tab.shows("Paused: nothing is handed out");
        assert_eq!(info(&site, "mails").field("paused").to_string(), "'yes'");
        tab.shows("the key is paused, and hands out nothing");
        tab.follow("form[action$='/resume'] button");
        tab.shows("Resumed");
        assert_eq!(info(&site, "mails").field("paused").to_string(), "'no'");
    }
}

#[test]
fn delays_are_ended() {
    let site = Site::start();
    demo::fill(&site.server);
    let tab = site.at("/key/0/mails/delayed");
    tab.follow("tbody form[action$='/promote'] button");
    tab.shows("1 promoted.");
    assert_eq!(info(&site, "mails").field("delayed").int(), 5);
    tab.follow("form[action$='/promote'] button");
    tab.shows("Promote all that are delayed?");
    assert_eq!(info(&site, "mails").field("delayed").int(), 5);
    tab.follow("main form button");
    tab.shows("5 promoted.");
    assert_eq!(info(&site, "mails").field("delayed").int(), 0);
}

#[test]
fn options_are_changed_and_what_is_refused_stands_by_its_field() {
    let site = Site::start();
    demo::fill(&site.server);
    let tab = site.at("/key/0/mails/options");
    // Chromium tells of each page that is none of success.
    tab.expect("422");
    tab.fill("#LEASE", "90s");
    tab.fill("#MAXDELIVERIES", "7");
    tab.follow(".options button");
    tab.shows("Changed: LEASE 90s MAXDELIVERIES 7.");
    let of = info(&site, "mails");
    assert_eq!(
        (of.field("lease").int(), of.field("maxdeliveries").int(), of.field("backoff").int()),
        (90_000, 7, 60_000)
    );
    tab.fill("#BACKOFF", "soon");
    tab.fill("#MAXDELIVERIES", "8");
    tab.follow(".options button");
    tab.shows("Nothing was changed: BACKOFF must be");
    assert!(tab.text_of("#BACKOFF-told").contains("BACKOFF must be"));
    assert_eq!(tab.eval("document.querySelector('[aria-invalid]').id"), "BACKOFF");
    // What was filled in is still there; nothing is half done.
    assert_eq!(tab.eval("document.querySelector('#MAXDELIVERIES').value"), "8");
    assert_eq!(info(&site, "mails").field("maxdeliveries").int(), 7);
    barriers::none(&tab);
    tab.fill("#BACKOFF", "2m");
    tab.follow(".options button");
    tab.shows("Changed: MAXDELIVERIES 8 BACKOFF 2m.");
}

#[test]
fn what_somebody_else_has_changed_meanwhile_stays() {
    let site = Site::start();
    demo::fill(&site.server);
    let tab = site.at("/key/0/mails/options");
    site.server.client().ok("TSGEN.ALTER mails LEASE 42s");
    tab.fill("#MAXDELIVERIES", "9");
    tab.follow(".options button");
    tab.shows("Changed: MAXDELIVERIES 9.");
    assert_eq!(info(&site, "mails").field("lease").int(), 42_000);
    tab.follow(".options button");
    tab.shows("Nothing was changed");
}

#[test]
fn the_gate_is_moved_by_hand_after_a_question() {
    let site = Site::start();
    demo::fill(&site.server);
    let tab = site.at("/key/0/orders/options");
    tab.fill("#REMSOURCE", "lisbon");
    tab.follow(".options button");
    tab.shows("Change the gate or the sink?");
    assert_eq!(info(&site, "orders").field("watermark").int(), 1012);
    tab.follow("main form button");
    tab.shows("Changed: REMSOURCE lisbon.");
    assert_eq!(info(&site, "orders").field("watermark").int(), 1030);
    tab.go("/key/0/orders");
    tab.shows("oslo");
    assert!(!tab.text().contains("lisbon"), "{}", tab.text());
}
