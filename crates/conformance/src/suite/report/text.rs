//! For a terminal.

use std::fmt::Write as _;

use super::super::must_support::summary;
use super::super::result::{Change, End, Run, words};

pub(super) fn render(run: &Run, changes: Option<&[(String, Change)]>) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{} ({} {}) against {}", run.title, run.suite, run.version, run.endpoint);
    let _ = writeln!(out, "{}\n", run.at);
    for end in End::ALL {
        for case in run.cases.iter().filter(|c| c.end == end) {
            let _ = writeln!(out, "{:8} {}  {}", end.word(), case.id, case.title);
            for found in &case.found {
                let _ = writeln!(out, "           {found}");
            }
            if matches!(end, End::Failed | End::Warned | End::Noted) {
                let _ = writeln!(out, "           rule: {} ({}), {}", case.rule, case.level, case.source);
                let _ = writeln!(out, "           what to do: {}", case.mend);
                for exchange in &case.exchanges {
                    let _ = writeln!(out, "           {} -> {}", exchange.asked, exchange.answered);
                }
            }
        }
    }
    if let Some(changes) = changes {
        let _ = writeln!(out, "\nAgainst the earlier run:");
        if changes.is_empty() {
            let _ = writeln!(out, "  nothing differs");
        }
        for (id, change) in changes {
            let _ = writeln!(out, "  {id}: {}", words(change));
        }
    }
    let _ = writeln!(out, "\n{}", super::verdict(run));
    if let Some(summary) = summary(&run.must_support) {
        let _ = writeln!(out, "{summary}.");
        for open in run.must_support.iter().filter(|e| !e.settled()) {
            let _ = writeln!(out, "  open: {} {} ({})", open.profile, open.element, super::seen(open));
        }
    }
    out
}
