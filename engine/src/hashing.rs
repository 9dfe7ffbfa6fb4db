//! Hash tables of the standard library, keyed by a secret: clients choose the names that go in.

use siphasher::sip::SipHasher13;
use std::hash::BuildHasher;

/// Hashes by a key's own secret.
#[derive(Clone, Copy)]
pub(crate) struct Hashing(pub SipHasher13);

impl BuildHasher for Hashing {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        self.0
    }
}
