//! Permissions: the keys of every command are known to Redis, the SINK's stream too.

use super::FAMILIES;
use crate::harness::*;

#[test]
fn a_user_reaches_only_the_keys_of_its_pattern() {
    for family in &FAMILIES {
        let server = Server::start(&[]);
        let mut c = server.client();
        family.fill(&mut c);
        c.ok(&format!("RENAME {} mine", family.keys[0]));
        c.ok("ACL SETUSER u on nopass ~mine* ~none:* +@all");
        let mut u = server.client();
        u.ok("AUTH u x");
        for command in family.all_on("mine") {
            let reply = u.run(&command.replace("BLOCK 0", "BLOCK 1")).to_string();
            assert!(!reply.starts_with("-NOPERM"), "{command}: {reply}");
        }
        for key in [family.keys[1], "none"] {
            for command in family.all_on(key) {
                u.expect(&command, "-NOPERM …");
            }
            u.expect(&format!("{}{}", family.on("CREATE #", key), family.create), "-NOPERM …");
        }
        u.expect(&format!("{}{} SINK theirs", family.on("CREATE #", "mine-too"), family.create), "-NOPERM …");
        u.expect(&format!("{}{} SINK mine-three", family.on("CREATE #", "mine-too"), family.create), "OK");
        u.expect(&family.on("ALTER # SINK theirs", "mine-too"), "-NOPERM …");
    }
}

#[test]
fn the_sink_needs_permission_on_its_stream() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("ACL SETUSER u on nopass ~mine* +@all");
    let mut u = server.client();
    u.ok("AUTH u x");
    u.play(
        r#"
        > TSGEN.CREATE mine SINK theirs
        -NOPERM …
        > TSGEN.CREATE mine LEASE 100 SINK theirs SINKMAXLEN 5
        -NOPERM …
        > TSGEN.CREATE mine SINK mine-too
        OK
        > TSGEN.ALTER mine SINK theirs
        -NOPERM …
        > TSGEN.ALTER mine SINK ""
        OK
        "#,
    );
}

#[test]
fn read_permission_is_enough_to_read_and_not_to_write() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.ADD k 1 a x\n 1\n > ACL SETUSER r on nopass %R~k +@all\n OK");
    let mut r = server.client();
    r.ok("AUTH r x");
    r.play("> TSGEN.GET k a\n ['waiting' 1 'x']\n > TSGEN.RANGE k - +\n [['a' 1 'x']]\n > TSGEN.INFO k\n …\n > TSGEN.PENDING k\n []\n > TSGEN.DEAD k\n []\n > TSGEN.WATERMARK k\n nil");
    for command in ["TSGEN.ADD k 1 b", "TSGEN.CLAIM k w", "TSGEN.ACK k 1", "TSGEN.REM k a"] {
        r.expect(command, "-NOPERM …");
    }
}

/// All commands of the module, and of each whether it only reads.
#[track_caller]
fn commands(c: &mut Client) -> Vec<(String, bool)> {
    let names = c.ok("COMMAND LIST FILTERBY MODULE tsgen");
    let only_reads = |name: &Reply| {
        let info = c.ok(&format!("COMMAND INFO {}", name.text()));
        info.items()[0].items()[2].items().iter().any(|flag| flag.text() == "readonly")
    };
    let reads: Vec<bool> = names.items().iter().map(only_reads).collect();
    names.items().iter().map(Reply::text).zip(reads).collect()
}

/// The commands of the module that this user may run.
#[track_caller]
fn allowed(c: &mut Client, user: &str) -> Vec<String> {
    let mut names: Vec<String> = commands(c).into_iter().map(|(name, _)| name).collect();
    names.retain(|name| {
        // As many arguments as it takes at least.
        let arity = c.ok(&format!("COMMAND INFO {name}")).items()[0].items()[1].int().unsigned_abs() as usize;
        let arguments = if name == "TSGEN.AT" { " 5 TSGEN.INFO k".to_owned() } else { " k".repeat(arity - 1) };
        let reply = c.run(&format!("ACL DRYRUN {user} {name}{arguments}"));
        assert!(!reply.is_error(), "{name}{arguments}: {reply}");
        reply == "OK"
    });
    names
}

/// Of all commands, those that only read, or those that do not.
#[track_caller]
fn those_that_read(c: &mut Client, read: bool) -> Vec<String> {
    commands(c).into_iter().filter(|(_, reads)| *reads == read).map(|(name, _)| name).collect()
}

