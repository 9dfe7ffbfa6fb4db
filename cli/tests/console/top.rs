//! `top`, in a terminal.

use crate::harness::*;
use crate::run::{tsgen, url};
use crate::tmux::Tmux;

/// Keys of all families; `mails` has 30 dead letters of one reason and 5 of another.
fn fill(server: &Server) {
    let mut c = server.client();
    c.play(
        "> TSGEN.CREATE mails\n OK\n > TSGEN.ADVANCE mails 100\n 100
         > DEBOUNCE.CREATE scans IDLE 1h\n OK\n > DEBOUNCE.PUSH scans seller-1 a b\n 2
         > TALLY.CREATE likes\n OK\n > TALLY.INCR likes video-1 5\n 5
         > EXPIRY.CREATE checkouts PREFIX order:\n OK",
    );
    for (count, reason) in [(30, "mailbox full"), (5, "no such host")] {
        for nth in 0..count {
            c.ok(&format!("TSGEN.ADD mails {nth} \"{reason}-{nth}\" '{{\"to\":\"ada\",\"n\":{nth}}}'"));
        }
        let claimed = c.ok(&format!("TSGEN.CLAIM mails w COUNT {count}"));
        let tokens: Vec<String> = claimed.items().iter().map(|entry| entry.items()[0].int().to_string()).collect();
        c.ok(&format!("TSGEN.NACK mails {} DEAD REASON \"{reason}\"", tokens.join(" ")));
    }
    c.play("> TSGEN.ADD mails 1 waits x\n 0");
}

/// A terminal in which `top` runs.
#[track_caller]
fn top(server: &Server, (columns, lines): (u16, u16), args: &str) -> Tmux {
    let tmux = Tmux::start(columns, lines, &[("REDIS_URL", &url(server)), ("TSGEN_PLANTED_PANIC", "1")]);
    tmux.types(&format!("$TSGEN top --every 100ms {args}"));
    tmux.shows("KEY");
    tmux
}

/// It has given the terminal back: what was on it is there again, and what is typed is seen.
#[track_caller]
fn is_given_back(tmux: &Tmux) {
    let is_prompt = |screen: &str| screen.trim_end().lines().last().is_some_and(|line| line.len() == 1);
    tmux.until("the shell", |screen| screen.contains("TSGEN top") && is_prompt(screen));
    assert_eq!(tmux.modes(), "0 1");
    tmux.types("echo it is' 'well");
    let screen = tmux.shows("\nit is well");
    assert!(screen.contains(" echo it is' 'well"), "{screen}");
    assert!(!screen.contains("OLDEST"), "{screen}");
}

fn info(server: &Server, name: &str) -> i64 {
    server.client().ok("TSGEN.INFO mails").field(name).int()
}

#[test]
fn what_died_of_one_reason_is_found_and_requeued() {
    let server = Server::start(&[]);
    fill(&server);
    let tmux = top(&server, (80, 24), "");
    let screen = tmux
        .until("all keys", |screen| ["mails", "scans", "likes", "checkouts"].iter().all(|key| screen.contains(key)));
    // What is late stands first, with how much.
    assert!(screen.lines().nth(3).expect("a row").starts_with("mails "), "{screen}");
    assert!(screen.contains("4 keys  ready 1  leased 0  dead 35  oldest "), "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");

    tmux.press(&["/", "a", "i", "l"]);
    let screen = tmux.shows("1 of 4 keys /ail");
    assert!(screen.contains("mails") && !screen.contains("scans"), "{screen}");
    tmux.press(&["Enter", "Enter"]).shows("watermark");
    // Why they died, how many of each, and what is in one of them.
    tmux.press(&["6"]).shows("mailbox full");
    let screen = tmux.shows("no such host");
    assert!(
        screen.lines().any(|line| line.trim_start().starts_with("30 ") && line.ends_with("mailbox full")),
        "{screen}"
    );
    tmux.press(&["Enter"]).shows("died of: mailbox full");
    tmux.shows("mailbox full-1");
    // The list shows the content as well, below it.
    let is_open = |screen: &str| !screen.contains("DIED, TRIES") && screen.contains("\"to\": \"ada\"");
    let screen = tmux.press(&["Down", "Enter"]).until("the letter", is_open);
    assert!(screen.contains("mailbox full-1") && screen.contains("reason      mailbox full"), "{screen}");
    // Nothing is done before it is confirmed.
    tmux.press(&["Escape"]).shows("DIED, TRIES");
    tmux.press(&["R"]).shows("Requeue 30 dead letters of mails that died of: mailbox full?");
    tmux.press(&["n"]).shows("nothing was done");
    assert_eq!(info(&server, "dead"), 35);
    tmux.press(&["R"]).shows("Requeue 30 dead letters");
    tmux.press(&["y"]).shows("requeued 30");
    assert_eq!((info(&server, "dead"), info(&server, "ready")), (5, 31));
    tmux.press(&["6"])
        .until("only the other reason", |screen| screen.contains("no such host") && !screen.contains("mailbox"));
    tmux.press(&["Escape"]).shows("OLDEST");
    tmux.press(&["q"]);
    is_given_back(&tmux);
}

