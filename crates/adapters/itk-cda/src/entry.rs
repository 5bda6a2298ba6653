//! Coded entries: what each clinical statement of a section becomes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_adapter::Composer;
use causeway_core::Outcome;
use causeway_core::text::without_blanks;
use causeway_fhir::types::concept;
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_hl7v3::write::effective;
use causeway_hl7v3::{Effective, negated, words};
use causeway_xml::Element;

use crate::codes::{EVENT_STATUS, OBSERVATION_STATUS, REQUEST_STATUS};
use crate::limits::DEPTH_MAX;
use crate::scope::{Scope, consent_body};
use crate::statement::{About, Statement};
use crate::{medicine, pathways, rules, value, write};

const STATEMENTS: [&str; 9] = [
    "act",
    "encounter",
    "observation",
    "observationMedia",
    "organizer",
    "procedure",
    "regionOfInterest",
    "substanceAdministration",
    "supply",
];

/// Translates what an `entry`, a `component` or an `entryRelationship` holds, in a section about something.
pub(crate) fn translate<'d>(
    c: &mut Composer<'_>,
    scope: &Scope<'d>,
    section: About,
    holder: Element<'d>,
    depth: usize,
) -> Vec<Ref> {
    let statement = holder.children().find(|e| {
        let name = e.name().rsplit('.').next().unwrap_or_default();
        STATEMENTS.contains(&name) || e.attribute("classCode").is_some()
    });
    match statement {
        Some(element) => one(c, scope, section, holder, element, depth),
        None => Vec::new(),
    }
}

fn told(c: &mut Composer<'_>, element: Element<'_>, issue: causeway_core::Issue) {
    match element.items().next() {
        Some(item) => c.issue_at(item, issue),
        None => c.issue(issue),
    }
}

fn one<'d>(
    c: &mut Composer<'_>,
    scope: &Scope<'d>,
    section: About,
    holder: Element<'d>,
    element: Element<'d>,
    depth: usize,
) -> Vec<Ref> {
    if depth >= DEPTH_MAX {
        told(c, element, rules::TOO_DEEP.with(&DEPTH_MAX.to_string()));
        return Vec::new();
    }
    let related = element.path(&["subject", "relatedSubject"]);
    if let Some(other) = related {
        told(c, other, rules::SUBJECT.issue());
        return Vec::new();
    }
    match element.name() {
        "observationMedia" => return media(c, scope, element),
        "regionOfInterest" => {
            told(c, element, rules::ENTRY_UNKNOWN.issue());
            return Vec::new();
        }
        _ => {}
    }
    let checkpoint = c.checkpoint();
    let mut s = Statement::read(c, scope, section, element);
    // What a group or an act holds is of the kind of its section; what hangs on a finding is not.
    let holds = matches!(element.name(), "act" | "organizer");
    let inner = if holds { section } else { About::Anything };
    for part in element.children().filter(|e| matches!(e.name(), "entryRelationship" | "component")) {
        if s.about == About::Allergy && reaction(part).is_some() {
            continue;
        }
        // How much of a medicine is to be supplied is said of it, and is no other request.
        let supply = part.child("supply").filter(|_| element.name() == "substanceAdministration");
        if supply.is_some_and(|s| s.child("product").is_none() && medicine::is_its_supply(element, s)) {
            continue;
        }
        // A text alone is a comment on the statement.
        let act =
            part.child("act").filter(|a| a.child("text").is_some() && a.child("entryRelationship").is_none());
        match act {
            Some(act) => s.comments.push(act),
            None => s.parts.extend(translate(c, scope, inner, part, depth + 1)),
        }
    }
    let kind = kind(&s);
    // A negation of the statement itself has a place in some kinds; one of what joins statements has none.
    let own = s.negated.filter(|_| !can_be_negated(kind));
    if let Some(leaf) = own.or_else(|| negated(holder)) {
        c.undo_to(checkpoint);
        c.issue_at(leaf.id, rules::NEGATED.issue());
        c.ledger.overrule(holder.items(), Outcome::Rejected, "the entry is negated");
        c.ledger.claim_rest(holder.items(), Outcome::Rejected, "the entry is negated");
        return Vec::new();
    }
    let Some(kind) = kind else {
        told(c, element, rules::ENTRY_UNKNOWN.issue());
        return std::mem::take(&mut s.parts);
    };
    c.writer().mapped((element.attribute("moodCode"), s.decided));
    let meta = scope.meta(Some(element));
    let target = c.resource_with(kind, &s.key.clone(), &meta, |w| match kind {
        "AllergyIntolerance" => allergy(w, &s),
        "Condition" => condition(w, &s),
        "Consent" => {
            consent_body(w, scope, element, element.child("value").or_else(|| element.child("code")))
        }
        "Encounter" => encounter(w, &s),
        "Procedure" => procedure(w, &s),
        "ServiceRequest" => request(w, &s),
        "Observation" => observation(w, &s),
        _ => medicine::body(w, &s, kind),
    });
    let mut found = vec![target];
    found.append(&mut s.parts);
    found
}

