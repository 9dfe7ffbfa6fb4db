//! `work`.

use crate::harness::*;
use crate::run::{start, start_unheard, tsgen};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

fn info(c: &mut Client, name: &str) -> i64 {
    c.ok("TSGEN.INFO k").field(name).int()
}

#[test]
fn a_program_gets_the_payload_and_what_else_there_is() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k CLOCK\n OK\n > DEBOUNCE.CREATE groups IDLE 1\n OK\n > EXPIRY.CREATE orders PREFIX order:\n OK\n > TALLY.CREATE sums EVERY 100\n OK");
    let script = "echo \"$TSGEN_FAMILY $TSGEN_KEY $TSGEN_ID $TSGEN_DELIVERIES $TSGEN_REASON: $(cat)\"";
    let workers = ["k", "groups", "orders", "sums"].map(|key| start(&server, &["work", key, "--exec", script]));
    c.play("> TSGEN.ADD k +0 job-1 \"two books\"\n 0\n > DEBOUNCE.PUSH groups g a\n 1\n > SET order:1 books PX 20\n OK\n > TALLY.INCR sums f 7\n 7");
    workers[0].line_with("TSGEN k job-1 1 : two books");
    assert!(workers[1].line_with("DEBOUNCE groups g 1 idle: ").contains(r#""item":"a""#));
    workers[2].line_with("EXPIRY orders order:1 1 expired: books");
    assert!(workers[3].line_with("TALLY sums ").contains(r#""sums":[{"field":"f","sum":7}]"#));
    wait_until("it is acknowledged", || info(&mut c, "acked") == 1);
    for mut worker in workers {
        assert_eq!(worker.terminate(), Some(0));
    }
}

#[test]
fn the_exit_code_says_what_becomes_of_an_entry() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k MAXDELIVERIES 2\n OK\n > TSGEN.ADVANCE k 10\n 10\n > TSGEN.MADD k 1 0 x 2 65 x 3 75 x 4 1 x\n [0 0 0 0]");
    let script = "echo \"mailbox of $TSGEN_ID is full\" >&2; exit $TSGEN_ID";
    let _worker = start(&server, &["work", "k", "--exec", script, "--later", "1h"]);
    wait_until("all have ended", || {
        (info(&mut c, "acked"), info(&mut c, "dead"), info(&mut c, "delayed")) == (1, 2, 1)
    });
    let dead = c.ok("TSGEN.DEAD k").to_string();
    assert!(dead.contains("1 '65'") && dead.contains("2 '1'") && dead.contains("mailbox of 65 is full"), "{dead}");
    let delayed = c.ok("TSGEN.PENDING k DELAYED").items()[0].to_string();
    assert!(delayed.contains("'75'"), "{delayed}");
}

#[test]
fn what_it_has_in_hand_is_handed_back_when_it_has_to_stop() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k LEASE 1h\n OK\n > TSGEN.ADVANCE k 10\n 10\n > TSGEN.ADD k 1 a x\n 0");
    let mut worker =
        start(&server, &["work", "k", "--exec", "echo working $$; sleep 3600 & wait", "--shutdown-timeout", "100ms"]);
    let pid = worker.line_with("working ").split(' ').nth(1).expect("a pid").to_owned();
    assert_eq!(worker.terminate(), Some(0));
    assert_eq!((info(&mut c, "ready"), info(&mut c, "leased"), info(&mut c, "died")), (1, 0, 0));
    // And the program has ended, with what it has started.
    wait_until("it is gone", || !std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn several_keys_and_several_at_once() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k\n OK\n > TSGEN.CREATE low\n OK\n > TSGEN.ADVANCE k 10\n 10\n > TSGEN.ADVANCE low 10\n 10\n > TSGEN.MADD k 1 a x 1 b x\n [0 0]\n > TSGEN.ADD low 1 c x\n 0");
    // Each of the two waits for the other.
    let script = "touch $DIR/$TSGEN_ID; [ $TSGEN_ID = c ] || until [ -e $DIR/a ] && [ -e $DIR/b ]; do sleep 0.01; done; echo done $TSGEN_ID".replace("$DIR", &server.folder().display().to_string());
    let worker = start(&server, &["work", "k", "low", "--exec", &script, "--concurrency", "2"]);
    for id in ["a", "b", "c"] {
        worker.line_with(&format!("done {id}"));
    }
    wait_until("all are acknowledged", || c.ok("TSGEN.INFO low").field("acked").int() == 1);
}

#[test]
fn the_log_says_of_each_entry_what_came_of_it_and_why() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k MAXDELIVERIES 2 BACKOFF 1\n OK\n > TSGEN.ADVANCE k 10\n 10\n > TSGEN.MADD k 1 0 x 2 65 x 3 75 x 4 1 x\n [0 0 0 0]");
    let script = "echo \"mailbox of $TSGEN_ID is full\" >&2; exit $TSGEN_ID";
    let worker = start(&server, &["work", "k", "--exec", script, "--later", "1h", "--consumer", "postman"]);
    let line = |id: &str, outcome: &str| worker.line_with(&format!("id=\"{id}\" deliveries={outcome}"));
    assert!(line("0", "1 outcome=\"done\" took_ms=").contains("INFO entry key=\"k\""));
    for (id, outcome) in [
        ("65", "1 outcome=\"dead\""),
        ("75", "1 outcome=\"retry\""),
        ("1", "1 outcome=\"retry\""),
        ("1", "2 outcome=\"dead\""),
    ] {
        let line = line(id, outcome);
        assert!(
            line.contains("WARN entry key=\"k\"") && line.ends_with(&format!("reason=\"mailbox of {id} is full\"")),
            "{line}"
        );
    }
    // Once each, and nothing of what the entries carry.
    assert_eq!(worker.lines_with("id=").len(), 5);
    assert_eq!(worker.lines_with("id=1").len(), 0);
    drop(worker);

    let mut quiet = start(
        &server,
        &["work", "k", "--exec", "sleep 3600", "--consumer", "clerk", "--quiet", "--shutdown-timeout", "100ms"],
    );
    c.ok("TSGEN.ADD k 5 held x");
    wait_until("it is held", || c.ok("TSGEN.PENDING k").to_string().contains("'clerk'"));
    assert_eq!(quiet.terminate(), Some(0));
    assert_eq!(quiet.last_lines(), Vec::<String>::new());
    tsgen(&server, &["work", "k", "--exec", "true", "--consumer", ""]).failed(2);
}

#[test]
fn what_is_done_is_acknowledged_though_nobody_reads_the_log() {
    let server = Server::start(&[]);
    let mut c = server.client();
    c.play("> TSGEN.CREATE k MAXDELIVERIES 2 BACKOFF 1\n OK\n > TSGEN.ADVANCE k 10\n 10\n > TSGEN.MADD k 1 a x 2 b x 3 c x 4 d x 5 e x\n [0 0 0 0 0]");
    let script = "echo \"$TSGEN_ID is read\" >&2";
    let _worker = start_unheard(&server, &["work", "k", "--exec", script]);
    wait_until("all have ended", || info(&mut c, "acked") + info(&mut c, "dead") == 5);
    assert_eq!((info(&mut c, "acked"), info(&mut c, "died")), (5, 0));
}

/// A web service that answers each request with the status and headers that are its path, and tells what it was asked.
fn service() -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
            let (mut request, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) <= 2 {
                    break;
                }
                if let Some(of) = line.to_lowercase().strip_prefix("content-length: ") {
                    length = of.trim().parse().unwrap_or(0);
                }
                request += &line.to_lowercase();
            }
            let mut body = vec![0; length];
            let _ = reader.read_exact(&mut body);
            let id = request.lines().find_map(|line| line.strip_prefix("tsgen-id: ")).unwrap_or_default().to_owned();
            let answer = match id.as_str() {
                "gone" => "410 Gone\r\n",
                "busy" => "503 Busy\r\nRetry-After: 3600\r\n",
                "broken" => "500 Broken\r\n",
                _ => "204 Done\r\n",
            };
            let body_of_answer = if answer.starts_with("204") { "" } else { "Content-Length: 4\r\n" };
            let end = if answer.starts_with("204") { "" } else { "why?" };
            let _ = write!(stream, "HTTP/1.1 {answer}{body_of_answer}Connection: close\r\n\r\n{end}");
            let _ = tell.send(format!("{request}\n{}", String::from_utf8_lossy(&body)));
        }
    });
    (url, told)
}

