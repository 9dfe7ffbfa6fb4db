//! The view of one key: where it stands, its entries by state, and its dead letters by reason.

use super::rows::Spot;
use super::talk::{Answer, Ask, Fate, Filter, Page, Reason, State};
use super::text::{fit, name};
use crate::entries::Entry;
use crossterm::event::KeyCode;

/// A page whose contents take more than this is asked for again only at every tenth look, in bytes.
const HEAVY: i64 = 256 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Overview,
    Entries(State),
    Reasons,
}

impl Tab {
    pub const ALL: [Self; 6] = [
        Self::Overview,
        Self::Entries(State::Ready),
        Self::Entries(State::Leased),
        Self::Entries(State::Delayed),
        Self::Entries(State::Dead),
        Self::Reasons,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Overview => "info",
            Self::Entries(State::Ready) => "ready",
            Self::Entries(State::Leased) => "leased",
            Self::Entries(State::Delayed) => "delayed",
            Self::Entries(State::Dead) => "dead",
            Self::Reasons => "reasons",
        }
    }
}

/// What somebody wants to become of entries.
pub struct Wish {
    pub fate: Fate,
    /// Of this one; or of all that the filter lets through.
    pub token: Option<i64>,
    pub filter: Filter,
    /// Of what, in words.
    pub of: String,
}

pub struct Inside {
    pub spot: Spot,
    pub tab: Tab,
    /// What INFO tells: names and values.
    pub info: Vec<(String, String)>,
    /// `None` until it was answered.
    pub page: Option<Page>,
    pub reasons: Option<Vec<Reason>>,
    pub filter: Filter,
    /// Why the server has not answered.
    pub failure: Option<String>,
    pub selected: usize,
    /// How far the entry is scrolled that fills the screen; or the overview.
    pub scroll: usize,
    /// Whether an entry fills the screen.
    pub is_open: bool,
    /// Where the pages before this one began.
    pub before: Vec<String>,
    /// Where this page begins.
    after: String,
    /// What has not been answered.
    info_asked: Option<u64>,
    page_asked: Option<u64>,
    looks: u64,
}

impl Inside {
    pub fn new(spot: Spot) -> Self {
        Self {
            spot,
            tab: Tab::Overview,
            info: Vec::new(),
            page: None,
            reasons: None,
            filter: Filter::All,
            failure: None,
            selected: 0,
            scroll: 0,
            is_open: false,
            before: Vec::new(),
            after: "0".to_owned(),
            info_asked: None,
            page_asked: None,
            looks: 0,
        }
    }

    pub fn entries(&self) -> &[Entry] {
        self.page.as_ref().map(|page| page.entries.as_slice()).unwrap_or_default()
    }

    pub fn is_asking(&self) -> bool {
        self.page_asked.is_some()
    }

    fn length(&self) -> usize {
        match self.tab {
            Tab::Overview => self.info.len(),
            Tab::Entries(_) => self.entries().len(),
            Tab::Reasons => self.reasons.as_ref().map_or(0, Vec::len),
        }
    }

    pub fn filter_text(&self) -> String {
        match &self.filter {
            Filter::Words(words) => words.clone(),
            Filter::All | Filter::Reason(_) => String::new(),
        }
    }

    /// What the tab shows, asked for again. An answer to what was asked before counts no longer.
    fn content(&self) -> Option<Ask> {
        match self.tab {
            Tab::Overview => None,
            Tab::Entries(state) => Some(Ask::Page {
                spot: self.spot.clone(),
                state,
                after: self.after.clone(),
                filter: self.filter.clone(),
            }),
            Tab::Reasons => Some(Ask::Reasons(self.spot.clone())),
        }
    }

    /// Everything, at once.
    pub fn reload(&mut self) -> Vec<Ask> {
        [Some(Ask::Info(self.spot.clone())), self.content()].into_iter().flatten().collect()
    }

    /// What has to be looked at again now and then. Nothing is asked twice before it is answered.
    pub fn refresh(&mut self) -> Vec<Ask> {
        self.looks += 1;
        let bytes: i64 = self.entries().iter().map(|entry| entry.bytes).sum();
        let is_due = match self.tab {
            // All dead letters are read for it.
            Tab::Reasons => self.looks.is_multiple_of(10),
            _ => bytes <= HEAVY || self.looks.is_multiple_of(10),
        };
        let info = self.info_asked.is_none().then(|| Ask::Info(self.spot.clone()));
        let content = if is_due && self.page_asked.is_none() { self.content() } else { None };
        [info, content].into_iter().flatten().collect()
    }

    pub fn asked(&mut self, serial: u64, ask: &Ask) {
        match ask {
            Ask::Info(_) => self.info_asked = Some(serial),
            _ => self.page_asked = Some(serial),
        }
    }

    pub fn answered(&mut self, serial: u64, answer: Result<Answer, String>) -> Vec<Ask> {
        if self.info_asked != Some(serial) && self.page_asked != Some(serial) {
            return Vec::new();
        }
        self.info_asked.take_if(|asked| *asked == serial);
        self.page_asked.take_if(|asked| *asked == serial);
        match answer {
            Ok(Answer::Info(info)) => {
                self.info = info;
                self.failure = None;
            }
            Ok(Answer::Page(page)) => {
                let token = self.entries().get(self.selected).map(|entry| (entry.token, entry.id.clone()));
                let found = page.entries.iter().position(|entry| Some((entry.token, entry.id.clone())) == token);
                self.selected = found.unwrap_or(self.selected).min(page.entries.len().saturating_sub(1));
                // Another one must not stand where somebody reads.
                self.is_open = self.is_open && found.is_some();
                self.page = Some(page);
                self.failure = None;
            }
            Ok(Answer::Reasons(reasons)) => {
                let reason =
                    self.reasons.as_ref().and_then(|reasons| reasons.get(self.selected)).map(|own| own.reason.clone());
                let found = reasons.iter().position(|own| Some(&own.reason) == reason.as_ref());
                self.selected = found.unwrap_or(self.selected).min(reasons.len().saturating_sub(1));
                self.reasons = Some(reasons);
                self.failure = None;
            }
            Ok(Answer::Gathered(_) | Answer::Done(_)) => {}
            Err(why) => self.failure = Some(why),
        }
        Vec::new()
    }

