//! What a panic of the module leads to: its key is refused from then on, its client's connection ends, and nothing else happens.
//!
//! Nothing is known that makes the module panic. So it is built once more, with the feature `planted-panic`: `CONFIG SET
//! tsgen.planted-panic n` makes it panic at the n-th step (a call of the API of Redis) from then on. Each case is tried at its first step, at its second,
//! and so on until it is through.

use crate::harness::*;

pub const DAMAGED: &str = "DAMAGED an internal error of the module has damaged this key";

pub fn start(args: &[&str]) -> Server {
    Server::start_with(planted(), args)
}

pub fn info(c: &mut Client, name: &str) -> i64 {
    c.info("tsgen", &format!("tsgen_{name}")).parse().expect("a number")
}

/// Makes the module panic while the value of this key is lent.
#[track_caller]
pub fn damage(server: &Server, write: &str) {
    let mut c = server.client();
    let before = info(&mut c, "damaged-keys");
    plant(&mut c, 1);
    assert!(server.client().run(write).to_string().contains("internal error"), "{write}");
    assert_eq!(info(&mut c, "damaged-keys"), before + 1, "{write}");
}

/// Waits until the timer has nothing to do at once, and so takes no step that is another's.
pub fn wait_for_rest(c: &mut Client) {
    wait_until("the timer rests", || {
        let next = info(c, "timer-next-deadline");
        next == -1 || next > now_ms() + 2_000
    });
}

pub const FAR: &str = "3600000";

const ACKS: &str = "TSGEN.CLAIM k w COUNT 3 ACK 1-4611686018427387904";
const MCLAIMS: &str = "TSGEN.MCLAIM 2 none k w COUNT 3 ACK k 1-4611686018427387904";

/// What stands under `k`, and a command that is sent to it.
const CASES: [(&[&str], &str, &str); 21] = [
    (&["TSGEN.ADD k 1 a x"], "TSGEN.ADD k 5 b y", "TSGEN.CLAIM k probe"),
    (&[], "TSGEN.ADD k 5 b y", "TSGEN.CLAIM k probe"),
    (&["TSGEN.ADD k 1 a x"], "TSGEN.MADD k 5 b y 6 c z", "TSGEN.CLAIM k probe"),
    (&["TSGEN.MADD k 1 a x 2 b y"], "TSGEN.ADVANCE k 5", "TSGEN.CLAIM k probe"),
    (&["TSGEN.MADD k 1 a x 2 b y 3 c z", "TSGEN.ADVANCE k 5"], "TSGEN.CLAIM k w COUNT 3", "TSGEN.CLAIM k probe"),
    (&["TSGEN.MADD k 1 a x 2 b y", "TSGEN.ADVANCE k 5", "TSGEN.CLAIM k w"], "TSGEN.RELEASE k w", "TSGEN.CLAIM k probe"),
    (&["TSGEN.MADD k 1 a x 2 b y", "TSGEN.ADVANCE k 5", "TSGEN.CLAIM k w"], ACKS, "TSGEN.CLAIM k probe"),
    (&["TSGEN.MADD k 1 a x 2 b y", "TSGEN.ADVANCE k 5", "TSGEN.CLAIM k w"], MCLAIMS, "TSGEN.CLAIM k probe"),
    (&["TSGEN.MADD k 1 a x 2 b y"], "TSGEN.REM k a b", "TSGEN.CLAIM k probe"),
    (&["TSGEN.MADD k 1 a x 2 b y"], "TSGEN.RANGE k - +", "TSGEN.CLAIM k probe"),
    (&["TSGEN.CREATE k SOURCES 2 a b"], "TSGEN.SOURCES k", "TSGEN.CLAIM k probe"),
    (&["TSGEN.ADD k 1 a x"], "TSGEN.INFO k", "TSGEN.CLAIM k probe"),
    (&["TSGEN.ADD k 1 a x"], "TSGEN.ALTER k LEASE 5000", "TSGEN.CLAIM k probe"),
    (&[], "TSGEN.CREATE k LEASE 5000", "TSGEN.CLAIM k probe"),
    (&["DEBOUNCE.CREATE k IDLE 3600000"], "DEBOUNCE.PUSH k g a b", "DEBOUNCE.CLAIM k probe"),
    (&["DEBOUNCE.CREATE k IDLE 3600000", "DEBOUNCE.PUSH k g a b"], "DEBOUNCE.FLUSH k g", "DEBOUNCE.CLAIM k probe"),
    (&["DEBOUNCE.CREATE k IDLE 3600000", "DEBOUNCE.PUSH k g a b"], "DEBOUNCE.GROUPS k", "DEBOUNCE.CLAIM k probe"),
    (&["TALLY.CREATE k EVERY 3600000"], "TALLY.MINCR k f 5 g 6", "TALLY.CLAIM k probe"),
    (&["TALLY.CREATE k EVERY 3600000", "TALLY.INCR k f", "TALLY.SEAL k"], "TALLY.CLAIM k w", "TALLY.CLAIM k probe"),
    (&["EXPIRY.CREATE k PREFIX no:"], "EXPIRY.ALTER k LEASE 77", "EXPIRY.CLAIM k probe"),
    (&[], "THROTTLE.TAKE k 5 3600000", "THROTTLE.TAKE k 5 3600000"),
];

