//! What a hostile client can send: damaged payloads behind a correct checksum, NUL and printf directives in every place, numbers at
//! the edges. The server answers something each time, and lives.

use super::common::*;
use crate::harness::*;

/// A flipped type byte turns the payload into one of Redis's own types, which it only checks when asked to.
const SANITIZED: [&str; 2] = ["--sanitize-dump-payload", "yes"];

/// DUMP payloads of keys in every state, with and without compression of their strings.
#[track_caller]
fn payloads(server: &Server) -> Vec<Vec<u8>> {
    let mut c = server.client();
    fill(&mut c);
    let mut dumps = Vec::new();
    for compression in ["no", "yes"] {
        c.ok(&format!("CONFIG SET rdbcompression {compression}"));
        dumps.extend(FILLED.iter().map(|key| c.ok(&format!("DUMP {key}")).bytes().to_vec()));
    }
    c.ok("FLUSHALL");
    dumps
}

/// Restores a damaged value; if it is taken, every command must cope with what came out.
fn restore_and_use(c: &mut Client, value: &[u8], version: [u8; 2]) {
    let reply = crate::cmd!(c, "RESTORE", "k", 0, &reseal(value, version));
    if reply.is_error() {
        return;
    }
    for command in [
        "TSGEN.INFO k",
        "TSGEN.RANGE k - +",
        "TSGEN.PENDING k",
        "TSGEN.DEAD k",
        "TSGEN.SOURCES k",
        "TSGEN.ADD k 5 new x",
        "TSGEN.ADVANCE k 1000",
        "TSGEN.CLAIM k w COUNT 100 LEASE 1",
        "TSGEN.NACK k 1-4611686018427387904",
        "TSGEN.REQUEUE k ALL",
        "TSGEN.RELEASE k w",
        "TSGEN.CLAIM k w COUNT 100",
        "TSGEN.EXTEND k 5 1-4611686018427387904",
        "TSGEN.ACK k 1-4611686018427387904",
        "TSGEN.REM k new leased dead delayed",
        "DEBUG DIGEST-VALUE k",
        "COPY k copy",
        "DUMP k",
        "MEMORY USAGE k",
        "DEL k",
        "UNLINK copy",
    ] {
        c.run(command);
    }
}

#[test]
fn a_payload_truncated_at_every_byte_is_refused() {
    let mut server = Server::start(&SANITIZED);
    let dumps = payloads(&server);
    let mut c = server.client();
    for dump in dumps {
        let (value, version) = unseal(&dump);
        for length in 0..value.len() {
            let reply = crate::cmd!(c, "RESTORE", "k", 0, &reseal(&value[..length], version));
            assert!(reply.is_error(), "the first {length} of {} bytes were taken: {reply}", value.len());
            assert_eq!(c.run("PING"), "PONG");
        }
    }
    c.expect("DBSIZE", "0");
    server.assert_alive();
}

#[test]
fn a_payload_with_bytes_flipped_is_refused_or_taken_but_never_hurts() {
    let mut server = Server::start(&SANITIZED);
    let dumps = payloads(&server);
    let mut c = server.client();
    let seed = now_ms() as u64;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    for dump in &dumps {
        let (value, version) = unseal(dump);
        // Every byte once, in the ways that matter most for lengths and numbers, then a few bytes at random.
        for index in 0..value.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut damaged = value.clone();
                damaged[index] ^= change;
                restore_and_use(&mut c, &damaged, version);
            }
        }
        for _ in 0..300 {
            let mut damaged = value.clone();
            for _ in 0..random.between(1, 6) {
                let index = random.below(value.len() as u64) as usize;
                let any = random.next() as u8;
                damaged[index] = *random.pick(&[0, 1, 0x7f, 0x80, 0xff, any]);
            }
            restore_and_use(&mut c, &damaged, version);
        }
        assert_eq!(c.run("PING"), "PONG");
    }
    server.assert_alive();
    assert_eq!(c.info("tsgen", "tsgen_caught-panics").as_str(), "0");
}

