//! The header of a document, and its sections.

use std::collections::HashSet;

use causeway_adapter::Context;
use causeway_fhir::systems;
use causeway_hl7v3::build::{Tag, concept, id, interval, list, text, time_tag};
use serde_json::{Value, json};

use super::entries::{Entries, consent_status};
use super::people::{ASSOCIATED, AUTHOR, ENTITY, People, RECIPIENT, patient};
use super::{Bundle, DEPTH_MAX, HEADINGS, Kind, confidentiality, narrative, own_id};
use crate::codes::{GUID, oid};

/// A document while it is written.
pub(super) struct Header<'a, 'b> {
    pub index: &'a Bundle<'b>,
    pub context: &'a Context,
    pub key: &'a str,
    pub what: &'a Kind,
    pub people: People,
}

/// Codes of a participation by whom it is said in the header: element, role.
fn part_of(code: &str) -> Option<&'static str> {
    Some(match code {
        "ENT" => "dataEnterer",
        "INF" => "informant",
        "ATND" => "responsibleParty",
        "PPRF" | "ADM" | "CON" | "DIS" | "REFB" => "encounterParticipant",
        "PART" | "REFT" | "ESC" | "CALLBCK" | "NOT" => "participant",
        _ => return None,
    })
}

fn code_of(part: &Value) -> &str {
    list(part, "type")
        .iter()
        .map(|t| text(&t["coding"][0], "code"))
        .find(|c| !c.is_empty())
        .unwrap_or_default()
}

