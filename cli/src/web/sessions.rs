//! Who has logged in. It is kept in memory only, so a new start asks everybody again.
//!
//! There are few users, so a table of our own does, which is bounded; a store for sessions in general would bring a database's interface.

use super::secret;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Sessions at a time. One more ends the one that was used last the longest time ago.
const MOST: usize = 1000;
/// A session ends if nothing was asked for so long,
const IDLE: Duration = Duration::from_secs(12 * 3600);
/// and in any case after this.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

struct Session {
    user: String,
    began: Instant,
    used: Instant,
}

#[derive(Default)]
pub struct Sessions(Mutex<HashMap<String, Session>>);

impl Sessions {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one, and tells its name, which only the browser gets.
    pub fn begin(&self, user: &str) -> anyhow::Result<String> {
        let (name, now, mut all) = (secret::random()?, Instant::now(), self.all());
        if all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, session)| session.used).map(|(name, _)| name.clone());
            oldest.and_then(|name| all.remove(&name));
        }
        all.insert(name.clone(), Session { user: user.to_owned(), began: now, used: now });
        Ok(name)
    }

    /// Whose it is, if it has not ended.
    pub fn user(&self, name: &str) -> Option<String> {
        self.user_at(name, Instant::now())
    }

    fn user_at(&self, name: &str, now: Instant) -> Option<String> {
        let mut all = self.all();
        all.retain(|_, session| now - session.used < IDLE && now - session.began < LONGEST);
        let session = all.get_mut(name)?;
        session.used = now;
        Some(session.user.clone())
    }

    pub fn end(&self, name: &str) {
        self.all().remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends() {
        let (sessions, hour) = (Sessions::default(), Duration::from_secs(3600));
        let (name, now) = (sessions.begin("ada").expect("a session"), Instant::now());
        assert_eq!(sessions.user("x"), None);
        for hours in (0..160).step_by(10) {
            assert_eq!(sessions.user_at(&name, now + hours * hour), Some("ada".to_owned()), "{hours}");
        }
        assert_eq!(sessions.user_at(&name, now + 169 * hour), None);
        let name = sessions.begin("ada").expect("a session");
        assert_eq!(sessions.user_at(&name, now + 13 * hour), None);
        let name = sessions.begin("ada").expect("a session");
        sessions.end(&name);
        assert_eq!(sessions.user(&name), None);
    }

    #[test]
    fn there_are_not_more_and_more() {
        let sessions = Sessions::default();
        let first = sessions.begin("ada").expect("a session");
        for _ in 0..MOST {
            sessions.begin("eve").expect("a session");
        }
        assert_eq!(sessions.user(&first), None);
        assert_eq!(sessions.all().len(), MOST);
    }
}
