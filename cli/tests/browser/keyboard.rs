//! With nothing but a keyboard.

use crate::demo;
use crate::site::Site;
use crate::tab::Tab;

/// Presses Tab until the element of a selector has the focus.
#[track_caller]
fn reach(tab: &Tab, selector: &str) {
    reach_by(tab, selector, "Tab");
}

#[track_caller]
fn reach_by(tab: &Tab, selector: &str, key: &str) {
    let is_there = format!("document.activeElement === document.querySelector({})", serde_json::json!(selector));
    for _ in 0..300 {
        if tab.eval(&is_there) == true {
            // Whoever uses it sees where he is.
            assert_eq!(
                tab.eval("getComputedStyle(document.activeElement).outlineStyle !== 'none'"),
                true,
                "{selector}"
            );
            return;
        }
        tab.press(key);
    }
    panic!("{} does not lead to {selector} by {key}:\n{}", tab.address(), tab.text());
}

#[test]
fn all_that_died_of_one_reason_get_another_chance() {
    let site = Site::start();
    demo::fill(&site.server);
    let tab = site.at("/");
    tab.becomes("!!document.querySelector('a[href$=\"/key/0/mails\"]')");
    reach(&tab, ".skip");
    tab.press("Enter");
    reach(&tab, "a[href$='/key/0/mails']");
    tab.moves(|| tab.press("Enter"));
    reach(&tab, ".lateness a");
    tab.moves(|| tab.press("Enter"));
    reach(&tab, "tbody a");
    tab.moves(|| tab.press("Enter"));
    reach(&tab, "form[action$='/requeue'] button:not([formaction])");
    tab.moves(|| tab.press("Space"));
    reach(&tab, "main form button");
    tab.moves(|| tab.press("Enter"));
    tab.shows("48 requeued.");
    assert_eq!(site.server.client().ok("TSGEN.INFO mails").field("dead").int(), 20);
}

#[test]
fn a_letter_is_ticked_and_discarded() {
    let site = Site::start();
    demo::fill(&site.server);
    let tab = site.at("/key/0/mails/dead");
    reach(&tab, "tbody input[type=checkbox]");
    tab.press("Space");
    reach_by(&tab, "#choice button[formaction]", "Shift+Tab");
    tab.moves(|| tab.press("Enter"));
    tab.shows("Discard 1 dead letters?");
    reach(&tab, "main form button");
    tab.moves(|| tab.press("Enter"));
    tab.shows("1 discarded.");
}
