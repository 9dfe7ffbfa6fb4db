//! What clients under torture share: where the master is, what time it is, and whether it is over.

use crate::harness::Clock;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Instant;

pub struct Stage {
    start: Instant,
    /// The socket of the master, as clients with even numbers know it, and those with odd ones: they may be on two sides of a cut.
    masters: Mutex<[PathBuf; 2]>,
    pub clock: RwLock<Clock>,
    /// When the time of day was set, with what it was and what it became.
    steps: Mutex<Vec<(u64, [i64; 2])>>,
    /// About where clients advance watermarks to.
    pub watermark: AtomicI64,
    /// How often clients were told to connect anew, by side.
    switches: [AtomicU64; 2],
    is_over: AtomicBool,
}

impl Stage {
    pub fn new(clock: Clock, master: PathBuf) -> Self {
        Stage {
            start: Instant::now(),
            masters: Mutex::new([master.clone(), master]),
            clock: RwLock::new(clock),
            steps: Mutex::default(),
            watermark: AtomicI64::new(0),
            switches: Default::default(),
            is_over: AtomicBool::new(false),
        }
    }

    /// Microseconds on the clock of the observer.
    pub fn now(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    /// The servers' time of day.
    pub fn time_of_day(&self) -> i64 {
        self.clock.read().unwrap_or_else(PoisonError::into_inner).now_ms()
    }

    /// Sets the clocks: `pass` lets time go on, `step` is what administrators do.
    pub fn set(&self, change: impl FnOnce(&mut Clock)) {
        let mut clock = self.clock.write().unwrap_or_else(PoisonError::into_inner);
        let before = clock.now_ms();
        let at = self.now();
        change(&mut clock);
        let times = [before, clock.now_ms()];
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.extend([(at, times), (self.now(), times)]);
    }

    pub fn steps(&self) -> Vec<(u64, [i64; 2])> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The master, as this client knows it.
    pub fn master(&self, client: u32) -> PathBuf {
        self.masters.lock().unwrap_or_else(PoisonError::into_inner)[client as usize % 2].clone()
    }

    pub fn set_master(&self, socket: PathBuf) {
        *self.masters.lock().unwrap_or_else(PoisonError::into_inner) = [socket.clone(), socket];
    }

    /// Another master: who is still connected to the old one lets go of it, as clients of Sentinels do.
    pub fn switch_to(&self, socket: PathBuf) {
        self.set_master(socket);
        self.switches[0].fetch_add(1, Ordering::AcqRel);
        self.switches[1].fetch_add(1, Ordering::AcqRel);
    }

    /// The same for those on one side alone.
    pub fn switch_side_to(&self, side: usize, socket: PathBuf) {
        self.masters.lock().unwrap_or_else(PoisonError::into_inner)[side] = socket;
        self.switches[side].fetch_add(1, Ordering::AcqRel);
    }

    pub fn switches(&self, client: u32) -> u64 {
        self.switches[client as usize % 2].load(Ordering::Acquire)
    }

    /// It is over when this goes, also because somebody panicked: clients would try to connect for ever.
    pub fn ends_with(&self) -> Over<'_> {
        Over(self)
    }

    fn end(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}

pub struct Over<'a>(&'a Stage);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
