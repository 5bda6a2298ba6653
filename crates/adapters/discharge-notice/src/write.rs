//! A notice as FHIR R4: the referral and its state, the stay it is about, the answers.

use causeway_adapter::{Composer, Meta};
use causeway_core::snomed::is_no_code;
use causeway_core::{Issue, IssueCode, Outcome, Severity, When};
use causeway_fhir::{Coding, Ref, Writer, systems, types};
use causeway_json::{Kind as Json, Node};
use causeway_terminology::Map;

use crate::notice::{Kind, Link, Notice};
use crate::people;

/// How urgently a person was admitted.
pub static ADMISSION_TYPE: Map =
    Map::new("discharge-notice-admission-type", include_str!("../maps/admission-type.csv"));

const TYPE: &str = "https://fhir.causeway.example/CodeSystem/discharge-notice-type";
/// Identifier system of notices and referrals; the sender's code stands before the value's own meaning.
const NOTICE: &str = "notice";
const REFERRAL: &str = "referral";
const QUESTIONNAIRE: &str = "https://fhir.causeway.example/Questionnaire/discharge-notice";

/// What every resource of a notice needs.
struct Frame {
    patient: Ref,
    hospital: Option<Ref>,
    council: Option<Ref>,
    record: String,
    issued: Option<When>,
}

/// Writes the notice as one bundle.
///
/// # Errors
/// Where the person has neither a name nor an identifier: there is nobody to be about.
pub fn write(notice: &Notice<'_>, c: &mut Composer<'_>) -> Result<(), Issue> {
    let person = &notice.person;
    if person.family.is_none() && person.nhs_number.is_none() && person.hospital_id.is_none() {
        let text = "the person has neither a name nor an identifier";
        return Err(Issue::new(Severity::Error, IssueCode::Required, "required-field-missing", text));
    }
    let id = notice.id.map_or_else(|| "unnamed".to_owned(), |l| l.text.to_owned());
    let record = notice.referral.map_or_else(|| id.clone(), |l| l.text.to_owned());
    c.begin(&format!("{record}|{id}"));
    let (kind, word) = notice.kind;
    let key = people::key(notice, &record);
    let patient = people::patient(notice, &key, c);
    let hospital = people::organisation(&notice.hospital, "hospital", c);
    let council = people::organisation(&notice.council, "council", c);
    let zone = c.context.zone.clone();
    let issued = people::day(notice.issued, &zone, c);
    let frame = Frame { patient, hospital, council, record, issued: issued.map(|(w, _)| w) };
    people::carer(&notice.carer, &frame.patient, &frame.record, c);
    if !kind.is_reply() {
        let stay = stay(notice, &frame, c);
        referral(notice, &frame, stay.as_ref(), c);
    }
    task(notice, &frame, c);
    answers(notice, &frame, c);
    consent(notice, &frame, c);
    safeguarding(notice, &frame, c);
    c.claim(word, Outcome::Mapped, "");
    let recipient =
        notice.council.code.filter(|_| !kind.is_reply()).or(notice.hospital.code.filter(|_| kind.is_reply()));
    let recipient = recipient.map(|l| l.text.to_owned());
    c.end(format!("notice {}", kind.coding().0), kind.coding().0, recipient);
    Ok(())
}

