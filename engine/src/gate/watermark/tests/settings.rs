//! All that a key can be told later, at once: every value or none.

use super::*;
use crate::{Late, RememberRules, WatermarkSettings};

fn settings() -> WatermarkSettings {
    let remember = RememberRules { keep: Millis(1_000), max: 7 };
    WatermarkSettings { late: Late::Reject, source_idle: Millis(50), max_jump: 9, remember }
}

#[test]
fn a_key_tells_the_settings_that_it_was_given() {
    let mut key = key(sources(&["a", "b"]));
    assert_eq!(key.settings(), WatermarkSettings::default());
    assert_eq!(key.alter_settings(settings(), T0), Ok(true));
    assert_eq!(key.settings(), settings());
    assert_eq!(key.alter_settings(settings(), T0), Ok(false));
    let WatermarkSettings { late, source_idle, max_jump, remember } = settings();
    assert_eq!(
        (key.rules().late, key.source_idle(), key.max_jump(), key.remember()),
        (late, source_idle, max_jump, remember)
    );
}

#[test]
fn one_setting_that_cannot_be_leaves_all_as_they_were() {
    let mut key = key(sources(&["a", "b"]));
    let too_long = Millis(Millis::MAX_DURATION.0 + 1);
    let remember = RememberRules { keep: too_long, max: 7 };
    for wrong in
        [WatermarkSettings { source_idle: too_long, ..settings() }, WatermarkSettings { remember, ..settings() }]
    {
        assert!(key.check_settings(&wrong).is_err());
        assert!(key.alter_settings(wrong, T0).is_err());
        assert_eq!(key.settings(), WatermarkSettings::default());
    }
    assert_eq!(key.check_settings(&settings()), Ok(()));
    assert!(self::key(Kind::External).check_settings(&settings()).is_err(), "it has no sources that could fall silent");
}

#[test]
fn an_element_has_a_group_only_where_there_are_groups() {
    let mut key = key(Kind::External);
    let once = Addition::once(Guard::Always, 1, b"x", b"");
    assert_eq!(key.add(&Addition { group: Some(b"g"), ..once }, T0), Err(Error::NoGroups));
    assert!(key.is_empty());
}
