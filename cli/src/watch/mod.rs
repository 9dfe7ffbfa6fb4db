//! A picture of all keys of all masters and databases that is kept up to date, for whatever looks for longer than once.
//!
//! One task looks; all views share what it has seen, by clones of [`Watch`]. It never ends by itself: a server that is gone is told of with
//! the last that is known of it, and is looked at again when it is back. What it costs the servers is bounded: see [`Options`].

mod node;
mod order;
mod past;
mod picture;
mod rates;
mod sampler;
mod station;
mod turn;
mod walk;

pub use node::Node;
pub use order::late_first;
pub use past::{Past, Point, Ring};
pub use picture::{complain, KeyId, Picture, Refused, Row};
pub use rates::Rates;

use crate::family::Family;
use crate::servers::Servers;
use sampler::Sampler;
use std::collections::HashMap;
use std::future::Future;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::{watch, Notify};
use tokio::time::timeout_at;

/// For how long [`Watch::look_at`] counts.
const LOOKED_AT: Duration = Duration::from_secs(30);
/// So many keys can be looked at at once; of more those that were shown last. And so many are asked at most, because they are in view, in the
/// time between two looks, however many more looks there are in it.
const MOST_LOOKED_AT: usize = 1000;
/// Figures are never too old to be shown that are younger.
const FRESH: Duration = Duration::from_secs(1);
/// Two looks are at least so far apart, however often [`Watch::soon`] is called.
const SOONEST: Duration = Duration::from_millis(100);
/// Two looks for pages that would show what is old are at least so far apart, however many are opened.
const SOONEST_FOR_PAGES: Duration = Duration::from_secs(1);

/// How often to look, and at how much.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long after the beginning of a look the next one begins.
    pub every: Duration,
    /// So many keys of each node are asked for their INFO a second; at least 50 a look. With more keys than that those in view are asked each
    /// time, up to 1000 of them, new ones soon, those with traffic more often, and the others in turn. The default costs a server less than a
    /// hundredth of a core.
    pub keys_per_second: u32,
    pub families: Vec<Family>,
}

impl Default for Options {
    fn default() -> Self {
        Self { every: Duration::from_secs(2), keys_per_second: 250, families: Family::ALL.to_vec() }
    }
}

/// The picture, and how to say what matters of it. Clones share one task, which ends with the last of them.
#[derive(Clone)]
pub struct Watch {
    every: Duration,
    picture: watch::Receiver<Arc<Picture>>,
    wishes: Arc<Wishes>,
}

/// What those who look have asked for.
#[derive(Default)]
struct Wishes {
    /// The keys in view, and until when.
    looked_at: Mutex<HashMap<KeyId, Instant>>,
    /// Somebody has changed something.
    soon: Notify,
    /// Somebody would be shown what is old.
    is_stale: Notify,
}

impl Wishes {
    fn looked_at(&self, now: Instant) -> HashMap<KeyId, Instant> {
        let mut keys = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, until| *until > now);
        keys.clone()
    }

    fn look_at(&self, keys: impl IntoIterator<Item = KeyId>, until: Instant) {
        let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            if looked_at.len() >= MOST_LOOKED_AT && !looked_at.contains_key(&key) {
                // Those that were shown longest ago make room, some at a time.
                let mut ends: Vec<Instant> = looked_at.values().copied().collect();
                let (_, end, _) = ends.select_nth_unstable(MOST_LOOKED_AT / 8);
                let end = *end;
                looked_at.retain(|_, until| *until > end);
            }
            looked_at.insert(key, until);
        }
    }
}

impl Watch {
    /// Starts to look. It has to be called in a runtime of tokio.
    pub fn start(servers: Servers, options: Options) -> Self {
        let (sender, picture) = watch::channel(Arc::new(Picture::default()));
        let (every, wishes) = (options.every, Arc::new(Wishes::default()));
        tokio::spawn(run(Sampler::new(servers, options), sender, wishes.clone()));
        Self { every, picture, wishes }
    }

    /// The picture as it is; with `nth` 0, and empty, before the first look has ended.
    pub fn now(&self) -> Arc<Picture> {
        self.picture.borrow().clone()
    }

    /// Waits for a picture that this clone has not had from here yet.
    pub async fn changed(&mut self) -> Arc<Picture> {
        // The task ends only with the last receiver, so this is no error; and if it were, the last picture would be all there is.
        if self.picture.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.picture.borrow_and_update().clone()
    }

    /// How long after the beginning of a look the next one begins.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// The picture, once there is one: after the first look, also if nobody was reached.
    pub async fn first(&self) -> Arc<Picture> {
        // An error means that the task is over: then what there is, is what there will be.
        drop(self.picture.clone().wait_for(|picture| picture.nth > 0).await);
        self.now()
    }

    /// These keys are in somebody's view for the next half minute: they are looked at each time, and their past is kept. To be called
    /// again whenever they are shown.
    pub fn look_at(&self, keys: impl IntoIterator<Item = KeyId>) {
        self.wishes.look_at(keys, Instant::now() + LOOKED_AT);
    }

