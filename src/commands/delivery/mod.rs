//! The delivery commands, once for all families.

mod alter;
pub mod claim;
pub mod create;
mod hand_back;
mod info;
mod internal;
mod letters;
mod listing;
mod options;
mod promote;
mod settle;

pub use options::settle_with;

use crate::command::table::Entry;
use crate::commands::load::Load;
use crate::family::Family;

/// The delivery commands of one family.
pub fn all<F: Family>() -> Vec<Entry> {
    vec![
        Entry::of::<create::Create<F>>(),
        Entry::of::<alter::Alter<F>>(),
        Entry::of::<claim::ClaimEntries<F>>(),
        Entry::of::<settle::Ack<F>>(),
        Entry::of::<settle::Extend<F>>(),
        Entry::of::<hand_back::HandBack<F>>(),
        Entry::of::<hand_back::Release<F>>(),
        Entry::of::<listing::ListPending<F>>(),
        Entry::of::<listing::ListDead<F>>(),
        Entry::of::<promote::Promote<F>>(),
        Entry::of::<letters::Requeue<F>>(),
        Entry::of::<letters::Discard<F>>(),
        Entry::of::<info::Info<F>>(),
        Entry::of::<internal::DropReady<F>>(),
        Entry::of::<internal::Sweep<F>>(),
        Entry::of::<Load<F>>(),
    ]
}
