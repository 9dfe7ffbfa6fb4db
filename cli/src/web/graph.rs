//! Small graphs of the last hour, as SVG in the page. What they show is told in words, too.

use crate::watch::{Point, Ring};
use maud::{html, Markup};

/// Of one figure.
pub struct Graph<'g> {
    pub title: &'g str,
    pub figure: fn(&Point) -> f64,
    /// How a value of it is written.
    pub shown: fn(f64) -> String,
}

/// The drawing is so large, in units of its own; a page stretches it.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 40.0;
/// Points of the last hour.
const POINTS: usize = 240;

/// A number in few characters.
pub fn short(n: f64) -> String {
    match n {
        n if n >= 1e9 => format!("{:.1}G", n / 1e9),
        n if n >= 1e6 => format!("{:.1}M", n / 1e6),
        n if n >= 1e4 => format!("{:.1}k", n / 1e3),
        n if n >= 100.0 || n.fract() == 0.0 => format!("{n:.0}"),
        n => format!("{n:.1}"),
    }
}

/// The line through the points, newest at the right edge, and the largest of them.
fn line(ring: &Ring, figure: fn(&Point) -> f64) -> (String, f64) {
    let values: Vec<f64> = ring.iter().map(figure).collect();
    let largest = values.iter().copied().fold(0.0, f64::max);
    let step = WIDTH / (POINTS - 1) as f64;
    let first = POINTS.saturating_sub(values.len());
    let place = |(nth, value): (usize, &f64)| {
        let share = if largest > 0.0 { value / largest } else { 0.0 };
        format!("{:.1},{:.1}", (first + nth) as f64 * step, HEIGHT - 1.0 - share * (HEIGHT - 2.0))
    };
    (values.iter().enumerate().map(place).collect::<Vec<_>>().join(" "), largest)
}

impl Graph<'_> {
    /// With its title, the value now, and the largest.
    pub fn figure(&self, ring: &Ring) -> Markup {
        let (points, largest) = line(ring, self.figure);
        let now = ring.back().map_or(0.0, self.figure);
        html! {
            figure {
                figcaption { span { (self.title) } span { b { ((self.shown)(now)) } " · most " ((self.shown)(largest)) } }
                svg.graph viewBox={"0 0 " (WIDTH) " " (HEIGHT)} preserveAspectRatio="none" aria-hidden="true" {
                    @if ring.len() > 1 {
                        polyline.area points={(points) " " (WIDTH) "," (HEIGHT) " " (WIDTH * (POINTS.saturating_sub(ring.len())) as f64 / (POINTS - 1) as f64) "," (HEIGHT)} {}
                        polyline.line points=(points) {}
                    }
                }
            }
        }
    }
}

/// One without words, for a row that has them.
pub fn spark(ring: &Ring, figure: fn(&Point) -> f64) -> Markup {
    let (points, _) = line(ring, figure);
    html! {
        svg.graph.small viewBox={"0 0 " (WIDTH) " " (HEIGHT)} preserveAspectRatio="none" aria-hidden="true" {
            @if ring.len() > 1 { polyline.line points=(points) {} }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 7.0, 7.25, 123.4, 9999.0, 12_345.0, 1_234_567.0, 2e9].map(short);
        assert_eq!(shown, ["0", "7", "7.2", "123", "9999", "12.3k", "1.2M", "2.0G"]);
    }

    #[test]
    fn the_newest_point_is_at_the_right() {
        let ring: Ring = [0, 5, 10].into_iter().map(|ready| Point { ready, ..Point::default() }).collect();
        let (points, largest) = line(&ring, |point| point.ready as f64);
        assert_eq!((points.as_str(), largest), ("238.0,39.0 239.0,20.0 240.0,1.0", 10.0));
        assert_eq!(line(&Ring::default(), |_| 1.0), (String::new(), 0.0));
    }
}
