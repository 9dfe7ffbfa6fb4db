//! The sizes that blocks have, and how many make a page. Only arithmetic, all done by the compiler.

/// Bytes of an entry's header, which is the smallest block.
pub(super) const HEADER: usize = 24;
/// How many bits of a handle are the index of a block in its page; the others are the number of the page.
pub(super) const INDEX_BITS: u32 = 9;
/// The most blocks of a page.
pub(super) const MAX_BLOCKS: usize = 1 << INDEX_BITS;

// Block sizes: every 8 bytes from 24 to 256, then four to a doubling, as allocators do it.
const FINE_CLASSES: usize = (256 - HEADER) / 8 + 1;
pub(super) const CLASSES: usize = FINE_CLASSES + 16;
pub(super) const BLOCK_OF_CLASS: [u16; CLASSES] = block_sizes();
pub(super) const BLOCKS_PER_PAGE: [u16; CLASSES] = blocks_per_page();

/// The class of the smallest block that takes this many bytes, which are at least a header and at most the largest block.
pub(super) const fn class_of(size: usize) -> usize {
    if size <= 256 {
        return size.div_ceil(8) - HEADER / 8;
    }
    let doubling = (size - 1).ilog2();
    FINE_CLASSES + (doubling as usize - 8) * 4 + ((size - 1) >> (doubling - 2)) % 4
}

const fn block_sizes() -> [u16; CLASSES] {
    let mut sizes = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        sizes[class] = if class < FINE_CLASSES {
            (HEADER + 8 * class) as u16
        } else {
            let base = 256 << ((class - FINE_CLASSES) / 4);
            base + base / 4 * ((class - FINE_CLASSES) as u16 % 4 + 1)
        };
        class += 1;
    }
    sizes
}

/// For each class, the number of blocks that best fills one of jemalloc's sizes. A page has at most 128 KiB, and more than half of the largest
/// page that is possible.
const fn blocks_per_page() -> [u16; CLASSES] {
    let mut counts = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        let block = BLOCK_OF_CLASS[class] as usize;
        let most = if block * MAX_BLOCKS < 128 << 10 { block * MAX_BLOCKS } else { 128 << 10 };
        let (mut best, mut best_waste) = (0, usize::MAX);
        // jemalloc's sizes are (4 + q) << s, q in 0..4; 8 KiB is 4 << 11.
        let mut step = 0;
        while step <= 16 {
            let bytes = (4 + step % 4) << (11 + step / 4);
            // Waste is in parts of 10 000. At equal waste the larger page wins.
            let waste = bytes % block * 10_000 / bytes;
            if bytes <= most && bytes * 2 > most && waste <= best_waste {
                (best, best_waste) = (bytes / block, waste);
            }
            step += 1;
        }
        counts[class] = best as u16;
        class += 1;
    }
    counts
}