    /// Goes one step out. Whether there was one inside of this key.
    pub fn leave(&mut self) -> bool {
        if self.is_open {
            self.is_open = false;
            return true;
        }
        false
    }

    fn show(&mut self, tab: Tab, filter: Filter) -> Vec<Ask> {
        (self.tab, self.filter) = (tab, filter);
        self.page = None;
        self.before.clear();
        self.begin("0".to_owned())
    }

    fn begin(&mut self, after: String) -> Vec<Ask> {
        self.after = after;
        (self.selected, self.scroll, self.is_open, self.failure) = (0, 0, false, None);
        self.reload()
    }

    pub fn filtered(&mut self, words: String) -> Vec<Ask> {
        let filter = if words.is_empty() { Filter::All } else { Filter::Words(words) };
        let tab = if matches!(self.tab, Tab::Entries(_)) { self.tab } else { Tab::Entries(State::Dead) };
        self.show(tab, filter)
    }

    pub fn pressed(&mut self, code: KeyCode, page: usize) -> Vec<Ask> {
        let at = Tab::ALL.iter().position(|tab| *tab == self.tab).unwrap_or(0);
        let tab = |at: usize| Tab::ALL[at % Tab::ALL.len()];
        match code {
            KeyCode::Char(digit @ '1'..='6') => return self.show(Tab::ALL[digit as usize - '1' as usize], Filter::All),
            KeyCode::Tab | KeyCode::Right => return self.show(tab(at + 1), Filter::All),
            KeyCode::BackTab | KeyCode::Left => return self.show(tab(at + Tab::ALL.len() - 1), Filter::All),
            KeyCode::Enter => return self.enter(),
            KeyCode::Char('n') => {
                if let Some(next) = self.page.as_ref().and_then(|page| page.next.clone()) {
                    self.before.push(std::mem::take(&mut self.after));
                    return self.begin(next);
                }
            }
            KeyCode::Char('b') => {
                if let Some(before) = self.before.pop() {
                    return self.begin(before);
                }
            }
            code => self.moved(code, page),
        }
        Vec::new()
    }

    fn enter(&mut self) -> Vec<Ask> {
        match self.tab {
            Tab::Entries(_) => {
                self.is_open = !self.is_open && !self.entries().is_empty();
                self.scroll = 0;
                Vec::new()
            }
            Tab::Reasons => {
                let reason = self.reasons.as_ref().and_then(|reasons| reasons.get(self.selected));
                match reason.map(|reason| Filter::Reason(reason.reason.clone())) {
                    Some(filter) => self.show(Tab::Entries(State::Dead), filter),
                    None => Vec::new(),
                }
            }
            Tab::Overview => Vec::new(),
        }
    }

    fn moved(&mut self, code: KeyCode, page: usize) {
        let is_scrolled = self.is_open || self.tab == Tab::Overview;
        let (place, last) =
            if is_scrolled { (self.scroll, usize::MAX) } else { (self.selected, self.length().saturating_sub(1)) };
        let place = match code {
            KeyCode::Up | KeyCode::Char('k') => place.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => place.saturating_add(1).min(last),
            KeyCode::PageUp => place.saturating_sub(page),
            KeyCode::PageDown => place.saturating_add(page).min(last),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            _ => return,
        };
        if is_scrolled {
            self.scroll = place;
        } else {
            self.selected = place;
        }
    }

    /// What a key means that settles entries: of one, or of all. `None` if there is nothing selected.
    pub fn wish(&self, fate: Fate, is_all: bool) -> Option<Result<Wish, String>> {
        let is_here = match fate {
            Fate::Requeue | Fate::Discard => matches!(self.tab, Tab::Entries(State::Dead) | Tab::Reasons),
            Fate::Promote => self.tab == Tab::Entries(State::Delayed),
        };
        if !is_here {
            let of = if fate == Fate::Promote {
                "a delay is ended in delayed (4)"
            } else {
                "dead letters are in dead (5) and reasons (6)"
            };
            return Some(Err(of.to_owned()));
        }
        let of = |filter: &Filter| match filter {
            Filter::All => format!(" of {}", fit(&name(&self.spot.key), 40)),
            Filter::Words(words) => format!(" of {} with {}", fit(&name(&self.spot.key), 40), fit(words, 40)),
            Filter::Reason(reason) => {
                format!(" of {} that died of: {}", fit(&name(&self.spot.key), 40), fit(&name(reason), 80))
            }
        };
        let many = |filter: Filter| Some(Ok(Wish { fate, token: None, of: of(&filter), filter }));
        match (self.tab, is_all) {
            (Tab::Reasons, _) => {
                let reason = self.reasons.as_ref()?.get(self.selected)?;
                many(Filter::Reason(reason.reason.clone()))
            }
            (_, true) => many(self.filter.clone()),
            (_, false) => {
                let entry = self.entries().get(self.selected)?;
                let of = fit(&name(&entry.id), 60);
                Some(Ok(Wish { fate, token: Some(entry.token?), filter: Filter::All, of }))
            }
        }
    }
}
