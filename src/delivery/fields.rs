//! The fields of F.INFO.

use crate::redis::Ctx;

/// A field: its name, and what it shows.
pub struct Field<'a>(pub &'a str, pub Shown<'a>);

pub enum Shown<'a> {
    Word(&'a [u8]),
    /// A number that is never negative; one beyond 64 bits with a sign is shown as the largest.
    Number(u64),
    Signed(i64),
    /// There is none.
    Null,
    Names(Vec<&'a [u8]>),
}

impl<'a> Shown<'a> {
    pub fn yes_or_no(whether: bool) -> Self {
        Shown::Word(yes_or_no(whether))
    }

    pub fn optional(number: Option<i64>) -> Self {
        number.map_or(Shown::Null, Shown::Signed)
    }
}

pub fn yes_or_no(whether: bool) -> &'static [u8] {
    if whether {
        b"yes"
    } else {
        b"no"
    }
}

/// Replies with a map of these fields, in this order.
pub fn reply(ctx: &Ctx, fields: &[Field<'_>]) {
    ctx.reply_map(fields.len());
    for Field(name, shown) in fields {
        ctx.reply_bytes(name.as_bytes());
        match shown {
            Shown::Word(word) => ctx.reply_bytes(word),
            Shown::Number(number) => ctx.reply_int(i64::try_from(*number).unwrap_or(i64::MAX)),
            Shown::Signed(number) => ctx.reply_int(*number),
            Shown::Null => ctx.reply_null(),
            Shown::Names(names) => {
                ctx.reply_array(names.len());
                names.iter().for_each(|name| ctx.reply_bytes(name));
            }
        }
    }
}
