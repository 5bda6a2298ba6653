//! Coded entries: the clinical statement that a resource is written as.

use std::collections::HashSet;

use causeway_hl7v3::build::{Tag, concept, effective, id, interval, list, quantity, text, time, time_tag};
use serde_json::Value;

use super::people::{AUTHOR, ENTITY, People};
use super::{Bundle, DEPTH_MAX, ids};
use crate::codes::{CONSENT, GUID, oid};
use crate::statement::{About, heading};

/// Entries while they are written.
pub(super) struct Entries<'a, 'b> {
    pub index: &'a Bundle<'b>,
    pub people: &'a mut People,
    /// Numbers of the resources that stand in the document.
    pub written: HashSet<usize>,
}

/// Statuses of FHIR and of HL7 v3's acts, the way back of `maps/*-status.csv`.
const OBSERVATION: [(&str, &str); 7] = [
    ("final", "completed"),
    ("preliminary", "active"),
    ("registered", "new"),
    ("cancelled", "cancelled"),
    ("entered-in-error", "nullified"),
    ("amended", "obsolete"),
    ("unknown", ""),
];
const EVENT: [(&str, &str); 10] = [
    ("completed", "completed"),
    ("in-progress", "active"),
    ("active", "active"),
    ("preparation", "new"),
    ("intended", "new"),
    ("stopped", "aborted"),
    ("not-done", "cancelled"),
    ("on-hold", "held"),
    ("entered-in-error", "nullified"),
    ("unknown", ""),
];
const REQUEST: [(&str, &str); 8] = [
    ("completed", "completed"),
    ("active", "active"),
    ("draft", "new"),
    ("revoked", "cancelled"),
    ("stopped", "aborted"),
    ("on-hold", "held"),
    ("entered-in-error", "nullified"),
    ("unknown", ""),
];

/// `statusCode`; `None` where a document has no such status, so that the entry can't be written.
fn status(table: &[(&str, &str)], resource: &Value) -> Option<Tag> {
    let stated = text(resource, "status");
    let (_, code) = table.iter().find(|(fhir, _)| *fhir == stated)?;
    Some(match code.is_empty() {
        true => Tag::new("statusCode").with("nullFlavor", "UNK"),
        false => Tag::new("statusCode").with("code", code),
    })
}

fn coded(resource: &Value, name: &str) -> String {
    text(&resource[name]["coding"][0], "code").to_owned()
}

fn act(name: &str, class: &str, mood: &str) -> Tag {
    Tag::new(name).with("classCode", class).with("moodCode", mood)
}

/// A code that an act must have, where the resource has none that can be written.
fn code(value: &Value) -> Tag {
    concept("code", value, oid).unwrap_or_else(|| Tag::new("code").with("nullFlavor", "NI"))
}

fn mood(intent: &str) -> Option<&'static str> {
    Some(match intent {
        "order" => "RQO",
        "proposal" => "PRP",
        "plan" => "INT",
        _ => return None,
    })
}

impl Entries<'_, '_> {
    /// Whether a resource of this kind is read as what it is under a heading.
    pub(super) fn belongs(&self, code: &str, resource: &Value) -> bool {
        let about = heading(code);
        match text(resource, "resourceType") {
            "AllergyIntolerance" => about == About::Allergy,
            "Condition" => about == About::Diagnosis,
            "Immunization" => about == About::Immunisation,
            "Consent" => about == About::Permission,
            "Observation" => !matches!(about, About::Allergy | About::Diagnosis | About::Permission),
            "MedicationStatement" | "MedicationRequest" => about != About::Immunisation,
            "Procedure" | "ServiceRequest" => about != About::Permission,
            _ => true,
        }
    }

