//! The world as stateright explores it, and the properties.

use crate::family::Family;
use crate::history::Broken;
use crate::state::{Action, State};
use crate::world::World;
use stateright::{Model, Property};

impl<F: Family> Model for World<F> {
    type State = State<F>;
    type Action = Action<F::Write>;

    fn init_states(&self) -> Vec<State<F>> {
        vec![self.first()]
    }

    fn actions(&self, state: &State<F>, actions: &mut Vec<Self::Action>) {
        self.offer(state, actions);
    }

    fn next_state(&self, state: &State<F>, action: Self::Action) -> Option<State<F>> {
        self.step(state, &action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(KEPT, |world: &Self, state: &State<F>| {
                state.master.is_kept(&world.family) && state.replica.is_kept(&world.family)
            }),
            Property::always(EARLY, |_, state: &State<F>| !state.has(Broken::Early)),
            Property::always(SETTLED, |_, state: &State<F>| !state.has(Broken::Settled)),
            Property::always(TOKEN, |_, state: &State<F>| !state.has(Broken::Token)),
            Property::always(PAUSED, |_, state: &State<F>| !state.has(Broken::Paused)),
            Property::always(GROUP, |_, state: &State<F>| !state.has(Broken::Group)),
            Property::always(TWO_HANDS, |_, state: &State<F>| !state.has(Broken::TwoHands)),
            Property::always(STALE, |_, state: &State<F>| !state.has(Broken::Stale)),
            Property::always(OLDER_WON, |_, state: &State<F>| !state.has(Broken::OlderWon)),
            Property::always(BATCH, |_, state: &State<F>| !state.has(Broken::Batch)),
            Property::always(LEVEL, |_, state: &State<F>| !state.has(Broken::Level)),
            Property::always(MOVED, |_, state: &State<F>| !state.has(Broken::Moved)),
            Property::always(WITHHELD, |_, state: &State<F>| !state.has(Broken::Withheld)),
            Property::always(TURN, |_, state: &State<F>| !state.has(Broken::Turn)),
            Property::always(LEFT_OUT, |_, state: &State<F>| !state.has(Broken::LeftOut)),
            Property::always(REMEMBERED, |_, state: &State<F>| !state.has(Broken::Remembered)),
            Property::always(REFUSED, |_, state: &State<F>| !state.has(Broken::Refused)),
            Property::always(PERIOD, |_, state: &State<F>| !state.has(Broken::Period)),
            Property::always(TWO_RUNS, |_, state: &State<F>| !state.has(Broken::TwoRuns)),
            // What the model must come to, or it shows less than it seems to.
            Property::sometimes("two workers have had something", |_, state: &State<F>| state.has_two_workers()),
        ];
        let budget = &self.bounds.budget;
        if budget.losses > 0 {
            let lost = Property::sometimes("a worker has what its master lost", |_, state: &State<F>| {
                state.has_lost_a_claim()
            });
            properties.push(lost);
        }
        if budget.works > 0 {
            properties
                .push(Property::sometimes("something is in the database", |_, state: &State<F>| state.has_a_row()));
        }
        if budget.losses > 0 && budget.backs > 0 {
            let disagree = |_: &Self, state: &State<F>| state.clocks_disagree();
            properties.push(Property::sometimes("a master begins at a time before what was lost", disagree));
        }
        properties
    }
}

pub const KEPT: &str = "what was accepted and survived is delivered, settled or dead";
pub const EARLY: &str = "nothing is handed out before its gate has opened";
pub const SETTLED: &str = "what was settled or removed is not handed out";
pub const TOKEN: &str = "no token is given twice on one history, and tokens rise";
pub const PAUSED: &str = "a paused key hands nothing out";
pub const GROUP: &str = "of a group with GROUPLIMIT 1 one is in hand";
pub const TWO_HANDS: &str = "nothing is in two hands under leases that run";
pub const STALE: &str = "a stale token settles nothing";
pub const OLDER_WON: &str = "in a database with a fencing column no older write wins";
pub const BATCH: &str = "a batch number has one content";
pub const LEVEL: &str = "a replica that has repeated everything is equal to its master";
pub const MOVED: &str = "a key that has moved is the same key";
pub const WITHHELD: &str = "a claim gets what is ready, with what its ACK makes room for";
pub const TURN: &str = "while a group could be served and waits, no other is served twice";
pub const LEFT_OUT: &str = "no source is left out that was heard, or that could not be heard";
pub const REMEMBERED: &str = "an id that was acknowledged is not added again for as long as it is remembered";
pub const REFUSED: &str = "an ADD is refused only while its id is in hand or remembered";
pub const PERIOD: &str = "a run comes at a time of its period, and each later than the last";
pub const TWO_RUNS: &str = "of an element that comes again one run is in hand";
pub const PRIORITY: &str = "nothing of a later key is handed out while an earlier one has something";