#[test]
fn one_is_discarded_a_delay_ends_and_a_key_is_paused() {
    let server = Server::start(&[]);
    fill(&server);
    let tmux = top(&server, (80, 24), "");
    tmux.shows("mails");
    tmux.press(&["p"]).shows("Pause mails?");
    tmux.press(&["y"]).shows("paused");
    wait_until("it is paused", || server.client().ok("TSGEN.INFO mails").field("paused").to_string().contains("yes"));
    tmux.until("its row", |screen| screen.lines().any(|line| line.starts_with("mails") && line.contains("paused")));
    tmux.press(&["p"]).shows("Resume mails?");
    tmux.press(&["y"]).shows("resumed");
    tmux.press(&["Enter", "5"]).shows("mailbox full-0");
    tmux.press(&["x"]).shows("Discard the dead letter mailbox full-0?");
    tmux.press(&["y"]).shows("discarded 1");
    assert_eq!(info(&server, "dead"), 34);

    let mut c = server.client();
    c.play("> TSGEN.CLAIM mails w\n [[<t> …]]\n > TSGEN.NACK mails <t> DELAY 1h\n 1");
    tmux.press(&["4"]).shows("BACK IN");
    tmux.shows("waits");
    tmux.press(&["M"]).shows("End the delay of 1 entry of mails?");
    tmux.press(&["y"]).shows("ended the delay of 1");
    assert_eq!(info(&server, "delayed"), 0);
    // Who holds it, and until when.
    c.play("> TSGEN.CLAIM mails worker-7 LEASE 1h\n [[<again> …]]");
    tmux.press(&["3"]).shows("worker-7");
    let screen = tmux.press(&["Enter"]).shows("held by");
    assert!(screen.contains("until") && screen.contains("(in 59m"), "{screen}");
}

#[test]
fn a_view_that_only_reads_changes_nothing() {
    let server = Server::start(&[]);
    fill(&server);
    let tmux = top(&server, (80, 24), "--read-only");
    tmux.until("a row", |screen| screen.contains("read only") && screen.contains("TSGEN"));
    tmux.press(&["p"]).shows("this view is read only");
    tmux.press(&["Enter", "6"]).shows("mailbox full");
    tmux.press(&["R"]).shows("this view is read only");
    assert_eq!(info(&server, "dead"), 35);
}

#[test]
fn it_follows_the_size_of_the_terminal() {
    let server = Server::start(&[]);
    fill(&server);
    let tmux = top(&server, (80, 24), "");
    tmux.shows("WAITING");
    let is_narrow = |screen: &str| screen.contains("OLDEST") && screen.contains("mails") && !screen.contains("WAITING");
    let screen = tmux.resize(40, 12).until("what matters most", is_narrow);
    assert!(screen.lines().count() <= 12, "{screen}");
    tmux.press(&["?"]).shows("one line");
    tmux.press(&["Escape"]).resize(100, 30).shows("OUT/S");
    tmux.resize(8, 3).shows("too");
    tmux.resize(80, 24).shows("WAITING");
}

