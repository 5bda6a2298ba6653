//! JUnit XML. A warning or note is output of a test that passed; what was not run is skipped.

use std::fmt::Write as _;

use super::super::result::{End, Run};
use crate::report::escape;

pub(super) fn render(run: &Run) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let milliseconds: u64 = run.cases.iter().map(|c| c.milliseconds).sum();
    let suite = escape(&run.suite);
    let _ = writeln!(
        out,
        "<testsuites name=\"causeway conform\">\n<testsuite name=\"{suite}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{}\" timestamp=\"{}\">\n<properties><property name=\"endpoint\" value=\"{}\"/><property name=\"version\" value=\"{}\"/></properties>",
        run.cases.len(),
        run.count(End::Failed),
        run.count(End::NotRun),
        seconds(milliseconds),
        escape(run.at.trim_end_matches('Z')),
        escape(&run.endpoint),
        escape(&run.version),
    );
    for case in &run.cases {
        let _ = write!(
            out,
            "<testcase classname=\"conform.{suite}\" name=\"{}\" time=\"{}\">",
            escape(&case.id),
            seconds(case.milliseconds)
        );
        let mut text = format!("{}\nrule: {} ({}), {}\n", case.title, case.rule, case.level, case.source);
        case.found.iter().for_each(|f| text.push_str(&format!("{f}\n")));
        match case.end {
            End::Passed => {}
            End::NotRun => {
                let _ = write!(out, "<skipped message=\"{}\"/>", escape(&case.found.join("; ")));
            }
            End::Failed => {
                text.push_str(&format!("what to do: {}\n", case.mend));
                let message = case.found.first().map_or("", String::as_str);
                let _ = write!(
                    out,
                    "<failure message=\"{}\" type=\"{}\">{}</failure>",
                    escape(message),
                    escape(&case.rule),
                    escape(&text)
                );
            }
            End::Warned | End::Noted => {
                let _ = write!(out, "<system-out>{}: {}</system-out>", case.end.word(), escape(&text));
            }
        }
        out.push_str("</testcase>\n");
    }
    out.push_str("</testsuite>\n</testsuites>\n");
    out
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}
