//! The argument of a command, as COMMAND DOCS shows it.

/// What Redis documents about one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    pub name: String,
    /// The word in front of the argument.
    pub token: Option<String>,
    pub kind: Kind,
    pub optional: bool,
    pub multiple: bool,
    /// Whether the word stands in front of each value, if there are several.
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
    /// The word alone, without a value.
    Word,
    OneOf,
    Block,
}
