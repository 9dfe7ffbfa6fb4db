//! Tokens as clients write them: one by one, as ranges, or ALL.

use crate::command::args::{integer, is, Args};
use crate::command::call::Call;
use crate::command::fail::Fail;
use tsgen_engine::Which;
use tsgen_engine::{coalesce, TokenRange, MAX_COUNT, MAX_TOKEN};

pub const BAD_TOKEN: Fail =
    Fail::text("ERR token must be an integer between 1 and 4611686018427387904, or a range first-last of these");

const BAD_SELECTION: Fail = Fail::text(
    "ERR token must be an integer between 1 and 4611686018427387904, or a range first-last of these, or ALL alone; PEEK lists tokens",
);

/// The entries that ALL takes without COUNT.
const ALL_COUNT: usize = 1_000;

/// Entries as a client names them: dead letters, or delayed entries.
pub enum Selection {
    All(usize),
    Tokens(Tokens),
}

impl Selection {
    pub fn parse(call: &mut Call<'_>) -> Result<Self, Fail> {
        if !call.args.peek().is_some_and(|word| is(word, "ALL")) {
            let tokens = call.args.only_tokens();
            return tokens.map(Selection::Tokens).map_err(|_| BAD_SELECTION);
        }
        call.args.next();
        let count = call.args.only_count()?;
        Ok(Selection::All(count.unwrap_or(ALL_COUNT)))
    }

    pub fn which(&self) -> Which<'_> {
        match self {
            Selection::All(count) => Which::All(*count),
            Selection::Tokens(tokens) => Which::Tokens(tokens.as_slice()),
        }
    }
}

impl<'a> Args<'a> {
    /// Reads tokens and ranges of tokens, at least one, and nothing else.
    pub fn only_tokens(&mut self) -> Result<Tokens, Fail> {
        let tokens = self.tokens()?;
        match self.peek() {
            None => Ok(tokens),
            Some(_) => Err(BAD_TOKEN),
        }
    }

    /// Reads tokens and ranges of tokens, at least one, up to the first other word.
    pub fn tokens(&mut self) -> Result<Tokens, Fail> {
        let mut tokens = Tokens::default();
        while let Some(word) = self.peek().filter(|word| word.bytes().first().is_some_and(u8::is_ascii_digit)) {
            tokens.push(token_range(word.bytes()).ok_or(BAD_TOKEN)?);
            self.next();
        }
        match tokens.is_empty() {
            true => Err(BAD_TOKEN),
            false => Ok(tokens.tidy()),
        }
    }
}

/// One token, or `first-last`.
fn token_range(text: &[u8]) -> Option<TokenRange> {
    let token = |text: &[u8]| {
        integer(text).and_then(|token| u64::try_from(token).ok()).filter(|token| (1..=MAX_TOKEN).contains(token))
    };
    match text.iter().position(|byte| *byte == b'-') {
        None => token(text).map(TokenRange::one),
        Some(dash) => {
            let (first, last) = (token(&text[..dash])?, token(&text[dash + 1..])?);
            (first <= last).then_some(TokenRange { first, last })
        }
    }
}

/// The token ranges of one command: rising and disjoint. A few ranges need no heap allocation.
pub struct Tokens {
    few: [TokenRange; Tokens::FEW],
    count: usize,
    many: Vec<TokenRange>,
    rising: bool,
}

impl Default for Tokens {
    fn default() -> Self {
        Tokens { few: [TokenRange::one(0); Tokens::FEW], count: 0, many: Vec::new(), rising: true }
    }
}

impl Tokens {
    const FEW: usize = 8;

    fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// How many tokens are named, current or not.
    pub fn len(&self) -> u64 {
        self.as_slice().iter().map(|range| range.last - range.first + 1).fold(0, u64::saturating_add)
    }

    pub fn as_slice(&self) -> &[TokenRange] {
        if self.many.is_empty() {
            &self.few[..self.count]
        } else {
            &self.many
        }
    }

    fn last_mut(&mut self) -> Option<&mut TokenRange> {
        match self.many.last_mut() {
            Some(last) => Some(last),
            None => self.few[..self.count].last_mut(),
        }
    }

    fn push(&mut self, range: TokenRange) {
        if let Some(last) = self.last_mut() {
            if range.first == last.last + 1 && range.last - last.first < MAX_COUNT as u64 {
                last.last = range.last;
                return;
            }
            let rises = range.first > last.last;
            self.rising &= rises;
        }
        if self.many.is_empty() && self.count < Tokens::FEW {
            self.few[self.count] = range;
            self.count += 1;
            return;
        }
        if self.many.is_empty() {
            self.many.extend_from_slice(&self.few);
        }
        self.many.push(range);
    }

    fn tidy(mut self) -> Self {
        if !self.rising {
            let mut all = self.as_slice().to_vec();
            coalesce(&mut all);
            self.many = all;
        }
        self
    }
}
