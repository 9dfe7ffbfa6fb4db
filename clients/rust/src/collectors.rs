//! DEBOUNCE, EXPIRY and TALLY: what is collected, tracked and summed before it is delivered.

use crate::codec::{Decode, Encode};
use crate::content::{items, Debounce, Expiry, Item, Tally};
use crate::error::{BoxError, Error};
use crate::key::{paged, Key};
use crate::name::Name;
use crate::reply::{at, integer, list, name, rows};

/// A group that has not fired yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collecting {
    /// Its name.
    pub name: Name,
    /// How many items it has.
    pub items: i64,
    /// When it fires if nothing comes, in Unix ms.
    pub fires_at: i64,
}

/// A watched key that has a time to live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// Its name.
    pub name: Name,
    /// When it expires, in Unix ms.
    pub deadline: i64,
}

/// The items of a group that is collecting.
#[derive(Debug)]
pub struct Pushed<T> {
    /// When it fires if nothing comes, in Unix ms.
    pub fires_at: i64,
    /// In order of arrival; or what the codec says of one.
    pub items: Result<Vec<Item<T>>, BoxError>,
}

impl Key<Debounce> {
    /// Adds items and restarts the group's idle timeout. How many it is collecting now; 0 if that filled it and it fired.
    pub async fn push<T: Encode>(
        &self,
        group: impl AsRef<[u8]>,
        items: impl IntoIterator<Item = T>,
    ) -> Result<i64, Error> {
        let mut command = self.command("PUSH").and(group.as_ref());
        for item in items {
            command = command.and(item.encode().map_err(Error::Encode)?);
        }
        self.count(command).await
    }

    /// The items of a group; `None` if it is not collecting.
    pub async fn get<T: Decode>(&self, group: impl AsRef<[u8]>) -> Result<Option<Pushed<T>>, Error> {
        let reply = self.run(self.command("GET").and(group.as_ref())).await?;
        let of = list(&reply);
        Ok((!of.is_empty()).then(|| Pushed { fires_at: integer(at(of, 0)), items: items(at(of, 1)) }))
    }

    /// Lists collecting groups, next to fire first. `after` is the last group of the page before.
    pub async fn groups(&self, count: usize, after: Option<&Name>) -> Result<Vec<Collecting>, Error> {
        let reply = self.run(paged(self.command("GROUPS"), count, after)).await?;
        Ok(rows(&reply, |of| Collecting {
            name: name(at(of, 0)),
            items: integer(at(of, 1)),
            fires_at: integer(at(of, 2)),
        }))
    }

    /// Fires these groups now. How many were collecting.
    pub async fn flush<G: AsRef<[u8]>>(&self, groups: impl IntoIterator<Item = G>) -> Result<i64, Error> {
        self.of_names("FLUSH", groups).await
    }

    /// Fires up to `count` collecting groups now, next to fire first. How many.
    pub async fn flush_all(&self, count: usize) -> Result<i64, Error> {
        self.count(self.command("FLUSHALL").and("COUNT").and(count)).await
    }

    /// Drops collecting groups with their items. How many.
    pub async fn cancel<G: AsRef<[u8]>>(&self, groups: impl IntoIterator<Item = G>) -> Result<i64, Error> {
        self.of_names("CANCEL", groups).await
    }
}

impl Key<Expiry> {
    /// Lists watched keys that have a time to live, next to expire first. `after` is the last key of the page before.
    pub async fn tracked(&self, count: usize, after: Option<&Name>) -> Result<Vec<Tracked>, Error> {
        let reply = self.run(paged(self.command("TRACKED"), count, after)).await?;
        Ok(rows(&reply, |of| Tracked { name: name(at(of, 0)), deadline: integer(at(of, 1)) }))
    }
}

impl Key<Tally> {
    /// Adds to the sum of a field (signed 64 bits); the sum in this window. Sent twice, it counts twice.
    pub async fn incr(&self, field: impl AsRef<[u8]>, delta: i64) -> Result<i64, Error> {
        self.count(self.command("INCR").and(field.as_ref()).and(delta)).await
    }

    /// Adds to several sums, all or none; these sums.
    pub async fn incr_all<N: AsRef<[u8]>>(
        &self,
        deltas: impl IntoIterator<Item = (N, i64)>,
    ) -> Result<Vec<i64>, Error> {
        let command = deltas
            .into_iter()
            .fold(self.command("MINCR"), |command, (field, delta)| command.and(field.as_ref()).and(delta));
        Ok(list(&self.run(command).await?).iter().map(integer).collect())
    }

    /// What no batch that was acknowledged had of this field: open window and all batches.
    pub async fn get(&self, field: impl AsRef<[u8]>) -> Result<i64, Error> {
        self.count(self.command("GET").and(field.as_ref())).await
    }

    /// Seals the open window now. The number of its fields; 0 if none was open.
    pub async fn seal(&self) -> Result<i64, Error> {
        self.count(self.command("SEAL")).await
    }
}
