//! What changed between two policy sets, in lines that an information-governance lead can read.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::{Depth, Head, PolicySet, Rule};

impl PolicySet {
    /// What changed between two sets, a line for each: what its head says, roles, rules, cells of the matrix, restricted codes.
    pub fn differences(&self, newer: &Self) -> Vec<String> {
        let mut out = self.head.differences(&newer.head);
        let roles: BTreeSet<&str> = self.roles.iter().chain(&newer.roles).map(|r| r.code.as_str()).collect();
        for code in roles {
            match (self.role(code), newer.role(code)) {
                (Some(_), None) => out.push(format!("role {code}: removed")),
                (None, Some(role)) => {
                    out.push(format!("role {code}: added ({}, {})", role.name, role.audience.word()));
                }
                (Some(a), Some(b)) if a.audience != b.audience => {
                    let (from, to) = (a.audience.word(), b.audience.word());
                    out.push(format!("role {code}: audience {from} → {to}"));
                }
                (Some(a), Some(b)) if a != b => {
                    out.push(format!("role {code}: named otherwise ({})", b.name))
                }
                _ => {}
            }
        }
        let ids: BTreeSet<&String> = self.rules().chain(newer.rules()).map(|rule| &rule.id).collect();
        for id in ids {
            let says = |rule: &Rule| if rule.permits { "permit" } else { "forbid" };
            match (self.rule(id), newer.rule(id)) {
                (Some(rule), None) => out.push(format!("rule {id}: removed, a {}", says(rule))),
                (None, Some(rule)) => {
                    out.push(format!("rule {id}: added, a {}: {}", says(rule), rule.because));
                }
                (Some(a), Some(b)) if a != b => {
                    out.push(format!("rule {id}: changed"));
                    out.extend(lines_changed(&a.text, &b.text));
                }
                _ => {}
            }
        }
        let cells = |set: &Self| -> BTreeMap<(String, String), Depth> {
            let rows = set.sections.iter();
            rows.flat_map(|row| row.cells.iter().map(|(role, d)| ((row.code.clone(), role.clone()), *d)))
                .collect()
        };
        let (old, new) = (cells(self), cells(newer));
        for (at, depth) in &new {
            let before = old.get(at).copied();
            if before != Some(*depth) {
                let before = before.map_or("absent", Depth::word);
                out.push(format!("matrix {} × {}: {before} → {}", at.0, at.1, depth.word()));
            }
        }
        for at in old.keys().filter(|at| !new.contains_key(at)) {
            out.push(format!("matrix {} × {}: removed", at.0, at.1));
        }
        out.extend(self.restricted.differences(&newer.restricted));
        out
    }
}

impl Head {
    fn differences(&self, newer: &Self) -> Vec<String> {
        let fields = |head: &Self| {
            [
                ("version", head.version.clone()),
                ("date", head.date.to_string()),
                ("owner", head.owner.clone()),
                ("status", head.status.clone()),
                ("file of restricted codes", head.restricted.clone()),
                ("minutes of emergency access", head.break_glass_minutes.to_string()),
                ("fewest people in a published count", head.smallest_count.to_string()),
                ("opt-outs in pseudonymised extracts", head.pseudonymised_opt_out.clone()),
                ("restricted codes in pseudonymised extracts", head.pseudonymised_restricted.clone()),
            ]
        };
        let both = fields(self).into_iter().zip(fields(newer));
        both.filter(|(old, new)| old != new)
            .map(|((what, old), (_, new))| format!("{what}: {old} → {new}"))
            .collect()
    }
}

/// The lines of a rule that the other does not have: those taken out, then those put in.
fn lines_changed(older: &str, newer: &str) -> Vec<String> {
    let lines = |text: &str| -> Vec<String> { text.lines().map(|l| l.trim().to_owned()).collect() };
    let (old, new) = (lines(older), lines(newer));
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("  - {line}"));
    let come = new.iter().filter(|line| !old.contains(line)).map(|line| format!("  + {line}"));
    gone.chain(come).collect()
}