    /// The picture that `choose` finds keys in to be shown: one in which their figures are no older than the time between two looks, or a
    /// second. For that it looks again, but not more often than once a second for all who ask, and waits no longer than `patience`, also for
    /// the first picture; then older ones have to do.
    pub async fn fresh(&self, patience: Duration, choose: impl Fn(&Picture) -> Vec<Arc<Row>>) -> Arc<Picture> {
        let until = tokio::time::Instant::now() + patience;
        let mut watch = self.clone();
        if let Err(_late) = timeout_at(until, self.first()).await {
            return self.now();
        }
        loop {
            let picture = watch.picture.borrow_and_update().clone();
            let rows = choose(&picture);
            // Those of a master that is not reached would be waited for in vain.
            let is_old = |row: &Arc<Row>| {
                row.age() > self.every.max(FRESH)
                    && picture.nodes.iter().any(|node| *node.address == *row.node && node.trouble.is_none())
            };
            let has_old = rows.iter().any(is_old);
            self.look_at(rows.into_iter().map(|row| row.id.clone()));
            if !has_old {
                return picture;
            }
            self.wishes.is_stale.notify_one();
            if timeout_at(until, watch.changed()).await.is_err() {
                return self.now();
            }
        }
    }

    /// Looks again at once, for somebody has changed something.
    pub fn soon(&self) {
        self.wishes.soon.notify_one();
    }
}

/// All keys, once, at whatever it costs: one row each, unless [`Picture::troubles`] says otherwise.
///
/// # Errors
///
/// If no master is reached.
pub async fn whole(servers: Servers, families: &[Family]) -> anyhow::Result<Picture> {
    let options = Options { keys_per_second: u32::MAX, families: families.to_vec(), ..Options::default() };
    let mut sampler = Sampler::new(servers, options);
    loop {
        let picture = sampler.look(&HashMap::new()).await;
        if !picture.is_reached() {
            // Asked once more for an error that says whether there was an answer.
            sampler.servers().check().await?;
            anyhow::bail!("{}", picture.troubles().join("; "));
        }
        let may_search = picture.nodes.iter().all(|node| node.warnings.is_empty());
        if picture.is_whole || (!may_search && picture.unseen == 0) {
            return Ok(picture);
        }
    }
}

/// Nothing if it panics: a task that ends without a word would leave all views with the last picture, as if nothing had changed since.
async fn caught<T>(look: impl Future<Output = T>) -> Option<T> {
    let mut look = std::pin::pin!(look);
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| look.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    })
    .await
}

async fn run(mut sampler: Sampler, sender: watch::Sender<Arc<Picture>>, wishes: Arc<Wishes>) {
    // When a look has begun for a page.
    let mut hurried: Option<Instant> = None;
    loop {
        let began = Instant::now();
        let looked_at = wishes.looked_at(began);
        let picture = tokio::select! {
            picture = caught(sampler.look(&looked_at)) => picture.unwrap_or_else(|| sender.borrow().failed()),
            () = sender.closed() => return,
        };
        if sender.send(Arc::new(picture)).is_err() {
            return;
        }
        let every = sampler.every();
        let for_a_page = async {
            wishes.is_stale.notified().await;
            let left = hurried.map_or(Duration::ZERO, |hurried| SOONEST_FOR_PAGES.saturating_sub(hurried.elapsed()));
            tokio::time::sleep(left.max(SOONEST.saturating_sub(began.elapsed()))).await;
        };
        tokio::select! {
            () = tokio::time::sleep(every.saturating_sub(began.elapsed()).max(SOONEST.min(every))) => {}
            () = wishes.soon.notified() => tokio::time::sleep(SOONEST.saturating_sub(began.elapsed())).await,
            () = for_a_page => hurried = Some(Instant::now()),
            () = sender.closed() => return,
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A key with ready entries, the oldest of which is ready for ten times as many ms.
    pub fn bare(name: &str, ready: i64) -> Row {
        Row {
            node: "h:1".into(),
            id: KeyId { db: 0, key: name.into() },
            family: Family::Tsgen,
            info: rates::tests::info(&[("ready", ready), ("oldest-ready-age", ready.saturating_mul(10))]),
            sources: Vec::new(),
            rates: None,
            ready_since: None,
            seen: Instant::now(),
        }
    }

    pub fn row(name: &str, ready: i64) -> Arc<Row> {
        Arc::new(bare(name, ready))
    }

    #[test]
    fn of_very_many_in_view_those_that_were_shown_last_count() {
        let (wishes, now) = (Wishes::default(), Instant::now());
        let id = |nth: usize| KeyId { db: 0, key: nth.to_string().as_str().into() };
        for nth in 0..5000 {
            wishes.look_at([id(nth)], now + LOOKED_AT + Duration::from_millis(nth as u64 / 100));
            assert!(wishes.looked_at(now).contains_key(&id(nth)));
        }
        let kept = wishes.looked_at(now);
        assert!(kept.len() <= MOST_LOOKED_AT && (4300..5000).all(|nth| kept.contains_key(&id(nth))), "{}", kept.len());
        // All at the same moment: no more than there is room for.
        wishes.look_at((10_000..15_000).map(id), now + 2 * LOOKED_AT);
        assert!(wishes.looked_at(now).len() <= MOST_LOOKED_AT);
    }

    #[tokio::test]
    async fn a_look_that_panics_is_told_of() {
        assert_eq!(caught(async { 7 }).await, Some(7));
        let panics = async {
            tokio::task::yield_now().await;
            panic!("planted");
        };
        assert_eq!(caught::<()>(panics).await, None);
        let before = Picture { nth: 3, rows: vec![row("mails", 1)], ..Picture::default() };
        let told = before.failed();
        assert_eq!((told.nth, told.rows.len(), told.troubles().len()), (4, 1, 1));
    }
}