fn can_be_negated(kind: Option<&str>) -> bool {
    matches!(
        kind,
        Some("Condition" | "AllergyIntolerance" | "Procedure" | "MedicationStatement" | "Immunization")
    )
}

/// The resource that a statement becomes: by its class and mood, its template, and its section.
fn kind(s: &Statement<'_, '_>) -> Option<&'static str> {
    let name = s.element.name().rsplit('.').next().unwrap_or_default();
    let class = s.element.attribute("classCode").map_or("", |c| c.text.trim());
    let class = match name {
        "observation" => "OBS",
        "procedure" => "PROC",
        "act" => "ACT",
        "encounter" => "ENC",
        "organizer" => "CLUSTER",
        "substanceAdministration" => "SBADM",
        "supply" => "SPLY",
        _ => class,
    };
    let happened = s.happened();
    if s.mood().is_empty() {
        return None;
    }
    Some(match (class, s.about) {
        ("OBS" | "ACT", About::Permission) => "Consent",
        ("OBS", About::Allergy) if happened => "AllergyIntolerance",
        ("OBS", About::Diagnosis) if happened => "Condition",
        ("OBS" | "CLUSTER" | "BATTERY" | "CNOD", _) if happened => "Observation",
        ("PROC" | "ACT" | "CARE" | "DOCACT" | "INFRM", _) if happened => "Procedure",
        ("ENC", _) if happened => "Encounter",
        ("SBADM", About::Immunisation) if happened => "Immunization",
        ("SBADM", _) => {
            if happened {
                "MedicationStatement"
            } else {
                "MedicationRequest"
            }
        }
        ("SPLY", _) => {
            if happened {
                "MedicationDispense"
            } else {
                "MedicationRequest"
            }
        }
        ("OBS" | "CLUSTER" | "BATTERY" | "PROC" | "ACT" | "CARE" | "ENC", _) => "ServiceRequest",
        _ => return None,
    })
}

/// What an observation of a problem or an allergy names: its value, else its code.
fn named<'d>(s: &Statement<'_, 'd>) -> Option<Element<'d>> {
    let coded = |e: &Element<'_>| words(*e).is_some() || e.attribute("code").is_some();
    s.element.children_named("value").find(coded).or_else(|| s.element.child("code"))
}

fn condition(w: &mut Writer, s: &Statement<'_, '_>) {
    s.identifiers(w);
    if let Some(leaf) = s.negated {
        let refuted = Coding::new(systems::CONDITION_VERIFICATION, "refuted", "Refuted");
        concept(w, "verificationStatus", refuted, leaf);
    }
    // An end needs a status that it is the end of, refuted or not (con-4).
    if let Effective::Between(_, Some(end)) = s.effective {
        let resolved = Coding::new(systems::CONDITION_CLINICAL, "resolved", "Resolved");
        concept(w, "clinicalStatus", resolved, end.leaf);
    }
    let named = named(s);
    if named.is_some_and(|n| n.name() == "value") {
        write::code_list(w, "category", s.element.child("code"));
    }
    if !write::code(w, "code", named) {
        w.object("code", write::absent);
    }
    s.scope.about(w, "subject");
    match s.effective {
        Effective::Between(start, Some(end)) => {
            if let Some(start) = start {
                causeway_hl7v3::write::moment(w, "onsetDateTime", start);
            }
            causeway_hl7v3::write::moment(w, "abatementDateTime", end);
        }
        other => {
            if let Some(time) = other.start() {
                causeway_hl7v3::write::moment(w, "onsetDateTime", time);
            }
        }
    }
    s.recorder(w, "recorder");
    w.array("evidence", |w| {
        w.element(|w| s.linked(w, "detail", &[]));
    });
    s.notes(w);
}

