//! The table of all commands. Registration, COMMAND DOCS, arity, and the lookup that `TSGEN.AT` needs are derived
//! from it.

use crate::command::args::integer;
use crate::command::call::Call;
use crate::command::fail::Outcome;
use crate::command::syntax::Syntax;
use crate::command::{Command, Row};
use crate::redis::acl::Categories;
use crate::redis::command::{register as register_command, EntryPoint, Handler, KeyRequest, KeySpec, Registration};
use crate::redis::{log, Ctx, Str};
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::OnceLock;

/// A command in the table.
pub struct Entry {
    pub row: &'static Row,
    pub run: fn(&mut Call<'_>) -> Outcome,
    entry_point: EntryPoint,
    syntax: Syntax,
}

impl Entry {
    pub fn of<C: Command>() -> Self {
        let mut syntax = Syntax::read(&format!("{} {}", C::ROW.syntax, (C::ROW.more_syntax)()));
        if C::ROW.explains {
            // Redis asks only for the name and the key.
            syntax.arity = -2;
        }
        Entry { row: C::ROW, run: C::run, entry_point: EntryPoint::of::<Adapter<C>>(), syntax }
    }

    /// Whether the command may have this number of arguments, its name not counted.
    pub fn takes(&self, arguments: usize) -> bool {
        let count = i32::try_from(arguments).map_or(i32::MAX, |count| count.saturating_add(1));
        match self.syntax.arity {
            arity if arity < 0 => count >= -arity,
            arity => count == arity,
        }
    }
}

/// Whether a command finds its keys itself.
const fn finds_keys(row: &Row) -> bool {
    matches!(row.keys.last(), Some(KeySpec::After(_) | KeySpec::Counted(_)))
}

/// Adapts a `Command` to the handler that Redis can call.
pub struct Adapter<C>(PhantomData<C>);

impl<C: Command> Handler for Adapter<C> {
    const FINDS_KEYS: bool = finds_keys(C::ROW);

    fn handle(ctx: &Ctx, argv: &[&Str]) {
        let given = argv.get(1..).unwrap_or(&[]);
        if let Err(fail) = C::run(&mut Call::new(ctx, C::ROW.name, given, None)) {
            fail.reply(ctx, C::ROW.name);
        }
    }

    fn find_keys(argv: &[&Str], request: &KeyRequest<'_>) {
        if let Some(KeySpec::Counted(at)) = C::ROW.keys.last() {
            return counted_keys(argv, *at).for_each(|position| request.read_key_at(position));
        }
        let keys = find(C::ROW.name.to_bytes()).map(|entry| entry.syntax.keys(argv));
        keys.into_iter().flatten().for_each(|position| request.key_at(position));
    }
}

/// The positions of the keys whose number stands at this position; none if there are not so many.
fn counted_keys(argv: &[&Str], at: i32) -> Range<usize> {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    let count = argv.get(at).and_then(|text| integer(text.bytes())).and_then(|count| usize::try_from(count).ok());
    let first = at.saturating_add(1);
    let keys = first..first.saturating_add(count.unwrap_or(0));
    if keys.end <= argv.len() {
        keys
    } else {
        0..0
    }
}

/// All commands, sorted by name.
static TABLE: OnceLock<Vec<Entry>> = OnceLock::new();

fn all() -> &'static [Entry] {
    TABLE.get().map_or(&[], Vec::as_slice)
}

/// The command of this name, in upper or lower case.
pub fn find(name: &[u8]) -> Option<&'static Entry> {
    let mut upper = [0; 32];
    let upper = upper.get_mut(..name.len())?;
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    let found = all().binary_search_by(|entry| entry.row.name.to_bytes().cmp(upper)).ok()?;
    all().get(found)
}

/// Makes these entries the table, and registers with Redis each command that clients can call; once, at load.
pub fn register(ctx: &Ctx, mut entries: Vec<Entry>) -> bool {
    entries.sort_by_key(|entry| entry.row.name);
    let categories = Categories::prepare(ctx);
    TABLE.get_or_init(|| entries).iter().filter(|entry| entry.row.public).all(|entry| {
        let row = entry.row;
        let registration = Registration {
            name: row.name,
            flags: row.flags,
            summary: row.summary,
            complexity: row.complexity,
            since: row.since,
            arity: entry.syntax.arity,
            keys: row.keys,
            arguments: &entry.syntax.arguments,
        };
        let registered = register_command(ctx, entry.entry_point, &registration, categories);
        if !registered {
            log::warn(&format!("this server refuses the command {}", row.name.to_string_lossy()));
        }
        registered
    })
}
