//! A clock of the test's own for real servers: hours pass in no time, and the time of day steps as administrators let it.
//!
//! Servers started under it are preloaded with `tests/shim/clock.rs`, which adds what a file says to the machine's clocks.

use super::{now_ms, workspace};
use std::fs::File;
use std::os::unix::fs::{symlink, FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;

pub struct Clock {
    folder: tempfile::TempDir,
    file: File,
    /// How far the time of day is ahead, and the monotonic clock.
    shifts: [i64; 2],
    notes_syncs: bool,
}

impl Clock {
    /// At the time of this machine.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("tsgen-clock-").tempdir().expect("a temporary folder");
        let file = File::create(folder.path().join("shifts")).expect("a file for the clock");
        // A blank would end the name of what is preloaded, and cargo's folder may have one.
        symlink(shim(), folder.path().join("clock.so")).expect("a link to the shim");
        let clock = Self { folder, file, shifts: [0, 0], notes_syncs: false };
        clock.write();
        clock
    }

    /// At noon (UTC) of some day to come.
    pub fn at_noon() -> Self {
        let mut clock = Self::new();
        let now = now_ms();
        clock.pass((now / DAY_MS + 1) * DAY_MS + DAY_MS / 2 - now);
        clock
    }

    /// Has servers that are started under it note what they sync, too (`tests/shim/syncs.rs`).
    pub fn noting_syncs(mut self) -> Self {
        static SHIM: OnceLock<PathBuf> = OnceLock::new();
        symlink(SHIM.get_or_init(|| build_shim("syncs")), self.folder.path().join("syncs.so"))
            .expect("a link to the shim");
        File::create(self.syncs()).expect("a file for what is synced");
        self.notes_syncs = true;
        self
    }

    fn syncs(&self) -> PathBuf {
        self.folder.path().join("syncs")
    }

    /// How long this file was when it was last synced, 0 if it never was. It may be shorter by now.
    pub fn synced_length(&self, path: &Path) -> u64 {
        self.last_sync(path).map_or(0, |(length, _)| length)
    }

    /// How long ago the last sync of this file began; none if it never was.
    pub fn since_sync(&self, path: &Path) -> Option<Duration> {
        self.last_sync(path).map(|(_, begun)| Duration::from_millis(uptime_ms().saturating_sub(begun)))
    }

    /// Its length, and when it began.
    fn last_sync(&self, path: &Path) -> Option<(u64, u64)> {
        let inode = std::fs::metadata(path).expect("the file").ino();
        let notes = std::fs::read(self.syncs()).expect("what was synced");
        let number = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().expect("eight bytes"));
        let last = notes.chunks_exact(24).rfind(|note| number(&note[..8]) == inode)?;
        let (length, begun) = (number(&last[8..16]), number(&last[16..]));
        // 0: another file that had this inode is gone.
        (length > 0).then_some((length, begun))
    }

    /// Lets time pass: all clocks go on by so much at once.
    pub fn pass(&mut self, ms: i64) {
        self.shifts = self.shifts.map(|shift| shift + ms);
        self.write();
    }

    /// Lets time pass up to this time of day.
    pub fn pass_to(&mut self, ms: i64) {
        self.pass(ms - self.now_ms());
    }

    /// Sets the time of day forward or back, with no time passing.
    pub fn step(&mut self, ms: i64) {
        self.shifts[0] += ms;
        self.write();
    }

    /// The time of day under this clock.
    pub fn now_ms(&self) -> i64 {
        now_ms() + self.shifts[0]
    }

    fn write(&self) {
        let bytes: Vec<u8> = self.shifts.iter().flat_map(|shift| shift.to_ne_bytes()).collect();
        self.file.write_all_at(&bytes, 0).expect("set the clock");
    }

    /// What a process needs in its environment to live under this clock.
    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        let mut preloaded = self.folder.path().join("clock.so").into_os_string();
        let mut environment = vec![("TSGEN_CLOCK", self.folder.path().join("shifts"))];
        if self.notes_syncs {
            preloaded.push(":");
            preloaded.push(self.folder.path().join("syncs.so"));
            environment.push(("TSGEN_SYNCS", self.syncs()));
        }
        environment.push(("LD_PRELOAD", preloaded.into()));
        environment
    }
}

/// Milliseconds since the machine began, as the notes have it.
fn uptime_ms() -> u64 {
    let told = std::fs::read_to_string("/proc/uptime").expect("the uptime");
    let seconds: f64 = told.split(' ').next().and_then(|word| word.parse().ok()).expect("seconds");
    (seconds * 1_000.0) as u64
}

/// The shim, built once per test binary.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| build_shim("clock"))
}

/// Builds `tests/shim/name.rs`, a shared library that needs nothing but the standard library.
pub fn build_shim(name: &str) -> PathBuf {
    let source = workspace().join(format!("tests/shim/{name}.rs"));
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("lib{name}-{}.so", std::process::id()));
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let status = Command::new(rustc)
        .args(["--edition", "2021", "--crate-type", "cdylib", "-C", "opt-level=2", "-C", "panic=abort", "-o"])
        .arg(&built)
        .arg(source)
        .status();
    assert!(status.expect("run rustc").success(), "the shim {name} does not build");
    // One name for all runs. Replacing it does not disturb a process that has it mapped.
    let kept = built.with_file_name(format!("lib{name}.so"));
    std::fs::rename(&built, &kept).expect("keep the shim");
    kept
}