fn allergy(w: &mut Writer, s: &Statement<'_, '_>) {
    s.identifiers(w);
    match s.negated {
        Some(leaf) => {
            // R4 demands a clinical status here too (ait-1).
            let inactive = Coding::new(systems::ALLERGY_CLINICAL, "inactive", "Inactive");
            concept(w, "clinicalStatus", inactive, leaf);
            let refuted = Coding::new(systems::ALLERGY_VERIFICATION, "refuted", "Refuted");
            concept(w, "verificationStatus", refuted, leaf);
        }
        None => {
            // R4 demands a clinical status where an allergy is not refuted (ait-1): a stated end makes it inactive.
            let ended = s.effective.end();
            let (code, display) =
                if ended.is_some() { ("inactive", "Inactive") } else { ("active", "Active") };
            let coding = Coding::new(systems::ALLERGY_CLINICAL, code, display);
            concept(w, "clinicalStatus", coding, ended.map(|e| e.leaf));
            let coding = Coding::new(systems::ALLERGY_VERIFICATION, "unconfirmed", "Unconfirmed");
            concept(w, "verificationStatus", coding, ());
        }
    }
    let agent = s
        .element
        .children_named("participant")
        .filter_map(|p| p.path(&["participantRole", "playingEntity", "code"]))
        .find(|code| words(*code).is_some() || code.attribute("code").is_some());
    let named = agent.or_else(|| named(s));
    if !write::code(w, "code", named) {
        w.object("code", write::absent);
    }
    w.reference("patient", &s.scope.patient, ());
    if let Some(encounter) = &s.scope.encounter {
        w.reference("encounter", encounter, ());
    }
    if let Some(time) = s.effective.start() {
        causeway_hl7v3::write::moment(w, "onsetDateTime", time);
    }
    s.recorder(w, "recorder");
    w.array("note", |w| {
        // What kind of reaction, where the substance is named apart.
        if let Some(value) = s.element.child("value").filter(|_| agent.is_some())
            && let Some(leaf) = words(value)
        {
            write::note(w, leaf.text, leaf);
        }
        for text in std::iter::once(s.element).chain(s.comments.iter().copied()) {
            if let Some((text, items)) = value::text(text.child("text")) {
                write::note(w, &text, items);
            }
        }
    });
    reactions(w, s);
}

/// The value of a reaction (`MFST`).
fn reaction<'d>(part: Element<'d>) -> Option<Element<'d>> {
    part.attribute("typeCode").filter(|t| t.text.trim() == "MFST")?;
    // A reaction that did not show itself is none.
    if negated(part).or_else(|| part.child("observation").and_then(negated)).is_some() {
        return None;
    }
    let value = part.path(&["observation", "value"])?;
    (words(value).is_some() || value.attribute("code").is_some()).then_some(value)
}

/// Reactions (`MFST`) that hang on an allergy, as words of their observations' values.
fn reactions(w: &mut Writer, s: &Statement<'_, '_>) {
    let found: Vec<Element<'_>> =
        s.element.children_named("entryRelationship").filter_map(reaction).collect();
    if found.is_empty() {
        return;
    }
    w.array("reaction", |w| {
        for value in found {
            w.element(|w| write::code_list(w, "manifestation", [value]));
        }
    });
}

fn observation(w: &mut Writer, s: &Statement<'_, '_>) {
    let e = s.element;
    s.identifiers(w);
    write::status(
        w,
        &OBSERVATION_STATUS,
        e,
        if e.child("statusCode").is_some() { "unknown" } else { "final" },
    );
    if !write::code(w, "code", e.child("code")) {
        w.object("code", write::absent);
    }
    s.scope.about(w, "subject");
    effective(w, "effective", s.effective);
    w.array("performer", |w| {
        let people = if s.performers.is_empty() { &s.authors } else { &s.performers };
        for agent in people.iter().filter(|a| a.target.kind != "Device") {
            w.reference_element(&agent.target, ());
        }
    });
    let values: Vec<Element<'_>> = e.children_named("value").collect();
    let first = values.first().copied();
    // Several values of one code are components, all of them: beside a component of its own code R4 forbids a value (obs-7).
    let several = values.len() > 1;
    if let Some(value) = first.filter(|_| !several) {
        value::write(w, value, &s.scope.zone);
    }
    write::code_list(w, "interpretation", e.children_named("interpretationCode"));
    s.notes(w);
    write::code(w, "bodySite", e.child("targetSiteCode"));
    write::code(w, "method", e.child("methodCode"));
    w.array("referenceRange", |w| {
        for range in e.children_named("referenceRange").filter_map(|r| r.child("observationRange")) {
            w.element(|w| reference_range(w, range, first));
        }
    });
    s.linked(w, "hasMember", &["Observation", "QuestionnaireResponse"]);
    w.array("component", |w| {
        for value in values.into_iter().filter(|_| several) {
            w.element(|w| {
                if !write::code(w, "code", e.child("code")) {
                    w.object("code", write::absent);
                }
                value::write(w, value, &s.scope.zone);
            });
        }
    });
}

