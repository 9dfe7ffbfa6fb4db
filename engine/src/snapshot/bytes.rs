//! Byte strings that a loaded value owns: `#[serde(with = "snapshot::bytes")]`.
//!
//! They are read by borrowing from the chunk, which must have them, and copied. serde_bytes would ask for an owned buffer, and bincode allocates that
//! by the length it has read, up to the limit of decoding, before it looks whether so much is there: a payload of fifty bytes took 160 MB.

use serde::{Deserializer, Serializer};

pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    serde_bytes::serialize(bytes, to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Box<[u8]>, D::Error> {
    serde_bytes::deserialize::<&'de [u8], D>(from).map(Into::into)
}