#[test]
fn a_server_that_goes_away_and_comes_back_is_told_of() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    fill(&server);
    let tmux = top(&server, (80, 24), "");
    tmux.shows("mails");
    server.stop(Stop::Kill);
    let screen = tmux.shows("no answer for");
    assert!(screen.contains("mails"), "{screen}");
    server.start_again();
    let screen = tmux.shows("the server is back, after");
    assert!(screen.contains("mails") && !screen.contains("no answer for"), "{screen}");
    // And it is the same view as before.
    tmux.press(&["Enter", "6"]).shows("mailbox full");
}

#[test]
fn the_terminal_is_given_back_however_it_ends() {
    let server = Server::start(&[]);
    fill(&server);
    for keys in [&["q"][..], &["C-c"], &["Enter", "5", "Enter", "q"]] {
        let tmux = top(&server, (80, 24), "");
        assert_eq!(tmux.modes(), "1 0");
        tmux.press(keys);
        is_given_back(&tmux);
    }
    let file = server.folder().join("pid");
    let tmux = Tmux::start(80, 24, &[("REDIS_URL", &url(&server)), ("FILE", &file.display().to_string())]);
    tmux.types("sh -c 'echo $$ >$FILE; exec $TSGEN top'");
    tmux.shows("mails");
    let pid = std::fs::read_to_string(file).expect("its number");
    signal(pid.trim().parse().expect("a number"), "TERM");
    is_given_back(&tmux);

    let tmux = top(&server, (80, 24), "");
    tmux.press(&["!"]).shows("planted");
    is_given_back(&tmux);
}

#[test]
fn without_a_terminal_or_a_server_it_says_so() {
    let server = Server::start(&[]);
    assert!(tsgen(&server, &["top"]).failed(1).contains("top needs a terminal to draw on: `tsgen ls --watch`"));
    assert!(tsgen(&server, &["top", "--json"]).failed(2).contains("unexpected argument '--json'"));
    let gone = { url(&Server::plain(&[])) };
    let tmux = Tmux::start(80, 24, &[("REDIS_URL", &gone)]);
    tmux.types("$TSGEN top; echo code $?");
    let screen = tmux.shows("code 3");
    assert!(screen.contains("no answer"), "{screen}");
}

#[test]
fn hostile_names_and_contents_are_drawn_safely() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let long = "x".repeat(65_536);
    let name = "\\x1b[2J\\x1b]0;evil\\x07\\xe2\\x80\\xae\\x00";
    // An id has at most 65535 bytes.
    c.ok(&format!("TSGEN.ADD \"{name}{long}\" 1 \"{name}{}\" \"{name}{long}\"", &long[..60_000]));
    c.ok(&format!("TSGEN.ADVANCE \"{name}{long}\" 5"));
    c.ok("TSGEN.ADD שלום 1 日本語 日本語");
    c.ok("TSGEN.ADVANCE שלום 5");
    let tmux = top(&server, (80, 24), "");
    let screen = tmux.shows("שלום");
    assert!(screen.contains("\\x1b[2J"), "{screen}");
    tmux.press(&["/", "x", "x", "Enter"]).shows("1 of 2 keys");
    tmux.press(&["Enter"]).shows("watermark");
    tmux.press(&["2"]).shows("payload: bytes in hex");
    let screen = tmux.press(&["Enter"]).shows("1b 5b 32 4a");
    assert!(screen.starts_with("\\x1b[2J\\x1b]0;evil\\x07\\xe2\\x80\\xae\\x00"), "{screen}");
    tmux.press(&["q"]);
    is_given_back(&tmux);
}

#[test]
fn colours_are_left_out_with_no_color() {
    let server = Server::start(&[]);
    fill(&server);
    let tmux = top(&server, (80, 24), "");
    tmux.shows("mails");
    let is_coloured =
        |screen: &str| screen.contains("38;5;") || (30..38).any(|colour| screen.contains(&format!("[{colour}m")));
    assert!(is_coloured(&tmux.coloured()), "{:?}", tmux.coloured());
    let tmux = Tmux::start(80, 24, &[("REDIS_URL", &url(&server)), ("NO_COLOR", "1")]);
    tmux.types("$TSGEN top --every 100ms");
    tmux.shows("mails");
    assert!(!is_coloured(&tmux.coloured()), "{:?}", tmux.coloured());
}