/// Redis 7.0 knows no categories of commands of modules.
#[test]
fn categories_grant_what_only_reads_and_what_writes_where_modules_have_them() {
    let server = Server::start(&[]);
    let mut c = server.client();
    for (category, read) in [("read", true), ("write", false)] {
        c.ok(&format!("ACL SETUSER u on nopass ~* resetchannels -@all +@{category}"));
        let expected = if server.has_version("7.2") { those_that_read(&mut c, read) } else { Vec::new() };
        assert_eq!(allowed(&mut c, "u"), expected, "{category}");
    }
    let mut claims: Vec<String> =
        FAMILIES.iter().flat_map(|family| ["CLAIM", "MCLAIM"].map(|verb| format!("{}.{verb}", family.name))).collect();
    claims.sort();
    let mut blocking: Vec<String> =
        c.ok("COMMAND LIST FILTERBY ACLCAT blocking").items().iter().map(Reply::text).collect();
    blocking.retain(|name| name.contains('.'));
    blocking.sort();
    assert_eq!(blocking, if server.has_version("7.2") { claims } else { Vec::new() });
}

/// Everything is in one of two halves, by what it costs.
#[test]
fn categories_tell_fast_commands_from_slow_ones_where_modules_have_them() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let of = |c: &mut Client, category: &str| {
        c.ok(&format!("ACL SETUSER u on nopass ~* -@all +@{category}"));
        allowed(c, "u")
    };
    let (fast, slow) = (of(&mut c, "fast"), of(&mut c, "slow"));
    if server.has_version("7.2") {
        assert!(
            fast.contains(&"TSGEN.ADD".to_owned()) && slow.contains(&"TSGEN.RANGE".to_owned()),
            "{fast:?} {slow:?}"
        );
        assert_eq!(fast.len() + slow.len(), commands(&mut c).len());
    } else {
        assert_eq!((fast, slow), (Vec::new(), Vec::new()));
    }
}

/// Redis 7.4 and Valkey 8 let modules have a category of their own.
#[test]
fn the_category_of_the_module_grants_all_its_commands_and_no_others() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let grant = "ACL SETUSER u on nopass ~* -@all +@tsgen";
    if !server.has_version("7.4") && !server.has_valkey("8.0") {
        c.expect(grant, "-ERR …");
        return;
    }
    c.expect(grant, "OK");
    let all: Vec<String> = commands(&mut c).into_iter().map(|(name, _)| name).collect();
    assert_eq!(allowed(&mut c, "u"), all);
    let mut u = server.client();
    u.ok("AUTH u x");
    u.play(
        "> TSGEN.ADD k 1 a\n 1\n > TSGEN.ADVANCE k 1\n 1\n > TSGEN.CLAIM k w BLOCK 1\n [[<t> …]]\n > GET k\n -NOPERM …",
    );
}

#[test]
fn commands_are_granted_by_name() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("ACL SETUSER adder on nopass ~* +tsgen.add +tsgen.madd");
    let mut u = server.client();
    u.ok("AUTH adder x");
    u.play("> TSGEN.ADD k 1 a\n 1\n > TSGEN.CLAIM k w\n -NOPERM …\n > TSGEN.AT 1 TSGEN.CLAIM k w\n -NOPERM …");
}

#[test]
fn getkeys_names_the_key_and_the_sink() {
    let server = Server::start(&[]);
    server.client().play(
        r#"
        > COMMAND GETKEYS TSGEN.ADD k 1 a
        ['k']
        > COMMAND GETKEYS TSGEN.CLAIM k w COUNT 5
        ['k']
        > COMMAND GETKEYS TSGEN.CREATE k
        ['k']
        > COMMAND GETKEYS TSGEN.CREATE k CLOCK SINK s
        ['k' 's']
        > COMMAND GETKEYS TSGEN.CREATE k SOURCES 2 SINK x sink s
        ['k' 's']
        > COMMAND GETKEYS TSGEN.ALTER k LEASE 5 SINK s SINKMAXLEN 10
        ['k' 's']
        > COMMAND GETKEYS TSGEN.ALTER k SINK ""
        ['k']
        > COMMAND GETKEYS TSGEN.AT 1000 TSGEN.CLAIM k w
        ['k']
        "#,
    );
}
