//! The argument of a command, as COMMAND DOCS shows it.

/// What Redis documents about one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    pub name: String,
    /// The word in front of it.
    pub token: Option<String>,
    pub kind: Kind,
    pub optional: bool,
    pub multiple: bool,
    /// If there are several, the word stands in front of each.
    pub repeats_token: bool,
    pub parts: Vec<Argument>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A key, described by the key spec of this index.
    Key(i32),
    Text,
    Integer,
    Time,
    /// The word alone.
    Word,
    OneOf,
    Block,
}
