//! Bad and hostile input to DEBOUNCE: an error that names what is wrong, nothing changed, and a server that lives.

use super::debounce::*;
use crate::harness::*;

/// Runs each command and checks its error and that no data changed.
#[track_caller]
fn refused(server: &Server, cases: &[(&str, &str)]) {
    let mut c = server.client();
    let before = server.digest_all();
    for (command, named) in cases {
        let reply = c.run(command);
        assert!(reply.is_error(), "{command} was not refused: {reply}");
        assert!(reply.to_string().contains(named), "{command}: expected {named:?} in {reply}");
        assert_eq!(server.digest_all(), before, "{command} changed something");
    }
    c.expect("PING", "PONG");
}

#[test]
fn options_are_checked() {
    let server = Server::start(&[]);
    server.client().play("> DEBOUNCE.PUSH k g x\n 1\n > DEBOUNCE.PUSH k h x\n 1\n > DEBOUNCE.FLUSH k h\n 1\n > DEBOUNCE.CLAIM k w\n [[<t> …]]");
    let range = "must be an integer between";
    refused(
        &server,
        &[
            ("DEBOUNCE.CREATE n FOO", "'FOO'"),
            ("DEBOUNCE.CREATE n IDLE", "IDLE needs a value"),
            ("DEBOUNCE.CREATE n IDLE 0", "IDLE must be an integer between 1 and 315360000000"),
            ("DEBOUNCE.CREATE n IDLE -1", range),
            ("DEBOUNCE.CREATE n IDLE 1.5", range),
            ("DEBOUNCE.CREATE n IDLE 315360000001", range),
            ("DEBOUNCE.CREATE n IDLE 5 IDLE 5", "IDLE given twice"),
            ("DEBOUNCE.CREATE n MAXWAIT -1", "MAXWAIT must be an integer between 0 and 315360000000"),
            ("DEBOUNCE.CREATE n MAXWAIT 315360000001", range),
            ("DEBOUNCE.CREATE n MAXITEMS -1", "MAXITEMS must be an integer between 0 and"),
            ("DEBOUNCE.CREATE n MAXITEMS 9223372036854775808", range),
            ("DEBOUNCE.CREATE n UNIQUE", "UNIQUE needs a value"),
            ("DEBOUNCE.CREATE n UNIQUE maybe", "UNIQUE must be yes or no"),
            ("DEBOUNCE.CREATE n UNIQUE yes UNIQUE yes", "UNIQUE given twice"),
            ("DEBOUNCE.CREATE n CLOCK", "'CLOCK'"),
            ("DEBOUNCE.CREATE n SINK n", "SINK must be another key"),
            ("DEBOUNCE.CREATE n LEASE 0", "LEASE"),
            ("DEBOUNCE.CREATE k", "BUSYKEY"),
            ("DEBOUNCE.ALTER n IDLE 5", "no such key"),
            ("DEBOUNCE.ALTER k UNIQUE no", "fixed when the key is created"),
            ("DEBOUNCE.ALTER k IDLE 0", range),
            ("DEBOUNCE.ALTER k IDLE 5 MAXITEMS x", range),
            ("DEBOUNCE.ALTER k IDLE 5 FOO", "'FOO'"),
            ("DEBOUNCE.ALTER k SINK stream", "leased"),
            ("DEBOUNCE.PUSH k", "wrong number of arguments"),
            ("DEBOUNCE.PUSH k g", "wrong number of arguments"),
            ("DEBOUNCE.GET k", "wrong number of arguments"),
            ("DEBOUNCE.GET k g g", "wrong number of arguments"),
            ("DEBOUNCE.FLUSH k", "wrong number of arguments"),
            ("DEBOUNCE.CANCEL k", "wrong number of arguments"),
            ("DEBOUNCE.GROUPS k COUNT", "COUNT needs a value"),
            ("DEBOUNCE.GROUPS k COUNT 0", "COUNT must be an integer between 1 and 10000"),
            ("DEBOUNCE.GROUPS k COUNT 10001", range),
            ("DEBOUNCE.GROUPS k AFTER", "AFTER needs a value"),
            ("DEBOUNCE.GROUPS k AFTER a AFTER a", "AFTER given twice"),
            ("DEBOUNCE.GROUPS k FOO", "'FOO'"),
            ("DEBOUNCE.FLUSHALL k COUNT 0", range),
            ("DEBOUNCE.FLUSHALL k COUNT 1 COUNT 1", "COUNT given twice"),
            ("DEBOUNCE.FLUSHALL k ALL", "'ALL'"),
            ("DEBOUNCE.CLAIM k w COUNT 10001", range),
            ("DEBOUNCE.INFO none", "no such key"),
            ("DEBOUNCE.DROPREADY k 1", "unknown command"),
            ("DEBOUNCE.SWEEP k", "unknown command"),
            ("TSGEN.AT 1 DEBOUNCE.PUSH k g x", "tsgen.virtual-clock"),
        ],
    );
}

