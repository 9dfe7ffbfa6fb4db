//! `F.REQUEUE` and `F.DISCARD`: the two ways out for dead letters.

use crate::command::args::{is, set, unknown_option, Tokens};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::family::Family;
use std::marker::PhantomData;
use tsgen_engine::Which;

/// Entries as a client names them: dead letters, or delayed ones.
pub enum Chosen {
    All(usize),
    Tokens(Tokens),
}

const ALL_COUNT: usize = 1_000;

impl Chosen {
    pub fn parse(call: &mut Call<'_>) -> Result<Self, Fail> {
        if !call.args.peek().is_some_and(|word| is(word, "ALL")) {
            let tokens = call.args.only_tokens()?;
            return Ok(Chosen::Tokens(tokens));
        }
        call.args.next();
        let mut count = None;
        while let Some(word) = call.args.next() {
            if !is(word, "COUNT") {
                return Err(unknown_option(word));
            }
            set(&mut count, "COUNT", call.args.count_of("COUNT")?)?;
        }
        Ok(Chosen::All(count.unwrap_or(ALL_COUNT)))
    }

    pub fn which(&self) -> Which<'_> {
        match self {
            Chosen::All(count) => Which::All(*count),
            Chosen::Tokens(tokens) => Which::Tokens(tokens.as_slice()),
        }
    }
}

pub struct Requeue<F>(PhantomData<F>);

impl<F: Family> Command for Requeue<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.requeue.name,
        syntax: "key (ALL [COUNT n] | token [token ...])",
        summary: "Gives dead letters their old place back, with no deliveries counted; replies with how many",
        complexity: "O(log(N)) for each entry",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let letters = Chosen::parse(call)?;
        crate::delivery::options::settle_with::<F>(call, name, &[F::VERBS.requeue.event], |queue, now| {
            queue.requeue(letters.which(), now)
        })
    }
}

pub struct Discard<F>(PhantomData<F>);

impl<F: Family> Command for Discard<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.discard.name,
        syntax: "key (ALL [COUNT n] | token [token ...])",
        summary: "Removes dead letters for good; replies with how many",
        complexity: "O(log(N)) for each entry",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let letters = Chosen::parse(call)?;
        crate::delivery::options::settle_with::<F>(call, name, &[F::VERBS.discard.event], |queue, now| {
            queue.discard(letters.which(), now)
        })
    }
}
