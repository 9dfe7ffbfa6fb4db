//! The families, as far as these tests tell them apart: how a key is made, how something gets into it, and what a worker gets.

use crate::harness::Reply;

pub struct Family {
    pub name: &'static str,
    /// The gate options of CREATE. Whatever is put in is ready within a moment. `{T}` stands for the hash tag.
    gate: &'static str,
    /// The command that puts one thing in. `K` stands for the key, `N` for the thing's name.
    put: &'static str,
    /// The names of the things in an entry of CLAIM.
    named: fn(&[Reply]) -> Vec<String>,
}

/// Everything the tests do with all families they do with these. A new family is a new row.
pub const FAMILIES: [Family; 4] = [
    Family { name: "TSGEN", gate: "CLOCK", put: "TSGEN.ADD K +5 N", named: |entry| vec![entry[2].text()] },
    Family { name: "DEBOUNCE", gate: "IDLE 5", put: "DEBOUNCE.PUSH K N item", named: |entry| vec![entry[2].text()] },
    Family {
        name: "EXPIRY",
        gate: "PREFIX {T}:watched:",
        put: "SET {T}:watched:N value PX 5",
        named: |entry| vec![entry[2].text().rsplit(':').next().unwrap_or_default().to_owned()],
    },
    Family {
        name: "TALLY",
        gate: "EVERY 5",
        put: "TALLY.INCR K N",
        named: |entry| entry[5].items().iter().step_by(2).map(Reply::text).collect(),
    },
];

impl Family {
    /// The key of this family under a hash tag.
    pub fn key(&self, tag: &str) -> String {
        format!("{{{tag}}}:{}", self.name)
    }

    /// The command that makes the key, with these options.
    pub fn create(&self, tag: &str, options: &str) -> String {
        format!("{}.CREATE {} {} {options}", self.name, self.key(tag), self.gate.replace("{T}", &format!("{{{tag}}}")))
    }

    /// The command that puts something in.
    pub fn put(&self, tag: &str, name: &str) -> String {
        let words = self.put.split(' ').map(|word| match word {
            "K" => self.key(tag),
            "N" => name.to_owned(),
            word if word.contains("{T}") => word.replace("{T}", &format!("{{{tag}}}")).replace('N', name),
            word => word.to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// The names of what is in an entry of CLAIM.
    pub fn named(&self, entry: &Reply) -> Vec<String> {
        (self.named)(entry.items())
    }
}