    /// Numbers of the observations that are members of others in a list.
    pub(super) fn members<'v>(&self, all: impl Iterator<Item = &'v Value>) -> HashSet<usize> {
        all.flat_map(|r| list(r, "hasMember")).filter_map(|m| self.index.find(m)).map(|(n, _)| n).collect()
    }

    /// A resource as an entry; `None` where a document has no statement for it, or not of this sense.
    pub(super) fn one(
        &mut self,
        heading: &str,
        number: usize,
        resource: &Value,
        depth: usize,
    ) -> Option<Tag> {
        if depth > DEPTH_MAX || self.index.skip.contains(&number) || !self.belongs(heading, resource) {
            return None;
        }
        let tag = match text(resource, "resourceType") {
            "AllergyIntolerance" => self.allergy(resource),
            "Condition" => self.condition(resource),
            "Observation" => self.observation(heading, resource, depth),
            "Procedure" => self.procedure(resource),
            "ServiceRequest" => self.request(resource),
            "MedicationStatement" => self.statement(resource),
            "MedicationRequest" => self.prescription(resource),
            "MedicationDispense" => self.supply(resource),
            "Immunization" => self.immunisation(resource),
            "Consent" => permission(resource),
            "DocumentReference" => file(resource),
            _ => None,
        };
        if tag.is_some() {
            self.written.insert(number);
        }
        tag
    }

    fn performers(&mut self, resource: &Value) -> Vec<Tag> {
        let mut found = Vec::new();
        for one in list(resource, "performer") {
            let who = if one["actor"].is_object() { &one["actor"] } else { one };
            let role = self.people.role(who, ENTITY, self.index);
            found.extend(role.map(|role| Tag::new("performer").with("typeCode", "PRF").child(role)));
        }
        found
    }

    fn author(&mut self, who: &Value, when: &str) -> Option<Tag> {
        let role = self.people.role(who, AUTHOR, self.index)?;
        let time = time_tag("time", when).unwrap_or_else(|| Tag::new("time").with("nullFlavor", "NI"));
        Some(Tag::new("author").with("typeCode", "AUT").child(time).child(role))
    }

    fn condition(&mut self, r: &Value) -> Option<Tag> {
        let refuted = match coded(r, "verificationStatus").as_str() {
            "refuted" => true,
            "" | "confirmed" => false,
            _ => return None,
        };
        let ended = !text(r, "abatementDateTime").is_empty();
        if !matches!(
            (coded(r, "clinicalStatus").as_str(), ended),
            ("resolved", true) | ("" | "active", false)
        ) {
            return None;
        }
        let ends = [("low", "onsetDateTime"), ("high", "abatementDateTime")];
        let ends = ends.iter().filter_map(|(v3, fhir)| time_tag(v3, text(r, fhir)));
        let span = Tag::new("effectiveTime").children(ends);
        let named = concept("value", &r["code"], oid).map(|v| v.with("xsi:type", "CD"));
        let (code, value) = match concept("code", &r["category"][0], oid) {
            Some(category) => (category, named),
            None => (code(&r["code"]), None),
        };
        Some(
            act("observation", "OBS", "EVN")
                .with("negationInd", if refuted { "true" } else { "" })
                .children(ids(r))
                .child(code)
                .child(Tag::new("statusCode").with("code", "completed"))
                .children((!span.is_empty()).then_some(span))
                .children(value)
                .children(self.author(&r["recorder"], ""))
                .children(notes(r)),
        )
    }

    fn allergy(&mut self, r: &Value) -> Option<Tag> {
        let (verified, clinical) = (coded(r, "verificationStatus"), coded(r, "clinicalStatus"));
        let refuted = verified == "refuted";
        let stated = matches!(verified.as_str(), "" | "confirmed" | "unconfirmed");
        if !(refuted || stated && matches!(clinical.as_str(), "" | "active")) {
            return None;
        }
        let agent = concept("code", &r["code"], oid)?;
        let assertion =
            Tag::new("code").with("code", "ASSERTION").with("codeSystem", "2.16.840.1.113883.5.4");
        let agent = Tag::new("playingEntity").with("classCode", "MMAT").child(agent);
        let agent = Tag::new("participantRole").with("classCode", "MANU").child(agent);
        let onset = Tag::new("effectiveTime").children(time_tag("low", text(r, "onsetDateTime")));
        let shown = list(r, "reaction").iter().flat_map(|reaction| list(reaction, "manifestation"));
        let shown = shown.filter_map(|m| {
            let value = concept("value", m, oid)?.with("xsi:type", "CD");
            let observation = act("observation", "OBS", "EVN")
                .child(Tag::new("code").with("code", "ASSERTION").with("codeSystem", "2.16.840.1.113883.5.4"))
                .child(Tag::new("statusCode").with("code", "completed"))
                .child(value);
            Some(Tag::new("entryRelationship").with("typeCode", "MFST").child(observation))
        });
        let shown: Vec<Tag> = shown.collect();
        Some(
            act("observation", "OBS", "EVN")
                .with("negationInd", if refuted { "true" } else { "" })
                .children(ids(r))
                .child(assertion)
                .child(Tag::new("statusCode").with("code", "completed"))
                .children((!onset.is_empty()).then_some(onset))
                .children(self.author(&r["recorder"], ""))
                .child(Tag::new("participant").with("typeCode", "CSM").child(agent))
                .children(shown)
                .children(notes(r)),
        )
    }

    fn observation(&mut self, heading: &str, r: &Value, depth: usize) -> Option<Tag> {
        let status = status(&OBSERVATION, r)?;
        let members: Vec<(usize, &Value)> =
            list(r, "hasMember").iter().filter_map(|m| self.index.find(m)).collect();
        let members: Vec<(usize, &Value)> =
            members.into_iter().filter(|(n, _)| !self.written.contains(n)).collect();
        let group = !members.is_empty() && value(r).is_none();
        let mut parts = Vec::new();
        for (number, member) in members {
            parts.extend(self.one(heading, number, member, depth + 1));
        }
        for component in list(r, "component") {
            let inner = act("observation", "OBS", "EVN").child(code(&component["code"]));
            parts.push(
                inner.child(Tag::new("statusCode").with("code", "completed")).children(value(component)),
            );
        }
        let group = group && list(r, "component").is_empty();
        let tag = match group {
            true => act("organizer", "BATTERY", "EVN"),
            false => act("observation", "OBS", "EVN"),
        };
        let mut tag = tag.children(ids(r)).child(code(&r["code"])).child(status);
        tag = tag.children(effective("effectiveTime", r, "effective"));
        if !group {
            tag = tag.children(value(r));
            tag = tag.children(
                list(r, "interpretation").iter().filter_map(|i| concept("interpretationCode", i, oid)),
            );
            tag = tag.children(concept("methodCode", &r["method"], oid));
            tag = tag.children(concept("targetSiteCode", &r["bodySite"], oid));
        }
        tag = tag.children(self.performers(r));
        let holder = if group { "component" } else { "entryRelationship" };
        let kind = if group { "" } else { "COMP" };
        tag = tag.children(parts.into_iter().map(|part| Tag::new(holder).with("typeCode", kind).child(part)));
        if !group {
            tag = tag.children(notes(r)).children(list(r, "referenceRange").iter().map(reference_range));
        }
        Some(tag)
    }

    fn procedure(&mut self, r: &Value) -> Option<Tag> {
        Some(
            act("procedure", "PROC", "EVN")
                .children(ids(r))
                .child(code(&r["code"]))
                .child(status(&EVENT, r)?)
                .children(effective("effectiveTime", r, "performed"))
                .children(list(r, "bodySite").iter().filter_map(|s| concept("targetSiteCode", s, oid)))
                .children(self.performers(r))
                .children(self.author(&r["recorder"], ""))
                .children(notes(r)),
        )
    }

    fn request(&mut self, r: &Value) -> Option<Tag> {
        // What is not to be done can't be said of a request (see the reader).
        if r["doNotPerform"] == true {
            return None;
        }
        Some(
            act("procedure", "PROC", mood(text(r, "intent"))?)
                .children(ids(r))
                .child(code(&r["code"]))
                .child(status(&REQUEST, r)?)
                .children(effective("effectiveTime", r, "occurrence"))
                .children(self.performers(r))
                .children(self.author(&r["requester"], text(r, "authoredOn")))
                .children(list(r, "locationReference").iter().map(place))
                .children(notes(r)),
        )
    }

    /// The product that a medicine's resource names.
    fn product(&self, r: &Value, name: &str) -> Tag {
        let referred = self.index.find(&r["medicationReference"]).map(|(_, medicine)| &medicine["code"]);
        let named =
            ["medicationCodeableConcept", "vaccineCode"].iter().map(|n| &r[*n]).find(|c| c.is_object());
        let code = named.or(referred).and_then(|c| concept("code", c, oid));
        let code = code.unwrap_or_else(|| Tag::new("code").with("nullFlavor", "NI"));
        let material = Tag::new("manufacturedMaterial").with("classCode", "MMAT").child(code);
        Tag::new(name).child(Tag::new("manufacturedProduct").with("classCode", "MANU").child(material))
    }

    fn statement(&mut self, r: &Value) -> Option<Tag> {
        let taken = r["status"] != "not-taken";
        let state = if taken { status(&EVENT, r)? } else { Tag::new("statusCode").with("code", "completed") };
        let tag = act("substanceAdministration", "SBADM", "EVN")
            .with("negationInd", if taken { "" } else { "true" })
            .children(ids(r));
        let tag = dosed(tag, &r["dosage"][0], state, effective("effectiveTime", r, "effective"));
        let author = self.author(&r["informationSource"], "");
        Some(tag.child(self.product(r, "consumable")).children(author).children(notes(r)))
    }

    fn prescription(&mut self, r: &Value) -> Option<Tag> {
        if r["doNotPerform"] == true {
            return None;
        }
        let tag = act("substanceAdministration", "SBADM", mood(text(r, "intent"))?).children(ids(r));
        let span = interval("effectiveTime", &r["dispenseRequest"]["validityPeriod"]);
        let tag = dosed(tag, &r["dosageInstruction"][0], status(&REQUEST, r)?, span);
        let amount = quantity("quantity", &r["dispenseRequest"]["quantity"]).map(|amount| {
            let supply = act("supply", "SPLY", "RQO").child(amount);
            Tag::new("entryRelationship").with("typeCode", "COMP").child(supply)
        });
        let author = self.author(&r["requester"], text(r, "authoredOn"));
        Some(tag.child(self.product(r, "consumable")).children(author).children(amount).children(notes(r)))
    }

    fn supply(&mut self, r: &Value) -> Option<Tag> {
        let tag = act("supply", "SPLY", "EVN").children(ids(r));
        let tag = tag.children(Tag::of_text("text", r["dosageInstruction"][0]["text"].as_str()));
        let tag =
            tag.child(status(&EVENT, r)?).children(time_tag("effectiveTime", text(r, "whenHandedOver")));
        let tag = tag.children(quantity("quantity", &r["quantity"])).child(self.product(r, "product"));
        Some(tag.children(self.performers(r)).children(notes(r)))
    }

    fn immunisation(&mut self, r: &Value) -> Option<Tag> {
        let given = match text(r, "status") {
            "completed" => true,
            "not-done" => false,
            _ => return None,
        };
        let tag = act("substanceAdministration", "SBADM", "EVN")
            .with("negationInd", if given { "" } else { "true" })
            .children(ids(r))
            .child(Tag::new("statusCode").with("code", "completed"))
            .children(time_tag("effectiveTime", text(r, "occurrenceDateTime")))
            .children(concept("routeCode", &r["route"], oid))
            .children(concept("approachSiteCode", &r["site"], oid))
            .children(quantity("doseQuantity", &r["doseQuantity"]));
        Some(tag.child(self.product(r, "consumable")).children(self.performers(r)).children(notes(r)))
    }
}

