//! A server that goes away and comes back.

use crate::demo;
use crate::harness::*;
use crate::site::Site;

#[test]
fn a_page_says_so_and_goes_on_when_it_is_back() {
    let server = Server::start(&["--appendonly", "yes"]);
    demo::fill(&server);
    let mut site = Site::with(server, &[]);
    let tab = site.at("/key/0/mails");
    // A page that is fetched again meanwhile fails, and the browser says so.
    tab.expect("502");
    tab.shows("68 dead letters");
    site.server.stop(Stop::NoSave);
    tab.go("/key/0/mails");
    tab.shows("The server does not answer");
    site.server.start_again();
    wait_until("the key has its page again", || {
        tab.go("/key/0/mails");
        tab.text().contains("68 dead letters")
    });
    // And a page that is open goes on by itself.
    site.server.client().ok("TSGEN.ALTER mails PAUSED yes");
    tab.shows("the key is paused, and hands out nothing");
}
