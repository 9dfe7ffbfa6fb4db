//! The list of all keys.

use super::{below, first, line_of, selected, Theme};
use crate::top::model::Model;
use crate::top::rows::{Column, Row};
use crate::top::text::{age, count, fit, name, plain};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::Frame;
use unicode_width::UnicodeWidthStr;

/// The name of a key has at least so many columns.
const KEY: u16 = 14;

/// An oldest ready entry of this age is worth a look, in ms; and of ten times that a worry.
const LATE: i64 = 60_000;

/// The columns that have room, in their order, and how wide the names may be. That by which the rows are sorted is always there.
fn columns(model: &Model, width: u16) -> (Vec<Column>, usize) {
    let rows = model.rows();
    let is_of_use = |column: Column| match column {
        Column::State => rows.iter().any(|row| row.is_paused),
        Column::Db => rows.iter().any(|row| row.spot.db != rows[0].spot.db),
        _ => true,
    };
    let sorted = model.list.order.column;
    let mut left = width.saturating_sub(KEY);
    let mut chosen = vec![Column::Key];
    let by_worth =
        Column::BY_WORTH.into_iter().filter(|column| *column != Column::Key && *column != sorted && is_of_use(*column));
    for column in [sorted].into_iter().filter(|column| *column != Column::Key).chain(by_worth) {
        if column.width() < left {
            left -= column.width() + 1;
            chosen.push(column);
        } else {
            break;
        }
    }
    let shown = Column::ALL.into_iter().filter(|column| chosen.contains(column)).collect();
    (shown, usize::from(width.min(KEY) + left))
}

fn padded(text: &str, column: Column, key: usize) -> String {
    let width = if column == Column::Key { key } else { usize::from(column.width()) };
    let text = fit(text, width);
    let blanks = " ".repeat(width.saturating_sub(text.width()));
    if column.is_number() {
        blanks + &text
    } else {
        text + &blanks
    }
}

pub fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let shown = model.list.shown(model.rows());
    head(frame, area, model, &shown, theme);
    let (columns, key) = columns(model, area.width);
    let titles = columns.iter().flat_map(|column| title(model, *column, key, theme));
    frame.render_widget(Line::from(titles.collect::<Vec<_>>()), line_of(area, 2));
    let body = below(area, 3);
    if shown.is_empty() {
        let why = match (&model.look, &model.away) {
            (Some(look), _) if look.rows.is_empty() => "there are no keys of the module",
            (Some(_), _) => "no key matches: Esc shows all",
            (None, None) => "looking …",
            (None, Some(_)) => "",
        };
        return frame.render_widget(Line::styled(why, theme.faint()), line_of(body, 0));
    }
    let place = model.list.place(&shown);
    let height = usize::from(body.height);
    let begin = first(place, shown.len(), height);
    for (nth, row) in shown.iter().enumerate().skip(begin).take(height) {
        let mut line = Line::from(columns.iter().flat_map(|column| cell(row, *column, key, theme)).collect::<Vec<_>>());
        if nth == place {
            line = selected(line, usize::from(area.width), theme);
        }
        frame.render_widget(line, line_of(body, (nth - begin) as u16));
    }
}

/// The sums over all keys, and which of them are shown.
fn head(frame: &mut Frame<'_>, area: Rect, model: &Model, shown: &[&Row], theme: Theme) {
    let width = usize::from(area.width);
    let rows = model.rows();
    let sum = |figure: fn(&Row) -> i64| count(rows.iter().map(figure).sum());
    let mode = if model.is_read_only { "  read only" } else { "" };
    let title = format!("tsgen top  {}{mode}", plain(&model.address));
    frame.render_widget(Line::styled(fit(&title, width), theme.title()), line_of(area, 0));
    let oldest = rows.iter().filter_map(|row| Some((row.oldest?, &row.spot.key))).max();
    let of = match (shown.len() == rows.len(), &model.list) {
        (true, _) => crate::top::text::several(rows.len(), "key"),
        (false, list) => {
            let family = list.family.map(|family| format!(" {family}")).unwrap_or_default();
            let filter = if list.filter.is_empty() { String::new() } else { format!(" /{}", plain(&list.filter)) };
            format!("{} of {} keys{family}{filter}", shown.len(), rows.len())
        }
    };
    let oldest = oldest.map_or(String::new(), |(ms, key)| format!("  oldest {} in {}", age(ms), name(key)));
    let text = format!(
        "{of}  ready {}  leased {}  dead {}{oldest}",
        sum(|row| row.ready),
        sum(|row| row.leased),
        sum(|row| row.dead)
    );
    frame.render_widget(Line::raw(fit(&text, width)), line_of(area, 1));
}

/// The title, with the letter that sorts by it, and the arrow where it does.
fn title(model: &Model, column: Column, key: usize, theme: Theme) -> Vec<Span<'static>> {
    let (text, letter) = column.title();
    let order = model.list.order;
    let style = if order.column == column { theme.selected().add_modifier(Modifier::BOLD) } else { theme.title() };
    let text = padded(text, column, key);
    let (before, after) = text.split_once(letter).unwrap_or((&text, ""));
    let spans = [
        (before.to_owned(), style),
        (letter.to_string(), style.add_modifier(Modifier::UNDERLINED)),
        (after.to_owned(), style),
    ];
    spans.into_iter().map(|(text, style)| Span::styled(text, style)).chain([Span::raw(" ")]).collect()
}

fn cell(row: &Row, column: Column, key: usize, theme: Theme) -> [Span<'static>; 2] {
    [Span::styled(padded(&row.cell(column), column, key), style(row, column, theme)), Span::raw(" ")]
}

fn style(row: &Row, column: Column, theme: Theme) -> Style {
    let quiet = |n: i64, style: Style| if n == 0 { theme.faint() } else { style };
    match column {
        Column::Key => theme.key(),
        Column::Db | Column::Family => theme.faint(),
        Column::State => theme.warning(),
        Column::Waiting => quiet(row.waiting, theme.text()),
        Column::Ready => quiet(row.ready, theme.text()),
        Column::Leased => quiet(row.leased, theme.text()),
        Column::Delayed => quiet(row.delayed, theme.text()),
        Column::Dead => quiet(row.dead, theme.bad()),
        Column::Oldest => match row.oldest {
            None => theme.faint(),
            Some(..LATE) => theme.text(),
            Some(ms) if ms < 10 * LATE => theme.warning(),
            Some(_) => theme.bad(),
        },
        Column::Delivered => quiet(i64::from(row.delivered.is_some_and(|rate| rate > 0.0)), theme.text()),
        Column::Acked => quiet(i64::from(row.acked.is_some_and(|rate| rate > 0.0)), theme.good()),
    }
}
