//! The keys under torture. Names begin with a tag, which tells in a cluster what lies together.

use crate::harness::Reply;
use tsgen_history::{Answer, Delivery, Gate, Limit, Terms};

pub struct Key {
    pub name: &'static str,
    pub family: &'static str,
    /// What CREATE is given behind the name; empty: there is no CREATE.
    pub create: &'static str,
    /// Where its entries go, if nobody claims them.
    pub sink: &'static str,
    pub gate: Gate,
    pub one_at_a_time: bool,
    pub remember_ms: i64,
}

const HOUR_MS: i64 = 3_600_000;
const PLAIN: Key = Key {
    name: "",
    family: "TSGEN",
    create: "",
    sink: "",
    gate: Gate::ClockOnce,
    one_at_a_time: false,
    remember_ms: 0,
};

pub const KEYS: [Key; 16] = [
    Key {
        name: "{a}grouped",
        create: "GROUPLIMIT 1 FAIR yes LEASE 200 MAXDELIVERIES 3",
        gate: Gate::Watermark,
        one_at_a_time: true,
        ..PLAIN
    },
    Key {
        name: "{a}remembering",
        create: "REMEMBER 1h MAXDELIVERIES 0 BACKOFF 5",
        gate: Gate::Watermark,
        remember_ms: HOUR_MS,
        ..PLAIN
    },
    Key {
        name: "{a}sources",
        create: "SOURCES 2 east west SOURCEIDLE 300 MAXDELIVERIES 0 MAXLEN 5000 MAXJUMP 1000000",
        gate: Gate::Watermark,
        ..PLAIN
    },
    Key { name: "{b}clock", create: "CLOCK MAXDELIVERIES 0 FAIR yes", gate: Gate::Clock, ..PLAIN },
    Key {
        name: "{b}strict",
        create: "LATE REJECT MAXDELIVERIES 2 BACKOFF 5 MAXBACKOFF 20",
        gate: Gate::Watermark,
        ..PLAIN
    },
    Key { name: "{b}jobs", create: "CLOCK MAXDELIVERIES 0", gate: Gate::Clock, ..PLAIN },
    Key {
        name: "{c}scans",
        family: "DEBOUNCE",
        create: "IDLE 40 MAXDELIVERIES 0 GROUPLIMIT 1",
        one_at_a_time: true,
        ..PLAIN
    },
    Key {
        name: "{c}bursts",
        family: "DEBOUNCE",
        create: "IDLE 200 MAXWAIT 60 MAXITEMS 5 UNIQUE no MAXDELIVERIES 0",
        ..PLAIN
    },
    Key { name: "{c}likes", family: "TALLY", create: "EVERY 60 MAXFIELDS 5", ..PLAIN },
    Key {
        name: "{w}watcher",
        family: "EXPIRY",
        create: "PREFIX {w}watched: MAXDELIVERIES 0 KEEPEVICTED yes GROUPLIMIT 2",
        ..PLAIN
    },
    Key { name: "{w}ended", family: "EXPIRY", create: "PREFIX {w}sunk: SINK {w}ends", sink: "{w}ends", ..PLAIN },
    Key { name: "{d}fed", create: "CLOCK SINK {d}stream", sink: "{d}stream", gate: Gate::Clock, ..PLAIN },
    Key { name: "{d}summed", family: "TALLY", create: "EVERY 40 SINK {d}sums", sink: "{d}sums", ..PLAIN },
    // What the workers of the libraries get, too.
    Key { name: "{l}urgent", create: "CLOCK BACKOFF 5", gate: Gate::Clock, ..PLAIN },
    Key { name: "{l}work", create: "CLOCK MAXDELIVERIES 0 BACKOFF 5 MAXBACKOFF 20", gate: Gate::Clock, ..PLAIN },
    // A limit, which delivers nothing.
    Key { name: "{d}door", family: "THROTTLE", ..PLAIN },
];

/// Recurring elements of `{b}jobs`, and their period.
pub const JOBS: [&str; 3] = ["job-1", "job-2", "job-3"];
pub const JOB_MS: i64 = 50;
/// What the handlers of the libraries' workers are told to do, as `clients/conformance/README.md` has it.
pub const ORDERS: [&str; 8] = [
    "{}",
    "{}",
    r#"{"do":"sleep","ms":4}"#,
    r#"{"do":"sleep","ms":30}"#,
    r#"{"do":"fail-once"}"#,
    r#"{"do":"fail","text":"again"}"#,
    r#"{"do":"retry","ms":10}"#,
    r#"{"do":"dead","text":"no"}"#,
];
/// How long a group must be quiet.
pub const IDLE_MS: i64 = 40;
/// Servers take the time when their loop awakes: it may be so much behind what a client saw.
pub const SLACK_MS: i64 = 2;
/// What `{d}door` lets through.
pub const TAKE: &str = "THROTTLE.TAKE {d}door 20 1000";
const LIMIT: Limit = Limit { burst: 20, each_ms: 50.0 };

