//! How much stands in a chunk of a snapshot.

/// A chunk is closed once it holds this many bytes.
const CHUNK: usize = 64 * 1024;

/// Emits things in chunks. Each thing comes with about how many bytes it takes.
pub(crate) fn chunked<T>(things: impl Iterator<Item = (usize, T)>, mut emit: impl FnMut(Vec<T>)) {
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    for (size, thing) in things {
        bytes += size;
        chunk.push(thing);
        if bytes >= CHUNK {
            emit(std::mem::take(&mut chunk));
            bytes = 0;
        }
    }
    if !chunk.is_empty() {
        emit(chunk);
    }
}
