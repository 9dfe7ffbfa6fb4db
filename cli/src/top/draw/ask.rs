//! A question before something is done, in the middle of the screen.

use super::Theme;
use crate::top::model::Question;
use crate::top::text::{plain, wrap};
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};
use ratatui::Frame;

pub fn draw(frame: &mut Frame<'_>, area: Rect, question: &Question, theme: Theme) {
    let wide = area.width.saturating_sub(2).min(64);
    let mut lines: Vec<Line<'_>> =
        wrap(&plain(&question.text), usize::from(wide.saturating_sub(4))).into_iter().map(Line::raw).collect();
    let most = usize::from(area.height.saturating_sub(4)).max(1);
    lines.truncate(most);
    let keys: &[(&str, &str)] = if question.deed.is_some() { &[("y", "yes"), ("n", "no")] } else { &[("n", "stop")] };
    lines.push(super::keys(theme, keys, wide));
    let high = (lines.len() as u16 + 2).min(area.height);
    let place =
        Rect { x: area.x + (area.width - wide) / 2, y: area.y + (area.height - high) / 2, width: wide, height: high };
    frame.render_widget(Clear, place);
    let block = Block::bordered().border_style(theme.warning()).padding(ratatui::widgets::Padding::horizontal(1));
    frame.render_widget(Paragraph::new(lines).block(block), place);
}
