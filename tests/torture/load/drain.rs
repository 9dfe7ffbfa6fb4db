//! The end of a schedule: everything is worked off, and what streams have is noted.

use super::{items, list, Load};
use crate::harness::Reply;
use crate::keys::{advanced, counted, written, Key, JOBS, KEYS};
use tsgen_history::{Act, Answer, Call, Delivery, Gate};

impl Load<'_> {
    /// Opens all gates for good. Jobs come until they are removed.
    pub fn open_all(&mut self) {
        for key in KEYS.iter().filter(|key| !key.create.is_empty()) {
            self.send(&format!("{}.ALTER {} PAUSED no", key.family, key.name));
            for source in key.sources().iter().filter(|_| key.gate == Gate::Watermark) {
                let line = format!("TSGEN.ADVANCE {} {}{source} FORCE", key.name, i64::MAX);
                self.record(key, &line, Act::Advance(i64::MAX), advanced);
            }
        }
        let key = &KEYS[Key::place("jobs")];
        for job in JOBS {
            if self.send(&format!("TSGEN.GET {} {job}", key.name)) == Some(Reply::Nil) {
                self.surprises.push(format!("{job} does not come again"));
            }
            let line = format!("TSGEN.REM {} {job}", key.name);
            self.record(key, &line, Act::Remove(vec![job.to_owned()]), |reply| counted(reply, 1));
        }
    }

    /// Works off what there is. Whether nothing is left.
    pub fn drain(&mut self) -> bool {
        let mut is_empty = true;
        for (at, key) in KEYS.iter().enumerate().filter(|(_, key)| !key.create.is_empty()) {
            let (family, name) = (key.family, key.name);
            if key.is_claimed() {
                self.send(&format!("{family}.REQUEUE {name} ALL"));
                self.send(&format!("{family}.PROMOTE {name} ALL"));
                let line = format!("{family}.CLAIM {name} drain COUNT 1000 LEASE 60000");
                let Some(reply) = self.record(key, &line, Act::Ack(Vec::new()), written) else { return false };
                let call = self.calls.pop().expect("just noted");
                self.got(at, &reply, call);
                let tokens = self.tokens(at, usize::MAX);
                if !tokens.is_empty() {
                    let (wanted, line) = (tokens.len(), format!("{family}.ACK {name}{}", list("", &tokens)));
                    self.record(key, &line, Act::Ack(tokens), |reply| counted(reply, wanted));
                }
            }
            let Some(info) = self.send(&format!("{family}.INFO {name}")) else { return false };
            let states = ["waiting", "collecting", "open-fields", "tracked", "ready", "leased", "delayed", "dead"];
            let count = |state: &str| {
                info.items().chunks(2).find(|pair| pair[0].text() == state).map_or(0, |pair| pair[1].int())
            };
            is_empty &= states.iter().map(|state| count(state)).sum::<i64>() == 0;
        }
        is_empty
    }

    /// Notes what the streams behind keys have: each entry as handed out, and acknowledged.
    pub fn read_streams(&mut self) {
        for key in KEYS.iter().filter(|key| !key.sink.is_empty()) {
            let line = format!("XRANGE {} - +", key.sink);
            let reply = self.record(key, &line, Act::Ack(Vec::new()), written).expect("a stream");
            let call = self.calls.pop().expect("just noted");
            let deliveries: Vec<Delivery> =
                items(&reply).iter().enumerate().map(|(nth, entry)| key.fed(nth, entry)).collect();
            let tokens = deliveries.iter().map(|delivery| delivery.token).collect();
            self.calls.push(Call { act: Act::Claim { lease_ms: 0, deliveries }, answer: Answer::Done, ..call.clone() });
            let (begin, end) = (call.end, self.stage.now());
            self.calls.push(Call { act: Act::Ack(tokens), answer: Answer::Done, begin, end, ..call });
        }
    }
}
