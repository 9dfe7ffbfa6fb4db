//! What a command is: a row of the table and a handler; and one call of it.
//!
//! A handler parses everything, opens the key, applies, replicates, replies, and then tells others: keyspace events
//! and blocked clients come last, when it holds no value any more, because they may run other modules' code.

pub mod args;
pub mod page;
pub mod syntax;
pub mod table;
pub mod tokens;
pub mod wrong_type;

use crate::command::args::Args;
use crate::redis::command::{Handler, KeyRequest, KeySpec};
use crate::redis::ctx::unix_ms;
use crate::redis::{Ctx, Str};
use std::borrow::Cow;
use std::ffi::CStr;
use std::marker::PhantomData;
use tsgen_engine::UnixMs;

/// One row of the table of commands; arity, documentation and registration follow from it.
pub struct Row {
    pub name: &'static CStr,
    /// As Redis's CreateCommand takes them.
    pub flags: &'static str,
    pub keys: &'static [KeySpec],
    /// In the language of `syntax`.
    pub syntax: &'static str,
    pub summary: &'static str,
    pub complexity: &'static str,
    /// Clients can call it by itself; otherwise it comes inside of `TSGEN.AT` only.
    pub public: bool,
    /// Whether it says itself what is missing behind the key; else Redis says that something is.
    pub explains: bool,
}

impl Row {
    /// What most commands have in common: they change the key at position 1.
    pub const WRITE: Row = Row {
        name: c"",
        flags: "write",
        keys: &[KeySpec::Update(1)],
        syntax: "key",
        summary: "",
        complexity: "O(1)",
        public: true,
        explains: false,
    };

    /// They only read the key at position 1.
    pub const READ: Row = Row { flags: "readonly", keys: &[KeySpec::Read(1)], ..Row::WRITE };
}

/// A command of ours.
pub trait Command {
    const ROW: &'static Row;

    fn run(call: &mut Call<'_>) -> Outcome;

    /// Tells keys that the row cannot: only for commands with a `KeySpec::After`.
    fn tell_keys(_argv: &[&Str], _request: &KeyRequest<'_>) {}
}

/// `Ok`: the reply is sent. `Err`: nothing was changed, and this is the reply.
pub type Outcome = Result<(), Fail>;

const DAMAGED: &str =
    "DAMAGED an internal error of the module has damaged this key, see the server log; DEL it, or RESTORE it from a replica or a file";

/// Why a command was refused.
pub enum Fail {
    /// The whole text of the error, with its code.
    Text(Cow<'static, str>),
    /// Too many or too few arguments.
    Arity,
    /// The same of arguments that come in groups, of which this says what they are.
    Groups(&'static str),
    /// A panic may have left the key half changed.
    Damaged,
}

impl Fail {
    pub const NO_KEY: Fail = Fail::text("ERR no such key");

    pub const fn text(text: &'static str) -> Fail {
        Fail::Text(Cow::Borrowed(text))
    }

    pub fn reply(self, ctx: &Ctx, command: &CStr) {
        match self {
            Fail::Text(text) => ctx.reply_error(&text),
            Fail::Groups(what) => {
                let name = command.to_string_lossy();
                ctx.reply_error(&format!("ERR wrong number of arguments for '{name}' command: {what}"));
            }
            Fail::Damaged => ctx.reply_error(DAMAGED),
            Fail::Arity => {
                let name = command.to_string_lossy();
                ctx.reply_error(&format!("ERR wrong number of arguments for '{name}' command"));
            }
        }
    }
}

impl From<String> for Fail {
    fn from(text: String) -> Self {
        Fail::Text(Cow::Owned(text))
    }
}

impl From<tsgen_engine::Error> for Fail {
    fn from(error: tsgen_engine::Error) -> Self {
        format!("{} {error}", error.code()).into()
    }
}

/// One call of a command.
pub struct Call<'a> {
    pub ctx: &'a Ctx,
    /// What is still to be parsed.
    pub args: Args<'a>,
    pub row: &'static Row,
    /// All arguments, without the command's name.
    pub given: &'a [&'a Str],
    /// The time to act at, if the call is a repetition: `TSGEN.AT`.
    at: Option<UnixMs>,
}

impl<'a> Call<'a> {
    pub fn new(ctx: &'a Ctx, row: &'static Row, given: &'a [&'a Str], at: Option<UnixMs>) -> Self {
        Call { ctx, args: Args::new(given), row, given, at }
    }

    /// The time of this call. Ask once and keep it.
    pub fn now(&self) -> UnixMs {
        self.at.unwrap_or_else(|| UnixMs(unix_ms()))
    }

    /// Whether a client sent it, and not a master or an AOF.
    pub fn is_by_client(&self) -> bool {
        let flags = self.ctx.flags();
        !self.is_repetition() && !flags.is_replicated() && !flags.is_loading()
    }

    /// Whether this is inside of `TSGEN.AT`.
    pub fn is_repetition(&self) -> bool {
        self.at.is_some()
    }
}

/// Makes a `Command` something that Redis can call.
pub struct Adapter<C>(PhantomData<C>);

impl<C: Command> Handler for Adapter<C> {
    const TELLS_KEYS: bool = table::tells_keys(C::ROW);

    fn handle(ctx: &Ctx, argv: &[&Str]) {
        let given = argv.get(1..).unwrap_or(&[]);
        if let Err(fail) = C::run(&mut Call::new(ctx, C::ROW, given, None)) {
            fail.reply(ctx, C::ROW.name);
        }
    }

    fn tell_keys(argv: &[&Str], request: &KeyRequest<'_>) {
        C::tell_keys(argv, request);
    }
}