fn reference_range(w: &mut Writer, range: Element<'_>, value: Option<Element<'_>>) {
    for name in ["low", "high"] {
        if let Some(part) = range.child("value").and_then(|v| v.child(name)) {
            w.object(name, |w| causeway_hl7v3::write::quantity(w, part, ("", None), value));
        }
    }
    value::string(w, "text", value::text(range.child("text")));
}

fn procedure(w: &mut Writer, s: &Statement<'_, '_>) {
    let e = s.element;
    s.identifiers(w);
    match s.negated {
        Some(leaf) => w.string("status", "not-done", leaf),
        None => {
            let absent = if e.child("statusCode").is_some() { "unknown" } else { "completed" };
            write::status(w, &EVENT_STATUS, e, absent);
        }
    }
    if !write::code(w, "code", e.child("code")) {
        match value::text(e.child("text")) {
            Some((text, items)) => {
                w.object("code", |w| w.string("text", &text, items));
            }
            None => {
                w.object("code", write::absent);
            }
        }
    }
    s.scope.about(w, "subject");
    effective(w, "performed", s.effective);
    s.recorder(w, "recorder");
    s.actors(w, "performer");
    write::code_list(w, "bodySite", e.children_named("targetSiteCode"));
    s.linked(w, "reasonReference", &["Condition", "Observation", "DocumentReference"]);
    s.notes(w);
}

fn request(w: &mut Writer, s: &Statement<'_, '_>) {
    let e = s.element;
    s.identifiers(w);
    write::status(w, &REQUEST_STATUS, e, "active");
    let intent = match s.mood() {
        "RQO" | "ARQ" => "order",
        "PRP" => "proposal",
        _ => "plan",
    };
    w.string("intent", intent, e.attribute("moodCode"));
    if let Some(leaf) = s.negated {
        w.boolean("doNotPerform", true, leaf);
    }
    if !write::code(w, "code", e.child("code")) {
        w.object("code", write::absent);
    }
    s.scope.about(w, "subject");
    effective(w, "occurrence", s.effective);
    s.recorder(w, "requester");
    w.array("performer", |w| {
        for agent in &s.performers {
            w.reference_element(&agent.target, ());
        }
    });
    places(w, e);
    s.linked(w, "supportingInfo", &[]);
    w.array("note", |w| {
        for text in std::iter::once(e).chain(s.comments.iter().copied()) {
            if let Some((text, items)) = value::text(text.child("text")) {
                write::note(w, &text, items);
            }
        }
        for value in e.children_named("value") {
            let leaf = words(value);
            let found = value::text(Some(value));
            match (leaf, found) {
                (Some(leaf), _) => write::note(w, leaf.text, leaf),
                (None, Some((text, items))) => write::note(w, &text, items),
                _ => {}
            }
        }
    });
}

/// Where a booking is kept (`LOC`): its codes and address in words.
fn places(w: &mut Writer, e: Element<'_>) {
    let located = |p: &Element<'_>| p.attribute("typeCode").is_some_and(|t| t.text.trim() == "LOC");
    w.array("locationReference", |w| {
        for part in e.children_named("participant").filter(located) {
            let Some(role) = part.child("participantRole") else { continue };
            w.mapped(part.attribute("typeCode"));
            let id = role.child("id").and_then(|i| Some((i.attribute("root")?, i.attribute("extension")?)));
            let (text, items) = role.child("addr").map(Element::text_content).unwrap_or_default();
            w.element(|w| {
                if let Some((root, value)) = id {
                    w.fixed("type", "Location");
                    w.object("identifier", |w| {
                        if let Some(uri) = crate::codes::system(root.text.trim()) {
                            w.string("system", &uri, root);
                        }
                        w.leaf("value", value);
                    });
                }
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                w.string("display", &text, items);
            });
        }
    });
}