#[test]
fn a_payload_with_bytes_inserted_removed_or_appended_never_hurts() {
    let mut server = Server::start(&SANITIZED);
    let dumps = payloads(&server);
    let mut c = server.client();
    let mut random = Random::new(7);
    for dump in &dumps {
        let (value, version) = unseal(dump);
        for _ in 0..200 {
            let mut damaged = value.clone();
            let index = random.below(value.len() as u64) as usize;
            match random.below(3) {
                0 => damaged.insert(index, random.next() as u8),
                1 => drop(damaged.remove(index)),
                _ => damaged.splice(index..index, value[..index].to_vec()).for_each(drop),
            }
            restore_and_use(&mut c, &damaged, version);
        }
    }
    server.assert_alive();
    assert_eq!(c.info("tsgen", "tsgen_caught-panics").as_str(), "0");
}

/// Every command in its shortest and longest form; the tests below replace one argument at a time.
const COMMANDS: [&str; 34] = [
    "TSGEN.CREATE n",
    "TSGEN.CREATE n CLOCK LATE REJECT LEASE 5 MAXDELIVERIES 5 BACKOFF 5 MAXBACKOFF 5 MAXLEN 5 SINK s SINKMAXLEN 5",
    "TSGEN.CREATE n SOURCES 2 a b",
    "TSGEN.ALTER k LEASE 5 MAXDELIVERIES 5 BACKOFF 5 MAXBACKOFF 5 MAXLEN 0",
    "TSGEN.ALTER k WATERMARK 5 LATE READY",
    "TSGEN.ALTER e SINK s SINKMAXLEN 5",
    "TSGEN.ADD k 5 id payload",
    "TSGEN.ADD k NX 5 id payload",
    "TSGEN.ADD k XX 5 id",
    "TSGEN.ADD c 5 id payload",
    "TSGEN.MADD k 5 id payload 6 id2 payload",
    "TSGEN.ADVANCE k 5",
    "TSGEN.ADVANCE s 5 SOURCE left",
    "TSGEN.WATERMARK k",
    "TSGEN.GET k id",
    "TSGEN.REM k id id2",
    "TSGEN.RANGE k 1 9 COUNT 5",
    "TSGEN.SOURCES s",
    "TSGEN.CLAIM k w",
    "TSGEN.CLAIM k w COUNT 5 LEASE 5",
    "TSGEN.CLAIM k w BLOCK 1",
    "TSGEN.ACK k 5 6-7",
    "TSGEN.NACK k 5 6-7 DELAY 5",
    "TSGEN.NACK k 5 DEAD REASON text",
    "TSGEN.EXTEND k 5 5",
    "TSGEN.RELEASE k w",
    "TSGEN.PENDING k CONSUMER w COUNT 5 AFTER 5",
    "TSGEN.DEAD k COUNT 5 AFTER 5",
    "TSGEN.REQUEUE k ALL COUNT 5",
    "TSGEN.REQUEUE k 5 6-7",
    "TSGEN.DISCARD k ALL COUNT 5",
    "TSGEN.DISCARD k 5",
    "TSGEN.INFO k",
    "TSGEN.AT 5 TSGEN.CLAIM k w COUNT 5 LEASE 5 TOKEN 5",
];

