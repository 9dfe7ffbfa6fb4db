#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| { tsgen_fuzz::run("history_debounce", input); });
