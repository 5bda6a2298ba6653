//! A badge: suite, outcome and day, as an SVG that needs nothing else. Colour is never alone: the words say the same.

use super::super::result::{End, Run};
use crate::report::escape;

/// Width of a character at this size, generously, in units of the picture.
const CHARACTER: usize = 7;
/// Space left and right of a text.
const MARGIN: usize = 8;

pub(super) fn render(run: &Run) -> String {
    let (passed, failed, open) = (run.count(End::Passed), run.count(End::Failed), run.count(End::NotRun));
    let (colour, mut outcome) = match (failed, passed) {
        (0, 0) => ("#505a5f", "nothing shown".to_owned()),
        (0, _) => ("#00582b", format!("{passed} passed")),
        (1, _) => ("#a1240b", "1 rule broken".to_owned()),
        _ => ("#a1240b", format!("{failed} rules broken")),
    };
    // What was not tested is part of the outcome.
    if open > 0 && (passed > 0 || failed > 0) {
        outcome.push_str(&format!(", {open} not run"));
    }
    let day = run.at.get(..10).unwrap_or_default();
    let right = format!("{outcome} · {day}");
    let name = format!("{} {}", run.suite, run.version);
    let [left, width] = [&name, &right].map(|text| text.chars().count() * CHARACTER + 2 * MARGIN);
    let (all, middle) = (left + width, left + MARGIN);
    let (name, right) = (escape(&name), escape(&right));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{all}\" height=\"24\" role=\"img\" aria-label=\"{name}: {right}\">\n\
         <title>{name}: {right}</title>\n\
         <rect width=\"{left}\" height=\"24\" fill=\"#212b32\"/><rect x=\"{left}\" width=\"{width}\" height=\"24\" fill=\"{colour}\"/>\n\
         <g fill=\"#fff\" font-family=\"Verdana, sans-serif\" font-size=\"11\"><text x=\"{MARGIN}\" y=\"16\">{name}</text><text x=\"{middle}\" y=\"16\">{right}</text></g>\n\
         </svg>\n"
    )
}
