//! What listings by name have in common: how many, and behind which.

use crate::command::args::{check_sought, is, set, unknown_option};
use crate::command::{Call, Fail};

/// What a listing shows unless COUNT says otherwise.
pub const DEFAULT_COUNT: usize = 100;

/// A page of a listing by name.
pub struct NamePage<'a> {
    pub count: usize,
    /// The name that the page before ended with.
    pub after: Option<&'a [u8]>,
}

impl<'a> NamePage<'a> {
    /// Reads `[COUNT n] [AFTER name]`.
    pub fn parse(call: &mut Call<'a>) -> Result<Self, Fail> {
        let (mut count, mut after) = (None, None);
        while let Some(word) = call.args.next() {
            if is(word, "COUNT") {
                set(&mut count, "COUNT", call.args.count_of("COUNT")?)?;
            } else if is(word, "AFTER") {
                set(&mut after, "AFTER", call.args.value_of("AFTER")?.bytes())?;
                check_sought("AFTER", after.unwrap_or_default())?;
            } else {
                return Err(unknown_option(word));
            }
        }
        Ok(NamePage { count: count.unwrap_or(DEFAULT_COUNT), after })
    }
}
