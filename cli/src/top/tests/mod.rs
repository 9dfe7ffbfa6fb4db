//! The view without a terminal and without a server: what is pressed and told goes in, and screens are compared with those in `screens/`.
//! With `SCREENS=write` they are written anew, to be looked at and committed.

mod doing;
mod screens;

use super::content::tests::entry;
use super::draw::{draw, Theme};
use super::model::Model;
use super::rows::{Row, Spot};
use super::talk::{Answer, Ask, Deed, Event, Fate, Filter, Look, Page, Reason, State};
use crate::bytes::Bytes;
use crate::entries::Death;
use crate::family::Family;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::backend::TestBackend;
use std::path::Path;

/// Unix ms.
const NOW: i64 = 1_795_263_666_901;

struct World {
    model: Model,
    size: (u16, u16),
    /// What the model has asked and was not answered.
    asks: Vec<(u64, Ask)>,
}

fn row(key: impl AsRef<[u8]>, family: Family, figures: [i64; 5], oldest: Option<i64>) -> Row {
    let [waiting, ready, leased, delayed, dead] = figures;
    let spot = Spot { db: 0, key: Bytes::from(key), family };
    Row {
        spot,
        waiting,
        ready,
        leased,
        delayed,
        dead,
        oldest,
        is_paused: false,
        delivered: Some(12.5),
        acked: Some(0.0),
    }
}

fn rows() -> Vec<Row> {
    let mut paused = row("carts", Family::Debounce, [1_234_567, 0, 0, 0, 0], None);
    paused.is_paused = true;
    vec![
        row("mails", Family::Tsgen, [20, 12_345, 8, 3, 51], Some(754_000)),
        paused,
        row("likes", Family::Tally, [1, 1, 0, 0, 0], Some(250)),
        row("checkouts", Family::Expiry, [400, 2, 1, 0, 0], Some(61_000)),
    ]
}

impl World {
    fn new(columns: u16, lines: u16) -> Self {
        let mut world =
            Self { model: Model::new("127.0.0.1:6379".to_owned(), false), size: (columns, lines), asks: Vec::new() };
        world.happens(Event::Height(lines));
        world.sees(rows());
        world
    }

    fn happens(&mut self, event: Event) -> &mut Self {
        self.asks.extend(self.model.on(event, NOW));
        self
    }

    fn sees(&mut self, rows: Vec<Row>) -> &mut Self {
        self.happens(Event::Looked(Ok(Look { rows, unseen: 0, warning: None })))
    }

    /// Presses keys: `<Enter>` and the like, or characters.
    fn press(&mut self, keys: &str) -> &mut Self {
        let mut rest = keys;
        while let Some(c) = rest.chars().next() {
            let named = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
            let (code, after) = match named.and_then(|(name, after)| Some((code(name)?, after))) {
                Some(named) => named,
                None => (KeyCode::Char(c), &rest[c.len_utf8()..]),
            };
            rest = after;
            self.happens(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        }
        self
    }

    /// Answers the newest question of this kind.
    #[track_caller]
    fn answer(&mut self, is_it: fn(&Ask) -> bool, answer: Result<Answer, &str>) -> &mut Self {
        let at =
            self.asks.iter().rposition(|(_, ask)| is_it(ask)).unwrap_or_else(|| panic!("not asked: {:?}", self.asks));
        let (serial, _) = self.asks.remove(at);
        self.happens(Event::Answered(serial, answer.map_err(str::to_owned)))
    }

    /// What is asked just now.
    fn asked(&mut self) -> Vec<Ask> {
        std::mem::take(&mut self.asks).into_iter().map(|(_, ask)| ask).collect()
    }

    fn screen(&self) -> String {
        let mut terminal = ratatui::Terminal::new(TestBackend::new(self.size.0, self.size.1)).expect("a screen");
        terminal.draw(|frame| draw(frame, &self.model, Theme { has_colour: true })).expect("drawn");
        let buffer = terminal.backend().buffer();
        let line = |y| {
            let mut line = String::new();
            let mut hidden = 0;
            for x in 0..self.size.0 {
                let symbol = buffer[(x, y)].symbol();
                // Behind a wide character there is a cell that is not shown.
                if hidden == 0 {
                    line.push_str(symbol);
                    hidden = unicode_width::UnicodeWidthStr::width(symbol).max(1);
                }
                hidden -= 1;
            }
            line.trim_end().to_owned() + "\n"
        };
        (0..self.size.1).map(line).collect()
    }

    /// It shows what the file does.
    #[track_caller]
    fn shows(&self, name: &str) -> &Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/top/screens").join(name);
        let screen = self.screen();
        if std::env::var("SCREENS").is_ok_and(|what| what == "write") {
            std::fs::write(&path, &screen).expect("write it");
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(screen == expected, "{name} was\n{expected}\nand is\n{screen}");
        self
    }

    /// The keys of the list, from above.
    fn names(&self) -> Vec<String> {
        self.model.list.shown(self.model.rows()).iter().map(|row| row.spot.key.to_string()).collect()
    }
}

fn code(name: &str) -> Option<KeyCode> {
    Some(match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Tab" => KeyCode::Tab,
        "BackTab" => KeyCode::BackTab,
        "Backspace" => KeyCode::Backspace,
        "PageDown" => KeyCode::PageDown,
        "End" => KeyCode::End,
        _ => return None,
    })
}

fn is_page(ask: &Ask) -> bool {
    matches!(ask, Ask::Page { .. })
}

fn is_info(ask: &Ask) -> bool {
    matches!(ask, Ask::Info(_))
}

fn is_gather(ask: &Ask) -> bool {
    matches!(ask, Ask::Gather { .. })
}

fn is_reasons(ask: &Ask) -> bool {
    matches!(ask, Ask::Reasons(_))
}

fn is_do(ask: &Ask) -> bool {
    matches!(ask, Ask::Do(..))
}

fn spot() -> Spot {
    rows()[0].spot.clone()
}

fn letters(count: i64) -> Page {
    let letter = |nth: i64| {
        let mut entry = entry(&format!("mail-{nth}"), format!("{{\"to\":\"ada-{nth}@example.org\",\"n\":{nth}}}"));
        (entry.token, entry.deliveries) = (Some(nth), 3);
        entry.death = Some(Death { reason: Bytes::from("mailbox full"), at_ms: NOW - 60_000 * nth });
        entry
    };
    Page { entries: (1..=count).map(letter).collect(), next: None }
}

fn some_reasons() -> Vec<Reason> {
    [("mailbox full", 30), ("no such host: a.example", 20), ("", 1)]
        .map(|(reason, count)| Reason { reason: Bytes::from(reason), count, last_at: NOW - 5000 })
        .to_vec()
}
