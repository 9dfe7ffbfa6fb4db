//! A tab that somebody leaves open.

use crate::demo;
use crate::harness::*;
use crate::site::Site;
use crate::tab::Tab;
use std::time::Instant;

/// So many pictures a page gets in a twentieth of a day, one each two seconds. A whole day takes minutes, and shows no more: what is left behind is
/// left behind by each.
const PICTURES: u64 = 24 * 60 * 60 / 2 / 20;
const SOME: u64 = 240;

/// In place of the stream of events and of most of the replies: each time the page asks for what is new, there is something newer, so that it is
/// always at work. Every hundredth reply is the server's own; of the others the figures differ, rows come and go, and graphs move.
const DRIVER: &str = "
    const real = window.fetch;
    let source = null, page = '', nth = 0, last = 0;
    window.EventSource = class extends EventTarget {
        constructor() { super(); this.readyState = 1; source = this; }
        close() { this.readyState = 2; }
    };
    const another = () => page
        .replace(/(<td[^>]*>)\\d+(?=<)/g, (_, cell) => cell + (nth * 7919) % 10007)
        .replace(/id=\"k0-(\\w)/g, (row, letter) => nth % 5 ? row : `id=\"k0-${nth}${letter}`)
        .replace(/points=\"[^\"]*/g, `points=\"${Array.from({ length: 240 }, (_, x) => `${x},${(x * nth) % 40}`).join(' ')}`);
    window.fetch = async (...asked) => {
        nth += 1;
        if (nth < last) source.dispatchEvent(new Event('picture'));
        if (page && nth % 100) return new Response(another());
        const reply = await real(...asked);
        page = await reply.text();
        return new Response(page);
    };
    window.live = (pictures) => { last = nth + pictures; source.dispatchEvent(new Event('picture')); };
    window.shown = () => nth >= last;";

/// So many pictures pass, some at a time, for a machine may be slow.
#[track_caller]
fn pass(tab: &Tab, pictures: u64) {
    for _ in 0..pictures.div_ceil(SOME) {
        tab.eval(&format!("live({SOME}); true"));
        wait_long("they have passed", || tab.eval("shown()") == true);
    }
}

/// Bytes of memory that a process has.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

#[test]
fn a_tab_that_is_left_open_does_not_grow() {
    let server = Server::start(&[]);
    demo::fill(&server);
    let site = Site::with(server, &[]);
    let tab = site.tab();
    tab.before_scripts(DRIVER);
    for (path, pictures) in [("/", PICTURES), ("/key/0/mails", PICTURES / 4), ("/events", PICTURES / 4)] {
        tab.go(path);
        pass(&tab, SOME);
        let ([nodes, listeners, heap], began) = (tab.weight(), Instant::now());
        let server = resident(site.app.pid());
        pass(&tab, pictures);
        let ([nodes_then, listeners_then, heap_then], server_then) = (tab.weight(), resident(site.app.pid()));
        let told = format!(
            "{path}: {pictures} pictures in {:?}: {nodes} to {nodes_then} nodes, {listeners} to {listeners_then} listeners, {heap} to {heap_then} bytes, the server {server} to {server_then}",
            began.elapsed()
        );
        println!("{told}");
        // Of each picture a node would be left behind, or two hundred bytes: nine megabytes a day.
        assert!(nodes_then < nodes + pictures / 2 && listeners_then <= listeners + 10, "{told}");
        assert!(heap_then < heap + pictures * 200, "{told}");
        assert!(server_then < server + (16 << 20), "{told}");
    }
}
