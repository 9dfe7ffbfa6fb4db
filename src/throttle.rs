//! The type of THROTTLE keys: a few bytes, no queue and no part of delivery.
//!
//! What is under a key is as the engine has it. Its time to live is Redis's: kept, copied and saved beside it, and set by each take.

use crate::command::{Fail, Outcome};
use crate::loading;
use crate::redis::datatype::{DataType, Stored};
use crate::redis::io::{CopyTarget, Digest, Reader, Rewriter, Saver};
use crate::redis::key::Key;
use crate::redis::{log, Ctx, Str};
use crate::seen;
use std::ffi::CStr;
use tsgen_engine::Throttle;

static TYPE: DataType<Throttle> = DataType::new();

/// Name of the command that rebuilds a value from the AOF.
pub const LOAD: &CStr = c"THROTTLE.LOAD";

/// Tells Redis of the type; at load.
pub fn register(ctx: &Ctx) -> bool {
    TYPE.register(ctx)
}

/// Where the registered type is.
pub fn data_type() -> &'static DataType<Throttle> {
    &TYPE
}

/// What is stored under a key from now on, which must be open to write.
pub fn store(key: &mut Key<'_>, value: Throttle) -> Outcome {
    if let Some(stored) = key.get(&TYPE).map_err(|_| Fail::WRONG_TYPE)? {
        *stored = value;
    } else if !key.set(&TYPE, Box::new(value)) {
        return Err(Fail::text("ERR the key could not be created"));
    }
    Ok(())
}

fn read(from: &mut Reader<'_>, version: i32) -> Result<Throttle, String> {
    if version != <Throttle as Stored>::VERSION {
        return Err(format!("unknown encoding version {version}"));
    }
    let bytes = from.take().ok_or("it ends too early")?;
    let (value, behaviour) = Throttle::load(&bytes).map_err(|error| error.to_string())?;
    loading::check_behaviour(behaviour)?;
    Ok(value)
}

/// An RDB object and a DUMP payload are one byte string: what the engine says.
impl Stored for Throttle {
    const NAME: &'static CStr = c"tsgen-thr";
    const VERSION: i32 = 1;
    /// There may be millions, and nobody asks for their sum.
    const IS_LISTED: bool = false;

    fn save(&self, to: &mut Saver<'_>) {
        Throttle::save(self, &mut |bytes| to.put(bytes));
    }

    fn load(from: &mut Reader<'_>, version: i32) -> Option<Box<Self>> {
        match read(from, version) {
            Ok(value) => Some(Box::new(value)),
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

    fn unlinked(&self, db: i32, name: Option<&Str>) {
        if let Some(name) = name {
            seen::deleted(db, name.bytes());
        }
    }

    fn free(self: Box<Self>) {}

    fn data_type() -> &'static DataType<Self> {
        &TYPE
    }
}
