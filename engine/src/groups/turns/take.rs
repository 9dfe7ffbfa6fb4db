//! Groups that leave the tree together, in order of their turns: those that are about to be served.

use super::{Given, Stand, Turns};

/// Which groups are taken out.
pub(in crate::groups) struct Wanted {
    /// Only groups whose heads have place keys of at most this.
    pub horizon: i64,
    /// Only groups with lower turns than this, if it is set.
    pub below: Option<u64>,
    pub most: usize,
}

impl Turns {
    /// Takes wanted groups out, in order of their turns, until there are `wanted.most` in `out`. O(log n), and O(1) a group as long as those taken
    /// have no unwanted ones between them.
    pub(in crate::groups) fn take(&mut self, given: &Given, wanted: &Wanted, out: &mut Vec<u32>) {
        if self.is_empty() {
            return;
        }
        self.end = None;
        if self.take_below(self.root, self.height, given, wanted, out).is_none() {
            *self = Turns::new();
        }
        self.lower_root();
    }

    /// The lowest key that is left below a node; `None` if there is none, and then the node is gone.
    fn take_below(
        &mut self,
        node: u32,
        level: usize,
        given: &Given,
        wanted: &Wanted,
        out: &mut Vec<u32>,
    ) -> Option<i64> {
        if level == 0 {
            return self.take_from_leaf(node, given, wanted, out);
        }
        // One bit for each child from which something was taken.
        let (mut at, mut touched) = (0, 0u64);
        while at < self.inners[node].len() && out.len() < wanted.most {
            let inner = &self.inners[node];
            let is_above = |turn| at > 0 && inner.bounds[at] >= turn;
            if wanted.below.is_some_and(is_above) {
                break;
            }
            if inner.lowest[at] > wanted.horizon {
                at += 1;
                continue;
            }
            let left = self.take_below(inner.children[at], level - 1, given, wanted, out);
            let inner = &mut self.inners[node];
            match left {
                Some(lowest) => {
                    inner.lowest[at] = lowest;
                    touched |= 1 << at;
                    at += 1;
                }
                None if inner.len() == 1 => {
                    self.inners.remove(node);
                    return None;
                }
                None => inner.drop_at(at),
            }
        }
        while touched != 0 {
            let at = touched.ilog2();
            touched ^= 1 << at;
            self.merge(node, level - 1, at as usize);
        }
        Some(self.inners[node].lowest())
    }

    /// The same for a leaf.
    fn take_from_leaf(&mut self, leaf: u32, given: &Given, wanted: &Wanted, out: &mut Vec<u32>) -> Option<i64> {
        let stands = &mut self.leaves[leaf];
        let is_wanted = |stand: Stand| {
            let takes = out.len() < wanted.most
                && stand.key <= wanted.horizon
                && wanted.below.is_none_or(|turn| given[stand.number].number() < turn);
            if takes {
                out.push(stand.number);
            }
            takes
        };
        if stands.drop_all(is_wanted) {
            self.leaves.remove(leaf);
            return None;
        }
        Some(stands.lowest())
    }
}