fn encounter(w: &mut Writer, s: &Statement<'_, '_>) {
    s.identifiers(w);
    let status = match s.effective {
        Effective::Between(Some(_), None) | Effective::None => "unknown",
        _ => "finished",
    };
    w.fixed("status", status);
    w.object("class", |w| Coding::new(systems::NULL_FLAVOR, "UNK", "unknown").body(w, ()));
    write::code_list(w, "type", s.element.child("code"));
    w.reference("subject", &s.scope.patient, ());
    w.array("participant", |w| {
        let allowed = |k: &str| matches!(k, "PractitionerRole" | "Practitioner" | "RelatedPerson");
        for agent in s.performers.iter().chain(&s.authors).filter(|a| allowed(a.target.kind)) {
            w.element(|w| w.reference("individual", &agent.target, ()));
        }
    });
    match s.effective {
        Effective::At(time) => causeway_hl7v3::write::period(w, "period", Some(time), None),
        Effective::Between(start, end) => causeway_hl7v3::write::period(w, "period", start, end),
        Effective::None => {}
    }
}

/// `observationMedia`: a file, and where it is a triage of NHS Pathways also its questions.
fn media<'d>(c: &mut Composer<'_>, scope: &Scope<'d>, element: Element<'d>) -> Vec<Ref> {
    let Some(value) = element.child("value") else { return Vec::new() };
    let Some(document) = attachment(c, scope, element, value) else { return Vec::new() };
    let mut found = vec![document];
    if let Some(leaf) = value.text() {
        found.extend(pathways::translate(c, scope, element, leaf));
    }
    found
}

/// A file (ED) as `DocumentReference`: its base64 as it stands, or its words.
pub(crate) fn attachment<'d>(
    c: &mut Composer<'_>,
    scope: &Scope<'d>,
    holder: Element<'d>,
    content: Element<'d>,
) -> Option<Ref> {
    let reference = content.child("reference").and_then(|r| r.attribute("value")).filter(|l| !l.is_blank());
    let (text, items) = content.text_content();
    if text.trim().is_empty() && reference.is_none() {
        told(c, holder, rules::ATTACHMENT_EMPTY.issue());
        return None;
    }
    let stated = content.attribute("representation");
    let encoded = stated.is_some_and(|r| r.text.trim() == "B64");
    let plain = without_blanks(&text);
    let valid = encoded && STANDARD.decode(plain.as_bytes()).is_ok();
    if encoded && !valid {
        told(c, content, rules::ATTACHMENT_BASE64.issue());
    }
    let data = if valid { plain } else { STANDARD.encode(text.trim()).into() };
    let key = scope.part(holder);
    Some(c.resource_with("DocumentReference", &key, &scope.meta(None), |w| {
        write::identifiers(w, holder);
        w.fixed("status", "current");
        if !write::code(w, "type", holder.child("code").or_else(|| scope.root.child("code"))) {
            w.object("type", write::absent);
        }
        w.reference("subject", &scope.patient, ());
        causeway_hl7v3::write::instant(w, "date", scope.written, &scope.zone);
        w.array("author", |w| {
            for author in &scope.authors {
                w.reference_element(&author.target, ());
            }
        });
        if let Some(custodian) = &scope.custodian {
            w.reference("custodian", custodian, ());
        }
        w.array("content", |w| {
            w.element(|w| {
                w.object("attachment", |w| {
                    match content.attribute("mediaType").filter(|l| !l.is_blank()) {
                        Some(leaf) if valid || !encoded => w.leaf("contentType", leaf),
                        _ if !valid => w.fixed("contentType", "text/plain"),
                        _ => w.fixed("contentType", "application/octet-stream"),
                    }
                    if !text.trim().is_empty() {
                        w.string("data", &data, (&items, stated));
                    }
                    if let Some(url) = reference {
                        w.leaf("url", url);
                    }
                });
            });
        });
        if let Some(encounter) = &scope.encounter {
            w.object("context", |w| {
                w.array("encounter", |w| w.reference_element(encounter, ()));
            });
        }
    }))
}