fn stay(notice: &Notice<'_>, frame: &Frame, c: &mut Composer<'_>) -> Option<Ref> {
    let zone = c.context.zone.clone();
    let admitted = people::day(notice.admitted, &zone, c);
    let discharged = people::day(notice.discharged, &zone, c);
    let any = admitted.is_some() || discharged.is_some() || notice.admission_reason.is_some();
    if !any {
        return None;
    }
    let ward = notice.hospital.part.map(|ward| {
        let key = format!("{}|{}", notice.hospital.code.map_or("", |l| l.text), ward.text);
        c.once("Location", &key, |w| {
            w.leaf("name", ward);
            if let Some(hospital) = &frame.hospital {
                w.reference("managingOrganization", hospital, ());
            }
        })
    });
    let clinician = people::professional(&notice.clinician, "lead clinician", &frame.record, c);
    let reason = notice.admission_reason.map(|reason| {
        c.resource("Condition", &format!("admission of {}", frame.record), |w| {
            let system = systems::CONDITION_CATEGORY;
            w.array("category", |w| {
                types::concept_element(
                    w,
                    Coding::new(system, "encounter-diagnosis", "Encounter Diagnosis"),
                    (),
                );
            });
            types::concept_text(w, "code", reason);
            w.reference("subject", &frame.patient, ());
        })
    });
    let key = format!("stay of {}", frame.record);
    Some(c.resource("Encounter", &key, |w| {
        w.fixed("status", if discharged.is_some() { "finished" } else { "in-progress" });
        w.object("class", |w| Coding::new(systems::ACT_CODE, "IMP", "inpatient encounter").body(w, ()));
        priority(w, notice);
        w.reference("subject", &frame.patient, ());
        w.array("participant", |w| {
            if let Some(clinician) = &clinician {
                w.element(|w| w.reference("individual", clinician, ()));
            }
        });
        types::period(w, "period", admitted, discharged);
        w.array("reasonReference", |w| {
            if let Some(reason) = &reason {
                w.reference_element(reason, ());
            }
        });
        w.array("location", |w| {
            if let Some(ward) = &ward {
                w.element(|w| w.reference("location", ward, ()));
            }
        });
        if let Some(hospital) = &frame.hospital {
            w.reference("serviceProvider", hospital, ());
        }
    }))
}

fn priority(w: &mut Writer, notice: &Notice<'_>) {
    let Some(code) = notice.admission_type else { return };
    match ADMISSION_TYPE.lookup(code.text) {
        Some(t) => types::concept(w, "priority", Coding::new(t.system, t.code, t.display), code),
        None => {
            let text = "the type of admission is not known; it was kept as text";
            w.issue(
                Some(code.id),
                Issue::new(Severity::Warning, IssueCode::CodeInvalid, "value-not-allowed", text),
            );
            types::concept_text(w, "priority", code);
        }
    }
}

fn referral(notice: &Notice<'_>, frame: &Frame, stay: Option<&Ref>, c: &mut Composer<'_>) {
    let zone = c.context.zone.clone();
    let sender = c.context.sender.code.clone();
    let proposed = people::day(notice.proposed, &zone, c);
    let admitted = notice.admitted.and_then(|l| When::iso(l.text, &zone).ok());
    if let (Some((proposed, leaf)), Some(admitted)) = (proposed, admitted)
        && proposed.earliest() < admitted.earliest()
    {
        let text = "the proposed discharge is before the admission";
        c.issue_at(
            leaf.id,
            Issue::new(Severity::Warning, IssueCode::BusinessRule, "discharge-before-admission", text),
        );
    }
    let liaison = people::professional(&notice.liaison, "liaison", &frame.record, c);
    let requester = liaison.map(|liaison| {
        c.resource("PractitionerRole", &format!("liaison of {}", frame.record), |w| {
            w.reference("practitioner", &liaison, ());
            if let Some(hospital) = &frame.hospital {
                w.reference("organization", hospital, ());
            }
            w.array("code", |w| {
                if let Some(role) = notice.liaison.part {
                    w.element(|w| w.leaf("text", role));
                }
            });
        })
    });
    let (kind, word) = notice.kind;
    c.resource("ServiceRequest", &frame.record, |w| {
        w.array("identifier", |w| {
            for (name, leaf) in [(REFERRAL, notice.referral), (NOTICE, notice.id)] {
                if let Some(leaf) = leaf {
                    types::identifier(w, &systems::local(&sender, name), leaf);
                }
            }
        });
        w.fixed("status", if kind == Kind::Withdrawal { "revoked" } else { "active" });
        w.fixed("intent", "order");
        w.array("category", |w| {
            w.element(|w| {
                w.array("coding", |w| {
                    let (code, words) = kind.coding();
                    w.element(|w| Coding::new(TYPE, code, words).body(w, word));
                    if let Some(event) = notice.event.filter(|e| !is_no_code(systems::SNOMED, e.text)) {
                        w.element(|w| types::stated_code(w, systems::SNOMED, (), event));
                    }
                });
                if let Some(event) = notice.event.filter(|e| is_no_code(systems::SNOMED, e.text)) {
                    if event.text.bytes().any(|b| b.is_ascii_digit()) {
                        w.issue(Some(event.id), causeway_core::common::SNOMED_NO_CODE.issue());
                    }
                    w.leaf("text", event);
                }
            });
        });
        w.reference("subject", &frame.patient, ());
        if let Some(stay) = stay {
            w.reference("encounter", stay, ());
        }
        if let Some((when, leaf)) = proposed {
            w.object("occurrencePeriod", |w| w.date_time("end", &when, leaf));
        }
        if let (Some(when), Some(leaf)) = (frame.issued, notice.issued) {
            w.date_time("authoredOn", &when, leaf);
        }
        if let Some(requester) = requester.as_ref().or(frame.hospital.as_ref()) {
            w.reference("requester", requester, ());
        }
        w.array("performer", |w| {
            if let Some(council) = &frame.council {
                w.reference_element(council, ());
            }
        });
        w.array("reasonCode", |w| {
            if let Some(reason) = notice.referral_reason {
                w.element(|w| w.leaf("text", reason));
            }
        });
        w.array("note", |w| {
            if let Some(more) = notice.supporting {
                w.element(|w| w.leaf("text", more));
            }
        });
    });
}

