//! The seven steps: rules IG-01 to IG-13, IG-20, IG-23, IG-24, the matrix and the truth table.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use causeway_access::choices::{Choice, Choices};
use causeway_access::decide::{
    ExtractRequest, Form, Interface, Item, Obligation, Outcome, Reach, decide_extract,
};
use causeway_access::labels::Labels;
use causeway_access::policy::{Depth, PolicySet, built_in_files};
use causeway_access::relationship::{Kind, Told, best, derive};
use serde_json::json;

use super::{Ask, choices, now, policies, relation};

fn labels(of: &[&str]) -> Labels {
    of.iter().map(|l| (*l).to_owned()).collect()
}

#[test]
fn ig_01_the_organisation_must_be_live_with_its_gates_in_date() {
    let good = Ask::of("R8000");
    assert!(good.decide().permit);
    for change in [
        |a: &mut Ask<'_>| a.asker.organisation.registered = false,
        |a: &mut Ask<'_>| a.asker.organisation.live = false,
        |a: &mut Ask<'_>| a.asker.organisation.gates_in_date = false,
    ] {
        let mut ask = Ask::of("R8000");
        change(&mut ask);
        let decision = ask.decide();
        assert_eq!((decision.permit, decision.reason), (false, "organisation-not-live"));
        assert_eq!(decision.steps[0].outcome, Outcome::Refused);
        assert!(decision.steps[1..].iter().all(|s| s.outcome == Outcome::NotReached));
    }
    // A role that no file names gets nothing.
    assert!(!Ask::of("R9999").decide().permit);
    assert!(!Ask::of("").decide().permit);
}

#[test]
fn ig_02_and_ig_03_every_cell_of_the_matrix() {
    let set = policies();
    let mut cells = 0;
    for role in &set.roles {
        let mut ask = Ask::of(&role.code);
        if role.code == "R1860" {
            ask.interface = Interface::Extract;
        }
        let decision = ask.decide();
        for row in &set.sections {
            cells += 1;
            let expected = row.cells[&role.code];
            // The researcher is refused as a whole, whatever the matrix says.
            let expected = if role.code == "R1860" { Depth::None } else { expected };
            // Oversight sees name and log only.
            let oversight =
                role.code == "R0001" && !["demographics", "access-log"].contains(&row.code.as_str());
            let expected = if oversight { Depth::None } else { expected };
            assert_eq!(decision.depth(&row.code), expected, "{} × {}", role.code, row.code);
        }
        assert_eq!(decision.depth("a-section-nobody-named"), Depth::None, "unknown sections are refused");
    }
    assert_eq!(cells, set.roles.len() * set.sections.len());
    assert!(cells >= 400, "{cells} cells");
}

#[test]
fn ig_03_care_home_manager_and_council_technician() {
    let manager = Ask::of("care-home-manager").decide();
    for section in ["allergies", "medicines"] {
        assert_eq!(manager.depth(section), Depth::Whole, "{section}");
    }
    assert_eq!(manager.depth("problems"), Depth::Summary);
    assert_eq!(manager.depth("encounters"), Depth::Summary);
    for section in ["documents", "results", "referrals", "safeguarding", "originals"] {
        assert_eq!(manager.depth(section), Depth::None, "{section}");
    }
    // A nurse of the same home sees the record.
    assert_eq!(Ask::of("R8001").decide().depth("results"), Depth::Whole);
    // The assistant who checks numbers has no relationship and sees the Patient only.
    let mut technician = Ask::of("council-technician");
    technician.kind = None;
    let decision = technician.decide();
    assert!(decision.permit);
    let seen: Vec<_> = policies()
        .sections
        .iter()
        .filter(|r| decision.depth(&r.code) != Depth::None)
        .map(|r| r.code.clone())
        .collect();
    assert_eq!(seen, ["demographics", "contact-details"]);
}

