//! What the view knows and where its reader stands: events in, questions to the server out. It reads no clock, and knows neither the
//! terminal nor the server.

use super::inside::Inside;
use super::list::List;
use super::rows::{Row, Spot};
use super::talk::{Answer, Ask, Deed, Event, Fate, Look};
use super::text::several;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What is asked before it is done.
#[derive(Clone, Debug)]
pub struct Question {
    pub spot: Spot,
    pub text: String,
    /// Nothing as long as those that are meant are looked for.
    pub deed: Option<Deed>,
    fate: Option<(Fate, String)>,
    serial: u64,
}

/// A line at the foot, about the last thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub text: String,
    pub is_bad: bool,
}

/// The server does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Away {
    /// Since when, in Unix ms.
    pub since: i64,
    pub why: String,
}

pub struct Model {
    /// The server, as its address names it.
    pub address: String,
    pub is_read_only: bool,
    /// Unix ms, at the last event.
    pub now: i64,
    pub height: u16,
    /// `None` until the first look.
    pub look: Option<Look>,
    pub away: Option<Away>,
    pub list: List,
    pub inside: Option<Inside>,
    /// What is being typed, and what it was before.
    pub prompt: Option<(String, String)>,
    pub question: Option<Question>,
    /// How far the help is scrolled, if it is shown.
    pub help: Option<usize>,
    pub note: Option<Note>,
    serial: u64,
    /// The deed that is being done.
    doing: Option<(u64, String)>,
}

/// The longest pattern that can be typed, in characters.
const PROMPT: usize = 200;

impl Model {
    pub fn new(address: String, is_read_only: bool) -> Self {
        Self {
            address,
            is_read_only,
            now: 0,
            height: 24,
            look: None,
            away: None,
            list: List::default(),
            inside: None,
            prompt: None,
            question: None,
            help: None,
            note: None,
            serial: 0,
            doing: None,
        }
    }

    /// Takes an event that comes at `now`, in Unix ms. What it wants of the server, each with a number that its answer is to have.
    pub fn on(&mut self, event: Event, now: i64) -> Vec<(u64, Ask)> {
        self.now = now;
        let asks = match event {
            Event::Key(key) => self.pressed(key),
            Event::Height(height) => {
                self.height = height;
                Vec::new()
            }
            Event::Looked(look) => self.looked(look),
            Event::Answered(serial, answer) => self.answered(serial, answer),
        };
        asks.into_iter().map(|ask| self.numbered(ask)).collect()
    }

    fn numbered(&mut self, ask: Ask) -> (u64, Ask) {
        self.serial += 1;
        let serial = self.serial;
        match &ask {
            Ask::Gather { .. } => self.question.iter_mut().for_each(|question| question.serial = serial),
            Ask::Do(..) => self.doing.iter_mut().for_each(|doing| doing.0 = serial),
            Ask::Info(_) | Ask::Page { .. } | Ask::Reasons(_) => {
                self.inside.iter_mut().for_each(|inside| inside.asked(serial, &ask));
            }
            Ask::Quit | Ask::Look => {}
        }
        (serial, ask)
    }

    pub fn rows(&self) -> &[Row] {
        self.look.as_ref().map(|look| look.rows.as_slice()).unwrap_or_default()
    }

    /// The keys whose figures are in somebody's view.
    pub fn in_view(&self) -> Vec<Spot> {
        let shown = self.list.shown(self.rows());
        let (place, height) = (self.list.place(&shown), usize::from(self.height));
        let rows = shown.iter().skip(place.saturating_sub(height)).take(2 * height).map(|row| row.spot.clone());
        rows.chain(self.inside.as_ref().map(|inside| inside.spot.clone())).collect()
    }

    /// The row of the key that is looked into.
    pub fn row(&self, spot: &Spot) -> Option<&Row> {
        self.rows().iter().find(|row| row.spot == *spot)
    }

    fn say(&mut self, text: impl Into<String>, is_bad: bool) {
        self.note = Some(Note { text: text.into(), is_bad });
    }