/// Sends every command with each of its arguments replaced by each of `values`, and each argument dropped or doubled.
#[track_caller]
fn abuse(args: &[&str], values: &[&[u8]]) {
    let mut server = Server::start(args);
    let mut c = server.client();
    // Nothing here may wait for ever, or take the connection away from under the test.
    let mut observer = server.client();
    for command in COMMANDS {
        let words: Vec<Vec<u8>> = command.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        observer.ok("FLUSHALL");
        observer.play("> TSGEN.MADD k 1 id x 5 id2 y 9 id3 z\n [1 1 1]\n > TSGEN.ADVANCE k 5\n 5\n > TSGEN.CLAIM k w\n [[<t> …]]\n > TSGEN.CREATE s SOURCES 2 left right\n OK\n > TSGEN.CREATE c CLOCK\n OK\n > TSGEN.CREATE e\n OK");
        observer.bindings.clear();
        let mut variants = Vec::new();
        for index in 1..words.len() {
            for value in values {
                let mut changed = words.clone();
                changed[index] = value.to_vec();
                variants.push(changed);
            }
            let mut shorter = words.clone();
            shorter.remove(index);
            variants.push(shorter);
            let mut longer = words.clone();
            longer.insert(index, words[index].clone());
            variants.push(longer);
        }
        for variant in variants {
            let is_endless = variant.windows(2).any(|pair| pair[0] == b"BLOCK" && pair[1] != b"1");
            if is_endless {
                c.send(&variant.iter().map(Vec::as_slice).collect::<Vec<_>>());
                // It is refused, served or blocks; a blocked one is thrown away with its connection.
                c = server.client();
                continue;
            }
            c.call(&variant.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        assert_eq!(observer.run("PING"), "PONG", "after {command}");
    }
    assert_eq!(observer.info("tsgen", "tsgen_caught-panics").as_str(), "0");
    server.assert_alive();
}

const TEXTS: [&[u8]; 12] =
    [b"", b"\0", b"a\0b", b"%n%s%n%s%n%s", b"%n", b"\r\n", b"\xff\xfe\x80", b"'\"\\", b"NX", b"ALL", b"COUNT", b"\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9\xf0\x9f\x92\xa9"];

const NUMBERS: [&[u8]; 24] = [
    b"0",
    b"1",
    b"-1",
    b"-0",
    b"+1",
    b"+0",
    b"00",
    b"1.5",
    b"1e9",
    b"0x10",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551615",
    b"18446744073709551616",
    b"4611686018427387904",
    b"4611686018427387905",
    b"315360000000",
    b"8796093022207",
    b"99999999999999999999999999999999999999",
    b"+9223372036854775807",
    b"1-9223372036854775807",
    b"(9223372036854775807",
];

#[test]
fn odd_texts_in_every_place_hurt_nothing() {
    abuse(&[], &TEXTS);
    abuse(&["--tsgen.virtual-clock", "yes"], &TEXTS);
}

#[test]
fn numbers_at_the_edges_in_every_place_hurt_nothing() {
    abuse(&[], &NUMBERS);
    abuse(&["--tsgen.virtual-clock", "yes"], &NUMBERS);
}

#[test]
fn times_at_the_edges_saturate() {
    let mut server = virtual_clock();
    let mut c = server.client();
    c.play(
        r#"
        > TSGEN.CREATE k CLOCK LEASE 315360000000 BACKOFF 315360000000 MAXDELIVERIES 0
        OK
        > TSGEN.AT 8796093022207 TSGEN.ADD k +315360000000 never
        1
        > TSGEN.GET k never
        ['waiting' 9111453022207 '']
        > TSGEN.AT 0 TSGEN.ADD k -9223372036854775808 always
        0
        > TSGEN.AT 8796093022207 TSGEN.CLAIM k w
        [[<t> 1 'always' -9223372036854775808 '']]
        > TSGEN.AT 8796093022207 TSGEN.NACK k <t>
        1
        > TSGEN.AT 8796093022207 TSGEN.CLAIM k w
        []
        "#,
    );
    for _ in 0..80 {
        // The clock stands at its last value: a claim of it overtakes the tokens' range at most once.
        c.run("TSGEN.AT 8796093022207 TSGEN.NACK k 1-4611686018427387904 DELAY 0");
        c.run("TSGEN.AT 8796093022207 TSGEN.CLAIM k w");
    }
    server.assert_alive();
}

#[test]
fn internal_commands_are_closed_to_clients() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.ADD k 1 a\n 1\n > TSGEN.ADVANCE k 1\n 1");
    let digest = server.digest_all();
    for command in [
        "TSGEN.LOAD k LAST x",
        "TSGEN.LOAD n MORE x",
        "TSGEN.DROPREADY k 1",
        "TSGEN.AT 5 TSGEN.DROPREADY k 1",
        "TSGEN.CLAIM k w TOKEN 5",
    ] {
        let reply = c.run(command);
        assert!(reply.is_error(), "{command}: {reply}");
    }
    assert_eq!(server.digest_all(), digest);
}

#[test]
fn a_payload_of_megabytes_is_stored_and_handed_out() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let payload: Vec<u8> = (0..5_000_000u32).map(|i| (i >> 3) as u8).collect();
    assert_eq!(crate::cmd!(c, "TSGEN.ADD", "k", 1, "a", &payload), 1);
    let digest = server.digest("k");
    c.ok("DEBUG RELOAD");
    assert_eq!(server.digest("k"), digest);
    c.ok("TSGEN.ADVANCE k 1");
    assert!(c.ok("TSGEN.CLAIM k w").items()[0].items()[4].bytes() == payload);
}
