//! Which format a chunk is in: what its first byte tells.
//!
//! To add a field to what is saved: keep the old struct under a name of its own (`TtlRules0`), make today's struct of it by `From`, and add
//! a format here; where the gate is saved otherwise, it says so ([`Gate::read_format_0`]). A new kind of [`Part`](super::Part), at the end of the list and told only where there is something to tell, needs no format.

use super::{Head, Part};
use crate::error::Error;
use crate::gate::Gate;
use serde::{Deserialize, Deserializer};

/// Formats in which something may have been saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Format 0, from before there were marks: the chunk begins with the number of its part, which is below [`MARK`].
    Unmarked,
    /// Format 1: what follows the mark is a part, and its gate is saved as it is today.
    One,
}

/// A mark is this and the number of the format.
const MARK: u8 = 0x80;

impl Format {
    /// The one that is written.
    pub(crate) const NEWEST: Format = Format::One;

    /// The byte in front of a chunk in this format; not for [`Format::Unmarked`].
    pub(crate) const fn mark(self) -> u8 {
        MARK | self as u8
    }

    /// The format of a chunk, and what is encoded in it. Fails on a format of a later version.
    pub(crate) fn of(chunk: &[u8]) -> Result<(Self, &[u8]), Error> {
        match chunk {
            [mark, rest @ ..] if *mark == Self::One.mark() => Ok((Self::One, rest)),
            [mark, ..] if *mark >= MARK => Err(Error::Damaged("a format that this version does not know")),
            _ => Ok((Self::Unmarked, chunk)),
        }
    }
    /// Fails if no version of this behaviour can have written in this format.
    pub(crate) fn check_behaviour(self, behaviour: u32) -> Result<(), Error> {
        let possible = match self {
            Self::Unmarked => behaviour == 1,
            Self::One => behaviour >= 1,
        };
        possible.then_some(()).ok_or(Error::Damaged("an impossible behaviour"))
    }
}

/// What [format 0](Format::Unmarked) kept of a gate, as it is kept today.
pub(super) struct Saved0<G: Gate>(G::Saved);

impl<'de, G: Gate> Deserialize<'de> for Saved0<G> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        G::read_format_0(from).map(Saved0)
    }
}

/// A part of a snapshot in [format 0](Format::Unmarked).
pub(super) type PartOf0<'a, G> = Part<'a, Saved0<G>, <G as Gate>::Collected<'a>>;

impl<'a, G: Gate, C> Part<'a, Saved0<G>, C> {
    /// The same part, with its gate as it is saved today.
    pub(super) fn renewed(self) -> Part<'a, G::Saved, C> {
        match self {
            Part::Head(Head { behaviour, gate: Saved0(gate), options, totals, next_seq, last_token }) => {
                Part::Head(Head { behaviour, gate, options, totals, next_seq, last_token })
            }
            Part::Collected(collected) => Part::Collected(collected),
            Part::Entries(entries) => Part::Entries(entries),
            Part::Grants(grants) => Part::Grants(grants),
            Part::End { collected, entries } => Part::End { collected, entries },
            Part::Paused => Part::Paused,
            Part::Extra(extra) => Part::Extra(extra),
            Part::Extras(count) => Part::Extras(count),
            Part::Grouping(grouping) => Part::Grouping(grouping),
            Part::Groups(groups) => Part::Groups(groups),
            Part::Members(members) => Part::Members(members),
        }
    }
}
