//! Dead letters: by reason, by ticks, all that match.

use crate::demo;
use crate::site::Site;

fn dead(site: &Site) -> i64 {
    site.server.client().ok("TSGEN.INFO mails").field("dead").int()
}

#[test]
fn those_that_are_ticked_get_another_chance() {
    let site = Site::start();
    demo::fill(&site.server);
    for tab in [site.tab(), site.tab().without_script()] {
        let before = dead(&site);
        tab.go("/key/0/mails/dead");
        tab.click("tbody tr:nth-child(1) input[type=checkbox]");
        tab.click("tbody tr:nth-child(3) input[type=checkbox]");
        tab.follow("#choice button");
        tab.shows("2 requeued.");
        assert_eq!(dead(&site), before - 2);
        // It is told once.
        tab.go("/key/0/mails/dead");
        assert!(!tab.text().contains("2 requeued."), "{}", tab.text());
    }
}

#[test]
fn what_is_to_go_for_good_is_asked_for() {
    let site = Site::start();
    demo::fill(&site.server);
    for tab in [site.tab(), site.tab().without_script()] {
        let before = dead(&site);
        tab.go("/key/0/mails/dead");
        tab.click("tbody tr:nth-child(2) input[type=checkbox]");
        tab.follow("#choice button[formaction]");
        tab.shows("Discard 1 dead letters?");
        assert_eq!(dead(&site), before);
        tab.follow("main form button");
        tab.shows("1 discarded.");
        assert_eq!(dead(&site), before - 1);
        // Somebody who does not mean it goes back.
        tab.follow("form[action$='/discard'] button");
        tab.shows(&format!("Discard {} dead letters?", before - 1));
        tab.follow("main form a");
        assert_eq!((tab.address().as_str(), dead(&site)), ("/key/0/mails/dead", before - 1));
    }
}

#[test]
fn nothing_is_done_without_a_tick() {
    let site = Site::start();
    demo::fill(&site.server);
    let tab = site.at("/key/0/mails/dead");
    tab.follow("#choice button");
    tab.shows("Nothing was ticked");
    assert_eq!(dead(&site), 68);
}

#[test]
fn letters_are_listed_by_a_pattern_and_page_by_page() {
    let site = Site::start();
    demo::fill(&site.server);
    let tab = site.at("/key/0/mails/dead");
    assert_eq!(tab.count("table.entries tbody tr"), 50);
    tab.follow("a[rel=next]");
    assert_eq!(tab.count("table.entries tbody tr"), 18);
    tab.shows("That is all.");
    tab.go("/key/0/mails/dead");
    tab.fill("input[name=reason]", "*full*");
    tab.follow("form.filter button");
    assert_eq!(tab.count("table.entries tbody tr"), 17);
    tab.shows("All 17 that match");
    assert!(tab.address().contains("reason=*full*"), "{}", tab.address());
}

/// More than is done at once: a page tells how far it is.
#[test]
fn all_that_match_are_settled_step_by_step() {
    let site = Site::start();
    let mut c = site.server.client();
    c.ok("TALLY.CREATE k");
    c.ok(
        "EVAL \"for i = 1, 25000 do redis.call('TALLY.INCR', KEYS[1], 'f') redis.call('TALLY.SEAL', KEYS[1]) end\" 1 k",
    );
    for _ in 0..3 {
        c.ok("EVAL \"for _, e in ipairs(redis.call('TALLY.CLAIM', KEYS[1], 'w', 'COUNT', 10000)) do redis.call('TALLY.NACK', KEYS[1], e[1], 'DEAD', 'REASON', e[1] % 2 == 0 and 'even' or 'odd') end\" 1 k");
    }
    let tab = site.at("/key/0/k/dead?reason=odd");
    tab.follow("form[action$='/requeue'] button:not([formaction])");
    tab.shows("Requeue 12500 dead letters?");
    // One that dies now is none of those that were counted.
    c.ok("TALLY.INCR k f");
    c.ok("TALLY.SEAL k");
    c.ok("EVAL \"local e = redis.call('TALLY.CLAIM', KEYS[1], 'w')[1] redis.call('TALLY.NACK', KEYS[1], e[1], 'DEAD', 'REASON', 'odd')\" 1 k");
    tab.follow("main form button");
    tab.shows("12500 requeued.");
    let info = c.ok("TALLY.INFO k");
    assert_eq!((info.field("dead").int(), info.field("ready").int()), (12_501, 12_500));
}
