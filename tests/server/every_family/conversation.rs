//! Every command of every family once and again, on keys in every state, and all that Redis does to keys: what is run where each access to memory is
//! watched (`make memcheck`).

use super::hostile::uses;
use super::FAMILIES;
use crate::common::rewritten;
use crate::harness::*;

#[test]
fn a_conversation_of_all_families() {
    let mut server = Server::start(&["--appendonly", "yes"]);
    let mut c = server.client();
    for family in &FAMILIES {
        family.fill(&mut c);
        let before = family.view(&mut c);
        c.ok("DEBUG RELOAD");
        assert_eq!(family.view(&mut c), before, "{}", family.name);
        let dumps = family.dumps(&mut c);
        for command in uses(family) {
            for key in family.keys {
                c.run(&command.replace(" k ", &format!(" {key} ")));
            }
        }
        family.restore(&mut c, &dumps);
        assert_eq!(family.view(&mut c), before, "{}", family.name);
        for command in
            family.keys.iter().flat_map(|key| family.all_on(key)).filter(|command| !command.contains("BLOCK"))
        {
            c.run(&command);
        }
        c.ok("INFO tsgen");
        for key in family.keys {
            for command in ["COPY # copy", "RENAME copy copy2", "MEMORY USAGE #", "OBJECT ENCODING #", "UNLINK copy2"] {
                c.run(&command.replace('#', key));
            }
        }
        c.run("BGREWRITEAOF");
        rewritten(&mut c);
        c.ok("FLUSHALL ASYNC");
    }
    for _ in 0..4 {
        c.ok("THROTTLE.TAKE door 2 1000");
    }
    c.ok("DEBUG RELOAD");
    c.ok("DUMP door");
    assert_eq!(c.info("tsgen", "tsgen_caught-panics").as_str(), "0");
    server.stop(Stop::NoSave);
}