    fn looked(&mut self, look: Result<Look, String>) -> Vec<Ask> {
        match look {
            Ok(look) => {
                if let Some(away) = self.away.take() {
                    self.say(format!("the server is back, after {}", super::text::age(self.now - away.since)), false);
                }
                self.look = Some(look);
                self.list.settle(self.look.as_ref().map(|look| look.rows.as_slice()).unwrap_or_default());
                self.inside.as_mut().map(Inside::refresh).unwrap_or_default()
            }
            Err(why) => {
                let since = self.away.take().map_or(self.now, |away| away.since);
                self.away = Some(Away { since, why });
                Vec::new()
            }
        }
    }

    fn answered(&mut self, serial: u64, answer: Result<Answer, String>) -> Vec<Ask> {
        if let Some(question) =
            self.question.as_mut().filter(|question| question.serial == serial && question.deed.is_none())
        {
            match answer {
                Ok(Answer::Gathered(tokens)) if tokens.is_empty() => {
                    self.question = None;
                    self.say("there are none any more", false);
                }
                Ok(Answer::Gathered(tokens)) => {
                    if let Some((fate, of)) = &question.fate {
                        let (verb, _, what) = fate.words();
                        question.text = format!("{verb} {}{of}?", several(tokens.len(), what));
                        question.deed = Some(Deed::Settle(*fate, tokens));
                    }
                }
                Ok(_) => {}
                Err(why) => {
                    self.question = None;
                    self.say(why, true);
                }
            }
            return Vec::new();
        }
        if let Some((_, what)) = self.doing.take_if(|doing| doing.0 == serial) {
            match answer {
                Ok(Answer::Done(count)) => self.say(what.replace("{}", &count.to_string()), false),
                Ok(_) => {}
                Err(why) => self.say(why, true),
            }
            // What it has changed is to be seen at once, also where little is looked at again by itself.
            let inside = self.inside.as_mut().map(Inside::reload).unwrap_or_default();
            return [Ask::Look].into_iter().chain(inside).collect();
        }
        self.inside.as_mut().map(|inside| inside.answered(serial, answer)).unwrap_or_default()
    }