#[test]
fn at_whatever_step_a_command_panics_one_reply_comes_and_the_connection_ends() {
    let server = start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.ADD other 1 a x");
    let (mut tried, mut damaged) = (0, 0);
    for (before, command, probe) in CASES {
        for step in 1.. {
            c.ok("DEL k");
            before.iter().for_each(|line| drop(c.ok(line)));
            wait_for_rest(&mut c);
            let caught = info(&mut c, "caught-panics");
            plant(&mut c, step);
            let mut sender = server.client();
            let reply = sender.run(command);
            plant(&mut c, 0);
            if info(&mut c, "caught-panics") == caught {
                assert!(!reply.is_error(), "{command} is through after {step} steps: {reply}");
                assert_eq!(sender.run("PING"), "PONG");
                break;
            }
            let what = format!("{command} at step {step}: {reply}");
            tried += 1;
            // Not a byte more, although the command may have replied before it panicked.
            let more = sender.try_read().map_or_else(|error| error.kind().to_string(), |reply| reply.to_string());
            assert_eq!(more, "unexpected end of file", "{what}, and the connection goes on");
            let after = c.run(probe);
            if info(&mut c, "damaged-keys") == 1 {
                damaged += 1;
                assert!(after.to_string().starts_with(&format!("-{DAMAGED}")), "{what}, then {after}");
                let again = c.run(command).to_string();
                assert!(again.contains(DAMAGED) || again.starts_with("-BUSYKEY"), "{what}, then {again}");
                assert!(c.run("COPY k copy").is_error(), "{what}");
            } else {
                assert!(!after.is_error(), "{what}, then {after}");
            }
            c.expect("TSGEN.GET other a", "['waiting' 1 'x']");
        }
    }
    c.ok("DEL k");
    assert_eq!(info(&mut c, "damaged-keys"), 0, "DEL ends it");
    assert!(tried > 150 && damaged > 80, "{tried} panics, {damaged} damaged keys");
    assert!(server.log().contains("the key 'k' of database 0 was damaged"));
}

#[test]
fn reading_damages_nothing() {
    let server = start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.MADD k 1 a x 2 b y");
    for step in 1..6 {
        plant(&mut c, step);
        assert!(server.client().run("TSGEN.RANGE k - +").to_string().contains("internal error"));
    }
    c.expect("TSGEN.RANGE k - +", "[['a' 1 'x'] ['b' 2 'y']]");
    assert_eq!(info(&mut c, "damaged-keys"), 0);
}

#[test]
fn a_transaction_a_script_and_a_blocked_worker_end_well() {
    let server = start(&[]);
    let mut c = server.client();
    let fill = |c: &mut Client| {
        plant(c, 0);
        c.ok("DEL k x y");
        c.play("> TSGEN.MADD k 1 a x 2 b y 3 c z\n [1 1 1]\n > TSGEN.ADVANCE k 3\n 3");
    };
    for step in 1..26 {
        fill(&mut c);
        let (mut sender, caught) = (server.client(), info(&mut c, "caught-panics"));
        sender.play("> MULTI\n OK\n > SET x 1\n QUEUED\n > TSGEN.CLAIM k w COUNT 3\n QUEUED\n > SET y 2\n QUEUED");
        plant(&mut c, step);
        sender.send(&[b"EXEC"]);
        let reply = sender.try_read();
        if info(&mut c, "caught-panics") == caught {
            plant(&mut c, 0);
            c.expect("TSGEN.PENDING k COUNT 1", "[[… 'w' … 1 'a']]");
            assert!(reply.is_ok(), "step {step}: it is through");
        } else {
            assert!(sender.try_read().is_err(), "step {step}: the connection ends");
        }
        c.play("> GET x\n '1'\n > GET y\n '2'\n > PING\n PONG");
    }
    for step in 1..26 {
        fill(&mut c);
        let mut sender = server.client();
        plant(&mut c, step);
        for call in ["call", "pcall"] {
            let script = format!("EVAL \"return redis.{call}('TSGEN.CLAIM', KEYS[1], 'w', 'COUNT', 3)\" 1 k");
            let reply = sender.run(&script);
            assert!(matches!(reply, Reply::Array(_) | Reply::Error(_)), "step {step}, {call}: {reply}");
        }
        assert_eq!(sender.run("PING"), "PONG", "step {step}: a script has no connection that could end");
    }
    for step in 1..40 {
        c.ok("DEL k");
        c.ok("TSGEN.CREATE k");
        c.ok("TSGEN.ADVANCE k 5");
        let mut blocked = Blocked::new(&server, "TSGEN.CLAIM k w BLOCK 0");
        plant(&mut c, step);
        let _ = server.client().try_send(&[b"TSGEN.ADD", b"k", b"1", b"a", b"payload"]);
        // It is served, told of the damage, or cut off; it does not wait for ever.
        let got = blocked.client.try_read();
        plant(&mut c, 0);
        if let Ok(reply) = &got {
            assert!(matches!(reply, Reply::Array(_) | Reply::Error(_)), "step {step}: {reply}");
        }
        assert_eq!(c.run("PING"), "PONG", "step {step}");
    }
    let caught = info(&mut c, "caught-panics");
    assert!(caught > 40, "{caught}");
}

