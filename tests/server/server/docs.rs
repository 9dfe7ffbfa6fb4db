//! What the server tells about the module as a whole. Its commands: `pages`.

use crate::harness::*;

#[test]
fn the_module_lists_itself_and_its_info_section() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let modules = c.ok("MODULE LIST").to_string();
    assert!(modules.contains("'tsgen'"), "{modules}");
    c.ok("TSGEN.CREATE k CLOCK");
    let info = c.ok("INFO tsgen").text();
    for name in [
        "blocked-clients",
        "adopted-tokens",
        "watchers",
        "caught-panics",
        "sink-errors",
        "timer-ticks",
        "timer-next-deadline",
        "scheduled-keys",
        "version",
    ] {
        assert!(info.contains(&format!("tsgen_{name}:")), "no {name} in\n{info}");
    }
}

#[test]
fn the_module_takes_no_arguments_and_is_not_unloaded_while_in_use() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.ok("TSGEN.CREATE k");
    assert!(c.run("MODULE UNLOAD tsgen").is_error());
    c.expect("TSGEN.CLAIM k w", "[]");
}
