//! `metrics`.

use crate::harness::*;
use crate::run::tsgen;

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
