//! The table of all commands, and what is derived from it: registration, COMMAND DOCS, arity, and the lookup that
//! `TSGEN.AT` needs.

use crate::command::syntax::Syntax;
use crate::command::{Adapter, Call, Command, Outcome, Row};
use crate::redis::acl::Categories;
use crate::redis::command::{entry, register as register_command, Entry as RawEntry, KeySpec, Registration};
use crate::redis::{log, Ctx};
use crate::server::families;
use lazy_static::lazy_static;

/// A command in the table.
pub struct Entry {
    pub row: &'static Row,
    pub run: fn(&mut Call<'_>) -> Outcome,
    raw: RawEntry,
    syntax: Syntax,
}

impl Entry {
    pub fn of<C: Command>() -> Self {
        let mut syntax = Syntax::read(C::ROW.syntax);
        if C::ROW.explains {
            // Its name and the key.
            syntax.arity = -2;
        }
        Entry { row: C::ROW, run: C::run, raw: entry::<Adapter<C>>, syntax }
    }

    /// Whether it may have so many arguments, its name not counted.
    pub fn takes(&self, arguments: usize) -> bool {
        let count = i32::try_from(arguments).map_or(i32::MAX, |count| count.saturating_add(1));
        match self.syntax.arity {
            arity if arity < 0 => count >= -arity,
            arity => count == arity,
        }
    }
}

/// Whether a command tells its keys itself.
pub const fn tells_keys(row: &Row) -> bool {
    matches!(row.keys.last(), Some(KeySpec::After(_)))
}

lazy_static! {
    /// All commands, sorted by name.
    static ref TABLE: Vec<Entry> = {
        let mut entries = families::all();
        entries.sort_by_key(|entry| entry.row.name);
        entries
    };
}

/// The command of this name, in any case.
pub fn find(name: &[u8]) -> Option<&'static Entry> {
    let mut upper = [0; 32];
    let upper = upper.get_mut(..name.len())?;
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    let found = TABLE.binary_search_by(|entry| entry.row.name.to_bytes().cmp(upper)).ok()?;
    TABLE.get(found)
}

/// Tells Redis of every command that clients can call.
pub fn register(ctx: &Ctx) -> bool {
    let categories = Categories::prepare(ctx);
    TABLE.iter().filter(|entry| entry.row.public).all(|entry| {
        let row = entry.row;
        let registration = Registration {
            name: row.name,
            flags: row.flags,
            summary: row.summary,
            complexity: row.complexity,
            since: "0.1.0",
            arity: entry.syntax.arity,
            keys: row.keys,
            arguments: &entry.syntax.arguments,
        };
        let registered = register_command(ctx, entry.raw, &registration, categories);
        if !registered {
            log::warn(&format!("this server refuses the command {}", row.name.to_string_lossy()));
        }
        registered
    })
}
