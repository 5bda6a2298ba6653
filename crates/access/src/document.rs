//! `docs/access.md`: the policy set in words, generated, so that the document is never another than the policy.

use std::fmt::Write as _;

use crate::choices::Choice;
use crate::policy::{Depth, PolicySet};

/// The document.
pub fn document(set: &PolicySet) -> String {
    let mut out = String::new();
    let head = &set.head;
    let _ = write!(
        out,
        "# Access\n\nGenerated from the policy set `crates/access/policy` by `cargo run -p xtask -- generate`.\n\n\
         Version {} of {}. Owner: {}. Status: {}.\n\n",
        head.version, head.date, head.owner, head.status
    );
    out.push_str(STEPS);
    out.push_str("\n## Roles\n\n| code | name | seen by | audience |\n|---|---|---|---|\n");
    for role in &set.roles {
        let _ =
            writeln!(out, "| `{}` | {} | {} | {} |", role.code, role.name, role.plain, role.audience.word());
    }
    out.push_str("\n## What each role sees\n\n● the whole section, ◐ what is active or current, with what says that it ended, and the last three contacts, – nothing.\n\n| section |");
    for role in &set.roles {
        let _ = write!(out, " {} |", role.code);
    }
    out.push_str("\n|---|");
    out.push_str(&"---|".repeat(set.roles.len()));
    out.push('\n');
    for row in &set.sections {
        let _ = write!(out, "| {} |", row.title);
        for role in &set.roles {
            let mark = match row.cells.get(&role.code) {
                Some(Depth::Whole) => "●",
                Some(Depth::Summary) => "◐",
                _ => "–",
            };
            let _ = write!(out, " {mark} |");
        }
        out.push('\n');
    }
    out.push_str("\n## Rules\n\nA forbid outweighs every permit; what nothing permits is refused.\n\n| rule | basis | says | because |\n|---|---|---|---|\n");
    for rule in set.rules() {
        let says = if rule.permits { "permit" } else { "forbid" };
        let _ = writeln!(out, "| `{}` | {} | {says} | {} |", rule.id, rule.rule, rule.because);
    }
    out.push_str("\n## Choices of a person\n\n| choice | what it does |\n|---|---|\n");
    for choice in Choice::ALL {
        let _ = writeln!(out, "| {} | {} |", choice.title(), choice.plain());
    }
    let _ = write!(
        out,
        "\n## Restricted codes\n\nFile `{}`: {} members, invented stand-ins. The real members come with the licensed SNOMED CT UK \
         edition. Emergency access lasts {} minutes and does not open these.\n\n| refset | title | stand-ins | holds in |\n|---|---|---|---|\n",
        set.restricted.version,
        set.restricted.members().len(),
        head.break_glass_minutes
    );
    let mut seen: Vec<&str> = Vec::new();
    for member in set.restricted.members() {
        if seen.contains(&member.refset.as_str()) {
            continue;
        }
        seen.push(&member.refset);
        let same: Vec<&str> = set
            .restricted
            .members()
            .iter()
            .filter(|m| m.refset == member.refset)
            .map(|m| m.code.as_str())
            .collect();
        let place = match member.use_ {
            crate::restricted::Use::Care => "care and beyond",
            crate::restricted::Use::Secondary => "beyond care",
        };
        let _ = writeln!(out, "| {} | {} | {} | {place} |", member.refset, member.title, same.join(", "));
    }
    out
}

const STEPS: &str = "\
## The decision

One function decides, in this order. The first refusal ends it; every step says which rules spoke.

1. Is the organisation live, with its agreements in date?
2. Is the purpose allowed here?
3. Do the person's choices or flags stand against it?
4. Has the caller to do with the person?
5. What may the role see?
6. Are items restricted or confidential?
7. Is the access written down before anything is shown?

`causeway policy check`, `explain` and `diff` test a policy set, say for one request which rules spoke, and compare two sets.
";
