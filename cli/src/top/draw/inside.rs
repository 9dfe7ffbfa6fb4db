//! One key: its head, the tabs, and what the chosen one shows.

use super::{below, first, line_of, selected, Theme};
use crate::bytes::Bytes;
use crate::entries::Entry;
use crate::top::content;
use crate::top::inside::{Inside, Tab};
use crate::top::model::Model;
use crate::top::talk::{Filter, State};
use crate::top::text::{age, count, fit, name, plain};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::Frame;
use unicode_width::UnicodeWidthStr;

pub fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, inside: &Inside, theme: Theme) {
    head(frame, area, model, inside, theme);
    let body = below(area, 2);
    if let Some(failure) = inside.failure.as_ref().filter(|_| model.away.is_none()) {
        return frame
            .render_widget(Line::styled(fit(&plain(failure), usize::from(body.width)), theme.bad()), line_of(body, 0));
    }
    match inside.tab {
        Tab::Overview => overview(frame, body, inside, theme),
        Tab::Reasons => reasons(frame, body, model, inside, theme),
        Tab::Entries(state) => entries(frame, body, model, inside, state, theme),
    }
}

/// Which key it is, and the tabs with what is behind them.
fn head(frame: &mut Frame<'_>, area: Rect, model: &Model, inside: &Inside, theme: Theme) {
    let width = usize::from(area.width);
    let row = model.row(&inside.spot);
    let mut tail = format!("  {}  db {}", inside.spot.family, inside.spot.db);
    match row {
        None if model.look.is_some() => tail.push_str("  is gone"),
        Some(row) if row.is_paused => tail.push_str("  paused"),
        _ => {}
    }
    if let Some(oldest) = row.and_then(|row| row.oldest) {
        tail.push_str(&format!("  oldest ready {}", age(oldest)));
    }
    let key = fit(&name(&inside.spot.key), width.saturating_sub(tail.width()).max(8));
    let spans = vec![Span::styled(key, theme.title()), Span::styled(tail, theme.text())];
    frame.render_widget(Line::from(spans), line_of(area, 0));

    let many = |tab: Tab| {
        let row = row?;
        match tab {
            Tab::Entries(State::Ready) => Some(row.ready),
            Tab::Entries(State::Leased) => Some(row.leased),
            Tab::Entries(State::Delayed) => Some(row.delayed),
            Tab::Entries(State::Dead) => Some(row.dead),
            Tab::Overview | Tab::Reasons => None,
        }
    };
    let full: Vec<(Tab, String)> = Tab::ALL
        .into_iter()
        .enumerate()
        .map(|(nth, tab)| {
            let many = many(tab).map(|many| format!(" {}", count(many))).unwrap_or_default();
            (tab, format!(" {} {}{many} ", nth + 1, tab.title()))
        })
        .collect();
    let is_narrow = full.iter().map(|(_, text)| text.width()).sum::<usize>() > width;
    let spans = full.into_iter().enumerate().map(|(nth, (tab, text))| {
        // Where there is no room, only the chosen one says its name.
        let text = if is_narrow && tab != inside.tab { format!(" {} ", nth + 1) } else { text };
        Span::styled(text, if tab == inside.tab { theme.selected() } else { theme.text() })
    });
    frame.render_widget(Line::from(spans.collect::<Vec<_>>()), line_of(area, 1));
}

/// Names and values, in as many columns as there is room for.
fn overview(frame: &mut Frame<'_>, area: Rect, inside: &Inside, theme: Theme) {
    let names = inside.info.iter().map(|(name, _)| plain(name).width()).max().unwrap_or(0).min(20);
    let across = (usize::from(area.width) / 40).max(1);
    let wide = usize::from(area.width) / across;
    let down = inside.info.len().div_ceil(across).max(1);
    let height = usize::from(area.height);
    let begin = inside.scroll.min(down.saturating_sub(height));
    for (nth, (field, value)) in inside.info.iter().enumerate() {
        let (x, y) = (nth / down * wide, nth % down);
        if !(begin..begin + height).contains(&y) {
            continue;
        }
        let value = fit(&plain(value), wide.saturating_sub(names + 2));
        let line = Line::from(vec![
            Span::styled(format!("{:<names$} ", fit(&plain(field), names)), theme.faint()),
            Span::raw(value),
        ]);
        let place = Rect { x: area.x + x as u16, y: area.y + (y - begin) as u16, width: wide as u16, height: 1 };
        frame.render_widget(line, place);
    }
}

fn reasons(frame: &mut Frame<'_>, area: Rect, model: &Model, inside: &Inside, theme: Theme) {
    let width = usize::from(area.width);
    let Some(reasons) = &inside.reasons else {
        return frame.render_widget(Line::styled("counting …", theme.faint()), line_of(area, 0));
    };
    if reasons.is_empty() {
        return frame.render_widget(Line::styled("there are no dead letters", theme.faint()), line_of(area, 0));
    }
    frame.render_widget(Line::styled("COUNT   LAST  REASON", theme.title()), line_of(area, 0));
    let body = below(area, 1);
    let height = usize::from(body.height);
    let begin = first(inside.selected, reasons.len(), height);
    for (nth, reason) in reasons.iter().enumerate().skip(begin).take(height) {
        let why = reason_text(&reason.reason);
        let text =
            format!("{:>5} {:>6}  {}", count(reason.count), age(model.now.saturating_sub(reason.last_at).max(0)), why);
        let mut line = Line::raw(fit(&text, width));
        if nth == inside.selected {
            line = selected(line, width, theme);
        }
        frame.render_widget(line, line_of(body, (nth - begin) as u16));
    }
}