/// Text, status, time, route, site and dose of a medicine.
fn dosed(tag: Tag, dosage: &Value, status: Tag, span: Option<Tag>) -> Tag {
    let dose = &dosage["doseAndRate"][0];
    let amount = |name: &str, stem: &str| {
        quantity(name, &dose[format!("{stem}Quantity")])
            .or_else(|| range(name, &dose[format!("{stem}Range")]))
    };
    let most = &dosage["maxDosePerPeriod"];
    let most = quantity("numerator", &most["numerator"])
        .zip(quantity("denominator", &most["denominator"]))
        .map(|(n, d)| Tag::new("maxDoseQuantity").child(n).child(d));
    // Here a time is one of a set by its model; an interval says so.
    let span = span.map(|span| if span.is_empty() { span } else { span.with("xsi:type", "IVL_TS") });
    tag.children(Tag::of_text("text", dosage["text"].as_str()))
        .child(status)
        .children(span)
        .children(concept("routeCode", &dosage["route"], oid))
        .children(concept("approachSiteCode", &dosage["site"], oid))
        .children(amount("doseQuantity", "dose"))
        .children(amount("rateQuantity", "rate"))
        .children(most)
}

/// Where what is asked for is to take place.
fn place(one: &Value) -> Tag {
    let words = Tag::of_text("addr", one["display"].as_str());
    let role = Tag::new("participantRole").with("classCode", "SDLOC");
    let role = role.children(id("id", &one["identifier"], GUID, oid)).children(words);
    Tag::new("participant").with("typeCode", "LOC").child(role)
}

