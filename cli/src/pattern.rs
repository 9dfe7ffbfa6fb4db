//! Patterns of `*` and `?` as people type them, and what they are compared with. What a comparison costs grows with the length of the pattern
//! times that of the text, so both have bounds.

use crate::bytes::shortened;
use wildmatch::WildMatch;

/// The bytes of a text that a pattern looks at.
pub const LOOKED_AT: usize = 4096;
/// The characters of what somebody looks for.
const SOUGHT: usize = 200;

/// What somebody looks for: a pattern as `ls` has it; without * and ? a part of the name will do. Of a very long one the beginning counts.
pub fn sought(text: &str) -> WildMatch {
    let text = shortened(text, SOUGHT);
    WildMatch::new(&if text.contains(['*', '?']) { text } else { format!("*{text}*") })
}

/// Whether a text matches; of a very long one the beginning has to.
pub fn matches(pattern: &WildMatch, text: &[u8]) -> bool {
    pattern.matches(&String::from_utf8_lossy(&text[..text.len().min(LOOKED_AT)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_match_anywhere_and_patterns_as_a_whole() {
        let is_found = |text: &str, name: &[u8]| matches(&sought(text), name);
        assert!(is_found("ail", b"mails") && is_found("m*s", b"mails") && is_found("", b"mails"));
        assert!(is_found("*\u{fffd}", b"a\xff"));
        assert!(!is_found("x", b"mails") && !is_found("m*l", b"mails") && !is_found("AIL", b"mails"));
    }

    #[test]
    fn of_what_is_very_long_the_beginning_counts() {
        let long = [b"x".repeat(LOOKED_AT), b"end".to_vec()].concat();
        assert!(matches(&sought("x*"), &long) && !matches(&sought("end"), &long));
    }
}
