//! What all processes of a test have in common: they cannot outlive it.
//!
//! No other program is needed to end one or to send it a signal: a small machine has neither `kill` nor `setpriv`.

use rustix::process::{kill_process, set_parent_process_death_signal, Pid, Signal};
use std::cell::RefCell;
use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How long a process may take to end once it has been told to: it may have to write its data first.
const LAST_WORDS: Duration = Duration::from_secs(60);

/// A command that the kernel kills when the thread that starts it ends, however that ends.
pub fn mortal(binary: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(binary);
    // SAFETY: between fork and exec this makes one system call, prctl, and neither allocates nor takes a lock.
    unsafe { command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?)) };
    command
}

/// Sends a signal by its name (`STOP`, `CONT`, `TERM`, `INT`, `KILL`) to a process that is not waited for yet.
#[track_caller]
pub fn signal(pid: u32, name: &str) {
    let signal = match name {
        "STOP" => Signal::STOP,
        "CONT" => Signal::CONT,
        "TERM" => Signal::TERM,
        "INT" => Signal::INT,
        "KILL" => Signal::KILL,
        _ => panic!("the harness knows no signal {name}"),
    };
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("the number of a process");
    kill_process(pid, signal).unwrap_or_else(|error| panic!("cannot send {name}: {error}"));
}

/// A process of a test. It is killed when its owner lets go of it, and also when a [`scope`](super::scope) of its test fails.
pub struct Process(Arc<Mutex<Child>>);

impl Process {
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = Arc::new(Mutex::new(command.spawn()?));
        OWN.with_borrow(|own| own.add(&child));
        Ok(Self(child))
    }

    pub fn pid(&self) -> u32 {
        self.child().id()
    }

    /// `kill -9`, without waiting for the end. Nothing happens if it has ended.
    pub fn kill(&self) {
        // An error says that it has ended.
        let _ = self.child().kill();
    }

    /// How it ended, if it has.
    pub fn has_ended(&self) -> Option<ExitStatus> {
        self.child().try_wait().expect("the state of a process")
    }

    /// Waits for the end of a process that has been told to end. Others may kill it meanwhile.
    #[track_caller]
    pub fn end(&self) -> ExitStatus {
        let deadline = Instant::now() + LAST_WORDS;
        loop {
            if let Some(status) = self.has_ended() {
                return status;
            }
            assert!(Instant::now() < deadline, "process {} does not end", self.pid());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        lock(&self.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child().wait();
    }
}

/// What it guards is complete between any two calls, so that it does not matter whether somebody panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    static OWN: RefCell<Started> = RefCell::default();
}

/// The processes that one thread has started, as far as they have owners.
#[derive(Clone, Default)]
pub struct Started(Arc<Mutex<Vec<Weak<Mutex<Child>>>>>);

impl Started {
    /// Those of the thread that calls, now and later.
    pub fn by_this_thread() -> Self {
        OWN.with_borrow(Self::clone)
    }

    fn add(&self, child: &Arc<Mutex<Child>>) {
        let mut children = lock(&self.0);
        children.retain(|child| child.strong_count() > 0);
        children.push(Arc::downgrade(child));
    }

    /// The numbers of those that are there, but for one whose end is being waited for.
    pub fn pids(&self) -> Vec<u32> {
        lock(&self.0).iter().filter_map(Weak::upgrade).filter_map(|child| Some(child.try_lock().ok()?.id())).collect()
    }

    /// Kills them all.
    pub fn kill(&self) {
        for child in lock(&self.0).iter().filter_map(Weak::upgrade) {
            let _ = lock(&child).kill();
        }
    }
}