impl<'b> Header<'_, 'b> {
    /// The document, and the codes of organisations that it is addressed to.
    pub(super) fn write(&mut self) -> (Tag, Vec<String>) {
        let own = self.index.of("Composition").next().map(|(_, c)| c.clone());
        let made = own.is_none();
        let document = own.unwrap_or_else(|| self.made());
        let visit = self.visit(&document);
        let ids = id("id", &document["identifier"], GUID, oid);
        let ids =
            ids.unwrap_or_else(|| Tag::new("id").with("root", &own_id(self.context, self.key, "document")));
        let marks = confidentiality(&document);
        let marks = if marks.is_empty() {
            vec![
                Tag::new("confidentialityCode")
                    .with("code", "N")
                    .with("codeSystem", "2.16.840.1.113883.1.11.16926"),
            ]
        } else {
            marks
        };
        let mut tag = Tag::new("ClinicalDocument")
            .with("xmlns", "urn:hl7-org:v3")
            .with("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
            .with("classCode", "DOCCLIN")
            .with("moodCode", "EVN")
            .child(
                Tag::new("typeId").with("root", "2.16.840.1.113883.1.3").with("extension", "POCD_HD000040"),
            )
            .child(ids)
            .children(concept("code", &document["type"], oid))
            .children(Tag::of_text("title", document["title"].as_str()))
            .children(time_tag("effectiveTime", text(&document, "date")))
            .children(marks);
        if let Some((_, person)) = self.index.of("Patient").next() {
            tag = tag.child(patient(person, self.index, &mut self.people));
        }
        tag = tag.children(self.authors(&document, visit, made)).children(self.parts(visit, "dataEnterer"));
        tag = tag.children(self.parts(visit, "informant")).children(self.custodian(&document));
        let (recipients, to) = self.recipients(&document);
        tag = tag.children(recipients).children(self.attesters(&document, "legal", "legalAuthenticator"));
        tag = tag.children(self.attesters(&document, "professional", "authenticator"));
        tag = tag
            .children(self.parts(visit, "participant"))
            .children(events(&document))
            .children(related(&document));
        tag = tag.children(self.consents()).children(self.encompassing(visit));
        let mut body = self.sections(&document, made);
        if body.is_empty() {
            body.push(headed("", &Value::Null, "Nothing more was said.", Vec::new(), Vec::new()));
        }
        let body =
            Tag::new("structuredBody").with("classCode", "DOCBODY").with("moodCode", "EVN").children(body);
        (tag.child(Tag::new("component").with("typeCode", "COMP").child(body)), to)
    }

    /// A document where the bundle has none.
    fn made(&self) -> Value {
        let mut kind = json!({"text": self.what.title});
        if !self.what.code.0.is_empty() {
            let (code, display) = self.what.code;
            kind = json!({"coding": [{"system": systems::SNOMED, "code": code, "display": display}]});
        }
        let date = self.context.received.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
        json!({"title": self.what.title, "type": kind, "date": date})
    }

    /// The visit that the document is of: its own, else the first.
    fn visit(&self, document: &Value) -> Option<&'b Value> {
        let found = self.index.find(&document["encounter"]).map(|(_, v)| v);
        let found = found.or_else(|| self.index.of("Encounter").next().map(|(_, v)| v))?;
        let number = self.index.all.iter().find(|(_, _, r)| std::ptr::eq(*r, found)).map(|(n, ..)| *n)?;
        (!self.index.skip.contains(&number)).then_some(found)
    }

    /// The sender as an organisation of the header.
    fn sender(&self, name: &str) -> Tag {
        let sender = &self.context.sender;
        let called = if sender.name.is_empty() { &sender.code } else { &sender.name };
        let own =
            oid(&sender.system).map(|root| Tag::new("id").with("root", root).with("extension", &sender.code));
        let own = own.unwrap_or_else(|| Tag::new("id").with("nullFlavor", "NI"));
        let tag = Tag::new(name).with("classCode", "ORG").with("determinerCode", "INSTANCE");
        tag.child(own).child(Tag::new("name").text(called))
    }

    fn authors(&mut self, document: &Value, visit: Option<&Value>, made: bool) -> Vec<Tag> {
        let mut found = Vec::new();
        for reference in list(document, "author") {
            let Some(role) = self.people.role(reference, AUTHOR, self.index) else { continue };
            let said = visit.and_then(|v| {
                let mut parts = list(v, "participant").iter();
                parts.find(|p| code_of(p) == "AUT" && p["individual"]["reference"] == reference["reference"])
            });
            let function = said.and_then(|p| concept("functionCode", &p["type"][1], oid));
            let time = said.and_then(|p| time_tag("time", text(&p["period"], "start")));
            let time = time.unwrap_or_else(|| Tag::new("time").with("nullFlavor", "NI"));
            let tag = Tag::new("author").with("typeCode", "AUT").children(function);
            found.push(tag.child(time).child(role));
        }
        if made {
            let role = Tag::new("assignedAuthor").with("classCode", "ASSIGNED");
            let role = role
                .child(Tag::new("id").with("nullFlavor", "NI"))
                .child(self.sender("representedOrganization"));
            let time = time_tag("time", text(document, "date"));
            found.push(Tag::new("author").with("typeCode", "AUT").children(time).child(role));
        }
        found
    }

    /// Parts in the visit that are said by one element of the header.
    fn parts(&mut self, visit: Option<&Value>, element: &str) -> Vec<Tag> {
        let mut found = Vec::new();
        for part in visit.map(|v| list(v, "participant")).unwrap_or_default() {
            let code = code_of(part);
            if part_of(code) != Some(element) {
                continue;
            }
            let role = if element == "participant" { ASSOCIATED } else { ENTITY };
            let who = self.people.role(&part["individual"], role, self.index);
            let related = || self.people.related(&part["individual"], self.index);
            let Some(who) = (if element == "informant" { who.or_else(related) } else { who }) else {
                continue;
            };
            let told = matches!(element, "participant" | "encounterParticipant");
            let tag = Tag::new(element).with("typeCode", if told { code } else { "" });
            let function =
                (element == "participant").then(|| concept("functionCode", &part["type"][1], oid)).flatten();
            let time = (element != "responsibleParty" && element != "informant")
                .then(|| time_tag("time", text(&part["period"], "start")))
                .flatten();
            found.push(tag.children(function).children(time).child(who));
        }
        found
    }

    fn custodian(&mut self, document: &Value) -> Option<Tag> {
        const NAME: &str = "representedCustodianOrganization";
        let own =
            self.index.find(&document["custodian"]).filter(|(_, r)| r["resourceType"] == "Organization");
        let organisation = match own {
            Some((number, resource)) => self.people.organisation(NAME, number, resource, self.index),
            None => self.sender(NAME),
        };
        let role = Tag::new("assignedCustodian").with("classCode", "ASSIGNED").child(organisation);
        Some(Tag::new("custodian").with("typeCode", "CST").child(role))
    }

    /// Recipients, and the codes of those that are organisations; the patient's practice where nobody is named.
    fn recipients(&mut self, document: &Value) -> (Vec<Tag>, Vec<String>) {
        let named = list(document, "extension").iter().filter(|e| e["url"] == crate::encounter::RECIPIENT);
        let mut references: Vec<Value> = named.map(|e| e["valueReference"].clone()).collect();
        if references.is_empty() {
            let patient = self.index.of("Patient").next().map(|(_, p)| p);
            references.extend(patient.and_then(|p| list(p, "generalPractitioner").first()).cloned());
        }
        let (mut found, mut to) = (Vec::new(), Vec::new());
        for reference in references {
            let Some(role) = self.people.role(&reference, RECIPIENT, self.index) else { continue };
            let kind = if found.is_empty() { "PRCP" } else { "TRC" };
            found.push(Tag::new("informationRecipient").with("typeCode", kind).child(role));
            let Some((_, resource)) = self.index.find(&reference) else { continue };
            let organisation = self.index.find(&resource["organization"]).map_or(resource, |(_, o)| o);
            let code =
                list(organisation, "identifier").iter().find(|i| i["system"] == systems::ODS_ORGANISATION);
            to.extend(code.map(|i| text(i, "value").to_owned()).filter(|code| !to.contains(code)));
        }
        (found, to)
    }

    fn attesters(&mut self, document: &Value, mode: &str, element: &str) -> Vec<Tag> {
        let mut found = Vec::new();
        for one in list(document, "attester").iter().filter(|a| a["mode"] == *mode) {
            let Some(who) = self.people.role(&one["party"], ENTITY, self.index) else { continue };
            let time =
                time_tag("time", text(one, "time")).unwrap_or(Tag::new("time").with("nullFlavor", "NI"));
            let signature = Tag::new("signatureCode").with("nullFlavor", "NA");
            found.push(Tag::new(element).child(time).child(signature).child(who));
        }
        found
    }

    /// Consents whose code itself says what is permitted; another would lose its sense.
    fn consents(&self) -> Vec<Tag> {
        let mut found = Vec::new();
        for (number, one) in self.index.of("Consent") {
            let code = &one["category"][0];
            let own = one["provision"]["code"][0] == *code || one["provision"]["code"].is_null();
            let Some(status) = consent_status(one, code).filter(|_| own) else { continue };
            if self.index.skip.contains(&number) {
                continue;
            }
            let consent = Tag::new("consent").with("classCode", "CONS").with("moodCode", "EVN");
            let consent =
                consent.children(super::ids(one)).children(concept("code", code, oid)).child(status);
            found.push(Tag::new("authorization").with("typeCode", "AUTH").child(consent));
        }
        found
    }

    fn encompassing(&mut self, visit: Option<&Value>) -> Option<Tag> {
        let visit = visit?;
        // A document has room for one place of a visit: where the patient is, else the first that is named.
        let mut places = Vec::new();
        let named = list(visit, "location");
        let now = named.iter().find(|p| p["status"] == "active");
        let found = now.into_iter().chain(named).find_map(|p| self.index.find(&p["location"]));
        if let Some((_, place)) = found {
            let provider = self.index.find(&place["managingOrganization"]);
            let provider = provider
                .map(|(n, o)| self.people.organisation("serviceProviderOrganization", n, o, self.index));
            let named = Tag::new("location")
                .children(Tag::of_text("name", place["name"].as_str()))
                .children(place.get("address").map(causeway_hl7v3::build::address));
            let facility = Tag::new("healthCareFacility")
                .with("classCode", "SDLOC")
                .children(super::ids(place))
                .children(concept("code", &place["type"][0], oid))
                .children((!named.is_empty()).then_some(named))
                .children(provider);
            places.push(Tag::new("location").with("typeCode", "LOC").child(facility));
        }
        // A visit that is over and has no end stated was at one time.
        let over = visit["status"] == "finished" && visit["period"]["end"].is_null();
        let at = if over { text(&visit["period"], "start") } else { "" };
        let time = time_tag("effectiveTime", at).or_else(|| interval("effectiveTime", &visit["period"]));
        let time = time.unwrap_or_else(|| Tag::new("effectiveTime").with("nullFlavor", "NI"));
        let tag = Tag::new("encompassingEncounter")
            .with("classCode", "ENC")
            .with("moodCode", "EVN")
            .children(super::ids(visit))
            .children(concept("code", &visit["type"][0], oid))
            .child(time)
            .children(concept(
                "dischargeDispositionCode",
                &visit["hospitalization"]["dischargeDisposition"],
                oid,
            ))
            .children(self.parts(Some(visit), "responsibleParty"))
            .children(self.parts(Some(visit), "encounterParticipant"))
            .children(places);
        Some(Tag::new("componentOf").with("typeCode", "COMP").child(tag))
    }

    /// The sections of the document's own, and those that hold what has no section that says what it is.
    fn sections(&mut self, document: &Value, made: bool) -> Vec<Tag> {
        let index = self.index;
        let mut entries = Entries { index, people: &mut self.people, written: HashSet::new() };
        let mut found: Vec<Tag> =
            list(document, "section").iter().map(|s| section(&mut entries, s, 0)).collect();
        for (code, title, kinds) in HEADINGS {
            let all = index.all.iter().filter(|(_, _, r)| kinds.contains(&text(r, "resourceType")));
            let rest: Vec<_> = all.filter(|(n, _, _)| !entries.written.contains(n)).collect();
            let within = entries.members(rest.iter().map(|(_, _, r)| *r));
            let coded: Vec<Tag> = rest
                .iter()
                .filter(|(n, _, _)| !within.contains(n))
                .filter_map(|(n, _, r)| entries.one(code, *n, r, 0))
                .collect();
            // A document of its own has its text already; what is made has none but this.
            let lines: Vec<String> = rest.iter().map(|(_, _, r)| narrative::line(index, r)).collect();
            if (made && lines.is_empty()) || (!made && coded.is_empty()) {
                continue;
            }
            let concept = json!({"coding": [{"system": systems::SNOMED, "code": code, "display": title}]});
            found.push(headed(title, &concept, &narrative::list(&lines), coded, Vec::new()));
        }
        found
    }
}

