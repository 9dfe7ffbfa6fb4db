//! Payloads that are damaged chunk by chunk, behind lengths and a checksum that fit: so the damage reaches the engine, where bytes changed at random
//! (`hostile.rs`) mostly end in Redis's own reader. And what the engine's fuzzers found worth keeping, as payloads.

use super::hostile::{restore_and_use, uses};
use super::{Family, FAMILIES};
use crate::harness::*;
use std::fs;

/// The value of a module as DUMP has it: what names its type, the name of a key with a sink, and the chunks of its snapshot.
pub struct Payload {
    begin: Vec<u8>,
    owner: Vec<u8>,
    pub chunks: Vec<Vec<u8>>,
    version: [u8; 2],
}

/// Lengths as an RDB file has them: how many bytes one takes, and the number.
fn length(bytes: &[u8]) -> (usize, usize) {
    let number = |at: usize, bytes: &[u8]| bytes[1..=at].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    match bytes[0] {
        short @ 0..=0x3f => (1, usize::from(short)),
        0x40..=0x7f => (2, usize::from(bytes[0] & 0x3f) << 8 | usize::from(bytes[1])),
        0x80 => (5, number(4, bytes)),
        0x81 => (9, number(8, bytes)),
        other => panic!("a length that begins with {other:#x}"),
    }
}

/// What stands in front of a string in the value of a module.
const STRING: u8 = 5;

/// What ends the value of a module.
const END: u8 = 0;

impl Payload {
    /// Takes apart what DUMP has given, without compression.
    pub fn read(dump: &[u8]) -> Self {
        let (value, version) = unseal(dump);
        let mut at = 1 + length(&value[1..]).0;
        let begin = value[..at].to_vec();
        let mut strings = Vec::new();
        while value[at] == STRING {
            let (width, size) = length(&value[at + 1..]);
            at += 1 + width;
            strings.push(value[at..at + size].to_vec());
            at += size;
        }
        assert_eq!(value[at..], [END], "all of it was read");
        assert_eq!(strings.pop(), Some(Vec::new()), "an empty string ends the chunks");
        let owner = strings.remove(0);
        Payload { begin, owner, chunks: strings, version }
    }

    /// The value of this type with other chunks.
    pub fn with(&self, chunks: &[Vec<u8>]) -> Vec<u8> {
        let mut value = self.begin.clone();
        for chunk in [&self.owner].into_iter().chain(chunks).chain([&Vec::new()]) {
            value.extend([STRING, 0x80]);
            value.extend(u32::try_from(chunk.len()).expect("a small chunk").to_be_bytes());
            value.extend(chunk);
        }
        value.push(END);
        value
    }
}

/// Payloads of keys in every state.
#[track_caller]
fn payloads(family: &Family, c: &mut Client) -> Vec<Payload> {
    c.ok("CONFIG SET rdbcompression no");
    family.fill(c);
    let payloads = family.dumps(c).iter().map(|dump| Payload::read(dump)).collect();
    c.ok("FLUSHALL");
    payloads
}

/// The most memory that a payload of some hundred bytes may make the server take, in bytes.
const ROOM: i64 = 32 << 20;

#[track_caller]
fn memory(c: &mut Client, name: &str) -> i64 {
    c.info("memory", name).parse().expect("bytes")
}

/// In one turn, so that time does nothing to the key meanwhile: whether a payload is taken, and what the key is saved as, twice.
const SAVED_TWICE: &[u8] = b"
    local taken = redis.pcall('RESTORE', 'k', 0, ARGV[1])
    if taken.err then return {} end
    local saved = redis.call('DUMP', 'k')
    redis.call('RESTORE', 'k', 0, saved, 'REPLACE')
    return {saved, redis.call('DUMP', 'k'), redis.call('DEL', 'k')}
";

/// Restores a payload, and if it is taken sees that what it saves is loaded as the same, and uses the key.
fn endure(c: &mut Client, uses: &[String], value: &[u8], version: [u8; 2]) -> bool {
    let saved = c.call(&[b"EVAL", SAVED_TWICE, b"0", &reseal(value, version)]);
    assert!(!saved.is_error(), "what was taken is saved as what is taken: {saved}");
    let [once, again, _] = saved.items() else { return false };
    assert!(once.bytes() == again.bytes(), "a key and what was loaded of it");
    restore_and_use(c, uses, value, version)
}

