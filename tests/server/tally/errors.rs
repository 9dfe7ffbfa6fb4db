//! Bad input to TALLY: an error that names what is wrong, and nothing changed.

use super::*;
use crate::common::refused;
use crate::harness::*;

#[test]
fn options_and_arguments_are_checked() {
    let server = Server::start(&[]);
    server.client().play("> TALLY.CREATE k\n OK\n > TALLY.INCR k f 5\n 5");
    const I64: &str = "must be an integer between -9223372036854775808 and 9223372036854775807";
    refused(
        &server,
        &[
            ("TALLY.CREATE n EVERY", "EVERY needs a value"),
            ("TALLY.CREATE n EVERY 0", "EVERY must be an integer between 1 and 315360000000"),
            ("TALLY.CREATE n EVERY -1", "EVERY must be an integer between 1 and 315360000000"),
            ("TALLY.CREATE n EVERY 1.5", "EVERY must be an integer between 1 and 315360000000"),
            ("TALLY.CREATE n EVERY 315360000001", "EVERY must be an integer between 1 and 315360000000"),
            ("TALLY.CREATE n EVERY 5 EVERY 5", "EVERY given twice"),
            ("TALLY.CREATE n FIELD", "FIELD needs a value"),
            ("TALLY.CREATE n FIELD INT", "FIELD must be ANY or UUID"),
            ("TALLY.CREATE n FIELD ANY FIELD ANY", "FIELD given twice"),
            ("TALLY.CREATE n MIN", "MIN needs a value"),
            ("TALLY.CREATE n MIN x", I64),
            ("TALLY.CREATE n MIN 9223372036854775808", I64),
            ("TALLY.CREATE n MIN 1 MIN 1", "MIN given twice"),
            ("TALLY.CREATE n MAX", "MAX needs a value"),
            ("TALLY.CREATE n MAX -9223372036854775809", I64),
            ("TALLY.CREATE n MAX 1 MAX 1", "MAX given twice"),
            ("TALLY.CREATE n MIN 2 MAX 1", "MIN must not be above MAX"),
            ("TALLY.CREATE n MAXFIELDS", "MAXFIELDS needs a value"),
            ("TALLY.CREATE n MAXFIELDS 0", "MAXFIELDS must be an integer between 1 and 100000"),
            ("TALLY.CREATE n MAXFIELDS 100001", "MAXFIELDS must be an integer between 1 and 100000"),
            ("TALLY.CREATE n MAXFIELDS 5 MAXFIELDS 5", "MAXFIELDS given twice"),
            ("TALLY.CREATE n IDLE 5", "'IDLE'"),
            ("TALLY.CREATE n CLOCK", "'CLOCK'"),
            ("TALLY.ALTER none EVERY 5", "no such key"),
            ("TALLY.ALTER k EVERY 0", "EVERY must be an integer between 1 and 315360000000"),
            ("TALLY.ALTER k EVERY 5 MAXFIELDS 100001", "MAXFIELDS must be an integer between 1 and 100000"),
            ("TALLY.ALTER k FIELD UUID", "fixed when the key is created"),
            ("TALLY.ALTER k EVERY 5 MIN 1", "fixed when the key is created"),
            ("TALLY.ALTER k MAX 1", "fixed when the key is created"),
            ("TALLY.INCR k", "wrong number of arguments"),
            ("TALLY.INCR k f 1 g", "wrong number of arguments"),
            ("TALLY.INCR k f 1 g 2", "wrong number of arguments"),
            ("TALLY.INCR k f x", "delta must be a signed 64-bit integer"),
            ("TALLY.INCR k f \"\"", "delta must be a signed 64-bit integer"),
            ("TALLY.INCR k f 1.5", "delta must be a signed 64-bit integer"),
            ("TALLY.INCR k f 9223372036854775808", "delta must be a signed 64-bit integer"),
            ("TALLY.INCR k f -9223372036854775809", "delta must be a signed 64-bit integer"),
            ("TALLY.INCR none f", "no such key; TALLY.CREATE makes it"),
            ("TALLY.MINCR k f", "wrong number of arguments"),
            ("TALLY.MINCR k f 1 g", "wrong number of arguments"),
            ("TALLY.MINCR k f 1 g x", "delta must be a signed 64-bit integer"),
            ("TALLY.MINCR none f 1", "no such key; TALLY.CREATE makes it"),
            ("TALLY.GET k", "wrong number of arguments"),
            ("TALLY.GET k f g", "wrong number of arguments"),
            ("TALLY.SEAL k k", "wrong number of arguments"),
            ("TSGEN.AT 1 TALLY.INCR k f", "tsgen.virtual-clock"),
        ],
    );
}

