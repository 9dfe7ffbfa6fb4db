//! How the module comes into a server: MODULE LOAD and LOADEX, and what is refused there.

use crate::harness::*;

/// Loads the module with what follows its path.
#[track_caller]
fn load(c: &mut Client, command: &str, rest: &str) -> Reply {
    c.run(&format!("MODULE {command} {} {rest}", module().display()))
}

#[track_caller]
fn is_loaded(c: &mut Client) -> bool {
    c.ok("MODULE LIST").to_string().contains("'tsgen'")
}

/// Every family still answers, and its timer comes.
#[track_caller]
fn works(c: &mut Client) {
    c.play(
        r#"
        > TSGEN.CREATE k CLOCK
        OK
        > TSGEN.ADD k +20 a
        1
        > TSGEN.CLAIM k w BLOCK 10000
        [[<_t> 1 'a' …]]
        > EXPIRY.CREATE w PREFIX k:
        OK
        > SET k:1 v PX 20
        OK
        > EXPIRY.CLAIM w me BLOCK 10000
        [[<_e> 1 'k:1' …]]
        > THROTTLE.TAKE t 1 1000
        [1 …]
        "#,
    );
}

#[test]
fn it_can_be_loaded_into_a_server_that_runs() {
    let server = Server::plain(&[]);
    let mut c = server.client();
    assert_eq!(load(&mut c, "LOAD", ""), "OK");
    works(&mut c);
    assert!(load(&mut c, "LOAD", "").is_error(), "it is there already");
    assert!(server.log().contains("a module of the name tsgen is loaded already"), "{}", server.log());
    c.expect("TSGEN.PENDING k", "[[<_t> …]]");
}

#[test]
fn load_arguments_are_refused_with_the_reason_in_the_log() {
    let server = Server::plain(&[]);
    let mut c = server.client();
    for (command, rest) in [("LOAD", "LEASE 5"), ("LOADEX", "ARGS x"), ("LOADEX", "CONFIG tsgen.lease 5 ARGS x")] {
        let before = server.log().len();
        assert!(load(&mut c, command, rest).is_error(), "{command} {rest}");
        let log = server.log()[before..].to_owned();
        assert!(log.contains("tsgen takes no load arguments; set tsgen.* in redis.conf or with CONFIG SET"), "{log}");
        assert!(!is_loaded(&mut c));
    }
    // Nothing is left of the attempts.
    assert_eq!(load(&mut c, "LOAD", ""), "OK");
    assert_eq!(c.ok("CONFIG GET tsgen.lease").field("tsgen.lease").text(), "30000");
    works(&mut c);
}

#[test]
fn loadex_sets_configs() {
    let server = Server::plain(&[]);
    let mut c = server.client();
    assert_eq!(load(&mut c, "LOADEX", "CONFIG tsgen.lease 1234 CONFIG tsgen.debounce-unique no"), "OK");
    let configs = c.ok("CONFIG GET tsgen.*");
    assert_eq!(configs.field("tsgen.lease").text(), "1234");
    assert_eq!(configs.field("tsgen.debounce-unique").text(), "no");
    assert_eq!(configs.field("tsgen.max-deliveries").text(), "16");
    works(&mut c);
    assert_eq!(c.ok("TSGEN.INFO k").field("lease").int(), 1234);
}

/// (A config that does not exist is no concern of ours: the server tries to unload the module, and some crash; docs/servers.md.)
#[test]
fn loadex_with_a_value_out_of_range_is_refused_and_can_be_repeated() {
    let server = Server::plain(&[]);
    let mut c = server.client();
    for value in ["x", "0", "315360000001"] {
        assert!(load(&mut c, "LOADEX", &format!("CONFIG tsgen.lease {value}")).is_error(), "{value}");
        assert!(!is_loaded(&mut c));
    }
    assert_eq!(load(&mut c, "LOADEX", "CONFIG tsgen.lease 1234"), "OK");
    works(&mut c);
}
