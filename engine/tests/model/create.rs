//! Any key of a family, as random histories begin with it.

use crate::naive;
use crate::world::{options, with_groups, Family, World};
use crate::{debounce, expiry, tally, tsgen};
use proptest::prelude::*;
use std::fmt::Debug;
use tsgen_engine::{
    Debounce, DeliveryOptions, Expiry, Idle, IdleRules, Kind, Late, Tally, Tsgen, Ttl, TtlRules, Watermark,
    WatermarkRules, Window, WindowRules,
};

const SEED: [u64; 2] = [1, 2];

/// What a random history is made of, besides the operations that every family has.
pub trait Create: Family {
    /// What CREATE takes of this family.
    type Rules: Clone + Debug;

    fn rules() -> BoxedStrategy<Self::Rules>;

    fn options() -> BoxedStrategy<DeliveryOptions> {
        with_groups().boxed()
    }

    /// An operation of its own.
    fn own() -> BoxedStrategy<Self::Op>;

    fn world(rules: Self::Rules, options: DeliveryOptions) -> World<Self>;
}

impl Create for Watermark {
    type Rules = WatermarkRules;

    fn rules() -> BoxedStrategy<WatermarkRules> {
        let kind = prop_oneof![Just(Kind::External), Just(Kind::Clock), Just(tsgen::sources())];
        let late = prop_oneof![9 => Just(Late::Ready), 1 => Just(Late::Reject)];
        (kind, late).prop_map(|(kind, late)| WatermarkRules { kind, late }).boxed()
    }

    fn own() -> BoxedStrategy<Self::Op> {
        tsgen::op().boxed()
    }

    fn world(rules: WatermarkRules, options: DeliveryOptions) -> World<Self> {
        let gate = naive::watermark::Watermark::new(&rules.kind, matches!(rules.late, Late::Reject));
        World::new(Tsgen::create(rules, options, SEED).expect("valid options"), gate)
    }
}

impl Create for Idle {
    type Rules = IdleRules;

    fn rules() -> BoxedStrategy<IdleRules> {
        debounce::rules().boxed()
    }

    fn own() -> BoxedStrategy<Self::Op> {
        debounce::op().boxed()
    }

    fn world(rules: IdleRules, options: DeliveryOptions) -> World<Self> {
        let gate = naive::idle::Idle { rules, groups: Vec::new() };
        World::new(Debounce::create(rules, options, SEED).expect("valid rules"), gate)
    }
}

impl Create for Ttl {
    type Rules = TtlRules;

    fn rules() -> BoxedStrategy<TtlRules> {
        expiry::rules().boxed()
    }

    fn own() -> BoxedStrategy<Self::Op> {
        expiry::op().boxed()
    }

    fn world(rules: TtlRules, options: DeliveryOptions) -> World<Self> {
        let key = Expiry::create(rules.clone(), options, SEED).expect("a prefix");
        World::new(key, naive::ttl::Ttl { rules, tracked: Vec::new() })
    }
}

impl Create for Window {
    type Rules = WindowRules;

    fn rules() -> BoxedStrategy<WindowRules> {
        tally::rules().boxed()
    }

    fn options() -> BoxedStrategy<DeliveryOptions> {
        options().boxed()
    }

    fn own() -> BoxedStrategy<Self::Op> {
        tally::op().boxed()
    }

    fn world(rules: WindowRules, options: DeliveryOptions) -> World<Self> {
        let gate = naive::window::Window { rules, open: None, last_batch: 0 };
        World::new(Tally::create(rules, options, SEED).expect("valid rules"), gate)
    }
}