#[test]
fn a_web_service_works() {
    let server = Server::start(&[]);
    let mut c = server.client();
    let (url, told) = service();
    c.play("> TSGEN.CREATE k MAXDELIVERIES 2\n OK\n > TSGEN.ADVANCE k 10\n 10\n > TSGEN.MADD k 1 \"a\\x0d\\x0ax\" \"two books\" 2 gone x 3 busy x 4 broken x\n [0 0 0 0]");
    let mut worker = start(&server, &["work", "k", "--http", &url]);
    let first = told.recv_timeout(PATIENCE).expect("a request");
    assert!(
        first.starts_with("post / ")
            && first.contains("tsgen-id: a%0d%0ax")
            && first.contains("tsgen-key: k")
            && first.ends_with("two books"),
        "{first}"
    );
    wait_until("all have ended", || {
        (info(&mut c, "acked"), info(&mut c, "dead"), info(&mut c, "delayed")) == (1, 2, 1)
    });
    let dead = c.ok("TSGEN.DEAD k").to_string();
    assert!(dead.contains("410 Gone: why?") && dead.contains("500 Internal Server Error: why?"), "{dead}");
    assert_eq!(worker.terminate(), Some(0));
}

#[test]
fn what_makes_no_sense_is_said_before_anything_is_claimed() {
    let server = Server::start(&[]);
    server.client().play("> TSGEN.CREATE k\n OK\n > DEBOUNCE.CREATE d\n OK");
    tsgen(&server, &["work", "k"]).failed(2);
    tsgen(&server, &["work", "k", "--exec", "true", "--http", "http://x"]).failed(2);
    assert!(tsgen(&server, &["work", "k", "--http", "nonsense"]).failed(1).contains("--http nonsense"));
    assert!(tsgen(&server, &["work", "nothing", "--exec", "true"]).failed(1).contains("there is no key"));
    assert!(tsgen(&server, &["work", "k", "d", "--exec", "true"]).failed(1).contains("WRONGTYPE"));
    assert!(tsgen(&server, &["work", "k", "--exec", "true", "--concurrency", "0"]).failed(1).contains("concurrency"));
}
