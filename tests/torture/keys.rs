//! The keys under torture, and what clients do to them.

use crate::harness::{Random, Reply};
use tsgen_history::{Act, Answer, Delivery, Gate, Terms, Unit};

pub struct Key {
    pub name: &'static str,
    pub family: &'static str,
    /// What CREATE is given behind the name.
    pub create: &'static str,
    pub gate: Gate,
    pub one_at_a_time: bool,
    pub remember_ms: i64,
}

const HOUR_MS: i64 = 3_600_000;

pub const KEYS: [Key; 7] = [
    Key {
        name: "grouped",
        family: "TSGEN",
        create: "GROUPLIMIT 1 FAIR yes LEASE 200 MAXDELIVERIES 3",
        gate: Gate::Watermark,
        one_at_a_time: true,
        remember_ms: 0,
    },
    Key {
        name: "remembering",
        family: "TSGEN",
        create: "REMEMBER 1h MAXDELIVERIES 0 BACKOFF 5",
        gate: Gate::Watermark,
        one_at_a_time: false,
        remember_ms: HOUR_MS,
    },
    Key {
        name: "sources",
        family: "TSGEN",
        create: "SOURCES 2 east west SOURCEIDLE 300 MAXDELIVERIES 0 MAXLEN 5000",
        gate: Gate::Watermark,
        one_at_a_time: false,
        remember_ms: 0,
    },
    Key {
        name: "clock",
        family: "TSGEN",
        create: "CLOCK MAXDELIVERIES 0 FAIR yes",
        gate: Gate::Clock,
        one_at_a_time: false,
        remember_ms: 0,
    },
    Key {
        name: "scans",
        family: "DEBOUNCE",
        create: "IDLE 40 MAXDELIVERIES 0 GROUPLIMIT 1",
        gate: Gate::ClockOnce,
        one_at_a_time: true,
        remember_ms: 0,
    },
    Key {
        name: "likes",
        family: "TALLY",
        create: "EVERY 60 MAXFIELDS 5",
        gate: Gate::ClockOnce,
        one_at_a_time: false,
        remember_ms: 0,
    },
    Key {
        name: "watcher",
        family: "EXPIRY",
        create: "PREFIX watched: MAXDELIVERIES 0",
        gate: Gate::ClockOnce,
        one_at_a_time: false,
        remember_ms: 0,
    },
];

/// How long a group must be quiet.
pub const IDLE_MS: i64 = 40;
/// Servers take the time when their loop awakes: it may be so much behind what a client saw.
pub const SLACK_MS: i64 = 2;

impl Key {
    pub fn terms(&self, always_synced: bool) -> Terms {
        Terms { gate: self.gate, one_at_a_time: self.one_at_a_time, remember_ms: self.remember_ms, always_synced }
    }

    /// A command that writes, and what it is to the judge. `number` is the client's own, `watermark` about where that is. Where the
    /// clock is the gate, due times count from the time of the call.
    pub fn write(&self, client: u32, number: u64, watermark: i64, random: &mut Random) -> (String, Act) {
        let name = self.name;
        let unit = |name: &str, due: i64| Act::Write(vec![Unit { name: name.to_owned(), due }]);
        match (self.family, name) {
            ("TSGEN", "grouped") => {
                let group = random.below(6);
                let (id, due) = (format!("g{group}/{client}-{number}"), watermark + random.between(-5, 5));
                (format!("TSGEN.ADD {name} GROUP g{group} {due} {id} payload"), unit(&id, due))
            }
            ("TSGEN", "remembering") => {
                // Producers repeat themselves.
                let again = (number / 10).saturating_sub(random.below(5));
                let (id, due) = (format!("{client}-{again}"), watermark + random.between(-5, 5));
                (format!("TSGEN.ADD {name} {due} {id} payload"), unit(&id, due))
            }
            ("TSGEN", "clock") => {
                let (id, in_ms) = (format!("{client}-{number}"), random.between(0, 80));
                (format!("TSGEN.ADD {name} +{in_ms} {id}"), unit(&id, in_ms - SLACK_MS))
            }
            ("TSGEN", _) => {
                let due = watermark + random.between(-5, 5);
                let ids = [format!("{client}-{number}a"), format!("{client}-{number}b")];
                let units = ids.iter().map(|id| Unit { name: id.clone(), due }).collect();
                (format!("TSGEN.MADD {name} {due} {} x {due} {} y", ids[0], ids[1]), Act::Write(units))
            }
            ("DEBOUNCE", _) => {
                let group = random.below(8);
                let items: Vec<String> =
                    (0..=random.below(2)).map(|nth| format!("s{group}/{client}-{number}-{nth}")).collect();
                let due = IDLE_MS - SLACK_MS;
                let units = items.iter().map(|item| Unit { name: item.clone(), due }).collect();
                (format!("DEBOUNCE.PUSH {name} s{group} {}", items.join(" ")), Act::Write(units))
            }
            ("TALLY", _) => {
                let mut increment = || (format!("f{}", random.below(8)), random.between(1, 9));
                let (one, other) = (increment(), increment());
                let command = format!("TALLY.MINCR {name} {} {} {} {}", one.0, one.1, other.0, other.1);
                (command, Act::Count(vec![one, other]))
            }
            _ => {
                let (watched, in_ms) = (format!("watched:{client}-{number}"), random.between(20, 150));
                (format!("SET {watched} value PX {in_ms}"), unit(&watched, in_ms - SLACK_MS))
            }
        }
    }

    /// What moves the gate on, where clients do that.
    pub fn advance(&self, watermark: i64, random: &mut Random) -> Option<(String, Act)> {
        (self.gate == Gate::Watermark).then(|| {
            let source =
                if self.name == "sources" { [" SOURCE east", " SOURCE west"][random.below(2) as usize] } else { "" };
            (format!("TSGEN.ADVANCE {} {watermark}{source}", self.name), Act::Advance(watermark))
        })
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
