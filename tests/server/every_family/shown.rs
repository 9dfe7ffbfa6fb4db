//! What is seen of the filled keys of a family, and how they are carried elsewhere.

use super::{Family, DELIVERY_READS};
use crate::harness::*;

impl Family {
    /// Everything that commands show of the filled keys, to compare what is seen besides the digest.
    #[track_caller]
    pub fn view(&self, c: &mut Client) -> Vec<String> {
        let mut lines = Vec::new();
        for key in self.keys {
            // A clock's watermark moves by itself.
            let is_clock = matches!(*key, "clock" | "jobs");
            for command in self.reads.iter().chain(&DELIVERY_READS).filter(|command| **command != "INFO #") {
                let is_shown = !(is_clock && command.starts_with("WATERMARK"));
                lines.extend(is_shown.then(|| c.ok(&self.on(command, key)).to_string()));
            }
            let info = c.ok(&self.on("INFO #", key));
            let moves = |name: &str| name.starts_with("oldest-") || (is_clock && name == "watermark");
            let fields = info.items().chunks(2).filter(|field| !moves(&field[0].text()));
            lines.extend(fields.map(|field| format!("{key} {} {}", field[0], field[1])));
        }
        lines
    }

    /// DUMP payloads of the filled keys.
    #[track_caller]
    pub fn dumps(&self, c: &mut Client) -> Vec<Vec<u8>> {
        self.keys.iter().map(|key| c.ok(&format!("DUMP {key}")).bytes().to_vec()).collect()
    }

    /// The filled keys as [`Self::dumps`] found them, and nothing else.
    #[track_caller]
    pub fn restore(&self, c: &mut Client, dumps: &[Vec<u8>]) {
        c.ok("FLUSHALL");
        for (key, dump) in self.keys.iter().zip(dumps) {
            assert_eq!(crate::cmd!(c, "RESTORE", *key, 0, dump), "OK");
        }
    }

    /// Exact counts of a key: before the gate, ready, leased, delayed, dead.
    #[track_caller]
    pub fn counts(&self, c: &mut Client, key: &str) -> [i64; 5] {
        let info = c.ok(&self.on("INFO #", key));
        let before = if matches!(self.name, "DEBOUNCE" | "TALLY") { "collecting" } else { "waiting" };
        [before, "ready", "leased", "delayed", "dead"].map(|state| info.field(state).int())
    }
}
