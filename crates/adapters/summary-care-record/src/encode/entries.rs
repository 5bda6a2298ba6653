//! The coded entries: which act a resource is written as, and the act. What has no act, or not in its status, stays in the text.

use causeway_fhir::systems;
use causeway_hl7v3::build::{Tag, concept, list, text, time, time_tag};
use causeway_hl7v3::bundle::Bundle;
use serde_json::Value;
use uuid::Uuid;

use super::{act, people, pertinent, relation, snomed, template, upper};
use crate::codes::{COURSE, GUID, oid};

/// Categories of entries (care record elements): SNOMED CT code and words. Source: REPC_MT150007UK05, `CREType`.
const CATEGORIES: [(&str, &str); 17] = [
    ("162951000000105", "Care Events"),
    ("162961000000108", "Personal Preferences"),
    ("162991000000102", "Problems and Issues"),
    ("163001000000103", "Diagnoses"),
    ("163021000000107", "Social and Personal Circumstances"),
    ("163041000000100", "Lifestyle"),
    ("163051000000102", "Family History"),
    ("163071000000106", "Treatments"),
    ("163081000000108", "Investigations"),
    ("163091000000105", "Administrative Procedures"),
    ("163101000000102", "Provision of Advice and Information to Patients and Carers"),
    ("163131000000108", "Clinical Observations and Findings"),
    ("163141000000104", "Investigation Results"),
    ("163181000000107", "Patient/Carer Correspondence"),
    ("163191000000109", "Third Party Correspondence"),
    ("163221000000102", "Allergies and Adverse Reactions"),
    ("185361000000102", "Medication"),
];
const FINDINGS: &str = "163131000000108";
const RESULTS: &str = "163141000000104";
const MEDICATION: &str = "185361000000102";

/// What becomes of a resource: the category, the act with its model, its class and mood, its status.
struct Written {
    category: String,
    name: &'static str,
    class: &'static str,
    mood: &'static str,
    status: &'static str,
}

/// The categories with their entries, in the order in which they first come.
pub(super) fn write(index: &Bundle<'_>) -> Vec<Tag> {
    let mut groups: Vec<(String, Tag, Vec<Tag>)> = Vec::new();
    for (number, _, resource) in &index.all {
        if index.skip.contains(number) || super::restricted(resource) {
            continue;
        }
        let Some(written) = written(resource) else { continue };
        let entry = Tag::new("component")
            .with("typeCode", "COMP")
            .with("contextConductionInd", "true")
            .child(template("CSAB_RM-NPfITUK10.component"))
            .child(Tag::new("seperatableInd").with("value", "false"))
            .child(one(index, resource, &written));
        let words = stated_category(resource).map(|c| text(c, "display")).filter(|w| !w.is_empty());
        let words = words.or_else(|| category_words(&written.category)).unwrap_or_default();
        let code = snomed("code", &written.category, words);
        let key = code.xml();
        match groups.iter_mut().find(|(k, ..)| *k == key) {
            Some((.., entries)) => entries.push(entry),
            None => groups.push((key, code, vec![entry])),
        }
    }
    let group = |(_, code, entries): (String, Tag, Vec<Tag>)| {
        pertinent("pertinentInformation2")
            .child(act("pertinentCREType", "CATEGORY", "EVN").child(code).children(entries))
    };
    groups.into_iter().map(group).collect()
}

fn category_words(code: &str) -> Option<&'static str> {
    CATEGORIES.iter().find(|(c, _)| *c == code).map(|(_, words)| *words)
}

/// The category that a resource states, where it is one of a summary's.
fn stated_category(resource: &Value) -> Option<&Value> {
    let own = match text(resource, "resourceType") {
        "Encounter" => std::slice::from_ref(&resource["serviceType"]),
        "Procedure" => std::slice::from_ref(&resource["category"]),
        _ => list(resource, "category"),
    };
    own.iter().flat_map(|c| list(c, "coding")).find(|c| {
        c["system"] == systems::SNOMED
            && (category_words(text(c, "code")).is_some()
                || c["code"] == "163231000000100"
                || c["code"] == "163171000000105")
    })
}