#[test]
fn each_family_says_wrongtype_on_keys_of_the_other_and_of_redis() {
    const WRONG: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
    let server = Server::start(&[]);
    server.client().play("> SET str 1\n OK\n > TSGEN.ADD gen 1 a x\n 1\n > TSGEN.ADVANCE gen 1\n 1\n > DEBOUNCE.PUSH deb g x\n 1\n > DEBOUNCE.FLUSH deb g\n 1");
    let delivery = [
        "ALTER # LEASE 5",
        "CLAIM # w",
        "CLAIM # w BLOCK 0",
        "ACK # 1",
        "NACK # 1",
        "EXTEND # 1 1",
        "RELEASE # w",
        "PENDING #",
        "DEAD #",
        "REQUEUE # ALL",
        "DISCARD # ALL",
        "INFO #",
    ];
    let tsgen =
        ["ADD # 1 a", "MADD # 1 a x", "ADVANCE # 1", "WATERMARK #", "GET # a", "REM # a", "RANGE # - +", "SOURCES #"];
    let debounce = ["PUSH # g x", "GET # g", "GROUPS #", "FLUSH # g", "FLUSHALL #", "CANCEL # g"];
    let on = |family: &str, commands: &[&str], key: &str| -> Vec<String> {
        commands.iter().map(|command| format!("{family}.{}", command.replace('#', key))).collect()
    };
    let commands = [
        on("DEBOUNCE", &delivery, "gen"),
        on("DEBOUNCE", &debounce, "gen"),
        on("DEBOUNCE", &delivery, "str"),
        on("DEBOUNCE", &debounce, "str"),
        on("TSGEN", &delivery, "deb"),
        on("TSGEN", &tsgen, "deb"),
    ]
    .concat();
    refused(&server, &commands.iter().map(|command| (command.as_str(), WRONG)).collect::<Vec<_>>());
    refused(&server, &["GET deb", "LPUSH deb x", "XADD deb * a b"].map(|command| (command, WRONG)));
    refused(&server, &["DEBOUNCE.CREATE gen", "TSGEN.CREATE deb"].map(|command| (command, "BUSYKEY")));
}

#[test]
fn the_keys_of_every_command_are_known_to_acl_and_cluster() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play(
        r#"
        > COMMAND GETKEYS DEBOUNCE.PUSH k g x y
        ['k']
        > COMMAND GETKEYS DEBOUNCE.CREATE k IDLE 5 UNIQUE no SINK s SINKMAXLEN 5
        ['k' 's']
        > COMMAND GETKEYS DEBOUNCE.ALTER k MAXITEMS 5 MAXWAIT 5 SINK s
        ['k' 's']
        > COMMAND GETKEYS DEBOUNCE.FLUSH k g h
        ['k']
        > ACL SETUSER limited on nopass ~k* +@all
        OK
        > AUTH limited any
        OK
        > DEBOUNCE.CREATE k IDLE 5 SINK stream
        -NOPERM …
        > DEBOUNCE.CREATE k IDLE 5 SINK kstream
        OK
        > DEBOUNCE.ALTER k MAXWAIT 5 SINK stream
        -NOPERM …
        > DEBOUNCE.PUSH other g x
        -NOPERM …
        > DEBOUNCE.PUSH k2 g x
        1
        > ACL SETUSER limited -debounce.flush
        OK
        > DEBOUNCE.FLUSH k2 g
        -NOPERM …
        "#,
    );
}

