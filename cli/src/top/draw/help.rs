//! What can be pressed, all of it.

use super::Theme;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};
use ratatui::Frame;

/// What is pressed, and what it does; a line without keys is a title.
const HELP: &[(&str, &str)] = &[
    ("", "Everywhere"),
    ("Up Down j k", "one line"),
    ("PgUp PgDn g G", "a page; to the beginning, to the end"),
    ("Space", "look again now"),
    ("/", "filter: words, or a pattern with * and ?"),
    ("p", "pause the key, or resume it"),
    ("Esc", "back; in the list: show all"),
    ("?  q  Ctrl-C", "this help; quit"),
    ("", "In the list"),
    ("Enter", "into the key"),
    ("f", "the next family"),
    ("K F W R L D E O", "sort by key, family, waiting, ready,"),
    ("", " leased, delayed, dead, oldest ready;"),
    ("U A S B", "by out/s, acks/s, state, database"),
    ("< >", "by the column beside; again: turned round"),
    ("", "In a key"),
    ("1-6 Tab", "info, ready, leased, delayed, dead, reasons"),
    ("Enter", "the entry; the letters of a reason"),
    ("n b", "the next page, and back"),
    ("r x", "requeue, discard the dead letter"),
    ("R X", "all that the filter shows, or of the reason"),
    ("m M", "end the delay; all that the filter shows"),
];

pub fn draw(frame: &mut Frame<'_>, area: Rect, scroll: usize, theme: Theme) {
    frame.render_widget(Clear, area);
    let line = |(keys, what): &(&'static str, &'static str)| match (keys.is_empty(), what.starts_with(' ')) {
        (true, false) => Line::styled(*what, theme.title()),
        _ => Line::from(vec![Span::styled(format!("{keys:<15} "), theme.key()), Span::raw(what.trim_start())]),
    };
    let lines: Vec<Line<'_>> = HELP.iter().map(line).collect();
    let scroll = scroll.min(lines.len().saturating_sub(usize::from(area.height.saturating_sub(1))));
    let body = Rect { height: area.height - 1, ..area };
    frame.render_widget(Paragraph::new(lines).scroll((scroll as u16, 0)), body);
    let foot = Rect { y: area.y + area.height - 1, height: 1, ..area };
    frame.render_widget(super::keys(theme, &[("Esc", "back"), ("Up Down", "scroll")], area.width), foot);
}
