//! What a command is: a row of the table and a handler.
//!
//! A handler parses everything, opens the key, applies, replicates, replies, and then tells others: keyspace events
//! and blocked clients come last, when the handler holds no value any more, because they may run other modules' code.

pub mod args;
pub mod behaviour;
pub mod call;
pub mod caller;
pub mod fail;
pub mod limits;
pub mod page;
pub mod syntax;
pub mod table;
pub mod tokens;
pub mod wrong_type;

pub use call::Call;
pub use fail::{Fail, Outcome};

use crate::redis::command::KeySpec;
use std::ffi::CStr;

/// One row of the table of commands; arity, documentation and registration follow from it.
pub struct Row {
    pub name: &'static CStr,
    /// The flags as Redis's CreateCommand takes them.
    pub flags: &'static str,
    pub keys: &'static [KeySpec],
    /// The arguments, in the language of `syntax`.
    pub syntax: &'static str,
    /// The rest of the arguments, for a command whose options are in a table.
    pub more_syntax: fn() -> String,
    pub summary: &'static str,
    pub complexity: &'static str,
    /// The version of the module in which the command came.
    pub since: &'static str,
    /// Whether clients can call the command by itself; otherwise it comes inside of `TSGEN.AT` only.
    pub public: bool,
    /// Whether the command itself names an argument that is missing after the key; else Redis only says that the number is wrong.
    pub explains: bool,
}

impl Row {
    /// The row of most commands, but for name and syntax: they change the key at position 1.
    pub const WRITE: Row = Row {
        name: c"",
        flags: "write",
        keys: &[KeySpec::Update(1)],
        syntax: "key",
        more_syntax: String::new,
        summary: "",
        complexity: "O(1)",
        since: "0.1.0",
        public: true,
        explains: false,
    };

    /// The row of commands that only read the key at position 1.
    pub const READ: Row = Row { flags: "readonly", keys: &[KeySpec::Read(1)], ..Row::WRITE };
}

/// A command of ours.
pub trait Command {
    const ROW: &'static Row;

    fn run(call: &mut Call<'_>) -> Outcome;
}