/// The status as these acts have it; `None` where none means the same.
fn status(resource: &Value, table: &[(&str, &'static str)]) -> Option<&'static str> {
    let own = text(resource, "status");
    table.iter().find(|(fhir, _)| *fhir == own).map(|(_, v3)| *v3)
}

fn written(r: &Value) -> Option<Written> {
    const EVENT: [(&str, &str); 2] = [("completed", "completed"), ("entered-in-error", "nullified")];
    let category = stated_category(r).map(|c| text(c, "code"));
    let make = |default: &str, name, class, mood, status| {
        let category = category.unwrap_or(default).to_owned();
        Some(Written { category, name, class, mood, status })
    };
    match text(r, "resourceType") {
        "Condition" => {
            let status = held_status(r)?;
            // A problem of this message has no code of its own: it holds other entries together.
            let node = list(&r["code"], "coding").iter().any(|c| c["code"] == "181301000000103");
            let (name, class) = match node && !list(&r["evidence"][0], "detail").is_empty() {
                true => ("UKCT_MT144038UK02.Problem", "CNOD"),
                false => ("UKCT_MT144042UK01.Diagnosis", "OBS"),
            };
            make("163001000000103", name, class, "EVN", status)
        }
        "AllergyIntolerance" => {
            let status = match held_status(r)? {
                "active" => "completed",
                other => other,
            };
            make("163221000000102", "UKCT_MT144053UK02.Allergy", "OBS", "EVN", status)
        }
        "MedicationRequest" => {
            let (name, status) = medicine(r)?;
            Some(Written { category: MEDICATION.to_owned(), name, class: "SBADM", mood: "RQO", status })
        }
        "MedicationAdministration" => {
            let status = status(r, &EVENT)?;
            let name = "UKCT_MT144040UK01.MedicationAdministration";
            Some(Written { category: MEDICATION.to_owned(), name, class: "SBADM", mood: "EVN", status })
        }
        "Observation" => {
            let status = status(r, &[("final", "completed"), ("entered-in-error", "nullified")])?;
            let laboratory = list(r, "category").iter().flat_map(|c| list(c, "coding"));
            let laboratory = laboratory.into_iter().any(|c| c["code"] == "laboratory");
            let (name, class) = observation(r, category);
            make(if laboratory { RESULTS } else { FINDINGS }, name, class, "EVN", status)
        }
        "Procedure" => {
            let (name, class) = match category {
                Some("163081000000108") => ("UKCT_MT144045UK01.Investigation", "PROC"),
                Some("163091000000105") => ("UKCT_MT144050UK01.AdministrativeProcedure", "ACT"),
                _ => ("UKCT_MT144055UK01.Treatment", "PROC"),
            };
            make("163071000000106", name, class, "EVN", status(r, &EVENT)?)
        }
        "Communication" => {
            let status = status(r, &EVENT)?;
            let (name, class) = match category? {
                "163171000000105" => ("UKCT_MT144035UK01.CareProfessionalDocumentation", "DOC"),
                "163181000000107" => ("UKCT_MT144035UK01.PatientCarerCorrespondence", "DOC"),
                "163191000000109" => ("UKCT_MT144035UK01.ThirdPartyCorrespondence", "DOC"),
                "163101000000102" => ("UKCT_MT144049UK01.ProvisionOfAdviceAndInformation", "INFRM"),
                _ => return None,
            };
            let status = if class == "DOC" && status == "completed" { "active" } else { status };
            make("", name, class, "EVN", status)
        }
        "Encounter" if r["type"].is_array() => {
            let status = status(r, &[("finished", "completed"), ("entered-in-error", "nullified")])?;
            make("162951000000105", "UKCT_MT144037UK01.CareEvent", "ENC", "EVN", status)
        }
        _ => None,
    }
}

/// The status of a diagnosis or an allergy; empty where none is stated. What is denied or only supposed has none.
fn held_status(resource: &Value) -> Option<&'static str> {
    match text(&resource["verificationStatus"]["coding"][0], "code") {
        "entered-in-error" => return Some("nullified"),
        "" | "confirmed" => {}
        _ => return None,
    }
    match text(&resource["clinicalStatus"]["coding"][0], "code") {
        "" => Some(""),
        "active" | "recurrence" | "relapse" => Some("active"),
        "inactive" | "remission" | "resolved" => Some("completed"),
        _ => None,
    }
}

/// Which list of medicines an order or a plan stands in, by its course. One that does not say its course is in none.
fn medicine(r: &Value) -> Option<(&'static str, &'static str)> {
    const ACUTE: [(&str, &str); 5] = [
        ("active", "active"),
        ("completed", "completed"),
        ("stopped", "aborted"),
        ("unknown", "normal"),
        ("entered-in-error", "nullified"),
    ];
    const REPEAT: [(&str, &str); 3] =
        [("active", "active"), ("unknown", "normal"), ("entered-in-error", "nullified")];
    if r["doNotPerform"] == true {
        return None;
    }
    let course = list(&r["courseOfTherapyType"], "coding").iter().find(|c| c["system"] == *COURSE);
    match (text(r, "intent"), text(course?, "code")) {
        ("order", "acute") => Some(("UKCT_MT144040UK01.AcuteMedication", status(r, &ACUTE)?)),
        ("plan", "continuous") if r["status"] == "stopped" => {
            Some(("UKCT_MT144040UK01.DiscontinuedRepeatMedication", "completed"))
        }
        ("plan", "continuous") => Some(("UKCT_MT144040UK01.CurrentRepeatMedication", status(r, &REPEAT)?)),
        _ => None,
    }
}

const SYSTOLIC: &str = "271649006";
const DIASTOLIC: &str = "271650006";

fn observation(r: &Value, category: Option<&str>) -> (&'static str, &'static str) {
    let parts = list(r, "component");
    if !parts.is_empty() {
        let has =
            |code: &str| parts.iter().any(|p| list(&p["code"], "coding").iter().any(|c| c["code"] == *code));
        return match parts.len() == 2 && has(SYSTOLIC) && has(DIASTOLIC) {
            true => ("UKCT_MT144043UK02.BloodPressure", "BATTERY"),
            false => ("UKCT_MT144043UK02.FindingOrganizer", "ENTRY"),
        };
    }
    // A finding has room for a value and for remarks, which some of the others have not.
    let plain = value("value", r).is_none();
    let name = match category {
        Some("163051000000102") if plain => "UKCT_MT144044UK01.FamilyHistory",
        Some("162961000000108") if plain => "UKCT_MT144046UK01.PersonalPreference",
        Some("163021000000107") => "UKCT_MT144036UK01.SocialOrPersonalCircumstance",
        Some("163041000000100") => "UKCT_MT144036UK01.LifeStyle",
        Some("163231000000100") if plain && remarks(r).is_empty() && r["derivedFrom"].is_array() => {
            "UKCT_MT144054UK01.RiskToPatient"
        }
        _ => "UKCT_MT144043UK02.Finding",
    };
    (name, "OBS")
}

/// What an act is called: its own GUID, else that of its resource.
fn guid(resource: &Value) -> String {
    let own = list(resource, "identifier").iter().find(|i| i["system"] == *GUID).map(|i| text(i, "value"));
    let other =
        || Uuid::parse_str(text(resource, "id")).map_or_else(|_| text(resource, "id").to_owned(), upper);
    own.map_or_else(other, str::to_owned)
}

fn one(index: &Bundle<'_>, r: &Value, written: &Written) -> Tag {
    let short = written.name.rsplit('.').next().unwrap_or_default();
    let is_medicine = written.category == MEDICATION;
    let parts = list(r, "component");
    let own = if parts.is_empty() { value("value", r) } else { None };
    let code = match (is_medicine, text(r, "resourceType")) {
        (true, _) => medicine_code(r, short),
        (_, "Encounter") => concept("code", &r["type"][0], oid),
        (_, "Communication") => concept("code", &r["topic"], oid),
        _ => concept("code", &r["code"], oid),
    };
    let code = code.unwrap_or_else(|| Tag::new("code").with("nullFlavor", "NI"));
    let said = said_by(index, r);
    let mut tag = act(written.name, written.class, written.mood)
        .children(own)
        .child(Tag::new("id").with("root", &guid(r)))
        .child(code);
    if written.class == "DOC" {
        tag = tag.child(Tag::new("text").text(&remarks(r).join("\n")));
    }
    tag = tag.child(Tag::new("statusCode").with("code", written.status)).child(when(r, short));
    if is_medicine {
        tag = tag.child(doses(r, short));
    }
    if short == "MedicationAdministration" {
        // The performer comes before what was given, the author after.
        let (performers, others): (Vec<Tag>, Vec<Tag>) =
            said.into_iter().partition(|t| t.xml().starts_with("<performer"));
        return tag
            .children(performers)
            .children(others)
            .children(amount(r))
            .child(product(index, r))
            .children(support(r))
            .children(links(index, r, short));
    }
    if short == "Finding" {
        tag = tag.children(reference_range(r));
    }
    for (number, part) in parts_in_order(parts).into_iter().enumerate() {
        tag = tag.child(component(r, part, number, short));
    }
    tag = tag.children(said);
    if is_medicine {
        tag = tag.children(amount(r)).child(product(index, r));
    }
    if written.class != "DOC" && short != "Problem" && short != "RiskToPatient" {
        tag = tag.children(support(r));
    }
    tag.children(links(index, r, short))
}

/// Who said or did it: of the encounter that holds it, which is no care event of its own.
fn said_by(index: &Bundle<'_>, r: &Value) -> Vec<Tag> {
    if r["resourceType"] == "Encounter" {
        return people::participants(index, r);
    }
    let holder = if r["encounter"].is_object() { &r["encounter"] } else { &r["context"] };
    let visit = index.find(holder).map(|(_, v)| v).filter(|v| !v["type"].is_array());
    visit.map(|v| people::participants(index, v)).unwrap_or_default()
}

/// `effectiveTime`: a point where the act has one, else from and until.
fn when(r: &Value, short: &str) -> Tag {
    let end = |name: &str| text(&r[name], "end");
    let (start, stop) = match text(r, "resourceType") {
        "Condition" => (text(r, "onsetDateTime"), text(r, "abatementDateTime")),
        "AllergyIntolerance" => (text(r, "onsetDateTime"), allergy_end(r)),
        "MedicationRequest" => (text(r, "authoredOn"), text(&r["dispenseRequest"]["validityPeriod"], "end")),
        "Communication" => (text(r, "sent"), ""),
        "Encounter" => (text(&r["period"], "start"), end("period")),
        "Procedure" if r["performedPeriod"].is_object() => {
            (text(&r["performedPeriod"], "start"), end("performedPeriod"))
        }
        "Procedure" => (text(r, "performedDateTime"), ""),
        _ if r["effectivePeriod"].is_object() => {
            (text(&r["effectivePeriod"], "start"), end("effectivePeriod"))
        }
        _ => (text(r, "effectiveDateTime"), ""),
    };
    let point = matches!(
        short,
        "AcuteMedication"
            | "BloodPressure"
            | "FindingOrganizer"
            | "CareProfessionalDocumentation"
            | "PatientCarerCorrespondence"
            | "ThirdPartyCorrespondence"
    );
    let tag = Tag::new("effectiveTime");
    match (point, time(start), time_tag("high", stop)) {
        (true, Some(at), _) => tag.with("value", &at),
        (true, None, _) | (false, None, None) => tag.with("nullFlavor", "UNK"),
        (false, _, high) => tag.children(time_tag("low", start)).children(high),
    }
}

fn allergy_end(r: &Value) -> &str {
    let ends = list(r, "extension")
        .iter()
        .filter(|e| text(e, "url").ends_with("/Extension-UKCore-AllergyIntoleranceEnd"));
    ends.flat_map(|e| list(e, "extension"))
        .find(|e| e["url"] == "endDate")
        .map_or("", |e| text(e, "valueDateTime"))
}

/// The code of the list that a medicine stands in.
fn medicine_code(r: &Value, short: &str) -> Option<Tag> {
    Some(match short {
        "AcuteMedication" => snomed("code", "222671000000103", "Acute medication"),
        "CurrentRepeatMedication" => snomed("code", "222681000000101", "Repeat medication"),
        "DiscontinuedRepeatMedication" => snomed("code", "222691000000104", "Discontinued repeat medication"),
        _ => return concept("code", &r["category"], oid),
    })
}

/// Instructions as one text.
fn doses(r: &Value, short: &str) -> Tag {
    let given = short == "MedicationAdministration";
    let texts: Vec<&str> = match given {
        true => [text(&r["dosage"], "text")].into_iter().filter(|t| !t.is_empty()).collect(),
        false => {
            list(r, "dosageInstruction").iter().map(|d| text(d, "text")).filter(|t| !t.is_empty()).collect()
        }
    };
    let value = Tag::new("value").text(&texts.join("; "));
    let value = if texts.is_empty() { Tag::new("value").with("nullFlavor", "UNK") } else { value };
    let (relation, name, code, words) = match given {
        true => (
            "pertinentInformation2",
            "pertinentAdministrationDetails",
            "AD",
            "Medication administration Instructions",
        ),
        false => ("pertinentInformation1", "pertinentDosageInstructions", "DI", "Dose Instructions"),
    };
    let code = Tag::new("code")
        .with("code", code)
        .with("codeSystem", "2.16.840.1.113883.2.1.3.2.4.17.30")
        .with("displayName", words);
    plain(relation).child(act(name, "OBS", "EVN").child(value).child(code))
}

/// `pertinentInformation…` of one text.
fn plain(name: &str) -> Tag {
    Tag::new(name)
        .with("typeCode", "PERT")
        .with("contextConductionInd", "true")
        .child(Tag::new("seperatableInd").with("value", "false"))
}

fn amount(r: &Value) -> Option<Tag> {
    let quantity = quantity("quantity", &r["dispenseRequest"]["quantity"])?;
    let supply = act("medicationQuantity", "SPLY", "RQO").child(quantity).child(snomed(
        "code",
        "246205007",
        "Quantity",
    ));
    Some(
        Tag::new("component")
            .with("typeCode", "COMP")
            .child(Tag::new("seperatableInd").with("value", "false"))
            .child(supply),
    )
}

/// PQ: a unit of UCUM as it is, others in words beside the amount.
fn quantity(name: &str, quantity: &Value) -> Option<Tag> {
    let digits = quantity.get("value").filter(|v| v.is_number())?.to_string();
    let (unit, code) = (text(quantity, "unit"), text(quantity, "code"));
    let ucum = quantity["system"] == systems::UCUM && !code.is_empty();
    let tag = Tag::new(name).with("value", &digits);
    if ucum && (unit.is_empty() || unit == code) {
        return Some(tag.with("unit", code));
    }
    let words = [unit, code].into_iter().find(|u| !u.is_empty());
    let words = words.map(|w| {
        Tag::new("translation").with("value", &digits).children(Tag::of_text("originalText", Some(w)))
    });
    Some(tag.with("unit", "1").children(words))
}

fn product(index: &Bundle<'_>, r: &Value) -> Tag {
    let referred = index.find(&r["medicationReference"]).map(|(_, m)| &m["code"]);
    let medicine = Some(&r["medicationCodeableConcept"]).filter(|c| c.is_object()).or(referred);
    let code = medicine.and_then(|c| concept("code", c, oid));
    let code = code.unwrap_or_else(|| Tag::new("code").with("nullFlavor", "NI"));
    let material =
        Tag::new("manufacturedManufacturedMaterial").with("classCode", "MMAT").with("determinerCode", "KIND");
    let product = Tag::new("manufacturedProduct").with("classCode", "MANU").child(material.child(code));
    Tag::new("consumable").with("typeCode", "CSM").with("contextControlCode", "OP").child(product)
}

/// What was found. A bound (`<5`) has no form here: its words stand in the remarks.
fn value(name: &str, holder: &Value) -> Option<Tag> {
    let amount = &holder["valueQuantity"];
    if amount["comparator"].is_string() {
        return None;
    }
    let typed = |tag: Tag, kind: &str| tag.with("xsi:type", kind);
    quantity(name, amount)
        .map(|tag| typed(tag, "PQ"))
        .or_else(|| concept(name, &holder["valueCodeableConcept"], oid).map(|tag| typed(tag, "CD")))
        .or_else(|| Tag::of_text(name, holder["valueString"].as_str()).map(|tag| typed(tag, "ST")))
}

/// The range of a finding, of which the message has one.
fn reference_range(r: &Value) -> Option<Tag> {
    let [one] = list(r, "referenceRange") else { return None };
    let limits = ["low", "high"].into_iter().filter_map(|end| quantity(end, &one[end]));
    let limits = Tag::new("value").children(limits);
    let range = act("referenceReferenceValue", "OBS", "EVN.CRT")
        .children((!limits.is_empty()).then_some(limits))
        .children(Tag::of_text("text", one["text"].as_str()));
    let relation = Tag::new("referenceRange").with("typeCode", "REFV").with("contextConductionInd", "true");
    Some(relation.child(Tag::new("seperatableInd").with("value", "false")).child(range))
}

/// The diastolic pressure comes first in this message.
fn parts_in_order(parts: &[Value]) -> Vec<&Value> {
    let mut parts: Vec<&Value> = parts.iter().collect();
    parts.sort_by_key(|p| !list(&p["code"], "coding").iter().any(|c| c["code"] == DIASTOLIC));
    parts
}

fn component(whole: &Value, part: &Value, number: usize, short: &str) -> Tag {
    let pressure = short == "BloodPressure";
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{}|component {number}", guid(whole)).as_bytes());
    let name = match (pressure, number) {
        (false, _) => "finding",
        (true, 0) => "diastolicPressure",
        (true, _) => "systolicPressure",
    };
    let code =
        concept("code", &part["code"], oid).unwrap_or_else(|| Tag::new("code").with("nullFlavor", "NI"));
    let at =
        time_tag("low", text(whole, "effectiveDateTime")).map(|low| Tag::new("effectiveTime").child(low));
    let point = time_tag("effectiveTime", text(whole, "effectiveDateTime"));
    let at = if pressure { point } else { at };
    let found = value("value", part);
    // A pressure is a quantity by its model; a finding says what its value is.
    let found =
        if pressure { quantity("value", &part["valueQuantity"]).filter(|_| found.is_some()) } else { found };
    let own = act(name, "OBS", "EVN")
        .children(found)
        .child(Tag::new("id").with("root", &upper(id)))
        .child(code)
        .children((!pressure).then(|| Tag::new("statusCode").with("code", "completed")))
        .child(at.unwrap_or_else(|| Tag::new("effectiveTime").with("nullFlavor", "UNK")));
    let relation_name = match (pressure, number) {
        (false, _) => "component",
        (true, 0) => "component1",
        (true, _) => "component2",
    };
    relation(relation_name, "COMP", "CSAB_RM-NPfITUK10.component").child(own)
}

/// What is said of an entry beside its code, in words: notes, and what has no coded form here and must not be missed.
pub(super) fn remarks(r: &Value) -> Vec<String> {
    let words = |concept: &Value| {
        let coded = concept["coding"][0]["display"].as_str().or(concept["coding"][0]["code"].as_str());
        concept["text"].as_str().or(coded).map(str::to_owned)
    };
    let mut out: Vec<String> =
        list(r, "note").iter().filter_map(|n| n["text"].as_str()).map(str::to_owned).collect();
    for reaction in list(r, "reaction") {
        let shown: Vec<String> = list(reaction, "manifestation").iter().filter_map(words).collect();
        let severity = text(reaction, "severity");
        let severity = if severity.is_empty() { String::new() } else { format!(" ({severity})") };
        out.extend((!shown.is_empty()).then(|| format!("Reaction: {}{severity}", shown.join(", "))));
    }
    if r["criticality"] == "high" {
        out.push("High risk".to_owned());
    }
    for holder in std::iter::once(r).chain(list(r, "component")) {
        let bound = &holder["valueQuantity"];
        if let (Some(sign), true) = (bound["comparator"].as_str(), bound["value"].is_number()) {
            out.push(format!("Value: {sign}{} {}", bound["value"], text(bound, "unit")).trim().to_owned());
        }
        out.extend(
            list(holder, "interpretation").iter().filter_map(words).map(|w| format!("Interpretation: {w}")),
        );
    }
    out
}

/// Remarks as supporting text.
fn support(r: &Value) -> Option<Tag> {
    let remarks = remarks(r);
    let code = Tag::new("code")
        .with("code", "SupportingText")
        .with("codeSystem", "2.16.840.1.113883.2.1.3.2.4.17.126")
        .with("displayName", "Supporting Text");
    (!remarks.is_empty()).then(|| {
        let value = Tag::new("value").text(&remarks.join("\n"));
        plain("pertinentInformation")
            .child(act("pertinentSupportingInfo", "OBS", "EVN").child(value).child(code))
    })
}

/// Other entries that this one names.
fn links(index: &Bundle<'_>, r: &Value, short: &str) -> Vec<Tag> {
    let (named, relation_name, extension) = match short {
        "Diagnosis" => {
            (list(&r["evidence"][0], "detail"), "pertinentInformation1", "CSAB_RM-NPfITUK10.sourceOf1")
        }
        "Problem" => {
            (list(&r["evidence"][0], "detail"), "pertinentInformation", "CSAB_RM-NPfITUK10.sourceOf")
        }
        "RiskToPatient" => (list(r, "derivedFrom"), "pertinentInformation1", "CSAB_RM-NPfITUK10.sourceOf1"),
        "AcuteMedication"
        | "CurrentRepeatMedication"
        | "DiscontinuedRepeatMedication"
        | "MedicationAdministration" => (list(r, "reasonReference"), "reason", "CSAB_RM-NPfITUK10.sourceOf1"),
        _ => return Vec::new(),
    };
    let one = |reference: &Value| {
        let (number, other) = index.find(reference)?;
        // What is not in the summary is not referred to.
        if index.skip.contains(&number) || super::restricted(other) {
            return None;
        }
        let other_name = written(other)?.name.rsplit('.').next()?;
        let name = match (short, text(other, "resourceType")) {
            ("Diagnosis", "Observation") => "pertinentFinding",
            ("Diagnosis", _) => return None,
            (_, "AllergyIntolerance") => "AllergiesAndAdverseReactionsIdent",
            (_, "MedicationRequest") => "Medication",
            (_, "Observation") if matches!(other_name, "BloodPressure" | "FindingOrganizer") => "Finding",
            _ => other_name,
        };
        let class = written(other)?;
        let target = act(name, class.class, class.mood).child(Tag::new("id").with("root", &guid(other)));
        let kind = if relation_name == "reason" { "RSON" } else { "PERT" };
        Some(relation(relation_name, kind, extension).child(target))
    };
    named.iter().filter_map(one).collect()
}
