//! What is of no use any more, and would take long to free.

/// To be dropped where that keeps nobody waiting: a million small things take some milliseconds.
pub type Rubbish = Box<dyn Send>;