impl Key {
    pub fn terms(&self, always_synced: bool) -> Terms {
        Terms {
            gate: self.gate,
            one_at_a_time: self.one_at_a_time,
            remember_ms: self.remember_ms,
            always_synced,
            comes_again: self.name.ends_with("jobs"),
            limit: (self.family == "THROTTLE").then_some(LIMIT),
        }
    }

    /// The place of a key by the end of its name.
    pub fn place(name: &str) -> usize {
        KEYS.iter().position(|key| key.name.ends_with(name)).expect("one of ours")
    }

    /// The tag of its name, braces and all.
    pub fn tag(&self) -> &'static str {
        &self.name[..3]
    }

    pub fn is_claimed(&self) -> bool {
        self.sink.is_empty() && self.family != "THROTTLE"
    }

    /// An entry of CLAIM.
    pub fn delivery(&self, entry: &Reply) -> Delivery {
        let items = entry.items();
        let token = items[0].int() as u64;
        let mut delivery = Delivery { token, units: Vec::new(), group: None, sums: Vec::new(), ready_at: None };
        match self.family {
            "TSGEN" => {
                let id = items[2].text();
                delivery.group = id.split_once('/').map(|(group, _)| group.to_owned());
                delivery.units.push(id);
                delivery.ready_at = self.name.ends_with("jobs").then(|| items[3].int());
            }
            "DEBOUNCE" => {
                delivery.group = Some(items[2].text());
                delivery.units = items[4].items().chunks(2).map(|item| item[0].text()).collect();
            }
            "TALLY" => {
                delivery.units.push(items[2].int().to_string());
                delivery.ready_at = Some(items[4].int());
                delivery.sums = items[5].items().chunks(2).map(|sum| (sum[0].text(), sum[1].int())).collect();
            }
            _ => {
                delivery.units.push(items[2].text());
                delivery.ready_at = Some(items[5].int());
            }
        }
        delivery
    }

    /// An entry of the stream behind it, the nth: to the judge it was claimed, and settled.
    pub fn fed(&self, nth: usize, entry: &Reply) -> Delivery {
        let fields = entry.items()[1].items();
        let field = |name: &str| fields.chunks(2).find(|pair| pair[0].text() == name).map(|pair| pair[1].text());
        let mut delivery =
            Delivery { token: nth as u64 + 1, units: Vec::new(), group: None, sums: Vec::new(), ready_at: None };
        let unit = ["id", "key", "batch"].into_iter().find_map(field);
        delivery.units.push(unit.expect("a name"));
        if self.family == "TALLY" {
            let sums = fields.chunks(2).skip(3);
            delivery.sums = sums.map(|sum| (sum[0].text(), sum[1].text().parse().expect("a sum"))).collect();
        }
        delivery
    }

    /// What is wrong with an entry, besides what the judge sees.
    pub fn fault(&self, entry: &Reply) -> Option<String> {
        let items = entry.items();
        let is_right = match self.family {
            // Nothing drifts.
            "TSGEN" => !self.name.ends_with("jobs") || items[3].int() % JOB_MS == 0,
            // The value is the one written, or there is none.
            "EXPIRY" => items[4] == Reply::Nil || items[4].text() == value_of(&items[2].text()),
            _ => true,
        };
        (!is_right).then(|| format!("{} handed out {entry}", self.name))
    }
}

/// The value of a watched key.
pub fn value_of(key: &str) -> String {
    format!("value of {key}").replace(' ', "-")
}

/// What a reply says of a write.
pub fn written(reply: &Reply) -> Answer {
    match reply {
        Reply::Error(_) | Reply::Nil => Answer::Refused,
        Reply::Array(items) if items.contains(&Reply::Nil) => Answer::Unclear,
        _ => Answer::Done,
    }
}

/// What a reply says of an advance. Nil: other sources have not reported yet.
pub fn advanced(reply: &Reply) -> Answer {
    match reply {
        Reply::Error(_) => Answer::Refused,
        _ => Answer::Done,
    }
}

/// What a count says of so many tokens.
pub fn counted(reply: &Reply, wanted: usize) -> Answer {
    match reply {
        Reply::Int(count) if *count == wanted as i64 => Answer::Done,
        Reply::Int(0) | Reply::Error(_) => Answer::Refused,
        _ => Answer::Unclear,
    }
}

/// Whether a take was allowed.
pub fn taken(reply: &Reply) -> Answer {
    match reply {
        Reply::Array(items) if items.first() == Some(&Reply::Int(1)) => Answer::Done,
        _ => Answer::Refused,
    }
}
