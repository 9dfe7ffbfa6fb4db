//! Why an operation was refused: an enum inside the engine, whose words the edge sends.
//!
//! A refused operation has changed nothing.

use std::fmt;

/// The reason an operation was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The key holds MAXLEN entries and the write would add one more.
    Full,
    /// The element is at or below the watermark of a key that rejects late elements.
    Late,
    /// The field is no UUID.
    NotUuid,
    /// The increment is smaller than this, the smallest allowed.
    BelowMin(i64),
    /// The increment is larger than this, the largest allowed.
    AboveMax(i64),
    /// A sum would not be a signed 64-bit number any more.
    Overflow,
    /// The watermark of this key is moved by the server's clock.
    ClockDriven,
    /// The watermark of this key is moved by named sources, and none was named.
    SourceNeeded,
    /// A source was named that the key does not have.
    UnknownSource,
    /// An advance goes further at once than the key allows.
    Jump {
        /// The timestamp of the advance.
        to: i64,
        /// What the watermark is, or the source has reported.
        from: i64,
        /// The most by which an advance may be above that.
        max: u64,
    },
    /// ALTER may only move a watermark back.
    WatermarkNotBelow,
    /// ALTER may only move what a source has reported back.
    SourceNotBelow,
    /// The key feeds a stream, so it cannot be claimed from.
    HasSink,
    /// A key with groups cannot have a sink.
    SinkOfGroups,
    /// Whether a key has groups, and whether they take turns, is fixed when it is created.
    GroupsFixed,
    /// An entry was put into a group in a key that has none.
    NoGroups,
    /// An element was to come again under a watermark that is not the clock.
    EveryNeedsClock,
    /// A sink cannot be set while entries are leased.
    Leased,
    /// The token arguments name more entries than one command may touch.
    TooManyTokens,
    /// An argument is outside its range; the text names it.
    OutOfRange(&'static str),
    /// The key has issued all the places or tokens there are. No ordinary use gets there; a crafted snapshot does.
    Exhausted,
    /// A snapshot is damaged, or of a version this build does not know.
    Damaged(&'static str),
}

impl Error {
    /// The upper-case word that starts the error reply.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Full => "FULL",
            Error::Late => "LATE",
            Error::Jump { .. } => "JUMP",
            _ => "ERR",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::BelowMin(min) => return write!(f, "delta must be at least {min}"),
            Error::AboveMax(max) => return write!(f, "delta must be at most {max}"),
            Error::Jump { to, from, max } => {
                let by = to.abs_diff(*from);
                return write!(
                    f,
                    "{to} is {by} above {from}, and MAXJUMP is {max}; is it in the right unit? If so, ADVANCE … FORCE"
                );
            }
            Error::NotUuid => "field must be a UUID",
            Error::Overflow => "increment or decrement would overflow",
            Error::Full => "the key holds MAXLEN entries",
            Error::Late => "timestamp is at or below the watermark",
            Error::ClockDriven => "the watermark of a CLOCK key is the server's clock",
            Error::SourceNeeded => "the key has SOURCES: ADVANCE key timestamp SOURCE name",
            Error::UnknownSource => "SOURCE must be one of the key's sources, if it has any",
            Error::WatermarkNotBelow => {
                "WATERMARK must not be above the current watermark; use TSGEN.ADVANCE to raise it"
            }
            Error::SourceNotBelow => {
                "SOURCE must not be above what the source has reported; use TSGEN.ADVANCE to raise it"
            }
            Error::HasSink => "the key has a SINK; read its stream with XREADGROUP",
            Error::SinkOfGroups => "SINK cannot be combined with GROUPLIMIT or FAIR",
            Error::GroupsFixed => {
                "GROUPLIMIT and FAIR are fixed when the key is created; a GROUPLIMIT above 0 can be altered to another above 0"
            }
            Error::NoGroups => "GROUP needs a key that was created with GROUPLIMIT or FAIR",
            Error::EveryNeedsClock => "EVERY needs a CLOCK key; TSGEN.CREATE key CLOCK makes one",
            Error::Leased => "SINK cannot be set while entries are leased",
            Error::TooManyTokens => "the tokens of one command must not name more than 10000 entries",
            Error::Exhausted => "the key has used up its sequence numbers or tokens; copy its entries to another",
            Error::OutOfRange(what) | Error::Damaged(what) => what,
        })
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_that_clients_tell_apart_have_words_of_their_own() {
        let jump = Error::Jump { to: 9, from: 1, max: 2 };
        let codes = [Error::Full, Error::Late, jump, Error::HasSink].map(|error| error.code());
        assert_eq!(codes, ["FULL", "LATE", "JUMP", "ERR"]);
    }
}
