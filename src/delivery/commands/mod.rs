//! The delivery commands, once for all families.

mod ack;
mod alter;
pub mod claim;
pub mod create;
mod info;
pub mod load;
mod nack;
mod pending;
mod promote;
pub mod requeue;
mod sweep;

use crate::command::table::Entry;
use crate::delivery::family::Family;

/// The delivery commands of one family.
pub fn all<F: Family>() -> Vec<Entry> {
    vec![
        Entry::of::<create::Create<F>>(),
        Entry::of::<alter::Alter<F>>(),
        Entry::of::<claim::ClaimEntries<F>>(),
        Entry::of::<ack::Ack<F>>(),
        Entry::of::<ack::Extend<F>>(),
        Entry::of::<nack::HandBack<F>>(),
        Entry::of::<nack::Release<F>>(),
        Entry::of::<pending::ListPending<F>>(),
        Entry::of::<pending::ListDead<F>>(),
        Entry::of::<promote::Promote<F>>(),
        Entry::of::<requeue::Requeue<F>>(),
        Entry::of::<requeue::Discard<F>>(),
        Entry::of::<info::Info<F>>(),
        Entry::of::<sweep::DropReady<F>>(),
        Entry::of::<sweep::Sweep<F>>(),
        Entry::of::<load::Load<F>>(),
    ]
}
