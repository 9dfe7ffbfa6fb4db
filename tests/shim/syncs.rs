//! What a power cut would leave: preloaded into a server, it notes how long each file was when it was last synced.
//!
//! The notes are 24 bytes each (inode, length, and when the sync began in ms since the machine did; native 64-bit numbers), appended to the file that `TSGEN_SYNCS` names. The length is read before the sync, so that
//! nothing counts that was written while it ran. A file that loses its name is noted with length 0: the next file may get its inode, and nothing of that is synced yet.
//! Built by the harness with rustc alone.

#![no_std]

use core::ffi::{c_char, c_int, c_long, c_void};
use core::sync::atomic::{AtomicI32, Ordering};

#[cfg(target_arch = "x86_64")]
mod number {
    pub const FSTAT: i64 = 5;
    pub const FSYNC: i64 = 74;
    pub const FDATASYNC: i64 = 75;
    pub const FSTATAT: i64 = 262;
    pub const UNLINKAT: i64 = 263;
    pub const RENAMEAT: i64 = 264;
    pub const CLOCK_GETTIME: i64 = 228;
}
#[cfg(target_arch = "aarch64")]
mod number {
    pub const FSTAT: i64 = 80;
    pub const FSYNC: i64 = 82;
    pub const FDATASYNC: i64 = 83;
    pub const FSTATAT: i64 = 79;
    pub const UNLINKAT: i64 = 35;
    pub const RENAMEAT: i64 = 38;
    pub const CLOCK_GETTIME: i64 = 113;
}

extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn getenv(name: *const c_char) -> *const c_char;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn write(file: c_int, bytes: *const c_void, length: usize) -> isize;
}

const WRITE_APPEND_CLOEXEC: c_int = 0o1 | 0o2000 | 0o2_000_000;
/// Paths count from where the process is.
const HERE: c_long = -100;

/// The file of notes; -1 until it was opened, -2 if there is none.
static NOTES: AtomicI32 = AtomicI32::new(-1);

fn notes() -> c_int {
    let file = NOTES.load(Ordering::Acquire);
    if file != -1 {
        return file;
    }
    // SAFETY: C strings. Two threads that are first open it twice.
    let opened = unsafe {
        let path = getenv(c"TSGEN_SYNCS".as_ptr());
        if path.is_null() { -2 } else { open(path, WRITE_APPEND_CLOEXEC) }
    };
    let opened = if opened < 0 { -2 } else { opened };
    NOTES.store(opened, Ordering::Release);
    opened
}

/// A `struct stat` of Linux on 64 bits, of which the kernel writes 144 or 128 bytes: the inode is its second word, the length its seventh.
type Stat = [u64; 32];

/// Milliseconds since the machine began, whatever another preloaded library makes of clocks.
fn uptime_ms() -> u64 {
    const BOOTTIME: c_long = 7;
    let mut time = [0u64; 2];
    // SAFETY: the kernel writes a timespec: seconds and nanoseconds.
    unsafe { syscall(number::CLOCK_GETTIME, BOOTTIME, time.as_mut_ptr()) };
    time[0] * 1_000 + time[1] / 1_000_000
}

fn note(inode: u64, length: u64, begun: u64) {
    if notes() >= 0 {
        let note = [inode, length, begun];
        // SAFETY: 24 bytes.
        unsafe { write(notes(), note.as_ptr().cast(), 24) };
    }
}

fn sync(file: c_int, number: i64) -> c_int {
    let mut stat: Stat = [0; 32];
    let begun = uptime_ms();
    // SAFETY: there is room for what the kernel writes.
    let is_known = unsafe { syscall(number::FSTAT, file as c_long, stat.as_mut_ptr()) } == 0;
    // SAFETY: what the caller asked for.
    let outcome = unsafe { syscall(number, file as c_long) } as c_int;
    if outcome == 0 && is_known {
        note(stat[1], stat[6], begun);
    }
    outcome
}

/// The file of this name is about to lose it.
fn forget(path: *const c_char) {
    let mut stat: Stat = [0; 32];
    // SAFETY: the caller's path is a C string; there is room for what the kernel writes.
    if unsafe { syscall(number::FSTATAT, HERE, path, stat.as_mut_ptr(), 0 as c_long) } == 0 {
        note(stat[1], 0, uptime_ms());
    }
}

/// The function of the C library.
#[no_mangle]
pub extern "C" fn unlink(path: *const c_char) -> c_int {
    forget(path);
    // SAFETY: what the caller asked for.
    unsafe { syscall(number::UNLINKAT, HERE, path, 0 as c_long) as c_int }
}

/// The function of the C library. A file that had the new name loses it.
#[no_mangle]
pub extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    forget(to);
    // SAFETY: what the caller asked for.
    unsafe { syscall(number::RENAMEAT, HERE, from, HERE, to) as c_int }
}

/// The function of the C library.
#[no_mangle]
pub extern "C" fn fsync(file: c_int) -> c_int {
    sync(file, number::FSYNC)
}

/// The function of the C library.
#[no_mangle]
pub extern "C" fn fdatasync(file: c_int) -> c_int {
    sync(file, number::FDATASYNC)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
