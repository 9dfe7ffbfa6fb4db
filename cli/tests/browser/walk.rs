//! Every page: that it can be read, with script and without, by everybody, and with nothing but a keyboard.

use crate::barriers;
use crate::demo;
use crate::harness::*;
use crate::site::Site;

/// Each page of keys of all families.
const PAGES: &[&str] = &[
    "/",
    "/?dead=1&sort=-dead",
    "/?name=nothing-is-called-so",
    "/workers",
    "/workers?entry=mail-6*",
    "/events",
    "/nodes",
    "/there-is-no-such-page",
    "/key/0/mails",
    "/key/0/mails/waiting",
    "/key/0/mails/ready",
    "/key/0/mails/leased",
    "/key/0/mails/delayed",
    "/key/0/mails/dead",
    "/key/0/mails/dead?reason=*full*",
    "/key/0/mails/find?id=mail-6*",
    "/key/0/mails/options",
    "/key/0/orders",
    "/key/0/orders/ready",
    "/key/0/orders/waiting",
    "/key/0/orders/options",
    "/key/0/stock-alerts",
    "/key/0/stock-alerts/waiting",
    "/key/0/stock-alerts/ready",
    "/key/0/carts",
    "/key/0/carts/waiting",
    "/key/0/views",
    "/key/0/views/ready",
];

#[test]
fn nobody_is_kept_out_of_any_page() {
    let site = Site::start();
    demo::fill(&site.server);
    let tab = site.tab();
    tab.expect("404");
    for page in PAGES {
        tab.go(page);
        barriers::none(&tab);
    }
}

#[test]
fn every_page_is_whole_without_script() {
    let site = Site::start();
    demo::fill(&site.server);
    let (with, without) = (site.tab(), site.tab().without_script());
    for page in PAGES {
        for tab in [&with, &without] {
            tab.expect("404");
            tab.go(page);
            assert_eq!(tab.count("h1"), 1, "{page}");
        }
    }
}

/// Nothing has to be moved from side to side on a phone, neither a page nor a table in it.
#[test]
fn every_page_fits_into_a_narrow_window() {
    let site = Site::start();
    demo::fill(&site.server);
    let tab = site.tab();
    tab.expect("404");
    tab.resize(400, 800);
    for page in PAGES {
        tab.go(page);
        assert_eq!(tab.too_wide(), "", "{page}");
    }
    // What columns have in their titles stands by the figures.
    for page in ["/", "/workers", "/key/0/mails", "/key/0/mails/dead"] {
        tab.go(page);
        barriers::none(&tab);
    }
    tab.go("/");
    let figure = "document.querySelector('td[data-label=Dead]')";
    assert_eq!(tab.eval(&format!("getComputedStyle({figure}, '::before').content")), "\"Dead \"");
    tab.follow("thead a[href$='sort=-dead']");
    assert_eq!(tab.text_of("tbody a"), "mails");
}

#[test]
fn an_entry_has_a_page_with_its_content() {
    let site = Site::start();
    demo::fill(&site.server);
    for state in ["ready", "leased", "delayed", "dead"] {
        let tab = site.at(&format!("/key/0/mails/{state}"));
        let id = tab.text_of("table.entries tbody th a");
        tab.follow("table.entries tbody th a");
        tab.shows(&format!("Id {id}"));
        tab.shows("order-shipped");
        barriers::none(&tab);
    }
}

#[test]
fn keys_are_filtered_and_the_address_says_how() {
    let site = Site::start();
    demo::fill(&site.server);
    for tab in [site.tab(), site.tab().without_script()] {
        wait_until("all keys are there", || {
            tab.go("/");
            tab.count("tbody tr") == 5
        });
        tab.fill("form.filter input[name=name]", "mail*");
        tab.follow("form.filter button");
        assert_eq!((tab.count("tbody tr"), tab.text_of("tbody a")), (1, "mails".to_owned()));
        assert!(tab.address().contains("name=mail*"), "{}", tab.address());
        tab.go("/?sort=-dead");
        assert_eq!(tab.text_of("tbody a"), "mails");
        tab.go("/?family=tally");
        assert_eq!((tab.count("tbody tr"), tab.text_of("tbody a")), (1, "views".to_owned()));
    }
}

/// The questions that somebody asks who has never seen the page, by what he can click on.
#[test]
fn a_newcomer_finds_out_what_is_wrong_and_puts_it_right() {
    let site = Site::start();
    demo::fill(&site.server);
    // Which key is late, and by how much? What stands first.
    let tab = site.at("/");
    tab.shows("mails");
    tab.becomes("/mails[^]*3m/.test(document.querySelector('tbody tr').innerText)");
    tab.follow("a[href$='/key/0/mails']");
    tab.shows("Late by 3m");
    // Which has dead letters, and why?
    tab.shows("68 dead letters");
    tab.follow(".lateness a");
    tab.shows("timeout: mail.example did not answer");
    let first = tab.text_of("table tbody tr:first-child");
    assert!(first.starts_with("48"), "{first}");
    // What is in one of them?
    tab.shows("customer-1@shop.example");
    // Who holds an entry, and until when?
    tab.go("/key/0/mails");
    tab.fill("input[name=id]", "mail-69");
    tab.follow("[role=search] button");
    tab.shows("mailer-1");
    tab.shows("in 4m");
    // All that died of one reason get another chance.
    tab.go("/key/0/mails/dead");
    tab.follow("table tbody a");
    tab.shows("All 48 that match");
    tab.follow("form[action$='/requeue'] button:not([formaction])");
    tab.shows("Requeue 48 dead letters?");
    tab.follow("form[action$='/requeue'] button");
    tab.shows("48 requeued.");
    assert_eq!(site.server.client().ok("TSGEN.INFO mails").field("dead").int(), 20);
}

/// A page that keeps itself up to date takes nothing away from somebody who types.
#[test]
fn what_is_typed_stays_when_the_page_learns_something_new() {
    let site = Site::start();
    demo::fill(&site.server);
    let tab = site.at("/key/0/mails");
    tab.fill("input[name=id]", "mail-69");
    tab.eval("document.activeElement.blur()");
    site.server.client().ok("TSGEN.ALTER mails MAXDELIVERIES 4321");
    tab.shows("4321");
    assert_eq!(tab.eval("document.querySelector('input[name=id]').value"), "mail-69");
}