/// `statusCode` of a consent; `None` where its code doesn't say what it permits, or a document has no such status.
pub(super) fn consent_status(one: &Value, code: &Value) -> Option<Tag> {
    let permits = list(code, "coding").iter().find_map(|c| CONSENT.lookup(text(c, "code"))).map(|t| t.code);
    let status = match text(one, "status") {
        "active" => "completed",
        "inactive" => "aborted",
        "entered-in-error" => "nullified",
        _ => return None,
    };
    (permits == one["provision"]["type"].as_str()).then(|| Tag::new("statusCode").with("code", status))
}

/// A permission among the entries: what is asked, and the answer.
fn permission(r: &Value) -> Option<Tag> {
    let answer = &r["provision"]["code"][0];
    let status = consent_status(r, answer)?;
    if *answer == r["category"][0] {
        return None;
    }
    let value = concept("value", answer, oid)?.with("xsi:type", "CD");
    let tag = act("observation", "OBS", "EVN").children(ids(r)).child(code(&r["category"][0])).child(status);
    Some(tag.children(interval("effectiveTime", &r["provision"]["period"])).child(value))
}

fn range(name: &str, range: &Value) -> Option<Tag> {
    let ends = ["low", "high"].into_iter().filter_map(|end| quantity(end, &range[end]));
    let tag = Tag::new(name).children(ends);
    (!tag.is_empty()).then_some(tag)
}

