//! A call before it is sent: its words, and options that may still be added.

use crate::error::Error;
use crate::tsgen::Tsgen;
use redis::{ToRedisArgs, Value};
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

/// Words of a command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words(pub Vec<Vec<u8>>);

impl Words {
    pub fn add(&mut self, word: impl ToRedisArgs) {
        word.write_redis_args(&mut self.0);
    }

    pub fn and(mut self, word: impl ToRedisArgs) -> Self {
        self.add(word);
        self
    }
}

/// One command with the place of its first key, by which a cluster finds the node.
#[derive(Clone)]
pub(crate) struct Command {
    pub words: Words,
    pub key: Option<usize>,
}

impl Command {
    /// With its key at the first place behind its name.
    pub fn new(name: &str, key: impl ToRedisArgs) -> Self {
        Self { words: Words::default().and(name).and(key), key: Some(1) }
    }

    pub fn and(mut self, word: impl ToRedisArgs) -> Self {
        self.words.add(word);
        self
    }

    /// The same at this time, in Unix ms.
    pub fn at(self, now: Option<i64>) -> Self {
        let Some(now) = now else { return self };
        let mut words = Words::default().and("TSGEN.AT").and(now);
        words.0.extend(self.words.0);
        Self { words, key: self.key.map(|place| place + 2) }
    }

    pub fn packed(&self) -> redis::Cmd {
        let mut cmd = redis::Cmd::new();
        cmd.arg(&self.words.0);
        cmd
    }
}

/// A call with options `O`, which may be given in any order before it is awaited.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<O, R> {
    tsgen: Tsgen,
    head: Command,
    pub(crate) options: Words,
    tail: Result<Words, Error>,
    read: Box<dyn FnOnce(Value) -> R + Send>,
    /// A delay queue is created when it is first added to.
    creates: bool,
    kind: PhantomData<fn() -> O>,
}

impl<O, R> Call<O, R> {
    pub(crate) fn new(
        tsgen: &Tsgen,
        head: Command,
        tail: Result<Words, Error>,
        read: impl FnOnce(Value) -> R + Send + 'static,
    ) -> Self {
        let (options, kind) = (Words::default(), PhantomData);
        Self { tsgen: tsgen.clone(), head, options, tail, read: Box::new(read), creates: false, kind }
    }

    pub(crate) fn creating(self) -> Self {
        Self { creates: true, ..self }
    }

    pub(crate) fn with(mut self, name: &str, values: impl ToRedisArgs) -> Self {
        self.options.add(name);
        self.options.add(values);
        self
    }

    async fn send(self) -> Result<R, Error> {
        let mut command = self.head;
        let key = command.words.0.get(1).cloned().unwrap_or_default();
        command.words.0.extend(self.options.0);
        command.words.0.extend(self.tail?.0);
        let mut answer = self.tsgen.run(command.clone()).await;
        if self.creates && answer.as_ref().is_err_and(|error| error.says("needs a CLOCK key")) {
            match self.tsgen.run(Command::new("TSGEN.CREATE", &key).and("CLOCK")).await {
                Err(error) if error.code() != Some("BUSYKEY") => return Err(error),
                _ => answer = self.tsgen.run(command).await,
            }
        }
        answer.map(self.read)
    }
}

impl<O: 'static, R: 'static> IntoFuture for Call<O, R> {
    type Output = Result<R, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
