//! What a reader asks first, in answers of a few lines: what does she take, what changed, who looks after her, what does
//! she want. (What she is allergic to stands above, in the safety line.)

use causeway_access::opened::Opened;
use causeway_access::record::{Change, Fact, Standing, Summary};

use super::fact::in_line;
use crate::words;

/// Lines of one answer.
const LINES: usize = 6;
/// Lines of one answer on a narrow screen, so that all five questions are answered on the first of a phone; of medicines one
/// more, and the names of the others.
const LINES_NARROW: usize = 2;

/// Sources named in the count of what changed; of more there is their number.
const SOURCES_NAMED: usize = 2;

/// A question with its answer.
pub(super) struct Answer {
    pub title: &'static str,
    /// Address within the page of where the rest is; empty where there is none.
    pub to: String,
    pub rest: String,
    /// The same on a narrow screen.
    pub rest_narrow: String,
    pub lines: Vec<(String, bool)>,
    /// How many of the lines a narrow screen shows.
    pub narrow: usize,
    /// What a narrow screen says in their place of those that it does not show.
    pub also: String,
    /// What is said where there is no line.
    pub none: &'static str,
}

fn facts<'s>(summary: &'s Summary, part: &str) -> &'s [Fact] {
    summary.part(part).map(|p| p.facts.as_slice()).unwrap_or_default()
}

fn answer(
    title: &'static str,
    part: &str,
    rest: &str,
    lines: Vec<(String, bool)>,
    narrow: usize,
    none: &'static str,
) -> Answer {
    let more = |shown: usize| lines.len().checked_sub(shown).filter(|more| *more > 0);
    // Beside its heading a phone has room for a word or two: the heading already says of what.
    let rest_narrow = more(narrow).map_or(rest.to_owned(), |more| format!("{more} more"));
    let rest = more(LINES).map_or(rest.to_owned(), |more| format!("{rest} ({more} more)"));
    let lines = lines.into_iter().take(LINES).collect();
    Answer { title, to: format!("#{part}"), rest, rest_narrow, lines, narrow, also: String::new(), none }
}

/// Medicines beyond the first, by name: none that is taken is left out of the first screen.
fn also(medicines: &mut Answer, names: &[String]) {
    medicines.narrow += 1;
    medicines.rest_narrow.clone_from(&medicines.rest);
    medicines.also = names.get(medicines.narrow..).unwrap_or_default().join("; ");
}

