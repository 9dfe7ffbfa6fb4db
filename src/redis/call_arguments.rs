//! The arguments of a command that this module calls. One string may be several arguments.
//!
//! An XADD of a large entry has hundreds of thousands of arguments, and half of them are the same few words.

use super::{OwnedStr, Str};

/// A list of arguments.
#[derive(Default)]
pub struct Arguments {
    strings: Vec<OwnedStr>,
    /// The arguments in order, as indexes into `strings`.
    order: Vec<u32>,
}

/// A string that can be an argument any number of times.
#[derive(Clone, Copy)]
pub struct Interned(u32);

impl Arguments {
    /// Takes a string in; it is not an argument yet.
    pub fn intern(&mut self, string: OwnedStr) -> Interned {
        self.strings.push(string);
        Interned(u32::try_from(self.strings.len() - 1).expect("fewer than 2^32 arguments"))
    }

    /// Makes such a string the next argument.
    pub fn push_interned(&mut self, string: Interned) {
        self.order.push(string.0);
    }

    /// Makes a string the next argument.
    pub fn push(&mut self, string: OwnedStr) {
        let interned = self.intern(string);
        self.push_interned(interned);
    }

    /// All arguments, in order.
    pub fn as_strs(&self) -> Vec<&Str> {
        self.order.iter().filter_map(|number| self.strings.get(*number as usize)).map(|string| &**string).collect()
    }
}

impl Extend<OwnedStr> for Arguments {
    fn extend<I: IntoIterator<Item = OwnedStr>>(&mut self, strings: I) {
        strings.into_iter().for_each(|string| self.push(string));
    }
}
