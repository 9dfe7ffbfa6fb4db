//! The type of THROTTLE keys: a few bytes, no queue and no part of delivery.
//!
//! The value under a key is the engine's. The time to live is Redis's: Redis keeps, copies and saves it beside the value, and each take sets it.

pub mod commands;

use crate::command::behaviour;
use crate::command::wrong_type;
use crate::command::{Fail, Outcome};
use crate::redis::datatype::{DataType, Health, Loaded, Stored};
use crate::redis::io::{CopyTarget, Digest, Reader, Rewriter, Saver};
use crate::redis::key::Key;
use crate::redis::{log, Ctx, Str};
use std::ffi::CStr;
use tsgen_engine::{SavedThrottle, Throttle};

static TYPE: DataType<Throttle> = DataType::new();

/// Name of the command that rebuilds a value from the AOF.
pub const LOAD: &CStr = c"THROTTLE.LOAD";

/// Registers the type with Redis; at load.
pub fn register(ctx: &Ctx) -> bool {
    TYPE.register(ctx)
}

/// The value under a key; `None` if the key does not exist.
pub fn find(key: &mut Key<'_>) -> Result<Option<Throttle>, Fail> {
    key.view(&TYPE).map(|found| found.copied()).map_err(|refused| wrong_type::refusal(refused, "THROTTLE"))
}

/// Stores a value under a key, which must be open to write.
pub fn store(key: &mut Key<'_>, value: Throttle) -> Outcome {
    if let Some(stored) = key.get(&TYPE).map_err(|refused| wrong_type::refusal(refused, "THROTTLE"))? {
        *stored = value;
    } else if !key.set(&TYPE, Box::new(value)) {
        return Err(Fail::text("ERR the key could not be created"));
    }
    Ok(())
}

fn read(from: &mut Reader<'_>, version: i32) -> Result<Loaded<Throttle>, String> {
    if version != <Throttle as Stored>::VERSION {
        return Err(format!("unknown encoding version {version}"));
    }
    let bytes = from.take().ok_or("it ends too early")?;
    if bytes.is_damaged() {
        from.take().ok_or("it ends too early")?;
        return Ok(Loaded { value: Box::default(), health: Health::Damaged });
    }
    let SavedThrottle { throttle, behaviour } = Throttle::load(&bytes).map_err(|error| error.to_string())?;
    behaviour::check_behaviour(behaviour)?;
    Ok(Loaded { value: Box::new(throttle), health: Health::Sound })
}

/// An RDB object and a DUMP payload are one byte string, which the engine makes. For a damaged value they are the mark and an empty string.
impl Stored for Throttle {
    const NAME: &'static CStr = c"tsgen-thr";
    const PREFIX: &'static str = "THROTTLE";
    const VERSION: i32 = 1;
    const LOAD: &'static CStr = LOAD;
    /// There may be millions of values, and nobody asks for their sum.
    const IS_LISTED: bool = false;

    /// Saves a damaged value as the mark and an empty string only.
    fn save(&self, health: Health, to: &mut Saver<'_>) {
        match health {
            Health::Sound => Throttle::save(self, &mut |bytes| to.put(bytes)),
            Health::Damaged => {
                to.put_damaged();
                to.put(b"");
            }
        }
    }

    fn load(from: &mut Reader<'_>, version: i32) -> Option<Loaded<Self>> {
        match read(from, version) {
            Ok(loaded) => Some(loaded),
            Err(why) => {
                log::warn(&format!("a value of type {} cannot be loaded: {why}", Self::NAME.to_string_lossy()));
                None
            }
        }
    }

    fn rewrite(&self, key: &Str, to: &mut Rewriter<'_>) {
        Throttle::save(self, &mut |bytes| to.emit(LOAD, key, c"LAST", bytes));
    }

    fn digest(&self, digest: &mut Digest) {
        Throttle::save(self, &mut |bytes| digest.add(bytes));
        digest.end_sequence();
    }

    fn copy(&self, _: &CopyTarget) -> Box<Self> {
        Box::new(*self)
    }

    fn memory(&self) -> usize {
        size_of::<Self>()
    }

    fn free_effort(&self) -> usize {
        1
    }

    fn free(self: Box<Self>) {}

    fn data_type() -> &'static DataType<Self> {
        &TYPE
    }
}
