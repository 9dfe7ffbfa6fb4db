//! A client that does what it is told, for stories whose end is known.

use super::{list, Load};
use crate::keys::{advanced, counted, taken, written, Key, IDLE_MS, KEYS, SLACK_MS, TAKE};
use tsgen_history::{Act, Unit};

impl Load<'_> {
    /// Does and notes one thing by its words: `add key id timestamp`, `push key group item item …`, `count key field delta`, `advance key to`, `claim key`, `ack key`, `seal key`.
    pub fn told(&mut self, words: &[&str]) {
        let at = Key::place(words[1]);
        let key = &KEYS[at];
        let (family, name) = (key.family, key.name);
        match words[0] {
            "add" => {
                let (id, due) = (words[2], words[3].parse().expect("a timestamp"));
                let act = Act::Write(vec![Unit { name: id.to_owned(), due }]);
                self.record(key, &format!("{family}.ADD {name} {due} {id}"), act, written);
            }
            "push" => {
                let due = IDLE_MS - SLACK_MS;
                let units = words[3..].iter().map(|item| Unit { name: (*item).to_owned(), due }).collect();
                let line = format!("{family}.PUSH {name} {}", words[2..].join(" "));
                self.record(key, &line, Act::Write(units), written);
            }
            "count" => {
                let act = Act::Count(vec![(words[2].to_owned(), words[3].parse().expect("a number"))]);
                self.record(key, &format!("{family}.INCR {name} {} {}", words[2], words[3]), act, written);
            }
            "advance" => {
                let to = words[2].parse().expect("a timestamp");
                for source in key.sources() {
                    self.record(key, &format!("{family}.ADVANCE {name} {to}{source}"), Act::Advance(to), advanced);
                }
            }
            "take" => drop(self.record(key, TAKE, Act::Take, taken)),
            "seal" => drop(self.send(&format!("{family}.SEAL {name}"))),
            "claim" => {
                let line = format!("{family}.CLAIM {name} c{} LEASE 60000", self.client);
                let reply = self.record(key, &line, Act::Ack(Vec::new()), written).expect("a reply");
                let call = self.calls.pop().expect("just noted");
                self.got(at, &reply, call);
                if let Some(Act::Claim { lease_ms, .. }) = self.calls.last_mut().map(|call| &mut call.act) {
                    *lease_ms = 60_000 - SLACK_MS;
                }
            }
            "ack" => {
                let tokens = self.tokens(at, usize::MAX);
                let (wanted, line) = (tokens.len(), format!("{family}.ACK {name}{}", list("", &tokens)));
                self.record(key, &line, Act::Ack(tokens), |reply| counted(reply, wanted));
            }
            other => panic!("no story has {other}"),
        }
    }
}
