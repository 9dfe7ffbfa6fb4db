//! The delivery commands, once for all families.

mod ack;
mod alter;
pub mod claim;
pub mod create;
mod dead;
mod discard;
mod drop_ready;
mod extend;
mod info;
pub mod load;
mod mclaim;
mod nack;
mod peek;
mod pending;
mod promote;
mod release;
mod requeue;
mod sweep;

use crate::command::table::Entry;
use crate::delivery::family::Family;

/// The delivery commands of one family.
pub fn all<F: Family>() -> Vec<Entry> {
    vec![
        Entry::of::<create::Create<F>>(),
        Entry::of::<alter::Alter<F>>(),
        Entry::of::<claim::ClaimEntries<F>>(),
        Entry::of::<mclaim::ClaimFromKeys<F>>(),
        Entry::of::<ack::Ack<F>>(),
        Entry::of::<extend::Extend<F>>(),
        Entry::of::<nack::Nack<F>>(),
        Entry::of::<release::Release<F>>(),
        Entry::of::<pending::Pending<F>>(),
        Entry::of::<dead::Dead<F>>(),
        Entry::of::<peek::Peek<F>>(),
        Entry::of::<promote::Promote<F>>(),
        Entry::of::<requeue::Requeue<F>>(),
        Entry::of::<discard::Discard<F>>(),
        Entry::of::<info::Info<F>>(),
        Entry::of::<drop_ready::DropReady<F>>(),
        Entry::of::<sweep::Sweep<F>>(),
        Entry::of::<load::Load<F>>(),
    ]
}