/// As with BLPOP: a key of another type is not there for who waits already.
#[test]
fn a_worker_is_not_served_by_a_key_of_the_other_family() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let mut worker = Blocked::new(&server, "DEBOUNCE.CLAIM k w BLOCK 0");
    c.play("> TSGEN.ADVANCE k 5\n 5\n > TSGEN.ADD k 1 a x\n 0");
    assert!(worker.is_blocked(&mut c));
    c.expect("TSGEN.CLAIM k w BLOCK 0", "[[<t> 1 'a' 1 'x']]");
    c.play("> DEL k\n 1\n > DEBOUNCE.PUSH k g b\n 1\n > DEBOUNCE.FLUSH k g\n 1");
    assert!(worker.reply().to_string().contains(" 'g' 'flush' ['b' "));
}

#[test]
fn names_and_items_beyond_their_limits_are_refused() {
    let server = Server::start(&["--tsgen.max-payload-size", "10"]);
    let mut c = server.client();
    let (longest, too_long) = ("x".repeat(65_536), "x".repeat(65_537));
    assert_eq!(crate::cmd!(c, "DEBOUNCE.PUSH", "k", &longest, "0123456789"), 1);
    let digest = server.digest_all();
    for (what, reply) in [
        ("group", crate::cmd!(c, "DEBOUNCE.PUSH", "k", &too_long, "x")),
        ("item", crate::cmd!(c, "DEBOUNCE.PUSH", "k", "g", "fine", "0123456789x")),
        ("item", crate::cmd!(c, "DEBOUNCE.PUSH", "none", "g", "0123456789x")),
        ("AFTER", crate::cmd!(c, "DEBOUNCE.GROUPS", "k", "AFTER", &too_long)),
        ("consumer", crate::cmd!(c, "DEBOUNCE.CLAIM", "k", &too_long)),
    ] {
        assert!(reply.is_error() && reply.to_string().contains(what), "{what}: {reply}");
        assert!(reply.to_string().len() < 300, "nothing is echoed");
    }
    for command in ["GET", "FLUSH", "CANCEL"] {
        let reply = crate::cmd!(c, format!("DEBOUNCE.{command}"), "k", &too_long);
        assert!(reply == "nil" || reply == 0, "there is no such group: {reply}");
    }
    assert_eq!(server.digest_all(), digest);
}

/// Restores a damaged value; if it is taken, every command must cope with what came out.
fn restore_and_use(c: &mut Client, damaged: &[u8], version: [u8; 2]) -> bool {
    let taken = !crate::cmd!(c, "RESTORE", "k", 0, &reseal(damaged, version)).is_error();
    if taken {
        for command in [
            "DEBOUNCE.INFO k",
            "DEBOUNCE.GROUPS k",
            "DEBOUNCE.GET k g",
            "DEBOUNCE.PUSH k g new x y z",
            "DEBOUNCE.PUSH k other x y z",
            "DEBOUNCE.FLUSH k delayed g",
            "DEBOUNCE.CLAIM k w COUNT 100 LEASE 1",
            "DEBOUNCE.NACK k 1-4611686018427387904",
            "DEBOUNCE.REQUEUE k ALL",
            "DEBOUNCE.CANCEL k other",
            "DEBOUNCE.FLUSHALL k",
            "DEBOUNCE.CLAIM k w COUNT 100",
            "DEBOUNCE.ACK k 1-4611686018427387904",
            "DEBUG DIGEST-VALUE k",
            "COPY k copy",
            "DUMP k",
            "MEMORY USAGE k",
            "UNLINK k copy",
        ] {
            c.run(command);
        }
    }
    taken
}

#[test]
fn a_damaged_payload_is_refused_or_taken_but_never_hurts() {
    let mut server = Server::start(&["--sanitize-dump-payload", "yes"]);
    let mut c = server.client();
    fill_debounce(&mut c);
    let dumps = DEBOUNCE_FILLED.map(|key| c.ok(&format!("DUMP {key}")).bytes().to_vec());
    c.ok("FLUSHALL");
    let seed = now_ms() as u64;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    for dump in &dumps {
        let (value, version) = unseal(dump);
        for index in 0..value.len() {
            assert!(!restore_and_use(&mut c, &value[..index], version), "the first {index} of {} bytes", value.len());
            for change in [0x01, 0x80, 0xff] {
                let mut damaged = value.clone();
                damaged[index] ^= change;
                restore_and_use(&mut c, &damaged, version);
            }
        }
        for _ in 0..300 {
            let mut damaged = value.clone();
            let index = random.below(value.len() as u64) as usize;
            match random.below(3) {
                0 => damaged.insert(index, random.next() as u8),
                1 => drop(damaged.remove(index)),
                _ => damaged[index..].iter_mut().take(3).for_each(|byte| *byte = random.next() as u8),
            }
            restore_and_use(&mut c, &damaged, version);
        }
        assert_eq!(c.run("PING"), "PONG");
    }
    assert_eq!(c.info("tsgen", "tsgen_caught-panics").as_str(), "0");
    server.assert_alive();
}