#[test]
fn the_timer_goes_on_with_other_keys() {
    let server = start(&[]);
    let mut c = server.client();
    for step in 1..30 {
        c.ok("FLUSHALL");
        plant(&mut c, 0);
        let caught = info(&mut c, "caught-panics");
        for key in ["a", "b", "c"] {
            c.ok(&format!("TSGEN.CREATE {key} CLOCK SINK s:{key}"));
        }
        wait_for_rest(&mut c);
        c.ok("MULTI");
        for key in ["a", "b", "c"] {
            c.ok(&format!("TSGEN.ADD {key} +30 one x"));
        }
        // What the commands of this transaction take is no step of the timer's.
        c.ok(&format!("CONFIG SET tsgen.planted-panic {step}"));
        c.ok("EXEC");
        let arrived =
            |c: &mut Client| ["a", "b", "c"].iter().filter(|key| c.run(&format!("XLEN s:{key}")) == 1).count();
        wait_until("all entries have come, but perhaps one", || {
            let missing = info(&mut c, "damaged-keys") as usize;
            missing <= 1 && arrived(&mut c) + missing >= 3
        });
        assert!(info(&mut c, "caught-panics") <= caught + 1, "step {step}: it is not tried again and again");
        assert_eq!(c.run("PING"), "PONG");
    }
    assert!(info(&mut c, "caught-panics") > 10);
}

#[test]
fn a_watcher_that_panics_leaves_the_other_watchers_alone() {
    let server = start(&[]);
    let mut c = server.client();
    for step in 1..30 {
        c.ok("FLUSHALL");
        // Two watch the same key.
        for (key, prefix) in [("one", "a:"), ("two", "a:"), ("three", "b:")] {
            c.ok(&format!("EXPIRY.CREATE {key} PREFIX {prefix}"));
        }
        wait_for_rest(&mut c);
        let caught = info(&mut c, "caught-panics");
        c.play("> MULTI\n OK\n > SET a:1 x PX 30\n QUEUED\n > SET b:1 y PX 30\n QUEUED");
        c.ok(&format!("CONFIG SET tsgen.planted-panic {step}"));
        c.ok("EXEC");
        let mut got = Vec::new();
        wait_until("the three have delivered, but for one that is damaged", || {
            // Asked in one turn, and not before the panic, lest it hit the question.
            if info(&mut c, "caught-panics") == caught && c.run("DBSIZE") != 3 {
                return false;
            }
            plant(&mut c, 0);
            got =
                ["one", "two", "three"].map(|key| c.run(&format!("EXPIRY.CLAIM {key} w LEASE 1")).to_string()).to_vec();
            got.iter().all(|got| got != "[]")
        });
        let damaged = got.iter().filter(|got| got.contains(DAMAGED)).count();
        assert!(damaged <= 1, "step {step}: {got:#?}");
        assert!(info(&mut c, "caught-panics") <= caught + 1, "step {step}: it is not tried again and again");
    }
    assert!(info(&mut c, "caught-panics") > 20, "{}", info(&mut c, "caught-panics"));
}

/// Keys that were there before their watchers: one walk tells all watchers of them.
#[test]
fn a_watcher_that_panics_on_the_walk_leaves_the_others_to_be_told_of_all_keys() {
    const KEYS: usize = 10;
    let server = start(&[]);
    let mut c = server.client();
    let mut panicked = 0;
    for step in 1.. {
        plant(&mut c, 0);
        c.ok("FLUSHALL");
        for nth in 0..KEYS {
            c.ok(&format!("SET a:{nth} x EX 3600"));
        }
        let caught = info(&mut c, "caught-panics");
        c.play("> MULTI\n OK\n > EXPIRY.CREATE one PREFIX a:\n QUEUED\n > EXPIRY.CREATE two PREFIX a:\n QUEUED");
        c.ok(&format!("CONFIG SET tsgen.planted-panic {step}"));
        c.ok("EXEC");
        // INFO takes no step.
        let tracked = format!("waiting={},", 2 * KEYS);
        wait_until("it has panicked, or is through", || {
            info(&mut c, "caught-panics") > caught || c.info("tsgen", "tsgen_expiry").contains(&tracked)
        });
        if info(&mut c, "caught-panics") == caught {
            break;
        }
        panicked += 1;
        let mut damaged = 0;
        wait_until("those that are sound know all keys", || {
            let told = ["one", "two"].map(|key| c.run(&format!("EXPIRY.TRACKED {key}")));
            damaged = told.iter().filter(|told| told.to_string().contains(DAMAGED)).count();
            told.iter().all(|told| told.is_error() || told.items().len() == KEYS)
        });
        assert!(damaged <= 1, "step {step}");
    }
    assert!(panicked > 2 * KEYS, "{panicked}");
}