#[test]
fn ig_04_a_legitimate_relationship_or_nothing() {
    let mut ask = Ask::of("R8000");
    ask.kind = None;
    let decision = ask.decide();
    assert_eq!((decision.permit, decision.reason), (false, "no-relationship"));
    // Ended yesterday.
    let mut ended = relation(Kind::Admitted);
    ended.end = Some("2026-11-28T10:00:00Z".parse().unwrap());
    ask.kind = Some(ended);
    assert_eq!(ask.decide().reason, "no-relationship");
    // Begins tomorrow.
    let mut coming = relation(Kind::Referred);
    coming.start = Some("2026-11-30T10:00:00Z".parse().unwrap());
    ask.kind = Some(coming);
    assert_eq!(ask.decide().reason, "no-relationship");
    // Claimed, with a reason: permitted, and an alert is owed.
    ask.kind = Some(relation(Kind::SelfClaimed));
    let decision = ask.decide();
    assert!(decision.permit);
    assert!(decision.obligations.contains(&Obligation::AlertSelfClaim));
    // Claimed without one.
    let mut silent = relation(Kind::SelfClaimed);
    silent.reason = "  ".to_owned();
    ask.kind = Some(silent);
    assert!(!ask.decide().permit);
    // A system can't claim.
    let mut system = Ask::of("system");
    system.kind = Some(relation(Kind::SelfClaimed));
    assert!(!system.decide().permit);
}

