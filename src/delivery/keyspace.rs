//! Keys of one family, opened.
//!
//! While a value is borrowed from an opened key, nothing may be called that runs other code on the keyspace (keyspace
//! events, commands): such code could free the value. Handlers close the key first.

use crate::command::wrong_type;
use crate::command::Fail;
use crate::delivery::family::Family;
use crate::delivery::options;
use crate::delivery::replicate;
use crate::delivery::stored_queue::{seed, StoredQueue};
use crate::redis::key::Key;
use crate::redis::{Ctx, Str};
use std::ffi::CStr;
use std::marker::PhantomData;
use tsgen_engine::{Queue, UnixMs};

/// A key that is open.
pub struct Opened<'c, F: Family> {
    key: Key<'c>,
    _family: PhantomData<F>,
}

/// Opens a key to change or create it.
pub fn open_write<'c, F: Family>(ctx: &'c Ctx, name: &Str) -> Result<Opened<'c, F>, Fail> {
    let key = Key::open_write(ctx, name).ok_or(Fail::NO_KEY)?;
    Ok(Opened { key, _family: PhantomData })
}

/// Opens a key to look at it; `None` if it does not exist.
pub fn open_read<'c, F: Family>(ctx: &'c Ctx, name: &Str) -> Option<Opened<'c, F>> {
    Key::open_read(ctx, name).map(|key| Opened { key, _family: PhantomData })
}

/// Opens a key in passing, not as a client does: as far as the server allows, this counts no access and expires nothing. `None` if the key
/// does not exist.
pub fn open_quietly<'c, F: Family>(ctx: &'c Ctx, name: &Str) -> Option<Opened<'c, F>> {
    Key::peek(ctx, name).map(|key| Opened { key, _family: PhantomData })
}

/// The value of a key that may not exist, to be looked at; `None` if it does not.
pub fn view<'k, F: Family>(key: &'k mut Option<Opened<'_, F>>) -> Result<Option<&'k StoredQueue<F>>, Fail> {
    key.as_mut().map_or(Ok(None), |key| key.view())
}

/// Like [`view`], for a look that moves what lies in memory and changes nothing that shows.
pub fn value<'k, F: Family>(key: &'k mut Option<Opened<'_, F>>) -> Result<Option<&'k mut StoredQueue<F>>, Fail> {
    key.as_mut().map_or(Ok(None), |key| key.value())
}

/// Looks at a key in passing, so that its value knows its name; false if there is none of this family.
pub fn see<F: Family>(ctx: &Ctx, name: &Str) -> bool {
    let mut key = open_quietly::<F>(ctx, name);
    view(&mut key).is_ok_and(|value| value.is_some())
}

/// Closing a key notes the name of its value and, if the value holds much memory without need, asks the timer to come and compact it.
impl<F: Family> Drop for Opened<'_, F> {
    fn drop(&mut self) {
        let Some(look) = self.key.last_look(F::data_type()) else { return };
        look.value.seen_as(look.name);
        if let Some(at) = look.value.compacts_at() {
            look.value.schedule(look.db, look.name.bytes(), at);
        }
    }
}

impl<F: Family> Opened<'_, F> {
    /// The value, to be changed; `None` if the key does not exist. A panic while it is borrowed damages the value.
    pub fn value(&mut self) -> Result<Option<&mut StoredQueue<F>>, Fail> {
        self.key.get(F::data_type()).map_err(|refused| wrong_type::refusal(refused, F::VERBS.prefix))
    }

    /// The value, to be looked at; `None` if the key does not exist.
    pub fn view(&mut self) -> Result<Option<&StoredQueue<F>>, Fail> {
        self.key.view(F::data_type()).map_err(|refused| wrong_type::refusal(refused, F::VERBS.prefix))
    }

    /// Whether there is nothing at all under the name.
    pub fn is_empty(&self) -> bool {
        self.key.is_empty()
    }

    /// Stores the value of a key that did not exist, and returns the stored value.
    pub fn create(&mut self, value: StoredQueue<F>) -> Result<&mut StoredQueue<F>, Fail> {
        if !self.key.set(F::data_type(), Box::new(value)) {
            return Err(Fail::text("ERR the key could not be created"));
        }
        self.value()?.ok_or(Fail::NO_KEY)
    }

    /// Runs a write that makes its key if there is none. A missing key means that the write is tried on a new value with the module's
    /// defaults; the value is stored, and replicas are told of it, only if the write has done something. `None` if `write` says that there was
    /// nothing to do; then no key is made. `now`: the time of the write, asked for only where the key is made.
    pub fn open_or_create<R>(
        &mut self,
        ctx: &Ctx,
        name: &Str,
        now: impl FnOnce() -> UnixMs,
        write: impl FnOnce(&mut Queue<F::Gate>) -> Result<Option<R>, Fail>,
    ) -> Result<Option<Written<'_, F, R>>, Fail> {
        if !self.is_empty() {
            let value = self.value()?.ok_or(Fail::NO_KEY)?;
            let answer = write(&mut value.queue)?;
            return Ok(answer.map(|answer| Written { value, answer, created_event: None }));
        }
        let now = now();
        let mut queue = F::create(F::Plan::default(), options::first_rules::<F>(), options::defaults::<F>(), seed())?;
        let Some(answer) = write(&mut queue)? else { return Ok(None) };
        let value = self.create(StoredQueue::new(queue, now))?;
        replicate::creation(ctx, name, value, now);
        Ok(Some(Written { value, answer, created_event: Some(F::VERBS.create.event) }))
    }
}

/// What a write did that may have been the first of its key.
pub struct Written<'k, F: Family, R> {
    pub value: &'k mut StoredQueue<F>,
    pub answer: R,
    /// The event of the key, if it was made; it comes before that of the write.
    pub created_event: Option<&'static CStr>,
}
