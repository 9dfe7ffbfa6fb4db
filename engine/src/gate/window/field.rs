//! What a field may be.

use crate::entries::MAX_NAME;
use crate::error::Error;
use serde::{Deserialize, Serialize};
use uuid::fmt::Hyphenated;
use uuid::Uuid;

/// What kind of text fields are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldKind {
    /// Any bytes.
    #[default]
    Any,
    /// A UUID of any version as RFC 9562 writes it: 36 characters with hyphens. Letters of either case mean the same and are
    /// stored in lower case.
    Uuid,
}

/// A field as it is stored.
pub enum Field<'a> {
    AsGiven(&'a [u8]),
    LowerCase([u8; Hyphenated::LENGTH]),
}

impl FieldKind {
    /// The field as it is stored. `given` has at most [`MAX_NAME`] bytes.
    ///
    /// Errors: [`Error::NotUuid`].
    #[inline]
    pub fn field(self, given: &[u8]) -> Result<Field<'_>, Error> {
        match self {
            FieldKind::Any => Ok(Field::AsGiven(given)),
            FieldKind::Uuid => lower_case(given).map(Field::LowerCase).ok_or(Error::NotUuid),
        }
    }

    /// Whether this is a field as it is stored.
    pub fn is_stored(self, field: &[u8]) -> bool {
        field.len() <= MAX_NAME && self.field(field).is_ok_and(|stored| stored.as_bytes() == field)
    }
}

fn lower_case(given: &[u8]) -> Option<[u8; Hyphenated::LENGTH]> {
    // The parser also takes other forms, which have other lengths.
    let uuid = Uuid::try_parse_ascii(given).ok().filter(|_| given.len() == Hyphenated::LENGTH)?;
    let mut text = [0; Hyphenated::LENGTH];
    uuid.hyphenated().encode_lower(&mut text);
    Some(text)
}

impl Field<'_> {
    /// Its bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Field::AsGiven(bytes) => bytes,
            Field::LowerCase(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_stored_in_lower_case_and_taken_only_with_hyphens() {
        let stored = |given: &str| FieldKind::Uuid.field(given.as_bytes()).ok().map(|field| field.as_bytes().to_vec());
        let lower = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        assert_eq!(stored(lower).as_deref(), Some(lower.as_bytes()));
        assert_eq!(stored(&lower.to_uppercase()).as_deref(), Some(lower.as_bytes()));
        assert!(stored("00000000-0000-0000-0000-000000000000").is_some());
        for bad in [
            "",
            "67e5504410b1426f9247bb680e5fe0c8",
            "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
            "urn:uuid:67e55044-10b1-426f-9247-bb680e5fe0c8",
            "67e55044-10b1-426f-9247-bb680e5fe0cg",
            "67e55044-10b1-426f-9247bb680e5fe0c8-",
            "67e55044-10b1-426f-9247-bb680e5fe0c",
        ] {
            assert_eq!(stored(bad), None, "{bad}");
        }
        assert!(FieldKind::Uuid.is_stored(lower.as_bytes()));
        assert!(!FieldKind::Uuid.is_stored(lower.to_uppercase().as_bytes()));
        assert!(!FieldKind::Any.is_stored(&[0; MAX_NAME + 1]));
    }
}