/// What came in the week, counted: "12 new, 1 changed, from Ashmarsh Council".
fn counted(changes: &[Change]) -> String {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    let mut by: Vec<&str> = Vec::new();
    for change in changes {
        match kinds.iter_mut().find(|(kind, _)| *kind == change.kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((change.kind, 1)),
        }
        if !by.contains(&change.source.organisation.as_str()) {
            by.push(&change.source.organisation);
        }
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let by = if by.len() > SOURCES_NAMED { format!("{} sources", by.len()) } else { by.join(" and ") };
    format!("{}, from {by}", kinds.join(", "))
}

fn line(fact: &Fact) -> String {
    let mut text = fact.lead().map(in_line).unwrap_or_default();
    for difference in &fact.differences {
        let values: Vec<String> =
            difference.values.iter().map(|(value, who)| format!("{} ({who})", words::date(value))).collect();
        text.push_str(&format!(". Sources differ: {}", values.join(", ")));
    }
    text
}

/// What is said where the reader's role is shown nothing of what would answer.
const NOT_FOR_ROLE: &str = "Your role is not shown this.";

/// The answers for a person, as far as the reader is shown what answers them.
pub(super) fn answers(summary: &Summary, key_people: &[String], opened: &Opened) -> Vec<Answer> {
    let medicines = facts(summary, "medicines");
    let mut taken: Vec<(String, bool)> =
        medicines.iter().filter(|f| f.standing == Standing::Current).map(|f| (line(f), false)).collect();
    let doubtful = medicines.iter().filter(|f| f.standing == Standing::Unclear);
    taken.extend(doubtful.map(|f| (format!("{} – {}", line(f), f.why), true)));
    let names: Vec<String> = [Standing::Current, Standing::Unclear]
        .iter()
        .flat_map(|standing| medicines.iter().filter(move |f| f.standing == *standing))
        .filter_map(|f| f.lead().map(|l| l.title.clone()))
        .collect();
    let one = |c: &Change| (format!("{}: {} ({})", c.kind, c.title, c.source.organisation), false);
    let mut changes: Vec<(String, bool)> = summary.changes.iter().map(one).collect();
    let mut changes_narrow = LINES_NARROW;
    if changes.len() > LINES_NARROW {
        changes.insert(0, (counted(&summary.changes), false));
        // A change may be of many words: its count alone keeps the last answer on the first screen of a phone.
        changes_narrow = 1;
    }
    let mut carers: Vec<(String, bool)> = key_people.iter().map(|p| (p.clone(), false)).collect();
    for fact in facts(summary, "services-and-care").iter().filter(|f| f.standing != Standing::Past) {
        let by = fact.lead().map_or("", |l| l.source.organisation.as_str());
        carers.push((format!("{} ({by})", line(fact)), fact.standing == Standing::Unclear));
    }
    let mut wants: Vec<(String, bool)> = Vec::new();
    for fact in facts(summary, "about-me") {
        let Some(lead) = fact.lead() else { continue };
        if lead.lines.is_empty() {
            wants.push((in_line(lead), false));
        }
        wants.extend(lead.lines.iter().map(|l| (format!("{}: {}", l.label, l.text), false)));
    }
    let goals = facts(summary, "plans").iter().filter(|f| f.lead().is_some_and(|l| l.key.kind == "Goal"));
    wants.extend(goals.map(|f| (format!("Goal: {}", line(f)), false)));
    let mut all = vec![
        answer(
            "Takes now",
            "medicines",
            "All medicines",
            taken,
            LINES_NARROW,
            "No source says that a medicine is taken now.",
        ),
        answer(
            "Changed this week",
            "changes",
            "All changes",
            changes,
            changes_narrow,
            "Nothing new came in the last seven days.",
        ),
        answer(
            "Looks after this person",
            "carers-and-contacts",
            "All people",
            carers,
            LINES_NARROW,
            "No source has told who looks after this person.",
        ),
        answer(
            "What matters most",
            "about-me",
            "About me",
            wants,
            LINES_NARROW,
            "No source has told what matters to this person.",
        ),
    ];
    also(&mut all[0], &names);
    // A link leads to a part that is there.
    for answer in &mut all {
        let code = answer.to.trim_start_matches('#');
        let closed = match code {
            "changes" => summary.parts.iter().all(|part| !opened.shows(part.code)),
            part => !opened.shows(part),
        };
        if closed {
            answer.none = NOT_FOR_ROLE;
        }
        if code != "changes" && summary.part(code).is_none_or(|part| part.total == 0) {
            answer.to.clear();
        }
    }
    all
}

/// The people to turn to: next of kin and attorneys with their telephone, then the practice.
pub(super) fn key_people(summary: &Summary, practice: &str) -> Vec<String> {
    let mut out = Vec::new();
    for fact in facts(summary, "carers-and-contacts") {
        let Some(lead) = fact.lead() else { continue };
        let roles: Vec<&str> = fact
            .tellings
            .iter()
            .flat_map(|t| &t.lines)
            .filter(|l| l.label == "Role")
            .map(|l| l.text.as_str())
            .collect();
        let kin = fact.tellings.iter().any(|t| {
            t.aspects
                .get("relationship")
                .is_some_and(|r| r.contains("next of kin") || r.contains("emergency contact"))
        });
        if roles.is_empty() && !kin {
            continue;
        }
        let mut said: Vec<&str> = Vec::new();
        for role in roles.into_iter().chain(kin.then_some("Next of kin")) {
            if !said.iter().any(|s| s.eq_ignore_ascii_case(role)) {
                said.push(role);
            }
        }
        let telephone =
            fact.tellings.iter().filter_map(|t| t.aspects.get("telephone")).find(|t| !t.is_empty());
        let telephone = telephone.map(|t| format!(", {t}")).unwrap_or_default();
        out.push(format!("{}: {}{telephone}", said.join(", "), lead.title));
    }
    if !practice.is_empty() {
        out.push(format!("Practice: {practice}"));
    }
    out
}