fn notes(r: &Value) -> Vec<Tag> {
    let note = |note: &Value| {
        let words = Tag::of_text("text", note["text"].as_str())?;
        let code = Tag::new("code").with("code", "48767-8").with("codeSystem", "2.16.840.1.113883.6.1");
        let comment = act("act", "ACT", "EVN").child(code).child(words);
        Some(
            Tag::new("entryRelationship")
                .with("typeCode", "SUBJ")
                .with("inversionInd", "true")
                .child(comment),
        )
    };
    list(r, "note").iter().filter_map(note).collect()
}

fn reference_range(one: &Value) -> Tag {
    let bounds = ["low", "high"].into_iter().filter_map(|end| quantity(end, &one[end]));
    let bounds = Tag::new("value").with("xsi:type", "IVL_PQ").children(bounds);
    let range = Tag::new("observationRange")
        .children(Tag::of_text("text", one["text"].as_str()))
        .children((!bounds.is_empty()).then_some(bounds));
    Tag::new("referenceRange").with("typeCode", "REFV").child(range)
}

/// `value` of an Observation's or a component's `value[x]`.
fn value(r: &Value) -> Option<Tag> {
    let typed = |kind: &str| Tag::new("value").with("xsi:type", kind);
    let amount = &r["valueQuantity"];
    if amount.is_object() {
        let (end, inclusive) = match text(amount, "comparator") {
            "" => return quantity("value", amount).map(|tag| tag.with("xsi:type", "PQ")),
            "<" => ("high", "false"),
            "<=" => ("high", ""),
            ">" => ("low", "false"),
            ">=" => ("low", ""),
            _ => return None,
        };
        return Some(typed("IVL_PQ").child(quantity(end, amount)?.with("inclusive", inclusive)));
    }
    concept("value", &r["valueCodeableConcept"], oid)
        .map(|tag| tag.with("xsi:type", "CD"))
        .or_else(|| r["valueString"].as_str().map(|text| typed("ST").text(text)))
        .or_else(|| r["valueInteger"].as_i64().map(|n| typed("INT").with("value", &n.to_string())))
        .or_else(|| r["valueBoolean"].as_bool().map(|b| typed("BL").with("value", &b.to_string())))
        .or_else(|| time(text(r, "valueDateTime")).map(|t| typed("TS").with("value", &t)))
        .or_else(|| interval("value", &r["valuePeriod"]).map(|tag| tag.with("xsi:type", "IVL_TS")))
        .or_else(|| range("value", &r["valueRange"]).map(|tag| tag.with("xsi:type", "IVL_PQ")))
        .or_else(|| {
            let ratio = &r["valueRatio"];
            let (n, d) = (
                quantity("numerator", &ratio["numerator"])?,
                quantity("denominator", &ratio["denominator"])?,
            );
            Some(typed("RTO_PQ_PQ").child(n).child(d))
        })
}

/// A file, where it stands in the bundle.
fn file(r: &Value) -> Option<Tag> {
    let attachment = &r["content"][0]["attachment"];
    let media: String = text(attachment, "contentType").split_whitespace().collect();
    let value = Tag::new("value").with("xsi:type", "ED").with("mediaType", &media);
    let value = match (text(attachment, "data"), text(attachment, "url")) {
        ("", "") => return None,
        ("", url) => value.child(Tag::new("reference").with("value", url)),
        (data, _) => value.with("representation", "B64").text(data),
    };
    if r["status"] != "current" {
        return None;
    }
    // A file has no code of its own in CDA: it is of the document's kind.
    Some(act("observationMedia", "OBS", "EVN").children(ids(r)).child(value))
}
