//! What a client may send. It knows nothing of HTTP.

use serde_json::{Map, Value};
use uuid::fmt::Hyphenated;
use uuid::Uuid;

/// The body of a request: `{"key": "<UUID>", "value": 5}`, and nothing else.
pub struct Increment {
    pub key: Uuid,
    /// At least 1.
    pub value: i64,
}

/// Why a body is none: the field that is to blame, if one is, and a sentence for the client.
pub struct Invalid {
    pub field: Option<String>,
    pub error: String,
}

impl Increment {
    /// Takes the fields one by one, so that each refusal can name the field and what it takes.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut fields: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|error| Invalid { field: None, error: format!("the body must be a JSON object: {error}") })?;
        let invalid = |field: &str, error: &str| Invalid { field: Some(field.to_owned()), error: error.to_owned() };

        // The 36 characters of RFC 9562; letters of either case mean the same.
        let key = fields.remove("key").ok_or_else(|| invalid("key", "key is missing"))?;
        let key = key.as_str().and_then(|text| text.parse::<Hyphenated>().ok());
        let key = key.ok_or_else(|| invalid("key", "key must be a UUID, 36 characters with hyphens"))?;

        let value = fields.remove("value").ok_or_else(|| invalid("value", "value is missing"))?;
        let value = value.as_i64().filter(|value| *value >= 1);
        let value = value.ok_or_else(|| invalid("value", "value must be an integer from 1 to 9223372036854775807"))?;

        match fields.keys().next() {
            Some(unknown) => Err(invalid(unknown, "there is no such field; there are key and value")),
            None => Ok(Self { key: key.into(), value }),
        }
    }
}
