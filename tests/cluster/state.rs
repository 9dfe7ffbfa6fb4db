//! Keys of one slot that hold entries in every state, and what must still be true of them wherever they are.

use crate::harness::*;

/// The names of the keys, without their tag.
const KEYS: [&str; 6] = ["elements", "clock", "groups", "watcher", "piped", "stream"];

/// What was handed out before: a token of each family, by key.
pub struct Held {
    tag: String,
    tokens: Vec<(&'static str, &'static str, i64)>,
}

/// Fills keys `{tag}:elements` and so on. All leases and delays are long, so nothing changes by itself afterwards.
///
/// `elements`: a leased, a delayed, a dead, a ready and a waiting entry. `groups`: one leased, one collecting for an hour. `watcher`: one
/// leased, one tracked for an hour. `clock`: one that is ready in an hour. `piped` feeds `stream`, which has one entry already.
#[track_caller]
pub fn fill(router: &mut Router, tag: &str) -> Held {
    for line in [
        "TSGEN.CREATE {t}:elements LEASE 3600000 BACKOFF 3600000",
        "TSGEN.MADD {t}:elements 1 leased l 2 delayed d 3 dead x 4 ready r 100 waiting w",
        "TSGEN.ADVANCE {t}:elements 4",
        "TSGEN.CREATE {t}:clock CLOCK",
        "TSGEN.ADD {t}:clock +3600000 later x",
        "DEBOUNCE.CREATE {t}:groups IDLE 3600000 LEASE 3600000",
        "DEBOUNCE.PUSH {t}:groups leased a b",
        "DEBOUNCE.FLUSH {t}:groups leased",
        "DEBOUNCE.PUSH {t}:groups collecting c d",
        "EXPIRY.CREATE {t}:watcher PREFIX {t}:w: LEASE 3600000",
        "SET {t}:w:leased value PX 1",
        "SET {t}:w:tracked value EX 3600",
        "TSGEN.CREATE {t}:piped SINK {t}:stream",
        "TSGEN.ADVANCE {t}:piped 1",
        "TSGEN.MADD {t}:piped 1 sunk s 2 waiting w",
    ] {
        router.ok(&line.replace("{t}", &format!("{{{tag}}}")));
    }
    let mut tokens = Vec::new();
    for (family, key) in [("TSGEN", "elements"), ("DEBOUNCE", "groups"), ("EXPIRY", "watcher")] {
        let entries = router.ok(&format!("{family}.CLAIM {{{tag}}}:{key} before BLOCK 10000"));
        assert_eq!(entries.items()[0].items()[2].text().rsplit(':').next(), Some("leased"), "{entries}");
        tokens.push((family, key, entries.items()[0].items()[0].int()));
    }
    for (options, name) in [("", "delayed"), (" DEAD REASON broken", "dead")] {
        let entries = router.ok(&format!("TSGEN.CLAIM {{{tag}}}:elements before"));
        let entry = entries.items()[0].items();
        assert_eq!(entry[2].text(), name);
        router.ok(&format!("TSGEN.NACK {{{tag}}}:elements {}{options}", entry[0]));
    }
    wait_until("the sink was fed", || router.ok(&format!("XLEN {{{tag}}}:stream")) == 1);
    Held { tag: tag.to_owned(), tokens }
}

impl Held {
    /// The names of all keys, the tracked one included.
    pub fn keys(&self) -> Vec<String> {
        KEYS.iter().chain(&["w:tracked"]).map(|key| format!("{{{}}}:{key}", self.tag)).collect()
    }

    /// The digests of all keys of ours on a node.
    #[track_caller]
    pub fn digests(&self, node: &Server) -> Vec<String> {
        KEYS.iter().map(|key| node.digest(&format!("{{{}}}:{key}", self.tag))).collect()
    }

    /// Puts everything to use: tokens of before settle, and what had not been delivered is, once.
    #[track_caller]
    pub fn use_up(self, router: &mut Router) {
        let tag = &self.tag;
        for (family, key, token) in self.tokens {
            assert_eq!(router.ok(&format!("{family}.ACK {{{tag}}}:{key} {token}")), 1, "a token of {key} of before");
        }
        let mut run = |line: &str| router.ok(&line.replace("{t}", &format!("{{{tag}}}")));
        assert_eq!(take(&mut run, "TSGEN", "elements"), [("ready".to_owned(), 1)]);
        assert_eq!(run("TSGEN.REQUEUE {t}:elements ALL"), 1);
        assert_eq!(run("TSGEN.ADVANCE {t}:elements 100"), 100);
        assert_eq!(take(&mut run, "TSGEN", "elements"), [("dead".to_owned(), 1), ("waiting".to_owned(), 1)]);
        let info = run("TSGEN.INFO {t}:elements");
        assert_eq!(["waiting", "ready", "leased", "delayed", "dead"].map(|of| info.field(of).int()), [0, 0, 0, 1, 0]);

        assert_eq!(take(&mut run, "TSGEN", "clock"), []);
        run("TSGEN.ADD {t}:clock +5 soon");
        assert_eq!(take(&mut run, "TSGEN", "clock"), [("soon".to_owned(), 1)]);
        assert_eq!(run("TSGEN.RANGE {t}:clock - +").items()[0].items()[0].text(), "later");

        assert_eq!(run("DEBOUNCE.PUSH {t}:groups collecting d e"), 3);
        run("DEBOUNCE.FLUSH {t}:groups collecting");
        assert_eq!(take(&mut run, "DEBOUNCE", "groups"), [("collecting".to_owned(), 1)]);

        run("PEXPIRE {t}:w:tracked 20");
        assert_eq!(take(&mut run, "EXPIRY", "watcher"), [(format!("{{{tag}}}:w:tracked"), 1)]);
        assert_eq!(take(&mut run, "EXPIRY", "watcher"), []);

        run("TSGEN.ADVANCE {t}:piped 2");
        wait_until("the sink was fed", || run("XLEN {t}:stream") == 2);
        let fed = run("XRANGE {t}:stream - +").to_string();
        assert!(matches("[[… 'sunk' …] [… 'waiting' …]]", &fed, &mut Default::default()), "{fed}");
    }
}

/// Claims and acknowledges what is ready within a moment: names and delivery counts.
#[track_caller]
fn take(run: &mut impl FnMut(&str) -> Reply, family: &str, key: &str) -> Vec<(String, i64)> {
    let entries = run(&format!("{family}.CLAIM {{t}}:{key} after COUNT 10 BLOCK 300"));
    for entry in entries.items() {
        assert_eq!(run(&format!("{family}.ACK {{t}}:{key} {}", entry.items()[0])), 1);
    }
    entries.items().iter().map(|entry| (entry.items()[2].text(), entry.items()[1].int())).collect()
}
