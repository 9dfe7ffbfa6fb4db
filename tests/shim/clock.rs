//! Virtual time for a real server: preloaded into a process, it shifts the clocks that the process reads.
//!
//! The shift is in a file of two numbers (native 64-bit milliseconds: for the time of day, for the monotonic clock), named
//! by `TSGEN_CLOCK` and mapped into memory, so that a test changes it while the process runs. It allocates nothing, because allocators
//! ask for the time too. Reading a clock costs what it costs without it, or a server under it would seem slower than it is: one that asks
//! for the time at each event of a key most of all. Built by the harness with rustc alone.
//!
//! Valkey reads the processor's own counter where it is constant, which no library can shift. It learns that from `/proc/cpuinfo`, so
//! that file is hidden from it. (On ARM it does not ask.)

#![no_std]

use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr::{null_mut, read_volatile};
use core::sync::atomic::{AtomicPtr, Ordering};

#[cfg(target_arch = "x86_64")]
const SYS_CLOCK_GETTIME: c_long = 228;
#[cfg(target_arch = "aarch64")]
const SYS_CLOCK_GETTIME: c_long = 113;

#[repr(C)]
pub struct Timespec {
    seconds: i64,
    nanos: i64,
}

#[repr(C)]
pub struct Timeval {
    seconds: i64,
    micros: i64,
}

extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn strcmp(one: *const c_char, other: *const c_char) -> c_int;
    fn getenv(name: *const c_char) -> *const c_char;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn mmap(at: *mut c_void, length: usize, protection: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
}

/// The next library behind this one.
const RTLD_NEXT: *mut c_void = usize::MAX as *mut c_void;
const PROT_READ: c_int = 1;
const MAP_SHARED: c_int = 1;
const MAP_FAILED: usize = usize::MAX;

static SHIFTS: AtomicPtr<i64> = AtomicPtr::new(null_mut());

type ClockGettime = unsafe extern "C" fn(c_int, *mut Timespec) -> c_int;

/// The function of the C library, which needs no system call on most machines; null until it was asked for, [`SOUGHT`] meanwhile.
static CLOCK_GETTIME: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
/// It is being looked for, or is not there.
const SOUGHT: *mut c_void = 1 as *mut c_void;

/// # Safety
/// `to` points to a timespec.
unsafe fn machine_time(clock: c_int, to: *mut Timespec) -> c_int {
    let mut function = CLOCK_GETTIME.load(Ordering::Acquire);
    if function.is_null() {
        // Should looking for it ask for the time, that goes by system call.
        CLOCK_GETTIME.store(SOUGHT, Ordering::Release);
        // SAFETY: a C string.
        let found = unsafe { dlsym(RTLD_NEXT, c"clock_gettime".as_ptr()) };
        function = if found.is_null() { SOUGHT } else { found };
        CLOCK_GETTIME.store(function, Ordering::Release);
    }
    // SAFETY: the caller's; the function of this name in the C library is one of this type.
    unsafe {
        if function == SOUGHT {
            return syscall(SYS_CLOCK_GETTIME, clock as c_long, to) as c_int;
        }
        core::mem::transmute::<*mut c_void, ClockGettime>(function)(clock, to)
    }
}

/// The mapped file; mapped twice if two threads are first. A process without one keeps its time.
fn shift_ms(of: usize) -> i64 {
    let mut shifts = SHIFTS.load(Ordering::Acquire);
    if shifts.is_null() {
        // SAFETY: constant strings end with NUL; a path that cannot be opened gives -1, which mmap refuses.
        let mapped = unsafe {
            let path = getenv(c"TSGEN_CLOCK".as_ptr());
            if path.is_null() {
                return 0;
            }
            mmap(null_mut(), 16, PROT_READ, MAP_SHARED, open(path, 0), 0)
        };
        if mapped as usize == MAP_FAILED {
            return 0;
        }
        shifts = mapped.cast();
        SHIFTS.store(shifts, Ordering::Release);
    }
    // SAFETY: sixteen bytes are mapped for as long as the process lives; `of` is 0 or 1.
    unsafe { read_volatile(shifts.add(of)) }
}

/// # Safety
/// As of the function it stands in for: `to` points to a timespec.
#[no_mangle]
pub unsafe extern "C" fn clock_gettime(clock: c_int, to: *mut Timespec) -> c_int {
    // SAFETY: the caller's.
    let outcome = unsafe { machine_time(clock, to) };
    // REALTIME, MONOTONIC, and the coarse forms of both.
    let shift = match clock {
        0 | 5 => shift_ms(0),
        1 | 6 => shift_ms(1),
        _ => 0,
    };
    if outcome == 0 && shift != 0 {
        // SAFETY: it was just written.
        let time = unsafe { &mut *to };
        let nanos = time.nanos + shift.rem_euclid(1_000) * 1_000_000;
        time.seconds += shift.div_euclid(1_000) + nanos / 1_000_000_000;
        time.nanos = nanos % 1_000_000_000;
    }
    outcome
}

fn time_of_day() -> Timespec {
    let mut now = Timespec { seconds: 0, nanos: 0 };
    // SAFETY: `now` is a timespec.
    unsafe { clock_gettime(0, &mut now) };
    now
}

/// # Safety
/// As of the function it stands in for: `to` is null or points to a timeval.
#[no_mangle]
pub unsafe extern "C" fn gettimeofday(to: *mut Timeval, _zone: *mut c_void) -> c_int {
    let now = time_of_day();
    if !to.is_null() {
        // SAFETY: the caller's.
        unsafe { *to = Timeval { seconds: now.seconds, micros: now.nanos / 1_000 } };
    }
    0
}

/// # Safety
/// As of the function it stands in for: `to` is null or points to a time.
#[no_mangle]
pub unsafe extern "C" fn time(to: *mut i64) -> i64 {
    let now = time_of_day().seconds;
    if !to.is_null() {
        // SAFETY: the caller's.
        unsafe { *to = now };
    }
    now
}

/// # Safety
/// As of the function it stands in for: `path` and `mode` are C strings.
#[no_mangle]
pub unsafe extern "C" fn fopen(path: *const c_char, mode: *const c_char) -> *mut c_void {
    type Open = unsafe extern "C" fn(*const c_char, *const c_char) -> *mut c_void;
    // SAFETY: C strings; the function of this name in the C library is one of this type.
    unsafe {
        if strcmp(path, c"/proc/cpuinfo".as_ptr()) == 0 {
            return null_mut();
        }
        let real = dlsym(RTLD_NEXT, c"fopen".as_ptr());
        if real.is_null() {
            return null_mut();
        }
        core::mem::transmute::<*mut c_void, Open>(real)(path, mode)
    }
}

/// The same; files of any size are as `fopen` has them on 64-bit machines.
///
/// # Safety
/// As of [`fopen`].
#[no_mangle]
pub unsafe extern "C" fn fopen64(path: *const c_char, mode: *const c_char) -> *mut c_void {
    // SAFETY: the caller's.
    unsafe { fopen(path, mode) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
