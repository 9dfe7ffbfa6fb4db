//! Bytes as the snapshot of a key.

use crate::keys::{chunks, exercise, Family};
use tsgen_engine::{Error, Gate, Loader, Queue};

/// The input holds chunks one behind the other, each behind two bytes that tell its length; the last one may be shorter than they tell.
fn unframed(mut input: &[u8]) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    while let [low, high, rest @ ..] = input {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (chunk, behind) = rest.split_at(length);
        chunks.push(chunk.to_vec());
        input = behind;
    }
    chunks
}

/// The input that holds a key.
#[cfg(test)]
pub fn framed<G: Gate>(key: &Queue<G>) -> Vec<u8> {
    let mut input = Vec::new();
    for chunk in chunks(key) {
        input.extend(u16::try_from(chunk.len()).expect("a small key").to_le_bytes());
        input.extend(chunk);
    }
    input
}

fn load<G: Gate>(chunks: &[Vec<u8>], seed: [u64; 2]) -> Result<Queue<G>, Error> {
    let mut loader = Loader::new(seed);
    chunks.iter().try_for_each(|chunk| loader.push(chunk))?;
    loader.finish()
}

/// What is taken is saved as something that loads and is saved as the same bytes; and what was loaded from these does whatever is done to it as
/// the first one does. Tells whether the input was taken.
pub fn run<F: Family>(input: &[u8]) -> bool {
    let Ok(key) = load::<F>(&unframed(input), [1, 1]) else { return false };
    let saved = chunks(&key);
    let reload = |chunks: &[Vec<u8>]| load::<F>(chunks, [9, 9]).expect("what was saved loads");
    let twin = reload(&saved);
    assert_eq!(chunks(&twin), saved, "saved again");
    let [key, twin] = [key, twin].map(|key| exercise(key, reload));
    assert_eq!(chunks(&key), chunks(&twin), "the same was done to both");
    true
}
