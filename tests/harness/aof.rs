//! The append-only file as a crash leaves it: its parts, how it is cut where it was last synced, and what a half transaction at its end makes of the next start.
//!
//! Redis, and Valkey before 9, cut the half *command* that a crash leaves off a file. If that stood in a transaction, its MULTI and the whole commands behind it stay, with no EXEC, and
//! what is written from then on stands behind an open MULTI: the next start drops it, or runs it all at the next EXEC and complains that "MULTI calls can not be
//! nested". `redis-check-aof --fix` cuts the transaction off; [`cut_half_transaction`] does what it does.

use super::{Clock, Server};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The parts that are appended to, in their order: the last one is being written.
pub fn increments(server: &Server) -> Vec<PathBuf> {
    let folder = server.folder().join("appendonlydir");
    let manifest = fs::read_to_string(folder.join("appendonly.aof.manifest")).expect("the manifest of the AOF");
    let names = manifest.lines().filter(|line| line.contains(" type i"));
    names.map(|line| folder.join(line.split(' ').nth(1).expect("its name"))).collect()
}

/// Whether all that was written is synced.
pub fn is_synced(server: &Server, clock: &Clock) -> bool {
    increments(server).iter().all(|path| clock.synced_length(path) == length(path))
}

/// How long ago the last sync began: all that was written before it is synced. None if nothing has been since this file began.
pub fn since_sync(server: &Server, clock: &Clock) -> Option<Duration> {
    increments(server).iter().filter_map(|path| clock.since_sync(path)).min()
}

/// What a power cut leaves: each part as far as it was synced. A part is closed, and synced, by another thread once the next one is written.
pub fn cut_power(server: &Server, clock: &Clock) {
    for path in increments(server) {
        truncate(&path, clock.synced_length(&path).min(length(&path)));
    }
}

/// Cuts a transaction off whose end is missing, with half a command behind it. Whether there was one.
pub fn cut_half_transaction(server: &Server) -> bool {
    let Some(last) = increments(server).pop() else { return false };
    let bytes = fs::read(&last).expect("the end of the AOF");
    let end = end_of(&bytes);
    let is_half = end.is_in_transaction && end.commands < bytes.len();
    if is_half {
        truncate(&last, end.whole as u64);
    }
    is_half
}

pub fn length(path: &Path) -> u64 {
    fs::metadata(path).expect("a part of the AOF").len()
}

pub fn truncate(path: &Path, length: u64) {
    File::options().write(true).open(path).and_then(|file| file.set_len(length)).expect("cut the AOF");
}

/// How far a file is whole.
#[derive(Debug, PartialEq)]
pub struct End {
    /// Up to here there are whole commands.
    pub commands: usize,
    /// Up to here whole transactions, and whole commands outside of these.
    pub whole: usize,
    pub is_in_transaction: bool,
}

/// How far these bytes are whole.
pub fn end_of(bytes: &[u8]) -> End {
    let mut end = End { commands: 0, whole: 0, is_in_transaction: false };
    while let Some((name, next)) = command(bytes, end.commands) {
        match &*name.to_ascii_uppercase() {
            b"MULTI" => end.is_in_transaction = true,
            b"EXEC" => end.is_in_transaction = false,
            _ => {}
        }
        end.commands = next;
        if !end.is_in_transaction {
            end.whole = next;
        }
    }
    end
}

/// The name of the command that begins here, and where the next begins; none if this one is not whole.
fn command(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (head, mut next) = line(bytes, at)?;
    // A remark, such as the time.
    if head.first() == Some(&b'#') {
        return Some((head, next));
    }
    let mut name = None;
    for _ in 0..number(head)? {
        let (head, begin) = line(bytes, next)?;
        let end = begin + number(head)?;
        next = end + 2;
        (next <= bytes.len()).then_some(())?;
        name.get_or_insert(&bytes[begin..end]);
    }
    Some((name?, next))
}

fn line(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let length = bytes.get(at..)?.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[at..at + length], at + length + 2))
}

fn number(head: &[u8]) -> Option<usize> {
    std::str::from_utf8(head.get(1..)?).ok()?.parse().ok()
}