/// One chunk, or the order of them, changed in one of the ways that a hostile writer would.
pub fn damaged(chunks: &[Vec<u8>], others: &[Payload], random: &mut Random) -> Vec<Vec<u8>> {
    let mut chunks: Vec<_> = chunks.iter().filter(|chunk| !chunk.is_empty()).cloned().collect();
    let at = random.below(chunks.len() as u64) as usize;
    let other = random.pick(others).chunks.clone();
    let chunk = &mut chunks[at];
    let index = random.below(chunk.len() as u64) as usize;
    match random.below(8) {
        0 => chunk[index] ^= 1 << random.below(8),
        1 => chunk.truncate(index),
        // A count, a length or a number becomes 2^60, 2^31 or a negative one. An integer is one byte, or 0xfc, 0xfd and 4 or 8 bytes.
        2 => drop(chunk.splice(index..=index, [0xfd, 0, 0, 0, 0, 0, 0, 0, 0x10])),
        3 => drop(chunk.splice(index..=index, [0xfc, 0, 0, 0, 0x80])),
        4 => drop(chunk.splice(index..=index, [0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
        // Part of another key's chunk, or a whole one, or one twice.
        5 => {
            let from = random.pick(&other);
            let end = random.below(from.len() as u64 + 1) as usize;
            chunk.splice(index.., from[end.saturating_sub(40)..].to_vec());
        }
        6 => chunks.insert(at, random.pick(&other).clone()),
        _ => chunks[at] = random.pick(&other).clone(),
    }
    chunks
}

/// `ROUNDS=20000` goes on for minutes.
#[test]
fn a_payload_damaged_behind_lengths_that_fit_is_refused_or_taken_but_never_hurts() {
    let rounds = std::env::var("ROUNDS").map_or(600, |rounds| rounds.parse().expect("a number"));
    for family in &FAMILIES {
        let mut server = Server::start(&[]);
        let mut c = server.client();
        let (payloads, uses) = (payloads(family, &mut c), uses(family));
        let seed = now_ms() as u64;
        println!("{} seed {seed}", family.name);
        let mut random = Random::new(seed);
        let (before, mut taken) = (memory(&mut c, "used_memory"), 0);
        c.ok("CONFIG RESETSTAT");
        for payload in &payloads {
            assert!(
                endure(&mut c, &uses, &payload.with(&payload.chunks), payload.version),
                "the undamaged one is taken"
            );
            for _ in 0..rounds {
                let mut chunks = damaged(&payload.chunks, &payloads, &mut random);
                if random.one_in(3) {
                    chunks = damaged(&chunks, &payloads, &mut random);
                }
                taken += usize::from(endure(&mut c, &uses, &payload.with(&chunks), payload.version));
            }
        }
        println!("{}: {taken} of {} were taken", family.name, payloads.len() * rounds);
        assert!(taken > 0, "what is never taken tries the reader alone");
        let peak = memory(&mut c, "used_memory_peak");
        assert!(peak - before < ROOM, "{}: {} bytes more for payloads of some hundred", family.name, peak - before);
        server.assert_alive();
        assert_eq!(c.info("tsgen", "tsgen_caught-panics").as_str(), "0", "{}", family.name);
    }
}

/// A payload of some fifty bytes had the server allocate 160 MB, by a length that it promised: where so much is not to be had, that ended the server.
#[test]
fn a_length_that_promises_much_allocates_nothing() {
    for family in &FAMILIES {
        let mut server = Server::start(&["--tsgen.virtual-clock", "yes"]);
        let mut c = server.client();
        let payloads = payloads(family, &mut c);
        server.leave_room(64 << 20);
        for payload in &payloads {
            for (nth, chunk) in payload.chunks.iter().enumerate() {
                for at in 0..chunk.len() {
                    let mut chunks = payload.chunks.clone();
                    // 200 MB, as an integer: below the limit of what a chunk may decode to.
                    chunks[nth].splice(at..=at, [0xfc, 0, 0, 0, 0x0c]);
                    c.call(&[b"RESTORE", b"k", b"0", &reseal(&payload.with(&chunks), payload.version), b"REPLACE"]);
                }
            }
        }
        server.assert_alive();
    }
}

/// Each chunk of an input stands behind two bytes that tell its length; the last may be shorter (`engine/tests/fuzz/snapshot.rs`).
fn unframed(mut input: &[u8]) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    while let [low, high, rest @ ..] = input {
        let (chunk, behind) = rest.split_at(usize::from(u16::from_le_bytes([*low, *high])).min(rest.len()));
        chunks.push(chunk.to_vec());
        input = behind;
    }
    chunks
}

#[test]
fn what_the_fuzzers_keep_hurts_no_server() {
    for family in &FAMILIES {
        let mut server = Server::start(&[]);
        let mut c = server.client();
        let (payloads, uses) = (payloads(family, &mut c), uses(family));
        let folder = workspace().join("fuzz/corpus").join(format!("snapshot_{}", family.name.to_lowercase()));
        let (mut tried, mut taken) = (0, 0);
        for file in fs::read_dir(folder).expect("the corpus") {
            let input = fs::read(file.expect("a file").path()).expect("an input");
            let value = payloads[0].with(&unframed(&input));
            tried += 1;
            taken += usize::from(endure(&mut c, &uses, &value, payloads[0].version));
        }
        println!("{}: {taken} of {tried} were taken", family.name);
        assert!(taken > 0, "{}: none of {tried}", family.name);
        server.assert_alive();
        assert_eq!(c.info("tsgen", "tsgen_caught-panics").as_str(), "0", "{}", family.name);
    }
}