fn headed(title: &str, code: &Value, xml: &str, entries: Vec<Tag>, within: Vec<Tag>) -> Tag {
    let section = Tag::new("section")
        .with("classCode", "DOCSECT")
        .with("moodCode", "EVN")
        .children(concept("code", code, oid))
        .children(Tag::of_text("title", Some(title)))
        .children((!xml.is_empty()).then(|| Tag::new("text").raw(xml)))
        .children(entries.into_iter().map(|e| Tag::new("entry").with("typeCode", "COMP").child(e)))
        .children(within);
    Tag::new("component").with("typeCode", "COMP").child(section)
}

/// A section of the document's own, with the entries that its heading doesn't make something else of.
fn section(entries: &mut Entries<'_, '_>, one: &Value, depth: usize) -> Tag {
    let heading = text(&one["code"]["coding"][0], "code");
    let index = entries.index;
    let named: Vec<_> = list(one, "entry").iter().filter_map(|r| index.find(r)).collect();
    let within = entries.members(named.iter().map(|(_, r)| *r));
    let mut coded = Vec::new();
    for (number, resource) in named {
        if !within.contains(&number)
            && !entries.written.contains(&number)
            && entries.belongs(heading, resource)
        {
            coded.extend(entries.one(heading, number, resource, 0));
        }
    }
    let inner = list(one, "section").iter().filter(|_| depth < DEPTH_MAX);
    let inner: Vec<Tag> = inner.map(|s| section(entries, s, depth + 1)).collect();
    let said = if one["text"]["status"] == "empty" { "" } else { text(&one["text"], "div") };
    headed(text(one, "title"), &one["code"], &narrative::of_html(said), coded, inner)
}

fn events(document: &Value) -> Vec<Tag> {
    let event = |event: &Value| {
        let service = Tag::new("serviceEvent")
            .with("classCode", "ACT")
            .with("moodCode", "EVN")
            .children(concept("code", &event["code"][0], oid))
            .children(interval("effectiveTime", &event["period"]));
        Tag::new("documentationOf").with("typeCode", "DOC").child(service)
    };
    list(document, "event").iter().map(event).collect()
}

fn related(document: &Value) -> Vec<Tag> {
    let relation = |relation: &Value| {
        let code = match text(relation, "code") {
            "replaces" => "RPLC",
            "appends" => "APND",
            "transforms" => "XFRM",
            _ => return None,
        };
        let parent = id("id", &relation["targetIdentifier"], GUID, oid)?;
        let parent =
            Tag::new("parentDocument").with("classCode", "DOCCLIN").with("moodCode", "EVN").child(parent);
        Some(Tag::new("relatedDocument").with("typeCode", code).child(parent))
    };
    list(document, "relatesTo").iter().filter_map(relation).collect()
}
