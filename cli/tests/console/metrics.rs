//! `metrics`.

use crate::harness::*;
use crate::run::{start, tsgen};

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|own| own == line), "{line}\n{text}");
}

#[test]
fn every_key_has_its_figures() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE mails SOURCES 2 north south\n OK\n > TSGEN.ADVANCE mails 10 SOURCE north\n nil\n > TSGEN.ADVANCE mails 10 SOURCE south\n 10");
    c.play("> TSGEN.MADD mails 1 a x 20 b y\n [0 1]\n > TSGEN.CLAIM mails w\n [[<t> …]]\n > TSGEN.ACK mails <t>\n 1");
    c.play("> DEBOUNCE.CREATE \"a\\\"b\\\\\\n\\xff\" IDLE 1h PAUSED yes\n OK\n > DEBOUNCE.PUSH \"a\\\"b\\\\\\n\\xff\" g x\n 1");
    let text = tsgen(&server, &["metrics"]).done();
    has(&text, r#"tsgen_entries{db="0",family="TSGEN",key="mails",state="waiting"} 1"#);
    has(&text, r#"tsgen_acks_total{db="0",family="TSGEN",key="mails"} 1"#);
    has(&text, r#"tsgen_watermark{db="0",family="TSGEN",key="mails"} 10"#);
    has(&text, r#"tsgen_paused{db="0",family="DEBOUNCE",key="a\"b\\\\n\\xff"} 1"#);
    has(&text, r#"tsgen_entries{db="0",family="DEBOUNCE",key="a\"b\\\\n\\xff",state="collecting"} 1"#);
    has(&text, "# TYPE tsgen_deliveries_total counter");
    assert!(
        text.contains(r#"tsgen_source_reported_timestamp_seconds{db="0",family="TSGEN",key="mails",source="north"} "#),
        "{text}"
    );
    assert!(text.contains(r#"tsgen_timer_lateness_seconds{"#) && text.contains("tsgen_blocked_clients{"), "{text}");
    has(&text, "tsgen_keys_refused 0");
    has(&text, &format!(r#"tsgen_up{{node="127.0.0.1:{}"}} 1"#, server.port));
    has(&text, &format!(r#"tsgen_keys{{family="DEBOUNCE",node="127.0.0.1:{}"}} 1"#, server.port));
}

/// What `/metrics` answers.
pub fn scrape(served: &App) -> String {
    let address = served.line_with("tsgen: metrics: http://");
    let url = address.rsplit(' ').next().expect("an address").to_owned();
    ureq::get(&url).call().expect("an answer").body_mut().read_to_string().expect("text")
}

#[test]
fn figures_survive_their_server() {
    let mut server = Server::start(&[]);
    server.client().ok("TSGEN.ADD mails 5 a x");
    let mut served = start(&server, &["metrics", "--listen", "127.0.0.1:0"]);
    let up = |n: u8| format!(r#"tsgen_up{{node="127.0.0.1:{}"}} {n}"#, server.port);
    let (is_up, is_down) = (up(1), up(0));
    let entries = r#"tsgen_entries{db="0",family="TSGEN",key="mails",state="waiting"}"#;
    let text = scrape(&served);
    has(&text, &is_up);
    has(&text, &format!("{entries} 1"));
    server.stop(Stop::Kill);
    wait_until("it is told that it is gone", || scrape(&served).contains(&is_down));
    has(&scrape(&served), &format!("{entries} 1"));
    server.start_again();
    wait_until("it is back, and empty", || {
        let text = scrape(&served);
        text.contains(&is_up) && !text.contains(entries)
    });
    assert_eq!(served.terminate(), Some(0));
}

#[test]
fn a_user_who_may_not_see_everything_gets_the_rest() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE mine\n OK\n > TSGEN.CREATE yours\n OK");
    let file = server.folder().join("password");
    std::fs::write(&file, "secret\n").expect("a file");
    let password = file.display().to_string();
    let told = |rights: &str| {
        server.client().ok(&format!("ACL SETUSER ada reset on >secret {rights}"));
        let ran = tsgen(&server, &["metrics", "--user", "ada", "--password-file", &password]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        (ran.out, ran.err)
    };
    let (out, err) = told("~mine +@all");
    has(&out, r#"tsgen_entries{db="0",family="TSGEN",key="mine",state="ready"} 0"#);
    has(&out, "tsgen_keys_refused 1");
    assert!(err.contains("1 keys cannot be read: yours: NOPERM") && err.contains("+tsgen.info and %R~yours"), "{err}");
    let (out, err) = told("~* +@all -info");
    has(&out, r#"tsgen_entries{db="0",family="TSGEN",key="yours",state="ready"} 0"#);
    assert!(err.contains("INFO: NOPERM") && err.contains("give this user +info"), "{err}");
    let (out, err) = told("~* +@all -scan");
    has(&out, &format!(r#"tsgen_up{{node="127.0.0.1:{}"}} 1"#, server.port));
    assert!(err.contains("SCAN: NOPERM") && err.contains("give this user +scan") && !out.contains("mine"), "{err}");
    let (_, err) = told("~* +@all -tsgen.info");
    assert!(err.contains("2 keys cannot be read: mine: NOPERM"), "{err}");
}

#[test]
fn the_number_of_labels_is_bounded() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for nth in 0..20 {
        c.ok(&format!("TSGEN.ADD k{nth} 5 a x"));
    }
    c.ok("TSGEN.ADD k7 6 b x");
    let text = tsgen(&server, &["metrics", "--max-keys", "1"]).done();
    has(&text, r#"tsgen_entries{db="0",family="TSGEN",key="k7",state="waiting"} 2"#);
    has(&text, r#"tsgen_entries{db="0",family="TSGEN",key="(other)",state="waiting"} 19"#);
    assert!(!text.contains("key=\"k8\""), "{text}");
}

/// The status of the answer to a request for a host.
fn status(url: &str, host: &str) -> u16 {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    agent.get(url).header("Host", host).call().expect("an answer").status().as_u16()
}

#[test]
fn a_name_that_somebody_else_has_pointed_here_is_told_nothing() {
    let server = Server::start(&[]);
    let served = start(&server, &["metrics", "--listen", "127.0.0.1:0", "--host", "queues.example"]);
    let url = served.line_with("tsgen: metrics: http://").rsplit(' ').next().expect("an address").to_owned();
    let statuses = ["127.0.0.1", "localhost:1", "Queues.example:9380", "evil.example", "x.queues.example", ""]
        .map(|host| status(&url, host));
    assert_eq!(statuses, [200, 200, 200, 421, 421, 421]);
    assert!(tsgen(&server, &["metrics", "--host", "x"]).failed(2).contains("--listen"));
}
