//! Groups that are kept for dead letters.

use super::*;

/// Dead letters whose group has another name than they keep the group, and do not count as using it.
#[test]
fn a_group_of_dead_letters_only_is_not_counted_and_goes_with_the_last_of_them() {
    let mut key = key(1, true);
    for id in ["a", "b"] {
        add(&mut key, "g", 1, id);
    }
    add(&mut key, "own", 1, "own");
    key.advance(1, None, NOW).expect("external");
    let dead = Nack { delay: None, dead: true, reason: b"" };
    let die = |key: &mut Tsgen, id| {
        assert_eq!(claim(key, 1), [id]);
        let token = [last(key)];
        key.nack(&token, &dead, NOW).expect("one token");
        token
    };
    let a = die(&mut key, "a");
    let own = die(&mut key, "own");
    let b = die(&mut key, "b");
    let tables = |key: &Tsgen| {
        let groups = key.groups.as_ref().expect("groups");
        (key.group_counts().groups, groups.table.len(), groups.details.len(), groups.names.len(), groups.held)
    };
    assert_eq!(tables(&key), (0, 1, 1, 1, 1));
    assert_eq!(key.requeue(Which::Tokens(&a), NOW).expect("one token").count, 1);
    assert_eq!((tables(&key), claim(&mut key, 1)), ((1, 1, 1, 1, 1), vec!["a".to_owned()]));
    assert_eq!(key.discard(Which::Tokens(&b), NOW).expect("one token").count, 1);
    assert_eq!((key.ack(&[last(&key)], NOW).expect("one token").count, tables(&key)), (1, (0, 0, 0, 0, 0)));
    assert_eq!(key.requeue(Which::Tokens(&own), NOW).expect("one token").count, 1);
    assert_eq!(tables(&key), (1, 1, 0, 1, 0), "it is found again by its own name");
    let own = die(&mut key, "own");
    assert_eq!(key.discard(Which::Tokens(&own), NOW).expect("one token").count, 1);
    assert_eq!((tables(&key), key.is_empty()), ((0, 0, 0, 0, 0), true));
}
