//! The reasons why a command is refused, and the errors that clients get.

use crate::redis::Ctx;
use std::borrow::Cow;
use std::ffi::CStr;

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
    /// The wrong number of arguments that come in groups; the text says what a group is.
    Groups(&'static str),
    /// A panic may have left the key half changed.
    Damaged,
}

impl Fail {
    pub const NO_KEY: Fail = Fail::text("ERR no such key");
    pub const BUSY_KEY: Fail = Fail::text("BUSYKEY Target key name already exists.");

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
