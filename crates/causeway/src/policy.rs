//! `causeway policy`: check, explain and compare policy sets.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use causeway_service::access::choices::{Change, Choice, Choices};
use causeway_service::access::decide::{
    self, Asker, Interface, Item, OrganisationFacts, Outcome, Reach, Request,
};
use causeway_service::access::labels::KNOWN;
use causeway_service::access::policy::{Files, PolicySet, built_in_files};
use causeway_service::access::relationship::{Kind, Relationship};
use clap::Subcommand;

use crate::process::{EXIT_REFUSED, print};

/// What to do with a policy set.
#[derive(Subcommand, Debug)]
pub enum PolicyCommand {
    /// Say whether a policy set is whole and valid, and who owns it. Ends with 1 where it is wrong.
    Check {
        /// Folder of the set; the built-in one where not given.
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
        /// Also name its roles, its sections, and the labels that items may have.
        #[arg(long)]
        list: bool,
    },
    /// Decide one request and say which rules spoke at each of the seven steps. Ends with 1 where it is refused.
    Explain {
        /// Role code, such as R8000 or care-worker; `policy check --list` names them.
        #[arg(long, default_value = "R8000")]
        role: String,
        /// Purpose, a code of HL7's ActReason: TREAT (care), ETREAT (emergency), PATRQT (the person's own wish), FAMRQT (a carer's),
        /// HCOMPL (privacy officer), HRESCH, HOPERAT or PUBHLTH (research and planning).
        #[arg(long, default_value = "TREAT")]
        purpose: String,
        /// Relationship: registered, admitted, referred, social-care, allocated, resident, own, delegated, self-claimed,
        /// break-glass or none.
        #[arg(long, default_value = "none")]
        relationship: String,
        /// A choice of the person that is on, as often as needed: national-opt-out, type-one, objection, sensitive.
        #[arg(long = "choice", value_name = "CHOICE")]
        choices: Vec<String>,
        /// Activity code of the user, such as B0107, as often as needed.
        #[arg(long = "activity", value_name = "CODE")]
        activities: Vec<String>,
        /// The organisation's agreements are out of date.
        #[arg(long)]
        out_of_date: bool,
        /// Section to ask about.
        #[arg(long, value_name = "CODE")]
        section: Option<String>,
        /// Label of the item in it, such as legally-restricted, as often as needed.
        #[arg(long = "label", value_name = "LABEL")]
        labels: Vec<String>,
        /// Folder of the set; the built-in one where not given.
        #[arg(long, value_name = "DIR")]
        policy: Option<PathBuf>,
    },
    /// Say what a newer set changes: its head, roles, rules, cells of the matrix, restricted codes. Ends with 0, changed or not.
    Diff {
        /// Folder of the older set.
        #[arg(value_name = "OLDER")]
        older: PathBuf,
        /// Folder of the newer set; the built-in one where not given.
        #[arg(value_name = "NEWER")]
        newer: Option<PathBuf>,
    },
    /// Write the files of the built-in set, to begin an own one with.
    Write {
        /// Folder to write to.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// Runs a command. The exit code: refused where a set is wrong or a request is.
///
/// # Errors
/// A sentence that says what could not be read or written.
pub fn run(command: &PolicyCommand) -> Result<u8, String> {
    match command {
        PolicyCommand::Check { folder, list } => check(folder.as_deref(), *list),
        PolicyCommand::Explain { .. } => explain(command),
        PolicyCommand::Diff { older, newer } => {
            let (older, newer) = (load(Some(older))?, load(newer.as_deref())?);
            let lines = older.differences(&newer);
            if lines.is_empty() {
                print("the sets say the same\n");
            }
            for line in lines {
                print(&format!("{line}\n"));
            }
            Ok(0)
        }
        PolicyCommand::Write { folder } => write(folder),
    }
}

fn files(folder: Option<&Path>) -> Result<Files, String> {
    let Some(folder) = folder else { return Ok(built_in_files()) };
    let mut files = Files::new();
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for path in entries.flatten().map(|e| e.path()).filter(|p| p.is_file()) {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        files.insert(name, text);
    }
    Ok(files)
}

pub(crate) fn load(folder: Option<&Path>) -> Result<PolicySet, String> {
    PolicySet::load(&files(folder)?).map_err(|e| e.to_string())
}

fn check(folder: Option<&Path>, list: bool) -> Result<u8, String> {
    let files = files(folder)?;
    match PolicySet::load(&files) {
        Err(error) => {
            print(&format!("wrong: {error}\n"));
            Ok(EXIT_REFUSED)
        }
        Ok(set) => {
            let head = &set.head;
            print(&format!(
                "version {} of {}\nowner: {}\nstatus: {}\n{} rules, {} roles × {} sections, {} restricted codes ({})\n\
                 valid against the schema; every rule has its basis and its reason\n",
                head.version,
                head.date,
                head.owner,
                head.status,
                set.rules().count(),
                set.roles.len(),
                set.sections.len(),
                set.restricted.members().len(),
                set.restricted.version,
            ));
            if list {
                print(&names(&set));
            }
            Ok(0)
        }
    }
}

/// What `explain` may be asked about.
fn names(set: &PolicySet) -> String {
    let mut out = String::from("\nroles:\n");
    for role in &set.roles {
        let _ = writeln!(out, "  {:<20} {} (for {})", role.code, role.name, role.audience.word());
    }
    out.push_str("sections:\n");
    for row in &set.sections {
        let _ = writeln!(out, "  {:<20} {}", row.code, row.title);
    }
    let _ = writeln!(out, "labels:\n  {}", KNOWN.join("\n  "));
    out
}

/// That a word is one of these: a misspelled one must not be answered as if it meant something.
fn one_of<'w>(
    what: &str,
    word: &str,
    mut words: impl Iterator<Item = &'w str> + Clone,
) -> Result<(), String> {
    if words.clone().any(|known| known == word) {
        return Ok(());
    }
    let first = words.next().unwrap_or_default().to_owned();
    let known = words.fold(first, |all, next| format!("{all}, {next}"));
    Err(format!("there is no {what} {word}; there are {known}"))
}

fn explain(command: &PolicyCommand) -> Result<u8, String> {
    let PolicyCommand::Explain {
        role,
        purpose,
        relationship,
        choices,
        activities,
        out_of_date,
        section,
        labels,
        policy,
    } = command
    else {
        return Ok(0);
    };
    let set = Arc::new(load(policy.as_deref())?);
    one_of("role", role, set.roles.iter().map(|r| r.code.as_str()))?;
    one_of("relationship", relationship, Kind::ALL.iter().map(|k| k.word()))?;
    for word in choices {
        one_of("choice", word, Choice::ALL.iter().map(|c| c.word()))?;
    }
    for label in labels {
        one_of("label", label, KNOWN.iter().copied())?;
    }
    if let Some(section) = section {
        one_of("section", section, set.sections.iter().map(|row| row.code.as_str()))?;
    }
    let now = jiff::Timestamp::now();
    let kind = Kind::of(relationship).unwrap_or(Kind::None);
    let on = |choice| Change { choice, on: true, at: now, source: "command line".to_owned() };
    let history = choices.iter().filter_map(|word| Choice::of(word)).map(on).collect();
    let asker = Asker {
        user: "user".to_owned(),
        name: "user".to_owned(),
        role: role.clone(),
        activities: activities.iter().cloned().collect(),
        organisation: OrganisationFacts {
            code: "organisation".to_owned(),
            registered: true,
            live: true,
            gates_in_date: !out_of_date,
            ..OrganisationFacts::default()
        },
        own_number: String::new(),
    };
    let relationship = Relationship {
        kind,
        holder: "organisation".to_owned(),
        start: None,
        end: None,
        source: "command line".to_owned(),
        reason: "given on the command line".to_owned(),
        scope: Vec::new(),
    };
    let research = matches!(purpose.as_str(), "HRESCH" | "HOPERAT" | "PUBHLTH");
    let request = Request {
        asker: &asker,
        purpose,
        interface: if research { Interface::Extract } else { Interface::Care },
        reach: Reach::Open,
        choices: &Choices { history },
        safeguarded_child: false,
        relationship: (kind != Kind::None).then_some(&relationship),
        now,
    };
    let mut decision = decide::decide(&set, &request);
    let mut out = String::new();
    for step in &decision.steps {
        let outcome = step.outcome.plain();
        let _ = writeln!(out, "{}. {} {outcome}", step.number, step.question);
        if step.outcome != Outcome::NotReached {
            let _ = writeln!(out, "   {}", step.because);
        }
        for id in &step.rules {
            if let Some(rule) = set.rule(id) {
                let says = if rule.permits { "permit" } else { "forbid" };
                let _ = writeln!(out, "   {says} {id} ({})", rule.rule);
            }
        }
    }
    let said = match decision.permit {
        true => "permitted, once it is written down (step 7)",
        false => "refused",
    };
    let _ = writeln!(out, "{said}");
    for obligation in &decision.obligations {
        let _ = writeln!(out, "must be done: {}", obligation.plain());
    }
    if let Some(section) = section.as_ref().filter(|_| decision.permit) {
        let item = decision.item(section, &labels.iter().cloned().collect());
        let said = match item {
            Item::Show => "shown".to_owned(),
            Item::ShowInSummary => "shown where it is part of the summary".to_owned(),
            Item::NotForRole { .. } => "not for this role".to_owned(),
            Item::Withhold { rules } => format!("withheld by {}", rules.join(", ")),
        };
        let _ = writeln!(out, "an item of {section}: {said}");
    }
    print(&out);
    Ok(if decision.permit { 0 } else { EXIT_REFUSED })
}

fn write(folder: &PathBuf) -> Result<u8, String> {
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for (name, text) in built_in_files() {
        let path = folder.join(&name);
        if path.exists() {
            return Err(format!("{} is there already, nothing was overwritten", path.display()));
        }
        std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(0)
}
