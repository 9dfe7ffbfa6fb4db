//! Who may look, and who may act.

use crate::barriers;
use crate::demo;
use crate::harness::*;
use crate::site::Site;
use serde_json::json;
use std::io::Write;
use std::process::Stdio;

#[test]
fn read_only_shows_all_and_changes_nothing() {
    let server = Server::start(&[]);
    demo::fill(&server);
    let site = Site::with(server, &["--read-only"]);
    let tab = site.tab();
    for page in ["", "/ready", "/leased", "/delayed", "/dead", "/dead?reason=*full*", "/waiting", "/options"] {
        tab.go(&format!("/key/0/mails{page}"));
        assert_eq!(tab.count("form[method=post], button.danger, input[type=checkbox]"), 0, "{page}");
        tab.shows("read only");
        barriers::none(&tab);
    }
    // Nor is a form taken that somebody has made himself.
    tab.expect("403");
    let before = site.server.client().ok("TSGEN.INFO mails").to_string();
    for action in ["pause", "promote", "requeue", "discard", "options"] {
        let sent = json!(format!("/key/0/mails/{action}"));
        let status = tab.eval(&format!(
            "fetch({sent}, {{ method: 'POST', body: new URLSearchParams({{ all: 'yes', confirmed: 'yes', LEASE: '1s' }}) }}).then(reply => reply.status)"
        ));
        assert_eq!(status, 403, "{action}");
    }
    let after = site.server.client().ok("TSGEN.INFO mails");
    assert_eq!((after.field("paused").to_string(), after.field("dead").int()), ("'no'".to_owned(), 68), "{before}");
}

/// Whatever is only read changes nothing, and a form without what only our pages know is not taken.
#[test]
fn nothing_is_changed_but_by_forms_of_its_own() {
    let site = Site::start();
    demo::fill(&site.server);
    let tab = site.at("/key/0/mails");
    for status in ["403", "404", "405"] {
        tab.expect(status);
    }
    for action in ["pause", "resume", "promote", "requeue", "discard"] {
        let status =
            tab.eval(&format!("fetch('/key/0/mails/{action}?all=yes&confirmed=yes').then(reply => reply.status)"));
        assert_eq!(status, 405, "{action}");
        let forged = tab.eval(&format!(
            "fetch('/key/0/mails/{action}', {{ method: 'POST', body: new URLSearchParams({{ all: 'yes', confirmed: 'yes', csrf: '00' }}) }}).then(reply => reply.status)"
        ));
        assert_eq!(forged, 403, "{action}");
    }
    let info = site.server.client().ok("TSGEN.INFO mails");
    assert_eq!(
        (info.field("paused").to_string(), info.field("dead").int(), info.field("delayed").int()),
        ("'no'".to_owned(), 68, 6)
    );
}

#[test]
fn who_has_no_password_stays_outside() {
    let server = Server::start(&[]);
    demo::fill(&server);
    let file = server.folder().join("users");
    let mut made = mortal(env!("CARGO_BIN_EXE_tsgen"));
    made.args(["web-user", "ada"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut made = made.spawn().expect("start tsgen");
    made.stdin.take().expect("its input").write_all(b"two books, and no more\n").expect("it reads");
    std::fs::write(&file, made.wait_with_output().expect("its output").stdout).expect("a file");
    let site = Site::with(server, &["--users", file.to_str().expect("a path")]);
    for has_script in [true, false] {
        let tab = if has_script { site.tab() } else { site.tab().without_script() };
        // What looks for barriers is a script.
        let look = || has_script.then(|| barriers::none(&tab));
        tab.expect("401");
        tab.expect("403");
        tab.go("/key/0/mails/dead");
        assert!(tab.address().starts_with("/login"), "{}", tab.address());
        assert!(!tab.text().contains("mails"), "{}", tab.text());
        look();
        tab.fill("input[name=user]", "ada");
        tab.fill("input[name=password]", "three books, and no more");
        tab.follow("form.login button");
        tab.shows("Log in");
        assert!(tab.address().starts_with("/login"), "{}", tab.address());
        assert_eq!(tab.count("[role=alert]"), 1);
        look();
        tab.fill("input[name=user]", "ada");
        tab.fill("input[name=password]", "two books, and no more");
        tab.follow("form.login button");
        // It leads to where one wanted to go.
        assert_eq!(tab.address(), "/key/0/mails/dead");
        tab.shows("68 entries will not be delivered");
        tab.follow("header form button");
        tab.go("/key/0/mails");
        assert!(tab.address().starts_with("/login"), "{}", tab.address());
    }
}