fn task(notice: &Notice<'_>, frame: &Frame, c: &mut Composer<'_>) {
    let (kind, word) = notice.kind;
    let sender = c.context.sender.code.clone();
    let focus = c.reference("ServiceRequest", &frame.record);
    let status = match kind {
        Kind::Assessment | Kind::Discharge => "requested",
        Kind::Withdrawal => "cancelled",
        Kind::Accept => "accepted",
        Kind::Reject => "rejected",
    };
    c.resource("Task", &frame.record, |w| {
        if kind.is_reply() {
            w.array("identifier", |w| {
                if let Some(id) = notice.id {
                    types::identifier(w, &systems::local(&sender, NOTICE), id);
                }
            });
            if let (Some(referral), Some(hospital)) = (notice.referral, notice.hospital.code) {
                let system = systems::local(hospital.text, REFERRAL);
                w.array("basedOn", |w| {
                    w.element(|w| {
                        w.fixed("type", "ServiceRequest");
                        w.object("identifier", |w| {
                            types::identifier_body(w, &system, referral.text, (referral, hospital))
                        });
                    });
                });
            }
        }
        w.string("status", status, word);
        reasons(w, notice);
        w.fixed("intent", "order");
        let (code, words) = kind.coding();
        types::concept(w, "code", Coding::new(TYPE, code, words), word);
        if !kind.is_reply() {
            w.reference("focus", &focus, ());
        }
        w.reference("for", &frame.patient, ());
        if let (Some(when), Some(leaf)) = (frame.issued, notice.issued) {
            w.date_time("authoredOn", &when, leaf);
        }
        if let Some(hospital) = &frame.hospital {
            w.reference("requester", hospital, ());
        }
        if let Some(council) = &frame.council {
            w.reference("owner", council, ());
        }
        w.array("note", |w| {
            if let Some(team) = notice.council.part {
                w.element(|w| w.string("text", &format!("Team: {}", team.text), team));
            }
        });
    });
}

fn reasons(w: &mut Writer, notice: &Notice<'_>) {
    if notice.reasons.is_empty() {
        return;
    }
    let words: Vec<&str> = notice.reasons.iter().map(|r| r.text.trim()).collect();
    w.object("statusReason", |w| w.string("text", &words.join("; "), &notice.reasons));
}

fn answers(notice: &Notice<'_>, frame: &Frame, c: &mut Composer<'_>) {
    if notice.answers.is_empty() {
        return;
    }
    let id = notice.id.map_or(frame.record.as_str(), |l| l.text).to_owned();
    c.resource("QuestionnaireResponse", &format!("answers of {id}"), |w| {
        w.fixed("questionnaire", QUESTIONNAIRE);
        w.fixed("status", "completed");
        w.reference("subject", &frame.patient, ());
        if let (Some(when), Some(leaf)) = (frame.issued, notice.issued) {
            w.date_time("authored", &when, leaf);
        }
        w.array("item", |w| {
            for answer in &notice.answers {
                w.element(|w| {
                    match answer.link {
                        Link::Ours(id, words) => {
                            w.fixed("linkId", id);
                            w.fixed("text", words);
                        }
                        Link::Theirs(id) => {
                            w.leaf("linkId", id);
                            w.leaf_opt("text", answer.text);
                        }
                    }
                    w.array("answer", |w| answer.values.iter().for_each(|value| answer_value(w, *value)));
                });
            }
        });
    });
}

