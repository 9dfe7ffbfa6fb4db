//! How payloads and items are written: as JSON, unless a type says otherwise.

use crate::error::BoxError;
use serde::de::DeserializeOwned;
use serde::Serialize;

/// What can be added as a payload or an item: all that serde can write, as JSON; [`Raw`] bytes; and types of yours that say how.
pub trait Encode {
    /// Its bytes.
    fn encode(&self) -> Result<Vec<u8>, BoxError>;
}

/// What a payload or an item can be read as: all that serde can read from JSON; [`Raw`] bytes; and types of yours that say how.
///
/// A job whose payload does not decode is a dead letter. The text of the error is its reason, so it should not quote the payload.
pub trait Decode: Sized + Send + 'static {
    /// Reads one.
    fn decode(bytes: &[u8]) -> Result<Self, BoxError>;
}

/// `null` is no bytes at all, and the other way round.
impl<T: Serialize + ?Sized> Encode for T {
    fn encode(&self) -> Result<Vec<u8>, BoxError> {
        let bytes = serde_json::to_vec(self)?;
        Ok(if bytes == b"null" { Vec::new() } else { bytes })
    }
}

impl<T: DeserializeOwned + Send + 'static> Decode for T {
    fn decode(bytes: &[u8]) -> Result<Self, BoxError> {
        let json = if bytes.is_empty() { &b"null"[..] } else { bytes };
        // serde's own text quotes values.
        serde_json::from_slice(json).map_err(|flaw| {
            format!("{:?} error in JSON, line {}, column {}", flaw.classify(), flaw.line(), flaw.column()).into()
        })
    }
}

/// Bytes as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw(pub Vec<u8>);

impl Encode for Raw {
    fn encode(&self) -> Result<Vec<u8>, BoxError> {
        Ok(self.0.clone())
    }
}

impl Decode for Raw {
    fn decode(bytes: &[u8]) -> Result<Self, BoxError> {
        Ok(Self(bytes.to_vec()))
    }
}