#[test]
fn every_increment_is_validated_and_a_bad_one_changes_nothing() {
    const FINE: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k FIELD UUID MIN 1 MAX 10");
    c.expect(&format!("TALLY.MINCR k {FINE} 1 {FINE} 10"), "[1 11]");
    let bad_fields = [
        "\"\"".to_owned(),
        "f".to_owned(),
        FINE.replace('-', ""),
        format!("{{{FINE}}}"),
        format!("urn:uuid:{FINE}"),
        format!("{FINE}0"),
        FINE.replace("67e", "67g"),
        FINE.replace("044-1", "0441-"),
        FINE.replace("67e5", "\u{430}\u{435}"),
    ];
    let mut cases = Vec::new();
    for field in &bad_fields {
        cases.push((format!("TALLY.INCR k {field}"), "ERR field must be a UUID"));
        cases.push((format!("TALLY.MINCR k {FINE} 1 {field} 1"), "ERR field must be a UUID"));
        cases.push((format!("TALLY.GET k {field}"), "ERR field must be a UUID"));
    }
    for (delta, named) in [("0", "at least 1"), ("-9223372036854775808", "at least 1"), ("11", "at most 10")] {
        cases.push((format!("TALLY.INCR k {FINE} {delta}"), named));
        cases.push((format!("TALLY.MINCR k {FINE} 5 {FINE} {delta} {FINE} 5"), named));
    }
    refused(&server, &cases.iter().map(|(command, named)| (command.as_str(), *named)).collect::<Vec<_>>());
    c.expect(&format!("TALLY.GET k {FINE}"), "11");
    // Exactly the texts of the contract.
    c.play(&format!("> TALLY.INCR k x\n -ERR field must be a UUID\n > TALLY.INCR k {FINE} 0\n -ERR delta must be at least 1\n > TALLY.INCR k {FINE} 11\n -ERR delta must be at most 10"));
    // The default delta is an increment as any.
    c.play("> TALLY.CREATE two MIN 2\n OK\n > TALLY.INCR two f\n -ERR delta must be at least 2\n > TALLY.CREATE fixed MIN 7 MAX 7\n OK\n > TALLY.INCR fixed f 7\n 7\n > TALLY.INCR fixed f 7\n 14");
}

#[test]
fn a_sum_that_would_overflow_is_an_error_and_changes_nothing() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        r#"
        > TALLY.CREATE k EVERY 3600000 MAXFIELDS 3
        OK
        > TALLY.MINCR k top 9223372036854775807 low -9223372036854775808
        [9223372036854775807 -9223372036854775808]
        "#,
    );
    refused(
        &server,
        &[
            ("TALLY.INCR k top", "overflow"),
            ("TALLY.INCR k top 9223372036854775807", "overflow"),
            ("TALLY.INCR k low -1", "overflow"),
            ("TALLY.MINCR k low 1 top 1", "overflow"),
            ("TALLY.MINCR k top -1 top 1 top 1", "overflow"),
            // Only the second of the new window's is too much; by then one window would be sealed.
            ("TALLY.MINCR k c 1 top 9223372036854775807 top 1", "overflow"),
        ],
    );
    // In a window of its own it fits; all together it is no number that GET can tell.
    c.play(
        r#"
        > TALLY.MINCR k top -1 top 1 c 1 top 9223372036854775807 low -9223372036854775808
        [9223372036854775806 9223372036854775807 1 9223372036854775807 -9223372036854775808]
        > TALLY.GET k top
        -ERR …overflow
        > TALLY.GET k c
        1
        > TALLY.INCR k low 1
        -9223372036854775807
        "#,
    );
    c.expect("TALLY.CLAIM k w", "[[<t> 1 … ['c' 1 'low' -9223372036854775808 'top' 9223372036854775807]]]");
    c.play(
        "> TALLY.ACK k <t>\n 1\n > TALLY.GET k top\n 9223372036854775807\n > TALLY.GET k low\n -9223372036854775807",
    );
}

