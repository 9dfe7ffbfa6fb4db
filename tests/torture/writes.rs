//! What clients write to the keys, and what that is to the judge.

use crate::harness::Random;
use crate::keys::{value_of, Key, IDLE_MS, ORDERS, SLACK_MS, TAKE};
use tsgen_history::{Act, Gate, Unit};

impl Key {
    /// A command that writes. `number` is the client's own, `watermark` about where that is. Where the clock is the gate, due times count from the time of
    /// the call.
    pub fn write(&self, client: u32, number: u64, watermark: i64, random: &mut Random) -> (String, Act) {
        let name = self.name;
        let unit = |name: &str, due: i64| Act::Write(vec![Unit { name: name.to_owned(), due }]);
        match (self.family, &name[3..]) {
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
            // Their runs come by themselves.
            ("TSGEN", "jobs") => (format!("TSGEN.INFO {name}"), Act::Write(Vec::new())),
            ("TSGEN", _) if self.tag() == "{l}" => {
                let (id, in_ms) = (format!("{client}-{number}"), random.between(0, 80));
                (format!("TSGEN.ADD {name} +{in_ms} {id} {}", random.pick(&ORDERS)), unit(&id, in_ms - SLACK_MS))
            }
            ("TSGEN", _) if self.gate == Gate::Clock => {
                let (id, in_ms) = (format!("{client}-{number}"), random.between(0, 80));
                (format!("TSGEN.ADD {name} +{in_ms} {id}"), unit(&id, in_ms - SLACK_MS))
            }
            ("TSGEN", _) => {
                let due = watermark + random.between(-5, 5);
                let ids = [format!("{client}-{number}a"), format!("{client}-{number}b")];
                let units = ids.iter().map(|id| Unit { name: id.clone(), due }).collect();
                (format!("TSGEN.MADD {name} {due} {} x {due} {} y", ids[0], ids[1]), Act::Write(units))
            }
            ("DEBOUNCE", of) => {
                let group = random.below(8);
                // JSON, which the libraries' workers read.
                let item = |nth| format!("\"s{group}/{client}-{number}-{nth}\"");
                let items: Vec<String> = (0..=random.below(2)).map(item).collect();
                // A group that is bounded may be full, or old, with this push.
                let due = if of == "scans" { IDLE_MS } else { 0 } - SLACK_MS;
                let units = items.iter().map(|item| Unit { name: item.clone(), due }).collect();
                (format!("DEBOUNCE.PUSH {name} s{group} {}", items.join(" ")), Act::Write(units))
            }
            ("TALLY", _) => {
                let counts: Vec<(String, i64)> = ["f", "g"]
                    .map(|field| (format!("{field}{}", random.below(4)), random.between(1, 9)))
                    .into_iter()
                    .collect();
                let words: Vec<String> = counts.iter().map(|(field, delta)| format!(" {field} {delta}")).collect();
                (format!("TALLY.MINCR {name}{}", words.concat()), Act::Count(counts))
            }
            ("THROTTLE", _) => (TAKE.to_owned(), Act::Take),
            (_, of) => {
                let prefix = if of == "watcher" { "watched" } else { "sunk" };
                let key = |number: u64| format!("{{w}}{prefix}:{client}-{number}");
                if random.one_in(8) && number > 20 {
                    let gone = key(number - 1 - random.below(20));
                    return (format!("DEL {gone}"), Act::Remove(vec![gone]));
                }
                let (watched, in_ms) = (key(number), random.between(20, 150));
                let command = format!("SET {watched} {} PX {in_ms}", value_of(&watched));
                (command, unit(&watched, in_ms - SLACK_MS))
            }
        }
    }

    /// What moves the gate on, where clients do that.
    pub fn advance(&self, watermark: i64, random: &mut Random) -> Option<(String, Act)> {
        (self.gate == Gate::Watermark).then(|| {
            let source = self.sources()[random.below(self.sources().len() as u64) as usize];
            (format!("TSGEN.ADVANCE {} {watermark}{source}", self.name), Act::Advance(watermark))
        })
    }

    /// How an ADVANCE ends, for each that the watermark needs.
    pub fn sources(&self) -> &'static [&'static str] {
        if self.name.ends_with("sources") {
            &[" SOURCE east", " SOURCE west"]
        } else {
            &[""]
        }
    }
}