    fn pressed(&mut self, key: KeyEvent) -> Vec<Ask> {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c' | 'd') => vec![Ask::Quit],
                KeyCode::Char('u') if self.prompt.is_some() => self.typed(KeyCode::Delete),
                _ => Vec::new(),
            };
        }
        if self.question.is_some() {
            return self.decide(key.code);
        }
        if self.prompt.is_some() {
            return self.typed(key.code);
        }
        if let Some(scroll) = &mut self.help {
            match key.code {
                KeyCode::Up | KeyCode::Char('k') => *scroll = scroll.saturating_sub(1),
                KeyCode::Down | KeyCode::Char('j') => *scroll += 1,
                KeyCode::PageUp => *scroll = scroll.saturating_sub(10),
                KeyCode::PageDown | KeyCode::Char(' ') => *scroll += 10,
                _ => self.help = None,
            }
            return Vec::new();
        }
        self.note = None;
        match key.code {
            KeyCode::Char('q') => return vec![Ask::Quit],
            KeyCode::Char('?') => self.help = Some(0),
            KeyCode::Char('/') => {
                let before = self.filter_text();
                self.prompt = Some((before.clone(), before));
            }
            KeyCode::Char('p') => {
                if let Some(spot) =
                    self.inside.as_ref().map(|inside| &inside.spot).or(self.list.selected.as_ref()).cloned()
                {
                    self.ask_to_pause(spot);
                }
            }
            code => return self.move_to(code),
        }
        Vec::new()
    }

    fn move_to(&mut self, code: KeyCode) -> Vec<Ask> {
        let page = usize::from(self.height.saturating_sub(6).max(1));
        if self.inside.is_some() {
            return self.pressed_inside(code, page);
        }
        if code == KeyCode::Enter {
            let Some(spot) = self.list.selected.clone() else { return Vec::new() };
            let mut inside = Inside::new(spot);
            let asks = inside.reload();
            self.inside = Some(inside);
            return asks;
        }
        if code == KeyCode::Char(' ') {
            return vec![Ask::Look];
        }
        let rows = self.look.as_ref().map(|look| look.rows.as_slice()).unwrap_or_default();
        self.list.pressed(code, rows, page);
        Vec::new()
    }

    fn pressed_inside(&mut self, code: KeyCode, page: usize) -> Vec<Ask> {
        let Some(inside) = &mut self.inside else { return Vec::new() };
        let wish = match code {
            KeyCode::Char('r') => inside.wish(Fate::Requeue, false),
            KeyCode::Char('R') => inside.wish(Fate::Requeue, true),
            KeyCode::Char('x') => inside.wish(Fate::Discard, false),
            KeyCode::Char('X') => inside.wish(Fate::Discard, true),
            KeyCode::Char('m') => inside.wish(Fate::Promote, false),
            KeyCode::Char('M') => inside.wish(Fate::Promote, true),
            KeyCode::Esc | KeyCode::Backspace if !inside.leave() => {
                self.inside = None;
                return Vec::new();
            }
            KeyCode::Char(' ') => {
                let mut asks = inside.reload();
                asks.push(Ask::Look);
                return asks;
            }
            code => return inside.pressed(code, page),
        };
        match wish {
            Some(_) if self.is_read_only => self.say("this view is read only", true),
            Some(Ok(wish)) => {
                let (verb, _, what) = wish.fate.words();
                let (text, deed, ask) = match wish.token {
                    Some(token) => {
                        (format!("{verb} the {what} {}?", wish.of), Some(Deed::Settle(wish.fate, vec![token])), None)
                    }
                    None => {
                        let (spot, fate) = (inside.spot.clone(), wish.fate);
                        (format!("Counting{} …", wish.of), None, Some(Ask::Gather { spot, fate, filter: wish.filter }))
                    }
                };
                let spot = inside.spot.clone();
                self.question = Some(Question { spot, text, deed, fate: Some((wish.fate, wish.of)), serial: 0 });
                return ask.into_iter().collect();
            }
            Some(Err(why)) => self.say(why, true),
            None => {}
        }
        Vec::new()
    }

    fn ask_to_pause(&mut self, spot: Spot) {
        if self.is_read_only {
            return self.say("this view is read only", true);
        }
        let Some(row) = self.row(&spot) else { return };
        let is_to_pause = !row.is_paused;
        let key = super::text::name(&spot.key);
        let text = if is_to_pause {
            format!("Pause {key}? Nothing of it is handed out until it is resumed.")
        } else {
            format!("Resume {key}?")
        };
        self.question = Some(Question { spot, text, deed: Some(Deed::Pause(is_to_pause)), fate: None, serial: 0 });
    }

    /// What is pressed at a question. Only `y` is yes.
    fn decide(&mut self, code: KeyCode) -> Vec<Ask> {
        match code {
            KeyCode::Char('y' | 'Y') => {
                let Some(question) = self.question.take_if(|question| question.deed.is_some()) else {
                    return Vec::new();
                };
                let Some(deed) = question.deed else { return Vec::new() };
                let what = match &deed {
                    Deed::Pause(true) => "paused".to_owned(),
                    Deed::Pause(false) => "resumed".to_owned(),
                    Deed::Settle(fate, _) => format!("{} {{}}", fate.words().1),
                };
                self.say("…", false);
                self.doing = Some((0, what));
                vec![Ask::Do(question.spot, deed)]
            }
            KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc => {
                self.question = None;
                self.say("nothing was done", false);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn filter_text(&self) -> String {
        match &self.inside {
            Some(inside) => inside.filter_text(),
            None => self.list.filter.clone(),
        }
    }

    /// What is typed behind `/`. The list follows it at once; inside a key, where the server is asked, with Enter.
    fn typed(&mut self, code: KeyCode) -> Vec<Ask> {
        let Some((text, before)) = &mut self.prompt else { return Vec::new() };
        match code {
            KeyCode::Enter => {
                let (text, _) = self.prompt.take().unwrap_or_default();
                return self.filtered(text, true);
            }
            KeyCode::Esc => {
                let before = std::mem::take(before);
                self.prompt = None;
                return self.filtered(before, false);
            }
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Delete => text.clear(),
            KeyCode::Char(c) if text.chars().count() < PROMPT && !c.is_control() => text.push(c),
            _ => {}
        }
        let text = text.clone();
        self.filtered(text, false)
    }

    fn filtered(&mut self, text: String, is_entered: bool) -> Vec<Ask> {
        match &mut self.inside {
            Some(inside) if is_entered => inside.filtered(text),
            Some(_) => Vec::new(),
            None => {
                self.list.filter = text;
                self.list.settle(self.look.as_ref().map(|look| look.rows.as_slice()).unwrap_or_default());
                Vec::new()
            }
        }
    }
}
