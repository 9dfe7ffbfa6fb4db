//! The options that listings have in common: how many entries to show, and after which.

use crate::command::args::{is, set, Args};
use crate::command::call::Call;
use crate::command::fail::Fail;
use crate::command::limits::check_sought;
use crate::redis::Str;
use tsgen_engine::MAX_TOKEN;

/// The entries that a listing shows without COUNT.
pub const DEFAULT_COUNT: usize = 100;

/// A page of a listing by name.
pub struct NamePage<'a> {
    pub count: usize,
    /// The last name of the page before.
    pub after: Option<&'a [u8]>,
}

impl<'a> NamePage<'a> {
    /// Reads `[COUNT n] [AFTER name]`.
    pub fn parse(call: &mut Call<'a>) -> Result<Self, Fail> {
        let (mut count, mut after) = (None, None);
        call.args.options(|word, args| {
            if is(word, "COUNT") {
                set(&mut count, "COUNT", args.count_of("COUNT")?)?;
            } else if is(word, "AFTER") {
                set(&mut after, "AFTER", args.value_of("AFTER")?.bytes())?;
                check_sought("AFTER", after.unwrap_or_default())?;
            } else {
                return Ok(false);
            }
            Ok(true)
        })?;
        Ok(NamePage { count: count.unwrap_or(DEFAULT_COUNT), after })
    }
}

/// A page of a listing by token.
#[derive(Default)]
pub struct TokenPage {
    count: Option<usize>,
    /// The last token of the page before.
    pub after: Option<u64>,
}

impl TokenPage {
    /// Reads one option if `word` is one.
    pub fn read(&mut self, word: &Str, args: &mut Args<'_>) -> Result<bool, Fail> {
        if is(word, "COUNT") {
            set(&mut self.count, "COUNT", args.count_of("COUNT")?)?;
        } else if is(word, "AFTER") {
            set(&mut self.after, "AFTER", args.number_of("AFTER", 0, MAX_TOKEN as i64)?.unsigned_abs())?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Reads `[COUNT n] [AFTER token]`.
    pub fn parse(call: &mut Call<'_>) -> Result<Self, Fail> {
        let mut page = TokenPage::default();
        call.args.options(|word, args| page.read(word, args))?;
        Ok(page)
    }

    pub fn count(&self) -> usize {
        self.count.unwrap_or(DEFAULT_COUNT)
    }
}
