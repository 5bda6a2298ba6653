//! A trend as a small drawing (SVG, no script). Its text is the table of the same values beside it, so it is hidden from
//! screen readers.

use causeway_access::record::{Moment, Test};

/// Width and height of a trend, in CSS pixels.
const SIZE: (f64, f64) = (168.0, 44.0);
/// Room around the points.
const EDGE: f64 = 5.0;
/// Most points that are drawn.
const POINTS_MAX: usize = 40;

/// The number that digits as told stand for; `None` for what is no plain number.
fn number(text: &str) -> Option<f64> {
    text.trim_start_matches(['<', '>', '=']).trim().parse::<f64>().ok().filter(|n| n.is_finite())
}

/// A line through the newest measurements with the reference range as a band; empty where there are not two.
pub(super) fn trend(test: &Test) -> String {
    let mut points: Vec<(i64, f64)> =
        test.points.iter().take(POINTS_MAX).filter_map(|p| Some((p.at, number(&p.value)?))).collect();
    points.reverse();
    let (Some(first), Some(last)) = (points.first().copied(), points.last().copied()) else {
        return String::new();
    };
    if points.len() < 2 || first.0 == last.0 {
        return String::new();
    }
    let bounds = [number(&test.bounds.0), number(&test.bounds.1)];
    let all = || points.iter().map(|p| p.1).chain(bounds.iter().flatten().copied());
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let span = if high > low { high - low } else { 1.0 };
    let x = |at: i64| EDGE + (at - first.0) as f64 / (last.0 - first.0) as f64 * (SIZE.0 - 2.0 * EDGE);
    let y = |value: f64| SIZE.1 - EDGE - (value - low) / span * (SIZE.1 - 2.0 * EDGE);
    let mut out = format!(
        "<svg class=\"trend\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" aria-hidden=\"true\" focusable=\"false\">",
        w = SIZE.0,
        h = SIZE.1
    );
    if bounds.iter().any(Option::is_some) {
        let top = y(bounds[1].unwrap_or(high));
        let bottom = y(bounds[0].unwrap_or(low));
        out.push_str(&format!(
            "<rect class=\"range\" x=\"0\" y=\"{top:.1}\" width=\"{}\" height=\"{:.1}\"></rect>",
            SIZE.0,
            (bottom - top).max(1.0)
        ));
    }
    let path: Vec<String> =
        points.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
    out.push_str(&format!("<polyline points=\"{}\"></polyline>", path.join(" ")));
    for (at, value) in &points {
        out.push_str(&format!("<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2\"></circle>", x(*at), y(*value)));
    }
    out.push_str(&format!(
        "<circle class=\"last\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.2\"></circle></svg>",
        x(last.0),
        y(last.1)
    ));
    out
}

/// Width and height of the journey.
const JOURNEY: (f64, f64) = (900.0, 92.0);

/// The journey through both settings as two lines of dots, the newest on the right; empty where there are not two moments.
pub(super) fn journey(moments: &[Moment]) -> String {
    let (Some(newest), Some(oldest)) = (moments.first(), moments.last()) else { return String::new() };
    if newest.at == oldest.at {
        return String::new();
    }
    let (left, right) = (130.0, JOURNEY.0 - 12.0);
    let x = |at: i64| left + (at - oldest.at) as f64 / (newest.at - oldest.at) as f64 * (right - left);
    let mut out = format!(
        "<svg class=\"lanes\" viewBox=\"0 0 {} {}\" aria-hidden=\"true\" focusable=\"false\">",
        JOURNEY.0, JOURNEY.1
    );
    for (y, words) in [(26.0, "Social care"), (64.0, "Health")] {
        out.push_str(&format!(
            "<text x=\"0\" y=\"{}\">{words}</text><line x1=\"{left}\" y1=\"{y}\" x2=\"{right}\" y2=\"{y}\"></line>",
            y + 5.0
        ));
    }
    let mut before: Option<(f64, f64)> = None;
    for moment in moments.iter().rev() {
        let at = (x(moment.at), if moment.social_care { 26.0 } else { 64.0 });
        // Where the setting changes, the person went from one to the other.
        if let Some((px, py)) = before
            && (py - at.1).abs() > 1.0
        {
            out.push_str(&format!(
                "<line class=\"step\" x1=\"{px:.1}\" y1=\"{py}\" x2=\"{:.1}\" y2=\"{}\"></line>",
                at.0, at.1
            ));
        }
        before = Some(at);
    }
    for moment in moments {
        let (class, y) = if moment.social_care { ("social", 26.0) } else { ("health", 64.0) };
        out.push_str(&format!(
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{y}\" r=\"5\"></circle>",
            x(moment.at)
        ));
    }
    out.push_str("</svg>");
    out
}

#[cfg(test)]
mod tests {
    use causeway_access::record::{Key, Point};

    use super::*;

    #[test]
    fn a_trend_needs_two_measurements_and_draws_the_range() {
        let point = |at: i64, value: &str| Point {
            date: String::new(),
            at,
            value: value.into(),
            flag: String::new(),
            differs: false,
            earlier: Vec::new(),
            by: Vec::new(),
            key: Key::new("Observation", "o"),
        };
        let mut test = Test {
            name: "Sodium".into(),
            unit: "mmol/L".into(),
            range: "133 to 146".into(),
            bounds: ("133".into(), "146".into()),
            points: vec![point(2, "140")],
        };
        assert_eq!(trend(&test), "");
        test.points.push(point(1, "<120"));
        let drawn = trend(&test);
        assert!(drawn.contains("class=\"range\"") && drawn.matches("<circle").count() == 3, "{drawn}");
        test.points.push(point(0, "haemolysed"));
        assert_eq!(trend(&test).matches("<circle").count(), 3, "what is no number is not drawn");
    }
}
