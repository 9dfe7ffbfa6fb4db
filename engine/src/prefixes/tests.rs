use super::*;
use proptest::prelude::*;

impl<T> Prefixes<T> {
    fn nodes(&self) -> usize {
        self.nodes.len()
    }
}

fn of(prefixes: &[&str]) -> Prefixes<usize> {
    let mut index = Prefixes::default();
    prefixes.iter().enumerate().for_each(|(owner, prefix)| index.insert(prefix.as_bytes(), owner));
    index
}

fn owners(index: &Prefixes<usize>, name: &str) -> Vec<usize> {
    index.owners_of(name.as_bytes()).copied().collect()
}

#[test]
fn a_name_is_covered_by_every_prefix_of_it_and_by_no_other() {
    let index = of(&["order:", "order:7", "orders", "o", "cart:", "order:"]);
    assert_eq!(owners(&index, "order:7"), [3, 0, 5, 1]);
    assert_eq!(owners(&index, "order:"), [3, 0, 5]);
    assert_eq!(owners(&index, "order"), [3]);
    assert_eq!(owners(&index, "cart"), []);
    assert_eq!(owners(&index, ""), []);
    assert!(index.cover(b"cart:1") && !index.cover(b"car") && !index.cover(b"zzz"));
}

#[test]
fn the_empty_prefix_covers_all() {
    let index = of(&["", "a"]);
    assert_eq!((owners(&index, ""), owners(&index, "a"), owners(&index, "b")), (vec![0], vec![0, 1], vec![0]));
}

#[test]
fn what_does_not_stand_there_is_not_removed() {
    let mut index = of(&["abc", "abd"]);
    for (prefix, owner) in [("ab", 0), ("abc", 1), ("abcd", 0), ("x", 0), ("", 0)] {
        assert!(!index.remove(prefix.as_bytes(), &owner), "{prefix}");
    }
    assert!(index.remove(b"abc", &0) && !index.remove(b"abc", &0));
    assert_eq!(owners(&index, "abd"), [1]);
}

/// Prefixes that extend one another make a chain of nodes, along which nothing may recurse.
#[test]
fn prefixes_may_extend_one_another_very_often() {
    let name = vec![b'a'; 6_000];
    let mut index = Prefixes::default();
    (0..=name.len()).for_each(|length| index.insert(&name[..length], length));
    assert!(index.owners_of(&name).copied().eq(0..=name.len()));
    assert!(index.remove(&name[..3_000], &3_000));
    assert_eq!(index.owners_of(&name).count(), name.len());
}

#[derive(Clone, Debug)]
enum Op {
    Insert(Vec<u8>, u8),
    Remove(Vec<u8>, u8),
    /// One that stands there.
    RemoveNth(usize),
}

fn text(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![4 => Just(b'a'), 3 => Just(b'b'), 1 => any::<u8>()], 0..longest)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => (text(7), 0u8..4).prop_map(|(prefix, owner)| Op::Insert(prefix, owner)),
        1 => (text(7), 0u8..4).prop_map(|(prefix, owner)| Op::Remove(prefix, owner)),
        3 => any::<usize>().prop_map(Op::RemoveNth),
    ]
}

proptest! {
    /// The tree and a plain list, which is searched from end to end.
    #[test]
    fn it_is_a_list_of_prefixes(ops in prop::collection::vec(op(), 1..80), names in prop::collection::vec(text(10), 1..20)) {
        let (mut index, mut list) = (Prefixes::default(), Vec::<(Vec<u8>, u8)>::new());
        for op in ops {
            let (prefix, owner) = match op {
                Op::Insert(prefix, owner) => {
                    index.insert(&prefix, owner);
                    list.push((prefix, owner));
                    continue;
                }
                Op::Remove(prefix, owner) => (prefix, owner),
                Op::RemoveNth(_) if list.is_empty() => continue,
                Op::RemoveNth(nth) => list[nth % list.len()].clone(),
            };
            let stands = list.iter().position(|one| *one == (prefix.clone(), owner));
            prop_assert_eq!(index.remove(&prefix, &owner), stands.is_some());
            stands.map(|position| list.remove(position));
            for name in &names {
                let mut found: Vec<u8> = index.owners_of(name).copied().collect();
                let mut expected: Vec<u8> =
                    list.iter().filter(|(prefix, _)| name.starts_with(prefix)).map(|(_, owner)| *owner).collect();
                prop_assert_eq!(index.cover(name), !expected.is_empty());
                found.sort_unstable();
                expected.sort_unstable();
                prop_assert_eq!(found, expected);
            }
            let begins = |byte: u8| list.iter().any(|(prefix, _)| prefix.first().is_none_or(|first| *first == byte));
            prop_assert!(index.first_bytes().eq((0..=u8::MAX).filter(|byte| begins(*byte))));
            // The root, a node for each prefix, and one for each at which two part.
            prop_assert!(index.nodes() <= (2 * list.len()).max(1), "{} nodes for {} prefixes", index.nodes(), list.len());
        }
    }
}