#[test]
fn odd_texts_and_numbers_in_every_place_hurt_nothing() {
    const COMMANDS: [&str; 11] = [
        "DEBOUNCE.CREATE n IDLE 5 MAXWAIT 5 MAXITEMS 5 UNIQUE no MAXLEN 5 SINK s SINKMAXLEN 5",
        "DEBOUNCE.ALTER k IDLE 5 MAXWAIT 5 MAXITEMS 5 LEASE 5 BACKOFF 5",
        "DEBOUNCE.PUSH k g item item2",
        "DEBOUNCE.GET k g",
        "DEBOUNCE.GROUPS k COUNT 5 AFTER g",
        "DEBOUNCE.FLUSH k g h",
        "DEBOUNCE.FLUSHALL k COUNT 5",
        "DEBOUNCE.CANCEL k g h",
        "DEBOUNCE.CLAIM k w COUNT 5 LEASE 5",
        "DEBOUNCE.NACK k 5 6-7 DELAY 5",
        "TSGEN.AT 5 DEBOUNCE.PUSH k g item",
    ];
    const VALUES: [&[u8]; 18] = [
        b"",
        b"\0",
        b"a\0b",
        b"%n%s%n%s%n%s",
        b"\r\n",
        b"\xff\xfe\x80",
        b"COUNT",
        b"IDLE",
        b"0",
        b"-1",
        b"+1",
        b"1e9",
        b"9223372036854775807",
        b"9223372036854775808",
        b"-9223372036854775808",
        b"315360000000",
        b"8796093022207",
        b"4611686018427387904",
    ];
    let mut server = Server::start(&["--tsgen.virtual-clock", "yes"]);
    let mut c = server.client();
    for command in COMMANDS {
        let words: Vec<Vec<u8>> = command.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        c.play("> FLUSHALL\n OK\n > DEBOUNCE.PUSH k g a b\n 2\n > DEBOUNCE.PUSH k h a\n 1\n > DEBOUNCE.FLUSH k h\n 1");
        for index in 1..words.len() {
            let replaced = VALUES.iter().map(|value| {
                let mut changed = words.clone();
                changed[index] = value.to_vec();
                changed
            });
            let (mut shorter, mut longer) = (words.clone(), words.clone());
            shorter.remove(index);
            longer.insert(index, words[index].clone());
            for variant in replaced.chain([shorter, longer]) {
                c.call(&variant.iter().map(Vec::as_slice).collect::<Vec<_>>());
            }
        }
    }
    assert_eq!(c.info("tsgen", "tsgen_caught-panics").as_str(), "0");
    server.assert_alive();
}

#[test]
fn times_at_the_edges_saturate() {
    Server::start(&["--tsgen.virtual-clock", "yes"]).client().play(
        r#"
        > DEBOUNCE.CREATE k IDLE 315360000000 MAXWAIT 315360000000 MAXITEMS 9223372036854775807
        OK
        > TSGEN.AT 8796093022207 DEBOUNCE.PUSH k g x
        1
        > TSGEN.AT 8796093022207 DEBOUNCE.GET k g
        [9111453022207 ['x' 8796093022207]]
        > TSGEN.AT 0 DEBOUNCE.PUSH k g y
        2
        > TSGEN.AT 0 DEBOUNCE.GET k g
        [315360000000 ['x' 8796093022207 'y' 0]]
        > TSGEN.AT 315360000000 DEBOUNCE.CLAIM k w
        [[<t> 1 'g' 'idle' ['x' 8796093022207 'y' 0]]]
        "#,
    );
}
