//! The list of all keys: order, filter, and the row that is selected, which stays the same key whatever moves around it.

use super::rows::{Column, Order, Row, Spot};
use crate::family::Family;
use crate::pattern::{matches, sought};
use crossterm::event::KeyCode;

pub struct List {
    pub order: Order,
    /// Words or a pattern that names have to match.
    pub filter: String,
    pub family: Option<Family>,
    pub selected: Option<Spot>,
    /// Where it stood, for when it has gone.
    place: usize,
}

impl Default for List {
    /// What is latest stands first.
    fn default() -> Self {
        let order = Order { column: Column::Oldest, is_reversed: false };
        Self { order, filter: String::new(), family: None, selected: None, place: 0 }
    }
}

impl List {
    /// The rows that are shown, in order.
    pub fn shown<'r>(&self, rows: &'r [Row]) -> Vec<&'r Row> {
        let pattern = sought(&self.filter);
        let is_shown = |row: &&Row| {
            self.family.is_none_or(|family| row.spot.family == family) && matches(&pattern, &row.spot.key.0)
        };
        let mut shown: Vec<&Row> = rows.iter().filter(is_shown).collect();
        shown.sort_by(|one, other| self.order.compare(one, other));
        shown
    }

    /// Where the selected row stands among them.
    pub fn place(&self, shown: &[&Row]) -> usize {
        let found = self.selected.as_ref().and_then(|spot| shown.iter().position(|row| row.spot == *spot));
        found.unwrap_or(self.place).min(shown.len().saturating_sub(1))
    }

    /// Sees to it that a row is selected that is shown.
    pub fn settle(&mut self, rows: &[Row]) {
        let shown = self.shown(rows);
        self.place = self.place(&shown);
        self.selected = shown.get(self.place).map(|row| row.spot.clone());
    }

    pub fn pressed(&mut self, code: KeyCode, rows: &[Row], page: usize) {
        let shown = self.shown(rows);
        let place = self.place(&shown);
        let last = shown.len().saturating_sub(1);
        let place = match code {
            KeyCode::Up | KeyCode::Char('k') => place.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => (place + 1).min(last),
            KeyCode::PageUp => place.saturating_sub(page),
            KeyCode::PageDown => (place + page).min(last),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            KeyCode::Esc => {
                self.filter.clear();
                self.family = None;
                return self.settle(rows);
            }
            KeyCode::Char('f') => {
                let next = self
                    .family
                    .map_or(0, |own| Family::ALL.iter().position(|family| *family == own).map_or(0, |at| at + 1));
                self.family = Family::ALL.get(next).copied();
                return self.settle(rows);
            }
            KeyCode::Char('<') => return self.step(-1),
            KeyCode::Char('>') => return self.step(1),
            KeyCode::Char(letter) => {
                if let Some(column) = Column::of_letter(letter) {
                    self.order = self.order.pressed(column);
                }
                return;
            }
            _ => return,
        };
        self.place = place;
        self.selected = shown.get(place).map(|row| row.spot.clone());
    }

    /// Sorts by a neighbour of the column.
    fn step(&mut self, by: isize) {
        let all = Column::ALL;
        let at = all.iter().position(|column| *column == self.order.column).unwrap_or(0);
        let next = (at as isize + by).rem_euclid(all.len() as isize) as usize;
        self.order = Order { column: all[next], is_reversed: false };
    }
}
