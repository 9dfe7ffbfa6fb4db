//! In a cluster a watcher of EXPIRY hears of the keys of its own node. So it and what it watches need one hash tag.

use super::Findings;
use crate::bytes::Bytes;
use crate::family::Family;
use crate::watch::Row;
use tsgen_client::Figure;

/// What says in which slot a name is: what stands in its first braces, if there is something; else all of it.
fn tag(name: &[u8]) -> &[u8] {
    whole_tag(name).unwrap_or(name)
}

/// The tag of all names that begin so, if they have one in common.
fn whole_tag(name: &[u8]) -> Option<&[u8]> {
    let start = name.iter().position(|byte| *byte == b'{')? + 1;
    let length = name[start..].iter().position(|byte| *byte == b'}')?;
    (length > 0).then(|| &name[start..start + length])
}

pub(super) fn without_their_slot(row: &Row, found: &mut Findings) {
    let (Family::Expiry, Figure::Names(prefixes)) = (row.family, &row.info["prefixes"]) else { return };
    let own = tag(&row.id.key.0);
    for prefix in prefixes.iter().filter(|prefix| whole_tag(&prefix.0) != Some(own)) {
        let prefix = Bytes::from(prefix);
        found.warning(
            format!("EXPIRY {}", row.id.key),
            format!("of the keys that begin with '{prefix}' it hears only of those that are on its node, and not when they move"),
            "one hash tag for the watcher and its prefix: docs/cluster.md, watchers",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_and_its_prefix_have_one_tag() {
        assert_eq!(
            [&b"{shop-1}:w"[..], b"w", b"{}w", b"a{b", b"a}b{c}d{e}"].map(tag),
            [&b"shop-1"[..], b"w", b"{}w", b"a{b", b"c"]
        );
        assert_eq!(
            [&b"{shop-1}:order:"[..], b"order:", b"{}", b"{a", b""].map(whole_tag),
            [Some(&b"shop-1"[..]), None, None, None, None]
        );
    }
}
