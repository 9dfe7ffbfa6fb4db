//! Permissions: the keys of every command are known to Redis, the SINK's stream too.

use super::families::FAMILIES;
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