/// What fills windows in the middle is tried in thought before anything is done.
#[test]
fn a_mincr_that_fails_after_windows_would_have_been_sealed_changes_nothing() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TALLY.CREATE k EVERY 3600000 MAXFIELDS 2 MAXLEN 3 MAX 9223372036854775806\n OK\n > TALLY.INCR k a 1\n 1");
    refused(
        &server,
        &[
            ("TALLY.MINCR k b 1 c 1 d 1 e 1 f 1 g 1 h 1", "FULL"),
            ("TALLY.MINCR k b 1 c 9223372036854775806 c 2", "overflow"),
            ("TALLY.MINCR k b 1 c 1 d 1 e 1 f 9223372036854775807", "at most"),
            ("TALLY.MINCR k b 1 c 1 d 1 e 1 f x", "delta"),
        ],
    );
    assert_eq!(batches(&mut c, "k"), [1, 0, 0, 0, 0]);
    // A field named again after its window was sealed is another sum.
    c.expect("TALLY.MINCR k a 1 b 1 a 5 a 5 b 7 a 9", "[2 1 5 10 7 9]");
    assert_eq!(batches(&mut c, "k"), [1, 2, 0, 0, 0]);
    c.expect("TALLY.CLAIM k w COUNT 9", "[[<t> 1 … ['a' 2 'b' 1]] [<u> 1 … ['a' 10 'b' 7]]]");
    c.expect("TALLY.GET k a", "21");
}

#[test]
fn fields_beyond_their_limit_are_refused() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TALLY.CREATE k");
    let (longest, too_long) = ("x".repeat(65_536), "x".repeat(65_537));
    assert_eq!(crate::cmd!(c, "TALLY.INCR", "k", &longest), 1);
    let digest = server.digest_all();
    for reply in [
        crate::cmd!(c, "TALLY.INCR", "k", &too_long),
        crate::cmd!(c, "TALLY.MINCR", "k", "fine", 1, &too_long, 1),
        crate::cmd!(c, "TALLY.GET", "k", &too_long),
    ] {
        assert_eq!(reply, "-ERR field must be at most 65536 bytes");
    }
    c.ok("CONFIG SET tsgen.max-name-size 3");
    c.play("> TALLY.INCR k four\n -ERR field must be at most 3 bytes\n > TALLY.MINCR k abc 1 four 1\n -ERR field must be at most 3 bytes");
    assert_eq!(server.digest_all(), digest);
}

#[test]
fn the_keys_of_every_command_are_known_to_acl_and_cluster() {
    Server::start(&[]).client().play(
        r#"
        > COMMAND GETKEYS TALLY.INCR k f 5
        ['k']
        > COMMAND GETKEYS TALLY.MINCR k f 5 g 6
        ['k']
        > COMMAND GETKEYS TALLY.CREATE k EVERY 5 FIELD UUID MIN 1 MAX 2 MAXFIELDS 3 SINK s SINKMAXLEN 5
        ['k' 's']
        > COMMAND GETKEYS TALLY.CREATE k FIELD SINK SINK s
        ['k' 's']
        > COMMAND GETKEYS TALLY.ALTER k MAXFIELDS 5 SINK s
        ['k' 's']
        > COMMAND GETKEYS TALLY.SEAL k
        ['k']
        > ACL SETUSER counter on nopass ~k* +tally.incr
        OK
        > TALLY.CREATE k
        OK
        > AUTH counter any
        OK
        > TALLY.INCR k f
        1
        > TALLY.MINCR k f 1
        -NOPERM …
        > TALLY.INCR other f
        -NOPERM …
        "#,
    );
}

#[test]
fn times_at_the_edges_saturate_and_numbers_stay_exact() {
    Server::start(&["--tsgen.virtual-clock", "yes"]).client().play(
        r#"
        > TALLY.CREATE k EVERY 315360000000
        OK
        > TSGEN.AT 8796093022207 TALLY.INCR k f
        1
        > TSGEN.AT 8796093022207 TALLY.INFO k
        […'opened-at' 8796093022207 'seals-at' 9111453022207 …]
        > TSGEN.AT 8796093022207 TALLY.SEAL k
        1
        > TSGEN.AT 8796093022207 TALLY.CLAIM k w
        [[9007199254739968 1 9007199254739968 8796093022207 8796093022207 ['f' 1]]]
        > TSGEN.AT 0 TALLY.INCR k f
        1
        > TSGEN.AT 0 TALLY.SEAL k
        1
        > TSGEN.AT 0 TALLY.CLAIM k w
        [[9007199254739969 1 9007199254739969 0 0 ['f' 1]]]
        "#,
    );
}
