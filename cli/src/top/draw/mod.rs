//! The model as a screen. Whatever its size: what has no room is left out, the least worth first.

mod ask;
mod help;
mod inside;
mod list;
mod theme;

use super::model::Model;
use super::text::{age, fit};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};
use ratatui::Frame;
pub use theme::Theme;
use unicode_width::UnicodeWidthStr;

/// The first line of a list of `length` that is shown on `height` lines, so that the selected one is in the middle wherever that can be.
fn first(selected: usize, length: usize, height: usize) -> usize {
    selected.saturating_sub(height / 2).min(length.saturating_sub(height))
}

/// A line of the area, from the top.
fn line_of(area: Rect, nth: u16) -> Rect {
    Rect { y: area.y + nth, height: u16::from(nth < area.height), ..area }
}

/// The line that is selected, in all its width. It has no colours of its own: they would be backgrounds here.
fn selected(line: Line<'_>, columns: usize, theme: Theme) -> Line<'static> {
    let text: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
    let blanks = columns.saturating_sub(text.width());
    Line::styled(text + &" ".repeat(blanks), theme.selected())
}

/// What is left below the first lines.
fn below(area: Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    Rect { y: area.y + lines, height: area.height - lines, ..area }
}

/// Keys and what they do, as many as there is room for.
fn keys<'k>(theme: Theme, pairs: &[(&'k str, &'k str)], columns: u16) -> Line<'k> {
    let mut spans = Vec::new();
    let mut left = usize::from(columns);
    for (key, what) in pairs {
        let width = key.chars().count() + what.chars().count() + 3;
        if width > left + 2 {
            break;
        }
        left = left.saturating_sub(width);
        spans.extend([Span::styled(*key, theme.key()), Span::styled(format!(" {what}  "), theme.text())]);
    }
    Line::from(spans)
}

pub fn draw(frame: &mut Frame<'_>, model: &Model, theme: Theme) {
    let area = frame.area();
    if area.width < 12 || area.height < 4 {
        return frame.render_widget(Paragraph::new("too small"), area);
    }
    let body = Rect { height: area.height - 2, ..area };
    match &model.inside {
        Some(inside) => inside::draw(frame, body, model, inside, theme),
        None => list::draw(frame, body, model, theme),
    }
    foot(frame, Rect { y: area.y + area.height - 2, height: 2, ..area }, model, theme);
    if let Some(scroll) = model.help {
        help::draw(frame, area, scroll, theme);
    }
    if let Some(question) = &model.question {
        ask::draw(frame, area, question, theme);
    }
}

/// What has happened last, or is wrong; and what can be pressed.
fn foot(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let columns = usize::from(area.width);
    let said = match (&model.away, &model.note) {
        (Some(away), _) => {
            let since = age(model.now - away.since);
            let as_of = if model.look.is_some() { ", this is as of then" } else { "" };
            let text = format!("no answer for {since}{as_of}: {}", super::text::plain(&away.why));
            Span::styled(fit(&text, columns), theme.bad())
        }
        (None, Some(note)) => {
            let style = if note.is_bad { theme.bad() } else { theme.good() };
            Span::styled(fit(&super::text::plain(&note.text), columns), style)
        }
        (None, None) => {
            let warning = model.look.as_ref().and_then(|look| look.warning.clone());
            let unseen = model.look.as_ref().map_or(0, |look| look.unseen);
            let unseen = (unseen > 0).then(|| format!("{unseen} keys have not been looked at yet"));
            Span::styled(fit(&super::text::plain(&warning.or(unseen).unwrap_or_default()), columns), theme.warning())
        }
    };
    frame.render_widget(Line::from(said), line_of(area, 0));
    let line = match &model.prompt {
        Some((text, _)) => {
            let text = super::text::plain(text);
            // The end of it is where somebody types.
            let shown: String =
                text.chars().rev().take(columns.saturating_sub(4)).collect::<Vec<_>>().into_iter().rev().collect();
            Line::from(vec![Span::styled("/", theme.key()), Span::raw(shown), Span::styled(" ", theme.selected())])
        }
        None => keys(theme, pressable(model), area.width),
    };
    frame.render_widget(Clear, line_of(area, 1));
    frame.render_widget(line, line_of(area, 1));
}

fn pressable(model: &Model) -> &'static [(&'static str, &'static str)] {
    use super::inside::Tab;
    use super::talk::State;
    match &model.inside {
        None => &[
            ("Enter", "open"),
            ("?", "help"),
            ("q", "quit"),
            ("/", "filter"),
            ("f", "family"),
            ("<>", "sort"),
            ("p", "pause"),
        ],
        Some(inside) if inside.is_open => match inside.tab {
            Tab::Entries(State::Dead) => &[("Esc", "back"), ("r", "requeue"), ("x", "discard"), ("?", "help")],
            _ => &[("Esc", "back"), ("?", "help"), ("q", "quit")],
        },
        Some(inside) => match inside.tab {
            Tab::Entries(State::Dead) => &[
                ("Esc", "back"),
                ("?", "help"),
                ("r R", "requeue"),
                ("x X", "discard"),
                ("Enter", "open"),
                ("/", "filter"),
                ("n b", "page"),
            ],
            Tab::Entries(State::Delayed) => &[
                ("Esc", "back"),
                ("?", "help"),
                ("m M", "end delay"),
                ("Enter", "open"),
                ("/", "filter"),
                ("n b", "page"),
            ],
            Tab::Entries(_) => {
                &[("Esc", "back"), ("?", "help"), ("Enter", "open"), ("/", "filter"), ("n b", "page"), ("q", "quit")]
            }
            Tab::Reasons => {
                &[("Esc", "back"), ("?", "help"), ("R", "requeue all"), ("X", "discard all"), ("Enter", "letters")]
            }
            Tab::Overview => &[("Esc", "back"), ("?", "help"), ("1-6 Tab", "views"), ("p", "pause"), ("q", "quit")],
        },
    }
}
