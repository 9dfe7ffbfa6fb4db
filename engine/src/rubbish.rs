//! What is of no use any more, and would take long to free.

/// To be dropped where that keeps nobody waiting: a million small things take some milliseconds.
pub type Rubbish = Box<dyn Send>;

/// Rubbish that waits until it is taken. A clone has none.
#[derive(Default)]
pub(crate) struct Heap(Option<Box<dyn Send + Sync>>);

impl Clone for Heap {
    fn clone(&self) -> Self {
        Heap::default()
    }
}

impl Heap {
    /// Puts something here; what was here before is dropped.
    pub(crate) fn put(&mut self, rubbish: Box<dyn Send + Sync>) {
        self.0 = Some(rubbish);
    }

    /// Takes what is here.
    pub(crate) fn take(&mut self) -> Option<Rubbish> {
        self.0.take().map(|rubbish| rubbish as Rubbish)
    }
}
