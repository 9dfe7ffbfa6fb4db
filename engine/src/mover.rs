//! Who moves buffers to where the allocator would rather have them: whoever allocates. `buffers` shows what there is.

/// Moves buffers to other places in memory.
pub trait Mover {
    /// May move `buffer`, its spare capacity included, to another place.
    fn buffer<T>(&mut self, buffer: &mut Vec<T>);

    /// Whether the mover has had enough for now.
    fn is_tired(&mut self) -> bool;

    /// Like [`Mover::buffer`], for a slice.
    fn slice<T>(&mut self, slice: &mut Box<[T]>) {
        let mut buffer = std::mem::take(slice).into_vec();
        self.buffer(&mut buffer);
        *slice = buffer.into_boxed_slice();
    }
}
