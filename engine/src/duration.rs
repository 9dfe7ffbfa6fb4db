//! Durations as clients write them: a whole number of milliseconds, or of the unit that stands behind it.

use crate::time::Millis;

/// Units, and how many milliseconds each has.
const UNITS: [(&[u8], u64); 5] =
    [(b"ms", 1), (b"s", 1_000), (b"m", 60_000), (b"h", 60 * 60_000), (b"d", 24 * 60 * 60_000)];

/// A duration that was read.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Duration {
    /// How long it is.
    pub ms: Millis,
    /// Whether it was written with a unit.
    pub has_unit: bool,
}

/// Reads `1500`, `1500ms`, `90s`, `5m`, `2h` or `7d`: digits without a sign or leading zeros, and at most one unit, in lower case. `None`
/// for anything else, and for more milliseconds than 64 bits hold.
pub fn duration(text: &[u8]) -> Option<Duration> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let canonical = matches!(number, [b'0'] | [b'1'..=b'9', ..]);
    if !canonical {
        return None;
    }
    let value =
        number.iter().try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    if unit.is_empty() {
        return Some(Duration { ms: Millis(value), has_unit: false });
    }
    let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    Some(Duration { ms: Millis(value.checked_mul(factor)?), has_unit: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> Option<u64> {
        duration(text.as_bytes()).map(|read| read.ms.0)
    }

    #[test]
    fn a_number_is_of_milliseconds_unless_a_unit_says_otherwise() {
        assert_eq!(ms("1500"), Some(1_500));
        assert_eq!(ms("250ms"), Some(250));
        assert_eq!(ms("30s"), Some(30_000));
        assert_eq!(ms("5m"), Some(300_000));
        assert_eq!(ms("2h"), Some(7_200_000));
        assert_eq!(ms("3650d"), Some(Millis::MAX_DURATION.0));
        assert_eq!((ms("0"), ms("0d")), (Some(0), Some(0)));
        assert!(duration(b"0s").is_some_and(|read| read.has_unit) && !duration(b"0").is_some_and(|read| read.has_unit));
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "", "s", "ms", "-1", "+1", "-1s", "01", "01s", "00", "1 s", " 1s", "1s ", "1S", "1MS", "1.5s", "1,5s",
            "1e3", "1h30m",
        ] {
            assert_eq!(ms(text), None, "{text:?}");
        }
        for text in ["1sec", "1w", "1y", "1us", "1µs", "s1", "1ss", "1\0", "0x1s", "٣s"] {
            assert_eq!(ms(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_none_and_not_something_else() {
        assert_eq!(ms("18446744073709551615"), Some(u64::MAX));
        assert_eq!(ms("18446744073709551616"), None);
        assert_eq!(ms("18446744073709551615s"), None);
        assert_eq!(ms("213503982334d"), Some(213_503_982_334 * 86_400_000));
        assert_eq!(ms("213503982335d"), None);
        assert_eq!(ms(&"9".repeat(400)), None);
    }
}
