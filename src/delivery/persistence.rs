//! How a value is saved, loaded, rewritten, copied, compared and freed.
//!
//! An RDB object and a DUMP payload are a list of byte strings: the name of the key if the value feeds a sink (else
//! empty), the chunks of the engine's snapshot, and an empty string as the end. The name is there because a copy under
//! another name must not feed the stream too. A value that a panic has damaged has a mark among its chunks: it is loaded as damaged, with
//! as much of its content as can be loaded.

use crate::command::behaviour;
use crate::delivery::family::Family;
use crate::delivery::options;
use crate::delivery::stored_queue::{seed, StoredQueue};
use crate::delivery::timer::deadlines;
use crate::delivery::timer::renames;
use crate::delivery::waiters;
use crate::redis::ctx::unix_ms;
use crate::redis::datatype::{DataType, Health, Loaded, Stored};
use crate::redis::defrag::Defrag;
use crate::redis::freeing::free_elsewhere;
use crate::redis::io::{CopyTarget, Digest, Reader, Rewriter, Saver};
use crate::redis::planted;
use crate::redis::{log, Str};
use std::ffi::CStr;
use tsgen_engine::{Error, Loader, Queue, UnixMs};

/// Values with a larger `free_effort` are freed on a thread of our own. The engine's unit: about 64 entries.
const FREED_INLINE: usize = 64;

/// A value has appeared under a name without a command of ours: the timer looks at the key as soon as it can.
pub fn arrive<F: Family>(value: &StoredQueue<F>, db: i32, name: &Str) {
    value.seen_as(name);
    F::appeared(value, db, name.bytes());
    if value.is_driven() {
        renames::follow();
    }
    if value.is_driven() || value.queue.is_crowded() || waiters::count(db, name.bytes()) > 0 {
        value.schedule(db, name.bytes(), UnixMs(0));
    }
}

/// An empty queue, for a damaged value whose content cannot be loaded.
pub fn damaged<F: Family>() -> Result<Queue<F::Gate>, Error> {
    F::create(F::plan_of_damaged(), options::first_rules::<F>(), options::defaults::<F>(), seed())
}

impl<F: Family> StoredQueue<F> {
    fn read(from: &mut Reader<'_>) -> Result<Loaded<Self>, String> {
        let over = || "it ends too early".to_owned();
        let owner = from.take().ok_or_else(over)?;
        let loader = match from.is_of_file() {
            true => Loader::new(seed()),
            false => Loader::elsewhere(seed(), UnixMs(unix_ms())),
        };
        let (mut loader, mut health, mut pushed) = (loader, Health::Sound, Ok(()));
        loop {
            let chunk = from.take().ok_or_else(over)?;
            if chunk.is_empty() {
                break;
            }
            if chunk.is_damaged() {
                health = Health::Damaged;
            } else if pushed.is_ok() {
                // An error here is judged only at the end: the mark of damage may come after this chunk.
                pushed = loader.push(&chunk);
            }
        }
        if health == Health::Sound {
            behaviour::check_behaviour(loader.behaviour())?;
        }
        let loaded = pushed.and_then(|()| loader.finish());
        let mut queue = match health {
            Health::Sound => loaded.map_err(|error| error.to_string())?,
            Health::Damaged => loaded.or_else(|_| damaged::<F>()).map_err(|error| error.to_string())?,
        };
        let under_its_name = from.key_name().is_some_and(|name| name.bytes() == &*owner);
        let feeds_itself = queue.options().sink.as_ref().is_some_and(|sink| *sink.stream == *owner);
        if !under_its_name || feeds_itself {
            queue.drop_sink();
        }
        Ok(Loaded { value: Box::new(StoredQueue::new(queue, UnixMs(i64::MIN))), health })
    }
}

impl<F: Family> Stored for StoredQueue<F> {
    const NAME: &'static CStr = F::TYPE_NAME;
    const PREFIX: &'static str = F::VERBS.prefix;
    /// The version of the bytes that this file writes around the chunks, the same for every family. The chunks have formats of their own.
    const VERSION: i32 = 1;
    const LOAD: &'static CStr = F::VERBS.load.name;

    fn data_type() -> &'static DataType<Self> {
        F::data_type()
    }

    fn save(&self, health: Health, to: &mut Saver<'_>) {
        let owner = to.key_name().filter(|_| self.has_sink()).map_or(&[][..], Str::bytes);
        to.put(owner);
        if health == Health::Damaged {
            to.put_damaged();
        }
        self.queue.save(&mut |chunk| {
            planted::step();
            to.put(chunk);
        });
        to.put(b"");
    }

    fn load(from: &mut Reader<'_>, version: i32) -> Option<Loaded<Self>> {
        let read = if version == Self::VERSION {
            Self::read(from)
        } else {
            Err(format!("unknown encoding version {version}"))
        };
        match read {
            Ok(loaded) => {
                if let Some(name) = from.key_name().filter(|_| loaded.health == Health::Sound) {
                    arrive(&loaded.value, from.db(), name);
                }
                Some(loaded)
            }
            Err(why) => {
                log::warn(&format!("a value of type {} cannot be loaded: {why}", Self::NAME.to_string_lossy()));
                None
            }
        }
    }

    fn rewrite(&self, key: &Str, to: &mut Rewriter<'_>) {
        let mut held: Option<Vec<u8>> = None;
        self.queue.save(&mut |chunk| {
            planted::step();
            if let Some(before) = held.replace(chunk.to_vec()) {
                to.emit(F::VERBS.load.name, key, c"MORE", &before);
            }
        });
        to.emit(F::VERBS.load.name, key, c"LAST", &held.unwrap_or_default());
    }

    fn digest(&self, digest: &mut Digest) {
        self.queue.fingerprint(&mut |chunk| digest.add(chunk));
        digest.end_sequence();
    }

    fn copy(&self, to: &CopyTarget) -> Box<Self> {
        let mut queue = self.queue.clone();
        queue.drop_sink();
        F::copied(&mut queue);
        let value = StoredQueue::new(queue, self.announced);
        if let Some(name) = to.name() {
            arrive(&value, to.db(), name);
        }
        Box::new(value)
    }

    fn memory(&self) -> usize {
        size_of::<Self>() + self.name_size() + self.queue.memory()
    }

    fn free_effort(&self) -> usize {
        self.queue.free_effort()
    }

    fn show_buffers(&mut self, to: &mut Defrag<'_>, anew: bool) -> bool {
        self.queue.show_buffers(to, anew)
    }

    fn unlinked(&self, db: i32, name: Option<&Str>) {
        let at = self.unschedule();
        self.lost_its_name();
        if let Some(name) = name {
            deadlines::forget_key(db, name.bytes(), at);
            F::left(db, name.bytes());
        }
    }

    fn free(self: Box<Self>) {
        if self.queue.free_effort() > FREED_INLINE {
            free_elsewhere(self);
        }
    }
}