#[test]
fn ig_04_relationships_come_from_what_sources_told() {
    let practice = json!({"resourceType": "Organization", "id": "p", "identifier": [
        {"system": "https://example.org/local", "value": "7"},
        {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZZ900"}]});
    let patient = json!({"resourceType": "Patient", "id": "1", "generalPractitioner": [{"reference": "Organization/p"}]});
    let admission = json!({"resourceType": "Encounter", "id": "2", "status": "in-progress", "period": {"start": "2026-11-20"}});
    let over = json!({"resourceType": "Encounter", "id": "3", "status": "finished",
        "period": {"start": "2026-11-01", "end": "2026-11-28"}, "serviceProvider": {"identifier": {"value": "ZZ902"}}});
    let package = json!({"resourceType": "EpisodeOfCare", "id": "4", "status": "active", "period": {"start": "2026-10"},
        "managingOrganization": {"identifier": {"value": "1-111"}}, "careManager": {"identifier": {"value": "sw-7"}}});
    let referral = json!({"resourceType": "ServiceRequest", "id": "5", "status": "active", "authoredOn": "2026-11-01",
        "performer": [{"identifier": {"value": "ZZ905"}}]});
    let draft = json!({"resourceType": "ServiceRequest", "id": "6", "status": "draft",
        "performer": [{"identifier": {"value": "ZZ906"}}]});
    let told = |resource, by, adapter| Told { resource, by, adapter };
    let all = derive(&[
        told(&practice, "ZZ900", "careconnect"),
        told(&patient, "ZZ900", "careconnect"),
        told(&admission, "ZZ901", "hl7v2"),
        told(&over, "ZZ902", "hl7v2"),
        told(&package, "998", "client-level-data"),
        told(&referral, "ZZ900", "careconnect"),
        told(&draft, "ZZ900", "careconnect"),
    ]);
    let kind = |organisation: &str, user: &str| best(&all, organisation, user, now()).map(|r| r.kind);
    assert_eq!(kind("ZZ900", ""), Some(Kind::Registered));
    assert_eq!(kind("zz901", ""), Some(Kind::Admitted), "codes are compared without case");
    assert_eq!(kind("ZZ902", ""), None, "the stay ended yesterday");
    assert_eq!(kind("1-111", ""), Some(Kind::SocialCare));
    assert_eq!(kind("998", ""), Some(Kind::SocialCare));
    assert_eq!(kind("other", "sw-7"), Some(Kind::Allocated));
    assert_eq!(kind("ZZ905", ""), Some(Kind::Referred));
    assert_eq!(kind("ZZ906", ""), None, "nobody accepted a draft");
    assert_eq!(kind("ZZ999", ""), None);
    assert_eq!(kind("", ""), None, "an empty code is nobody's");
}

#[test]
fn ig_05_break_glass_opens_for_a_reason_and_never_what_the_law_restricts() {
    let mut ask = Ask::of("R8000");
    ask.purpose = "ETREAT";
    ask.kind = Some(relation(Kind::BreakGlass));
    let mut decision = ask.decide();
    assert!(decision.permit);
    assert!(decision.obligations.contains(&Obligation::AlertBreakGlass));
    assert!(matches!(decision.item("problems", &labels(&["legally-restricted"])), Item::Withhold { .. }));
    assert_eq!(decision.item("problems", &labels(&[])), Item::Show);
    // After its fifteen minutes.
    let mut over = relation(Kind::BreakGlass);
    over.end = Some(now());
    ask.kind = Some(over);
    assert!(!ask.decide().permit);
    // Without a reason, or with another purpose.
    let mut silent = relation(Kind::BreakGlass);
    silent.reason.clear();
    ask.kind = Some(silent);
    assert!(!ask.decide().permit);
    ask.kind = Some(relation(Kind::BreakGlass));
    ask.purpose = "TREAT";
    assert!(!ask.decide().permit);
}

#[test]
fn ig_06_other_purposes_never_use_the_care_interface() {
    for purpose in ["HRESCH", "HOPERAT", "PUBHLTH", "HPAYMT", "HMARKT", "", "NONSENSE"] {
        let mut ask = Ask::of("R8000");
        ask.purpose = purpose;
        assert_eq!(ask.decide().reason, "purpose-not-allowed", "{purpose}");
    }
    // A secondary-use caller who says that it is for care has no relationship.
    let mut secondary = Ask::of("R1860");
    secondary.purpose = "TREAT";
    assert_eq!(secondary.decide().reason, "purpose-not-allowed");
    let mut system = Ask::of("system");
    system.kind = None;
    assert_eq!(system.decide().reason, "no-relationship");
}

#[test]
fn ig_09_objection_closes_the_record_but_for_an_emergency() {
    let mut ask = Ask::of("R8000");
    ask.choices = choices(&[Choice::Objection]);
    assert_eq!(ask.decide().reason, "person-flags");
    ask.purpose = "ETREAT";
    assert!(ask.decide().permit);
    let mut own = Ask::of("person");
    own.choices = choices(&[Choice::Objection]);
    assert!(own.decide().permit, "it is her own record");
    // The four flags are independent: the opt-outs change nothing in care.
    let mut others = Ask::of("R8000");
    others.choices = choices(&[Choice::NationalOptOut, Choice::TypeOne]);
    assert!(others.decide().permit);
}

#[test]
fn ig_10_and_ig_12_restricted_and_confidential_items() {
    for role in ["R8000", "R8001", "R8003", "R8014", "care-home-manager", "system", "carer"] {
        let mut decision = Ask::of(role).decide();
        for label in ["legally-restricted", "source-confidential", "source-very-confidential"] {
            assert!(
                matches!(decision.item("allergies", &labels(&[label])), Item::Withhold { .. }),
                "{role} must not see {label}"
            );
        }
    }
    let mut own = Ask::of("person").decide();
    assert_eq!(own.item("problems", &labels(&["legally-restricted"])), Item::Show, "her own");
    assert!(matches!(own.item("problems", &labels(&["source-very-confidential"])), Item::Withhold { .. }));
}

#[test]
fn ig_13_a_sensitive_person_is_not_found_and_not_located() {
    let mut ask = Ask::of("R8000");
    ask.choices = choices(&[Choice::Sensitive]);
    ask.reach = Reach::Find;
    assert_eq!(ask.decide().reason, "person-flags");
    ask.reach = Reach::Open;
    let mut decision = ask.decide();
    assert!(decision.permit);
    for section in ["contact-details", "accommodation"] {
        assert!(matches!(decision.item(section, &labels(&[])), Item::Withhold { .. }), "{section}");
    }
    assert!(matches!(decision.item("services-and-care", &labels(&["location"])), Item::Withhold { .. }));
    assert_eq!(decision.item("allergies", &labels(&[])), Item::Show);
}

#[test]
fn ig_20_a_source_under_safety_check_is_invisible_to_ordinary_roles() {
    let mut ordinary = Ask::of("R8000").decide();
    assert!(matches!(ordinary.item("results", &labels(&["safety-only"])), Item::Withhold { .. }));
    let mut ask = Ask::of("R8000");
    ask.asker.activities = BTreeSet::from(["clinical-safety".to_owned()]);
    assert_eq!(ask.decide().item("results", &labels(&["safety-only"])), Item::Show);
}

#[test]
fn ig_23_safeguarding() {
    for role in ["person", "carer"] {
        let mut decision = Ask::of(role).decide();
        for label in ["alleged-perpetrator", "marac", "third-party", "safeguarding"] {
            assert!(
                matches!(decision.item("alerts", &labels(&[label])), Item::Withhold { .. }),
                "{role} {label}"
            );
        }
        assert_eq!(decision.depth("safeguarding"), Depth::None);
    }
    let mut child = Ask::of("carer");
    child.child = true;
    assert_eq!(child.decide().reason, "no-relationship", "proxy access is off for a child with a flag");
    // Unscheduled care sees it and the local authority is told; the quiet activity sees it without.
    for (activity, told) in [("B0107", true), ("B0170", false)] {
        let mut ask = Ask::of("R8003");
        assert_eq!(ask.decide().depth("safeguarding"), Depth::None);
        ask.asker.activities = BTreeSet::from([activity.to_owned()]);
        let mut decision = ask.decide();
        assert_eq!(decision.item("safeguarding", &labels(&["safeguarding"])), Item::Show);
        assert_eq!(decision.obligations.contains(&Obligation::TellLocalAuthority), told, "{activity}");
    }
}

#[test]
fn ig_24_delegated_access_has_scope_expiry_and_revocation() {
    let mut ask = Ask::of("carer");
    assert!(ask.decide().permit);
    let mut scoped = relation(Kind::Delegated);
    scoped.scope = vec!["medicines".to_owned()];
    ask.kind = Some(scoped);
    let decision = ask.decide();
    assert_eq!(decision.depth("medicines"), Depth::Whole);
    assert_eq!(decision.depth("problems"), Depth::None);
    assert_eq!(decision.depth("demographics"), Depth::Whole);
    let mut revoked = relation(Kind::Delegated);
    revoked.end = Some(now());
    ask.kind = Some(revoked);
    assert_eq!(ask.decide().reason, "no-relationship", "at once");
    // A carer's relationship does not serve somebody of another role.
    let mut other = Ask::of("R8000");
    other.kind = Some(relation(Kind::Delegated));
    assert!(!other.decide().permit);
}

#[test]
fn step_7_without_an_entry_nothing_is_shown() {
    let mut decision = Ask::of("R8000").decide();
    assert!(!decision.audited(&HashMap::new(), false));
    assert_eq!((decision.permit, decision.reason), (false, "not-audited"));
    assert_eq!(decision.depth("allergies"), Depth::None, "nor asked for afterwards");
    let mut decision = Ask::of("R8000").decide();
    assert!(decision.audited(&HashMap::from([("item-restricted".to_owned(), 2)]), true));
    assert_eq!(decision.steps.len(), 7);
    assert_eq!(decision.steps[5].outcome, Outcome::Limited);
    assert!(decision.steps.iter().all(|s| !s.because.is_empty()), "every step says why");
}

/// Table 2.3 of the access rules: flags × use, each cell.
#[test]
fn ig_08_and_every_cell_of_the_truth_table() {
    let set = policies();
    let none: &[Choice] = &[];
    // Flags · direct care · identifiable without consent (with a legal basis) · with consent · pseudonymised · aggregate.
    let table: &[(&str, &[Choice], bool, [bool; 4])] = &[
        ("none", none, true, [true, true, true, true]),
        ("national opt-out", &[Choice::NationalOptOut], true, [false, true, false, true]),
        ("objection", &[Choice::Objection], false, [false, true, false, true]),
        ("sensitive", &[Choice::Sensitive], true, [false, false, false, false]),
    ];
    let uses = [
        (Form::Identifiable, true, false),
        (Form::Identifiable, false, true),
        (Form::Pseudonymised, false, false),
        (Form::Aggregate, false, false),
    ];
    let extract = |chosen: &Choices, use_: (Form, bool, bool), gp: bool, covers: bool, restricted: bool| {
        let request = ExtractRequest {
            role: "R1860",
            purpose: "HRESCH",
            form: use_.0,
            legal_basis: use_.1,
            consent: use_.2,
            consent_covers_gp: covers,
            choices: chosen,
            gp_held: gp,
            restricted,
        };
        decide_extract(&set, &request).permit
    };
    for (name, flags, care, expected) in table {
        let mut ask = Ask::of("R8000");
        ask.choices = choices(flags);
        assert_eq!(ask.decide().permit, *care, "{name}: direct care");
        for (use_, expected) in uses.iter().zip(expected) {
            for gp in [false, true] {
                assert_eq!(
                    extract(&choices(flags), *use_, gp, true, false),
                    *expected,
                    "{name}: {use_:?}, GP {gp}"
                );
            }
        }
    }
    // Type 1: only what the GP holds, in each column; with consent only where it covers it.
    let type_one = choices(&[Choice::TypeOne]);
    for use_ in uses {
        assert!(extract(&type_one, use_, false, false, false), "{use_:?}: other sources are unaffected");
        assert_eq!(extract(&type_one, use_, true, true, false), use_.2, "{use_:?}: GP rows");
        assert!(
            !extract(&type_one, use_, true, false, false),
            "{use_:?}: consent that does not cover the GP"
        );
    }
    let mut care = Ask::of("R8000");
    care.choices = type_one;
    assert!(care.decide().permit);
    // A restricted code on the item: withheld everywhere; pseudonymised by the versioned policy.
    for use_ in uses {
        assert!(!extract(&Choices::default(), use_, false, true, true), "{use_:?}: restricted");
    }
    let mut files = built_in_files();
    let head = files["policy.toml"]
        .replace("pseudonymised_restricted = \"leave-out\"", "pseudonymised_restricted = \"include\"");
    files.insert("policy.toml".to_owned(), head);
    let other = PolicySet::load(&files).unwrap();
    let request = ExtractRequest {
        role: "R1860",
        purpose: "HRESCH",
        form: Form::Pseudonymised,
        legal_basis: false,
        consent: false,
        consent_covers_gp: false,
        choices: &Choices::default(),
        gp_held: false,
        restricted: true,
    };
    assert!(decide_extract(&other, &request).permit, "the other setting includes them");
    // Identifiable without anything: refused. A purpose of care has no extract.
    assert!(!extract(&Choices::default(), (Form::Identifiable, false, false), false, false, false));
    assert!(!decide_extract(&set, &ExtractRequest { purpose: "TREAT", restricted: false, ..request }).permit);
}

#[test]
fn ig_07_an_opt_out_between_two_extracts_is_honoured_in_the_second() {
    let mut chosen = Choices::default();
    let ask = |chosen: &Choices| {
        let request = ExtractRequest {
            role: "R1860",
            purpose: "HRESCH",
            form: Form::Identifiable,
            legal_basis: true,
            consent: false,
            consent_covers_gp: false,
            choices: chosen,
            gp_held: false,
            restricted: false,
        };
        decide_extract(&policies(), &request).permit
    };
    assert!(ask(&chosen));
    chosen.history.extend(choices(&[Choice::NationalOptOut]).history);
    assert!(!ask(&chosen));
    // Taken back later: the latest stands, the history stays.
    let mut back = chosen.history[0].clone();
    back.on = false;
    back.at = "2026-11-30T00:00:00Z".parse().unwrap();
    chosen.history.push(back);
    assert!(ask(&chosen));
    assert_eq!(chosen.history.len(), 2);
}

#[test]
fn policy_files_that_are_wrong_are_named() {
    let wrong: &[(&str, &str, &str)] = &[
        ("care.cedar", "@because(\"the organisation is registered and live\")", ""),
        ("care.cedar", "context.registered &&", "context.registred &&"),
        ("care.cedar", "action == Action::\"ask\"", "action == Action::\"aks\""),
        ("matrix.csv", "whole", "hole"),
        ("matrix.csv", "R8001", "R8xxx"),
        ("roles.csv", "staff", "stuff"),
        ("policy.toml", "break_glass_minutes = 15", "break_glass_minutes = 1500"),
        ("policy.toml", "owner", "onwer"),
        ("restricted-2026-11.csv", "STD-1", ""),
    ];
    for (file, from, to) in wrong {
        let mut files = built_in_files();
        let text = files[*file].replacen(from, to, 1);
        assert_ne!(text, files[*file], "{file} has {from}");
        files.insert((*file).to_owned(), text);
        let error = PolicySet::load(&files).expect_err(from);
        assert!(error.file == *file || error.file == "*.cedar", "{error}");
    }
    for file in built_in_files().keys().filter(|f| *f != "restricted-2026-06.csv") {
        let mut files = built_in_files();
        files.remove(file);
        assert!(PolicySet::load(&files).is_err(), "{file} may not be missing");
    }
}

/// A label that policies ask for and no list has could be misspelled, and would never be found.
#[test]
fn every_label_of_the_policies_is_known() {
    let files = built_in_files();
    let asked: Vec<&str> = files["care.cedar"]
        .split("labels.contains")
        .skip(1)
        .filter_map(|rest| rest.split([')', ']']).next())
        .flat_map(|list| list.split('"').skip(1).step_by(2))
        .collect();
    assert!(asked.len() > 8, "{asked:?}");
    for label in asked {
        assert!(causeway_access::labels::KNOWN.contains(&label), "{label}");
    }
}

#[test]
fn another_version_is_compared_line_by_line() {
    let set = policies();
    let mut files = built_in_files();
    let head = files["policy.toml"]
        .replace("restricted-2026-11", "restricted-2026-06")
        .replace("2026.11.1", "2026.06.1")
        .replace("break_glass_minutes = 15", "break_glass_minutes = 60");
    files.insert("policy.toml".to_owned(), head);
    let roles = files["roles.csv"].replacen("you let in,carer", "you let in,staff", 1);
    files.insert("roles.csv".to_owned(), roles);
    let care = files["care.cedar"].replacen("contains(\"clinical-safety\")", "contains(\"safety\")", 1);
    files.insert("care.cedar".to_owned(), care);
    let matrix =
        files["matrix.csv"].replacen("documents,Documents,whole,whole", "documents,Documents,whole,none", 1);
    files.insert("matrix.csv".to_owned(), matrix);
    let other = Arc::new(PolicySet::load(&files).unwrap());
    let lines = set.differences(&other).join("\n");
    for part in [
        "version: 2026.11.1 → 2026.06.1",
        "minutes of emergency access: 15 → 60",
        "role carer: audience carer → staff",
        "rule item-safety-only: changed\n  - ",
        "matrix documents × R8001: whole → none",
        "GRI-1: given back",
    ] {
        assert!(lines.contains(part), "{part} in {lines}");
    }
    assert!(set.differences(&set).is_empty());
}
