//! What the entries of each family carry, as bytes.

use crate::bytes::Bytes;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use tsgen_client::{Batch, Content, Debounce, Elements, Expired, Expiry, Family, Group, Raw, Tally};

/// What an entry carries.
#[derive(Clone, Debug)]
pub enum Carried {
    /// Of TSGEN.
    Payload(Bytes),
    /// Of DEBOUNCE: why the group has fired, and each item with when it was pushed, in Unix ms.
    Group { reason: String, items: Vec<(Bytes, i64)> },
    /// Of EXPIRY: the type of the key, its value if that was kept, when it ran out in Unix ms, and whether it expired or was evicted.
    Key { kind: String, value: Option<Bytes>, deadline: i64, reason: String },
    /// Of TALLY: when the window was opened and sealed, in Unix ms, and its sums.
    Sums { opened_at: i64, sealed_at: i64, sums: Vec<(Bytes, i64)> },
}

impl Serialize for Carried {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// A list, an object at a time.
        struct Each<'c>(&'c [(Bytes, i64)], [&'static str; 2]);
        impl Serialize for Each<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let Self(pairs, [name, number]) = self;
                serializer.collect_seq(pairs.iter().map(|(bytes, n)| Pair { name, bytes, number, n: *n }))
            }
        }
        struct Pair<'c> {
            name: &'static str,
            bytes: &'c Bytes,
            number: &'static str,
            n: i64,
        }
        impl Serialize for Pair<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry(self.name, self.bytes)?;
                map.serialize_entry(self.number, &self.n)?;
                map.end()
            }
        }
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Payload(payload) => map.serialize_entry("payload", payload)?,
            Self::Group { reason, items } => {
                map.serialize_entry("reason", reason)?;
                map.serialize_entry("items", &Each(items, ["item", "pushed_at_ms"]))?;
            }
            Self::Key { kind, value, deadline, reason } => {
                map.serialize_entry("type", kind)?;
                map.serialize_entry("value", value)?;
                map.serialize_entry("deadline_ms", deadline)?;
                map.serialize_entry("reason", reason)?;
            }
            Self::Sums { opened_at, sealed_at, sums } => {
                map.serialize_entry("opened_at_ms", opened_at)?;
                map.serialize_entry("sealed_at_ms", sealed_at)?;
                map.serialize_entry("sums", &Each(sums, ["field", "sum"]))?;
            }
        }
        map.end()
    }
}

impl Carried {
    /// As JSON.
    pub fn fields(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }
}

impl From<Carried> for Map<String, Value> {
    fn from(carried: Carried) -> Self {
        carried.fields()
    }
}

/// The families of the library, each with what it delivers as bytes.
pub trait Kind: Family + Sized {
    type Content: Content<Family = Self>;
    fn carried(content: &Self::Content) -> Carried;
}

impl Kind for Elements {
    type Content = Raw;
    fn carried(payload: &Raw) -> Carried {
        Carried::Payload(Bytes::from(&payload.0))
    }
}

impl Kind for Debounce {
    type Content = Group<Raw>;
    fn carried(group: &Group<Raw>) -> Carried {
        let items = group.items.iter().map(|item| (Bytes::from(&item.value.0), item.at)).collect();
        Carried::Group { reason: group.reason.clone(), items }
    }
}

impl Kind for Expiry {
    type Content = Expired;
    fn carried(expired: &Expired) -> Carried {
        let Expired { kind, value, deadline, reason } = expired.clone();
        Carried::Key { kind, value: value.map(Bytes), deadline, reason }
    }
}

impl Kind for Tally {
    type Content = Batch;
    fn carried(batch: &Batch) -> Carried {
        let sums = batch.sums.iter().map(|(field, sum)| (Bytes::from(field), *sum)).collect();
        Carried::Sums { opened_at: batch.opened_at, sealed_at: batch.sealed_at, sums }
    }
}