fn answer_value(w: &mut Writer, value: Node<'_>) {
    w.element(|w| match (value.kind(), value.leaf()) {
        (Json::True | Json::False, Some(leaf)) => w.boolean("valueBoolean", leaf.text == "true", leaf),
        (Json::Number, Some(leaf)) => {
            if let Some(digits) = causeway_fhir::writer::decimal(leaf.text) {
                w.number("valueDecimal", &digits, leaf);
            } else {
                w.leaf("valueString", leaf);
            }
        }
        (Json::Text, Some(leaf)) => w.leaf("valueString", leaf),
        // A coding: its words and code as they stand.
        (Json::Object, _) => {
            w.object("valueCoding", |w| {
                for name in ["system", "code", "display"] {
                    if let Some(leaf) = value.leaf_of(name) {
                        w.leaf(name, leaf);
                    }
                }
            });
        }
        _ => {}
    });
}

fn consent(notice: &Notice<'_>, frame: &Frame, c: &mut Composer<'_>) {
    let (given, source) = notice.consent;
    let Some((given, leaf)) = given.and_then(|n| Some((n.boolean()?, n.leaf()?))) else { return };
    if !given {
        let text = "the person does not consent to the sharing of this notice's content";
        c.issue_at(leaf.id, Issue::new(Severity::Warning, IssueCode::BusinessRule, "consent-refused", text));
        if source.is_some() || !notice.carer.is_empty() {
            let text = "consent is refused and details of others are given all the same";
            c.issue_at(
                leaf.id,
                Issue::new(Severity::Warning, IssueCode::Conflict, "consent-refused-with-details", text),
            );
        }
    }
    let scope = "http://terminology.hl7.org/CodeSystem/consentscope";
    let policy = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    c.resource("Consent", &format!("consent of {}", frame.record), |w| {
        w.fixed("status", "active");
        types::concept_fixed(w, "scope", Coding::new(scope, "patient-privacy", "Privacy Consent"));
        w.array("category", |w| {
            types::concept_element(w, Coding::new(systems::LOINC, "59284-0", "Consent Document"), ());
        });
        w.reference("patient", &frame.patient, ());
        if let (Some(when), Some(issued)) = (frame.issued, notice.issued) {
            w.date_time("dateTime", &when, issued);
        }
        types::concept_fixed(w, "policyRule", Coding::new(policy, "OPTIN", "opt-in"));
        w.object("provision", |w| w.string("type", if given { "permit" } else { "deny" }, leaf));
        if let Some(source) = source {
            w.object("sourceReference", |w| w.leaf("display", source));
        }
    });
}

fn safeguarding(notice: &Notice<'_>, frame: &Frame, c: &mut Composer<'_>) {
    let (concern, details) = notice.safeguarding;
    let Some((concern, leaf)) = concern.and_then(|n| Some((n.boolean()?, n.leaf()?))) else { return };
    if !c.context.enabled("safeguarding-items") {
        let reason =
            "safeguarding is passed on only to partners that it was agreed with (option safeguarding-items)";
        c.claim((leaf, details), Outcome::Withheld, reason);
        c.issue(Issue::new(
            Severity::Information,
            IssueCode::Suppressed,
            "safeguarding-withheld",
            "whether there is a safeguarding concern was withheld",
        ));
        return;
    }
    c.claim(details, Outcome::Withheld, "safeguarding details are never passed on as free text");
    if !concern {
        c.claim(leaf, Outcome::Unsupported, "no concern stated: an answer, and no fact about the person");
        return;
    }
    let security = vec![(systems::CONFIDENTIALITY, "R", "restricted", vec![leaf.id])];
    let meta = Meta { security, ..Meta::default() };
    c.resource_with("Flag", &format!("safeguarding of {}", frame.record), &meta, |w| {
        w.string("status", "active", leaf);
        let kind = "https://fhir.causeway.example/CodeSystem/social-care-flag";
        types::concept_fixed(w, "code", Coding::new(kind, "SGC", "Safeguarding concern"));
        w.reference("subject", &frame.patient, ());
    });
}