fn reason_text(reason: &Bytes) -> String {
    if reason.0.is_empty() {
        "(none was given)".to_owned()
    } else {
        name(reason)
    }
}

fn entries(frame: &mut Frame<'_>, area: Rect, model: &Model, inside: &Inside, state: State, theme: Theme) {
    let entries = inside.entries();
    let chosen = entries.get(inside.selected);
    if let Some(entry) = chosen.filter(|_| inside.is_open) {
        return one(frame, area, model, entry, inside.scroll, theme);
    }
    let width = usize::from(area.width);
    let of = match &inside.filter {
        Filter::All => String::new(),
        Filter::Words(words) => format!("  /{}", plain(words)),
        Filter::Reason(reason) => format!("  died of: {}", reason_text(reason)),
    };
    let more = if inside.page.as_ref().is_some_and(|page| page.next.is_some()) { "  n: more" } else { "" };
    let page = if inside.before.is_empty() { String::new() } else { format!("  page {}", inside.before.len() + 1) };
    let asking = if inside.is_asking() && inside.page.is_none() { "looking …" } else { "" };
    let what = match state {
        State::Ready => "ID, CONTENT",
        State::Leased => "WHO, UNTIL, ID, CONTENT",
        State::Delayed => "BACK IN, TRIES, ID, CONTENT",
        State::Dead => "DIED, TRIES, ID, REASON",
    };
    let title = fit(&format!("{what}{of}{page}{more}"), width);
    frame.render_widget(Line::styled(title, theme.title()), line_of(area, 0));
    let Some(chosen) = chosen else {
        let text = if asking.is_empty() { "none" } else { asking };
        return frame.render_widget(Line::styled(text, theme.faint()), line_of(area, 1));
    };
    let body = below(area, 1);
    // What the chosen one is stands below the list, where there is room for both.
    let list = if body.height >= 12 { (body.height * 2 / 5).min(entries.len() as u16) } else { body.height };
    let begin = first(inside.selected, entries.len(), usize::from(list));
    for (nth, entry) in entries.iter().enumerate().skip(begin).take(usize::from(list)) {
        let mut line = Line::raw(fit(&row(entry, state, model.now, width), width));
        if nth == inside.selected {
            line = selected(line, width, theme);
        }
        frame.render_widget(line, line_of(body, (nth - begin) as u16));
    }
    let rest = below(body, list);
    if rest.height > 1 {
        frame.render_widget(Line::styled("─".repeat(width), theme.faint()), line_of(rest, 0));
        one(frame, below(rest, 1), model, chosen, 0, theme);
    }
}

/// An entry in one line.
fn row(entry: &Entry, state: State, now: i64, width: usize) -> String {
    let id = fit(&name(&entry.id), (width / 3).max(8));
    let until = entry.until_ms.map_or("-".to_owned(), |until| age(until.saturating_sub(now)));
    match (state, &entry.death) {
        (State::Ready, _) => {
            let held = if entry.held { "held back " } else { "" };
            format!("{held}{id}  {}", content::line(entry))
        }
        (State::Leased, _) => {
            let who = entry.consumer.as_ref().map(name).unwrap_or_default();
            format!("{:<12} {until:>6} {id}  {}", fit(&who, 24), content::line(entry))
        }
        (State::Delayed, _) => format!("{until:>6} {:>3} {id}  {}", entry.deliveries, content::line(entry)),
        (State::Dead, death) => {
            let died = death.as_ref().map_or("-".to_owned(), |death| age(now.saturating_sub(death.at_ms).max(0)));
            let reason = death.as_ref().map(|death| reason_text(&death.reason)).unwrap_or_default();
            format!("{died:>6} {:>3} {id}  {reason}", entry.deliveries)
        }
    }
}

/// All of an entry.
fn one(frame: &mut Frame<'_>, area: Rect, model: &Model, entry: &Entry, scroll: usize, theme: Theme) {
    let width = usize::from(area.width);
    let lines = content::lines(entry, model.now, width);
    let height = usize::from(area.height);
    let begin = scroll.min(lines.len().saturating_sub(height));
    for (nth, line) in lines.iter().skip(begin).take(height).enumerate() {
        let line = match line {
            content::Line::Field(name, value) => {
                let name = format!("{:<11}", fit(name, width / 2));
                let value = fit(value, width.saturating_sub(name.width() + 1));
                Line::from(vec![Span::styled(name + " ", theme.faint()), Span::raw(value)])
            }
            content::Line::Text(text) => Line::raw(text.clone()),
            content::Line::Note(text) => Line::styled(fit(text, width), theme.title()),
        };
        frame.render_widget(line, line_of(area, nth as u16));
    }
    if begin + height < lines.len() && height > 1 {
        let left = format!(" {} lines more ", lines.len() - begin - height);
        let wide = (left.width() as u16).min(area.width);
        let place = Rect { x: area.x + area.width - wide, y: area.y + area.height - 1, width: wide, height: 1 };
        frame.render_widget(Line::styled(left, theme.selected()), place);
    }
}
