//! The rows of the list: what is known of each key, by which column they are sorted, and which are shown.

use super::text;
use crate::bytes::Bytes;
use crate::family::Family;
use crate::watch::late_first;
use std::cmp::Ordering;

/// Which key it is. Names are not unique: each database has its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    pub db: u32,
    pub key: Bytes,
    pub family: Family,
}

/// A key with its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub spot: Spot,
    pub waiting: i64,
    pub ready: i64,
    pub leased: i64,
    pub delayed: i64,
    pub dead: i64,
    /// In ms; nothing is ready otherwise.
    pub oldest: Option<i64>,
    pub is_paused: bool,
    /// Deliveries in a second; unknown at the first look.
    pub delivered: Option<f64>,
    /// Acknowledgements in a second.
    pub acked: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Key,
    Oldest,
    Ready,
    Dead,
    Leased,
    Waiting,
    Delayed,
    Acked,
    State,
    Family,
    Delivered,
    Db,
}

impl Column {
    /// In the order in which they stand.
    pub const ALL: [Self; 12] = [
        Self::Db,
        Self::Key,
        Self::Family,
        Self::State,
        Self::Waiting,
        Self::Ready,
        Self::Leased,
        Self::Delayed,
        Self::Dead,
        Self::Oldest,
        Self::Delivered,
        Self::Acked,
    ];

    /// In the order in which they are given up where there is no room, last first.
    pub const BY_WORTH: [Self; 12] = [
        Self::Key,
        Self::Oldest,
        Self::Dead,
        Self::Ready,
        Self::State,
        Self::Leased,
        Self::Waiting,
        Self::Delayed,
        Self::Acked,
        Self::Family,
        Self::Db,
        Self::Delivered,
    ];

    /// The title, and which of its letters sorts by it.
    pub fn title(self) -> (&'static str, char) {
        match self {
            Self::Key => ("KEY", 'K'),
            Self::Oldest => ("OLDEST", 'O'),
            Self::Ready => ("READY", 'R'),
            Self::Dead => ("DEAD", 'E'),
            Self::Leased => ("LEASED", 'L'),
            Self::Waiting => ("WAITING", 'W'),
            Self::Delayed => ("DELAYED", 'D'),
            Self::Acked => ("ACK/S", 'A'),
            Self::State => ("STATE", 'S'),
            Self::Family => ("FAMILY", 'F'),
            Self::Delivered => ("OUT/S", 'U'),
            Self::Db => ("DB", 'B'),
        }
    }

    pub fn of_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.title().1 == letter)
    }

    /// In columns of the screen; that of the key is what is left.
    pub fn width(self) -> u16 {
        match self {
            Self::Db => 2,
            Self::Family => 8,
            Self::State | Self::Oldest | Self::Leased => 6,
            Self::Waiting | Self::Delayed => 7,
            Self::Ready | Self::Dead | Self::Acked | Self::Delivered => 5,
            Self::Key => 0,
        }
    }

    pub fn is_number(self) -> bool {
        !matches!(self, Self::Key | Self::State | Self::Family)
    }

    /// Whether the largest stands first.
    pub fn is_falling(self) -> bool {
        !matches!(self, Self::Key | Self::Family | Self::Db)
    }
}

impl Row {
    pub fn cell(&self, column: Column) -> String {
        let rate = |rate: Option<f64>| match rate {
            None => "-".to_owned(),
            Some(rate) if rate > 0.0 && rate < 100.0 => format!("{rate:.1}"),
            Some(rate) => text::count(rate.round() as i64),
        };
        match column {
            Column::Db => self.spot.db.to_string(),
            Column::Key => text::name(&self.spot.key),
            Column::Family => self.spot.family.to_string(),
            Column::State => if self.is_paused { "paused" } else { "" }.to_owned(),
            Column::Waiting => text::count(self.waiting),
            Column::Ready => text::count(self.ready),
            Column::Leased => text::count(self.leased),
            Column::Delayed => text::count(self.delayed),
            Column::Dead => text::count(self.dead),
            Column::Oldest => self.oldest.map_or("-".to_owned(), text::age),
            Column::Delivered => rate(self.delivered),
            Column::Acked => rate(self.acked),
        }
    }
}

/// By which column, and whether the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub column: Column,
    pub is_reversed: bool,
}

impl Order {
    /// What a press of the column's letter makes of it.
    pub fn pressed(self, column: Column) -> Self {
        Self { column, is_reversed: self.column == column && !self.is_reversed }
    }

    /// Ties are in the order of databases and names.
    pub fn compare(self, one: &Row, other: &Row) -> Ordering {
        let rate = |rate: Option<f64>| rate.unwrap_or(-1.0);
        let by = match self.column {
            Column::Db => one.spot.db.cmp(&other.spot.db),
            Column::Key => one.spot.key.cmp(&other.spot.key),
            Column::Family => one.spot.family.cmp(&other.spot.family),
            Column::State => one.is_paused.cmp(&other.is_paused),
            Column::Waiting => one.waiting.cmp(&other.waiting),
            Column::Ready => one.ready.cmp(&other.ready),
            Column::Leased => one.leased.cmp(&other.leased),
            Column::Delayed => one.delayed.cmp(&other.delayed),
            Column::Dead => one.dead.cmp(&other.dead),
            // Falling, as all columns of numbers are.
            Column::Oldest => late_first(other.oldest, other.dead).cmp(&late_first(one.oldest, one.dead)),
            Column::Delivered => rate(one.delivered).total_cmp(&rate(other.delivered)),
            Column::Acked => rate(one.acked).total_cmp(&rate(other.acked)),
        };
        let by = if self.column.is_falling() != self.is_reversed { by.reverse() } else { by };
        by.then_with(|| one.spot.cmp(&other.spot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_has_a_letter_of_its_own() {
        for column in Column::ALL {
            let (title, letter) = column.title();
            assert!(title.contains(letter));
            assert_eq!(Column::of_letter(letter), Some(column));
            assert!(column == Column::Key || usize::from(column.width()) >= title.len());
            assert!(Column::BY_WORTH.contains(&column));
        }
    }
}
