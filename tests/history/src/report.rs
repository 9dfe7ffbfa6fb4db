//! What was found, and how much was looked at.

use std::collections::BTreeMap;
use std::fmt;

/// Each thing that may be wrong with a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Accepted, surviving, and neither settled nor left.
    Lost,
    /// Handed out before its time.
    Early,
    /// Handed out though nobody had written it.
    Invented,
    /// Two deliveries were acknowledged for what was written once.
    Doubled,
    /// Handed out after an acknowledgement that survived.
    Resurrected,
    /// In two hands, both under leases that ran.
    TwoLeases,
    /// A token that is not above one that was handed out before.
    TokenNotRising,
    /// Two of a group in hand where one may be.
    GroupsOverlap,
    /// An item twice in an entry, or in two entries.
    ItemDoubled,
    /// What was counted is not the sum of the batches.
    SumNotExact,
    /// One number, two contents.
    BatchReused,
    /// An id was accepted again that should have been remembered.
    IdNotRemembered,
    /// More was taken than the limit allows.
    OverLimit,
}

impl Kind {
    pub const ALL: [Kind; 13] = [
        Kind::Lost,
        Kind::Early,
        Kind::Invented,
        Kind::Doubled,
        Kind::Resurrected,
        Kind::TwoLeases,
        Kind::TokenNotRising,
        Kind::GroupsOverlap,
        Kind::ItemDoubled,
        Kind::SumNotExact,
        Kind::BatchReused,
        Kind::IdNotRemembered,
        Kind::OverLimit,
    ];
}

/// What a call could rely on besides the memory of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Durability {
    /// A crash within the window of the file, or a failover, may take it back.
    Neither,
    /// Its reply came after the file was synced: only a failover may take it back.
    Synced,
    /// A replica was known to have it.
    Replicated,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub kind: Kind,
    pub key: String,
    /// The unit, group, field or token.
    pub of: String,
    /// What the call had that was not kept to.
    pub under: Durability,
    pub story: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({:?}): {} of {}: {}", self.kind, self.under, self.of, self.key, self.story)
    }
}

#[derive(Clone, Debug, Default)]
pub struct Report {
    pub findings: Vec<Finding>,
    /// How often each promise was put to the test, by the durability of the call that it stood on. A promise with 0 was not tested.
    pub judged: BTreeMap<(Kind, Durability), usize>,
    /// Units that were accepted and are gone, as they may be: a disturbance came within their window.
    pub lost_as_allowed: usize,
}

impl Report {
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// How often a promise was put to the test, under whatever durability.
    pub fn times_judged(&self, kind: Kind) -> usize {
        self.judged.iter().filter(|((judged, _), _)| *judged == kind).map(|(_, times)| times).sum()
    }

    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = self.findings.iter().map(|finding| finding.kind).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }

    /// Adds what another history showed.
    pub fn add(&mut self, other: Report) {
        self.findings.extend(other.findings);
        self.lost_as_allowed += other.lost_as_allowed;
        for (what, times) in other.judged {
            *self.judged.entry(what).or_default() += times;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for kind in Kind::ALL {
            let times = |under| self.judged.get(&(kind, under)).copied().unwrap_or(0);
            let (neither, synced, replicated) =
                (times(Durability::Neither), times(Durability::Synced), times(Durability::Replicated));
            writeln!(
                f,
                "{:<16} judged {neither:>6} {synced:>6} synced {replicated:>6} replicated",
                format!("{kind:?}")
            )?;
        }
        writeln!(f, "lost as allowed  {}", self.lost_as_allowed)?;
        self.findings.iter().try_for_each(|finding| writeln!(f, "FOUND {finding}"))
    }
}
