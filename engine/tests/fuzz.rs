//! What the fuzzers try (`make fuzz`), and their corpus, replayed by an ordinary test.
//!
//! A target is a function that takes any bytes and panics where the engine does not do what it should. This file is a test of the engine, and at the
//! same time the library of the package in `fuzz/`, which gives the targets to libFuzzer: so what was found is replayed by what found it.

#[path = "model/create.rs"]
mod create;
#[path = "model/debounce.rs"]
mod debounce;
#[path = "model/expiry.rs"]
mod expiry;
#[path = "fuzz/history.rs"]
mod history;
#[path = "snapshot/keys.rs"]
// The fuzzers read whole keys from files.
#[cfg_attr(not(test), allow(dead_code))]
mod keys;
#[path = "model/naive.rs"]
mod naive;
#[path = "model/reading.rs"]
mod reading;
#[path = "fuzz/snapshot.rs"]
mod snapshot;
#[path = "model/tally.rs"]
mod tally;
#[path = "fuzz/throttle.rs"]
mod throttle;
#[path = "model/tsgen.rs"]
mod tsgen;
#[path = "fuzz/words.rs"]
mod words;
#[path = "model/world.rs"]
mod world;

use tsgen_engine::{Idle, Ttl, Watermark, Window};

/// Panics if something is wrong, and tells whether the input was taken for what the target reads.
type Target = fn(&[u8]) -> bool;

/// The targets, each with its name.
pub const TARGETS: [(&str, Target); 10] = [
    ("history_debounce", history::run::<Idle>),
    ("history_expiry", history::run::<Ttl>),
    ("history_tally", history::run::<Window>),
    ("history_tsgen", history::run::<Watermark>),
    ("snapshot_debounce", snapshot::run::<Idle>),
    ("snapshot_expiry", snapshot::run::<Ttl>),
    ("snapshot_tally", snapshot::run::<Window>),
    ("snapshot_tsgen", snapshot::run::<Watermark>),
    ("throttle", throttle::run),
    ("words", words::run),
];

/// Runs the target of this name, and tells whether it took the input.
pub fn run(target: &str, input: &[u8]) -> bool {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target of this name");
    run(input)
}

#[cfg(test)]
mod corpus {
    use super::*;
    use std::fs;
    use std::path::{Path, PathBuf};

    fn package() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("fuzz")
    }

    /// The inputs that are kept for a target, with their names.
    fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let files = fs::read_dir(package().join("corpus").join(target)).expect("the corpus of the target");
        let paths = files.map(|file| file.expect("a file").path());
        paths.map(|path| (path.clone(), fs::read(path).expect("an input"))).collect()
    }

    #[test]
    fn what_the_fuzzers_found_worth_keeping_hurts_nothing() {
        for (target, run) in TARGETS {
            for (path, input) in inputs(target) {
                // What fails here is named by what stands above it in the output.
                println!("{}", path.display());
                run(&input);
            }
        }
    }

    /// A corpus of which nothing is taken would try the decoder alone. With FUZZ_SEEDS, which is a folder, the whole keys are written
    /// there for the fuzzers to begin with: what is saved today, whatever it was when the corpus was made.
    #[test]
    fn whole_keys_are_taken_and_the_corpus_has_some() {
        fn check<F: keys::Family>(target: &str) {
            let seeds: Vec<Vec<u8>> = F::everything().iter().map(snapshot::framed).collect();
            assert!(seeds.iter().all(|seed| snapshot::run::<F>(seed)), "{target}: a whole key was refused");
            if let Some(folder) = std::env::var_os("FUZZ_SEEDS") {
                let folder = Path::new(&folder).join(target);
                fs::create_dir_all(&folder).expect("a folder");
                for (nth, seed) in seeds.iter().enumerate() {
                    fs::write(folder.join(format!("whole-{nth}")), seed).expect("a seed");
                }
            }
            let taken = inputs(target).iter().filter(|(_, input)| snapshot::run::<F>(input)).count();
            assert!(taken >= seeds.len(), "{target}: only {taken} inputs are taken");
        }
        check::<Idle>("snapshot_debounce");
        check::<Ttl>("snapshot_expiry");
        check::<Window>("snapshot_tally");
        check::<Watermark>("snapshot_tsgen");
    }

    #[test]
    fn every_target_has_a_program_and_a_corpus() {
        let names = |folder: &str| {
            let files = fs::read_dir(package().join(folder)).expect("a folder");
            let mut names: Vec<_> = files
                .map(|file| file.expect("a file").path().file_stem().expect("a name").to_string_lossy().into_owned())
                .collect();
            names.sort();
            names
        };
        let targets: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(names("fuzz_targets"), targets);
        assert_eq!(names("corpus"), targets);
        for target in targets {
            let program = fs::read_to_string(package().join(format!("fuzz_targets/{target}.rs"))).expect("a program");
            assert!(program.contains(&format!("\"{target}\"")), "{target} runs another target");
        }
    }
}
