//! One server: the key, what stands around it, and what of both outlives the process.

use crate::family::Family;
use tsgen_engine::{Loader, Queue, UnixMs};

pub struct Node<F: Family> {
    pub key: Queue<F::Gate>,
    pub around: F::Around,
    /// The time of day there, when it last did something.
    pub clock: UnixMs,
}

/// What a server is to the other.
#[derive(Clone, Copy, PartialEq)]
pub enum Role {
    Master,
    Replica,
}

/// Where a server has its data from.
#[derive(Clone, Copy, PartialEq)]
pub enum Source {
    /// A file that was written some time ago, and nothing since.
    Snapshot,
    /// The append-only file.
    Log,
    /// Its master.
    Sync,
}

impl<F: Family> Clone for Node<F> {
    fn clone(&self) -> Self {
        Node { key: self.key.clone(), around: self.around.clone(), clock: self.clock }
    }
}

impl<F: Family> Node<F> {
    /// The key as a file has it.
    pub fn snapshot(&self) -> Vec<Vec<u8>> {
        let mut chunks = Vec::new();
        self.key.save(&mut |chunk| chunks.push(chunk.to_vec()));
        chunks
    }

    /// The key as nodes compare it.
    pub fn fingerprint(&self) -> Vec<Vec<u8>> {
        let mut chunks = Vec::new();
        self.key.fingerprint(&mut |chunk| chunks.push(chunk.to_vec()));
        chunks
    }

    /// What a process makes of a file that this one writes. Nothing was done yet about the time that has passed since.
    pub fn copied_by_file(&self) -> Self {
        let mut child = self.clone();
        F::saving(&mut child);
        let mut loader = Loader::new([3, 4]);
        child.snapshot().iter().try_for_each(|chunk| loader.push(chunk)).expect("sound");
        Node { key: loader.finish().expect("whole"), ..child }
    }

    /// A replica of this server, fully synchronised.
    pub fn synchronised(&self) -> Self {
        let mut replica = self.copied_by_file();
        F::loaded(&mut replica, Source::Sync);
        replica
    }
}
