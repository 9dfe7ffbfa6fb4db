//! What delivery does about server events, which happen to this node without a command of ours.

use crate::command::behaviour;
use crate::delivery::timer::deadlines;
use crate::delivery::unfinished;
use crate::delivery::waiters;
use crate::redis::server_events::Event;
use tsgen_engine::UnixMs;

pub fn on_event(event: &Event) {
    match event {
        Event::Flushed(db) => deadlines::forget(*db),
        Event::Swapped(one, other) => {
            deadlines::swap(*one, *other);
            // Clients that wait stay in their databases.
            for db in [*one, *other] {
                waiters::names(db).iter().for_each(|name| deadlines::note(db, name, UnixMs(0)));
            }
        }
        Event::BecameMaster => deadlines::look_at_all(),
        Event::SyncBegins => behaviour::sync_begins(),
        Event::LoadingEnded => {
            behaviour::sync_ended();
            unfinished::ended();
            waiters::data_is_there();
        }
        Event::Cron => deadlines::mind_the_clock(),
        Event::BecameReplica | Event::Saving | Event::Saved => {}
    }
}
