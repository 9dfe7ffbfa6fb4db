//! The one table that a run prints, row by row as results come in.

use crate::rounds::Pair;

#[derive(Clone, Copy)]
pub enum Unit {
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Bytes,
    Entries,
    Percent,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Nanoseconds => format!("{value:.0} ns"),
            Self::Microseconds => format!("{value:.2} us"),
            Self::Milliseconds => format!("{value:.2} ms"),
            Self::Entries => format!("{value:.0}"),
            Self::Bytes => format!("{value:.0} B"),
            Self::Percent => format!("{value:.2} %"),
        }
    }
}

pub struct Table {
    has_verdicts: bool,
    targets: usize,
    missed: Vec<String>,
    measure: &'static str,
}

impl Table {
    pub fn new(has_verdicts: bool) -> Self {
        let table = Self { has_verdicts, targets: 0, missed: Vec::new(), measure: "" };
        line("what", "ours", "theirs", "ratio (lowest..highest)", "target", "");
        table
    }

    /// The rows that follow belong to this measure.
    pub fn section(&mut self, measure: &'static str, title: &str) {
        self.measure = measure;
        println!("\n{title}");
    }

    /// A ratio with a target, or without one for information.
    pub fn ratio(&mut self, what: &str, pair: &Pair, unit: Unit, target: Option<f64>) {
        let verdict = self.verdict(what, target.map(|target| pair.ratio <= target));
        let (lowest, highest) = pair.spread;
        let is_spread = highest > lowest;
        let spread = if is_spread { format!(" ({lowest:.2}..{highest:.2})") } else { String::new() };
        line(
            &format!("  {what}"),
            &unit.show(pair.ours),
            &unit.show(pair.theirs),
            &format!("{:.2}{spread}", pair.ratio),
            &target.map_or(String::new(), |target| format!("<= {target:.2}")),
            verdict,
        );
    }

    /// An absolute number with a limit, or without one for information; theirs if there is something to compare with.
    pub fn limit(&mut self, what: &str, ours: f64, theirs: Option<f64>, unit: Unit, limit: Option<f64>) {
        let verdict = self.verdict(what, limit.map(|limit| ours <= limit));
        line(
            &format!("  {what}"),
            &unit.show(ours),
            &theirs.map_or(String::new(), |theirs| unit.show(theirs)),
            &theirs.map_or(String::new(), |theirs| format!("{:.2}", ours / theirs)),
            &limit.map_or(String::new(), |limit| format!("<= {}", unit.show(limit))),
            verdict,
        );
    }

    /// Something the reader should know about the row above.
    pub fn note(&self, text: &str) {
        println!("      {text}");
    }

    pub fn finish(&self) {
        println!();
        if !self.has_verdicts {
            println!("smoke: everything ran; at these sizes the numbers say nothing");
            return;
        }
        println!("{} of {} targets reached", self.targets - self.missed.len(), self.targets);
        for what in &self.missed {
            println!("  MISS {what}");
        }
    }

    fn verdict(&mut self, what: &str, is_reached: Option<bool>) -> &'static str {
        let Some(is_reached) = is_reached.filter(|_| self.has_verdicts) else { return "" };
        self.targets += 1;
        if is_reached {
            return "ok";
        }
        self.missed.push(format!("{}: {what}", self.measure));
        "MISS"
    }
}

fn line(what: &str, ours: &str, theirs: &str, ratio: &str, target: &str, verdict: &str) {
    let text = format!("{what:<66}{ours:>12}{theirs:>12}   {ratio:<25}{target:<12}{verdict}");
    println!("{}", text.trim_end());
}
