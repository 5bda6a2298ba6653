//! FHIR's data types as HL7 v2's: concepts, identifiers, names, addresses, numbers, times.

use causeway_fhir::systems;
use causeway_terminology::Map;
use serde_json::Value;

use super::segment::{Seg, place};
use crate::maps;

/// HL7's table of kinds of identifiers.
pub const KINDS: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
const TABLE: &str = "http://terminology.hl7.org/CodeSystem/v2-";

/// A member as text; a number as it is written.
pub fn text(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::String(text) => text.clone(),
        Value::Number(n) => n.to_string(),
        _ => String::new(),
    }
}

/// The members of an array.
pub fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value[name].as_array().into_iter().flatten()
}

/// The extension of this URL.
pub fn extension<'v>(value: &'v Value, url: &str) -> Option<&'v Value> {
    list(value, "extension").find(|e| e["url"].as_str().is_some_and(|u| u == url || u.ends_with(url)))
}

/// The name under which the sender of the bundle issues codes or identifiers, of a system that is local to one.
pub fn local_name(system: &str) -> Option<&str> {
    let rest = system.strip_prefix(systems::CAUSEWAY)?.strip_prefix("/Id/local/")?;
    rest.split_once('/').map(|(_, name)| name)
}

/// A `dateTime`, `date` or `instant` as a TS: digits, with the offset where there is a time.
pub fn time(fhir: &str) -> String {
    let (date, rest) = fhir.split_once('T').unwrap_or((fhir, ""));
    let mut out: String = date.chars().filter(char::is_ascii_digit).collect();
    if rest.is_empty() {
        return out;
    }
    let at = rest.find(['+', '-', 'Z']).unwrap_or(rest.len());
    let (clock, offset) = rest.split_at(at);
    out.extend(clock.chars().filter(|c| *c != ':'));
    match offset {
        "" => {}
        "Z" => out.push_str("+0000"),
        other => out.extend(other.chars().filter(|c| *c != ':')),
    }
    out
}

/// The name of a coding system for the third component; empty for the sender's own system of this name.
fn system_name(system: &str, own: &str) -> String {
    if let Some(name) = local_name(system) {
        return if name == own { String::new() } else { name.to_owned() };
    }
    if let Some((code, _)) = maps::CODING_SYSTEMS.codes().find(|(_, t)| t.system == system) {
        return code.to_owned();
    }
    if let Some(number) = system.strip_prefix(TABLE).or(system.strip_prefix(systems::HL7_V2_TABLE))
        && number.len() == 4
    {
        return format!("HL7{number}");
    }
    system.strip_prefix("urn:oid:").unwrap_or(system).to_owned()
}

/// A `CodeableConcept` as a CWE. `own` is the name of the sender's system for codes without one.
pub fn concept(seg: &mut Seg, field: usize, rep: usize, value: &Value, own: &str) {
    let places = [[1, 2, 3, 7], [4, 5, 6, 8], [10, 11, 12, 13]];
    let mut coded = false;
    for (coding, at) in list(value, "coding").zip(places) {
        coded |= coding["code"].is_string();
        seg.at(field, rep, at[0], 1, text(coding, "code"));
        seg.at(field, rep, at[1], 1, text(coding, "display"));
        if coding["code"].is_string() {
            seg.at(field, rep, at[2], 1, system_name(&text(coding, "system"), own));
        }
        seg.at(field, rep, at[3], 1, text(coding, "version"));
    }
    seg.at(field, rep, if coded { 9 } else { 2 }, 1, text(value, "text"));
}

/// The source's code of a target in a table.
pub fn unmapped(map: &Map, system: Option<&str>, code: &str) -> Option<&'static str> {
    map.codes()
        .find(|(_, t)| t.code == code && system.is_none_or(|s| s == t.system))
        .map(|(source, _)| source)
}

/// A `CodeableConcept` whose code a table made: the table's own code again, else as any other.
pub fn mapped(seg: &mut Seg, field: usize, rep: usize, map: &Map, value: &Value, own: &str) {
    let coding = &value["coding"][0];
    let known = coding["code"].as_str().and_then(|c| unmapped(map, coding["system"].as_str(), c));
    match known {
        Some(code) => {
            seg.at(field, rep, 1, 1, code);
            seg.at(field, rep, 2, 1, text(value, "text"));
        }
        None => concept(seg, field, rep, value, own),
    }
}

/// Who issues an identifier, as an HD from subcomponent `sub` on of a component.
pub fn authority(seg: &mut Seg, at: (usize, usize, usize), system: &str, own: &str) {
    let (field, rep, component) = at;
    if let Some(name) = local_name(system) {
        if name != own {
            seg.at(field, rep, component, 1, name);
        }
    } else if let Some(oid) = oid_of(system) {
        seg.at(field, rep, component, 2, oid);
        seg.at(field, rep, component, 3, "ISO");
    } else if !system.is_empty() {
        seg.at(field, rep, component, 2, system);
        seg.at(field, rep, component, 3, "URI");
    }
}

/// The OID of a system.
pub fn oid_of(system: &str) -> Option<&str> {
    match system {
        systems::ODS_ORGANISATION => Some("2.16.840.1.113883.2.1.3.2.4.19.1"),
        other => other.strip_prefix("urn:oid:"),
    }
}

/// The kind of an identifier.
fn kind(value: &Value) -> String {
    let coding = &value["type"]["coding"][0];
    if coding["system"] == KINDS { text(coding, "code") } else { text(&value["type"], "text") }
}

/// Puts back what was kept beside an element of a field, in the repetition that the element is written to now.
pub fn kept_parts(seg: &mut Seg, field: usize, rep: usize, element: &Value) {
    for kept in list(element, "extension") {
        let part = |name: &str| list(kept, "extension").find(|e| e["url"] == name);
        if let (Some(item), Some(value)) = (part("item"), part("value"))
            && let Some((_, [_, _, component, sub])) = place(&text(item, "valueString"))
            && !seg.has(field, rep, component, sub)
        {
            seg.at(field, rep, component, sub, text(value, "valueString"));
        }
    }
}

/// An identifier as a CX.
pub fn cx(seg: &mut Seg, field: usize, value: &Value, own: &str) {
    let rep = seg.next(field);
    let system = text(value, "system");
    let id = text(value, "value");
    if id.is_empty() {
        return;
    }
    seg.at(field, rep, 1, 1, id);
    if matches!(system.as_str(), systems::NHS_NUMBER | systems::STATED_NHS_NUMBER) {
        seg.at(field, rep, 4, 1, "NHS");
        seg.at(field, rep, 5, 1, "NH");
        return;
    }
    authority(seg, (field, rep, 4), &system, own);
    seg.at(field, rep, 5, 1, kind(value));
    period(seg, (field, rep), value, (7, 8));
    let assigner = text(&value["assigner"], "display");
    if oid_of(&system).is_some() {
        seg.at(field, rep, 4, 1, assigner);
    } else {
        seg.at(field, rep, 6, 1, assigner);
    }
    kept_parts(seg, field, rep, value);
}

/// An identifier as an EI in the components of a field.
pub fn ei(seg: &mut Seg, field: usize, rep: usize, value: &Value, own: &str) {
    let system = text(value, "system");
    seg.at(field, rep, 1, 1, text(value, "value"));
    if let Some(name) = local_name(&system) {
        seg.at(field, rep, 2, 1, if name == own { "" } else { name });
    } else if let Some(oid) = oid_of(&system) {
        seg.at(field, rep, 3, 1, oid);
        seg.at(field, rep, 4, 1, "ISO");
    } else if !system.is_empty() {
        seg.at(field, rep, 3, 1, system);
        seg.at(field, rep, 4, 1, "URI");
    }
}

/// Start and end of a period in two components.
pub fn period(seg: &mut Seg, (field, rep): (usize, usize), value: &Value, (start, end): (usize, usize)) {
    seg.at(field, rep, start, 1, time(&text(&value["period"], "start")));
    seg.at(field, rep, end, 1, time(&text(&value["period"], "end")));
}

/// Family, given, further given, prefix and suffixes in the components so numbered.
fn name_parts(seg: &mut Seg, (field, rep): (usize, usize), name: &Value, at: [usize; 7]) {
    seg.at(field, rep, at[0], 1, text(name, "family"));
    for (sub, part) in [(2, "own-prefix"), (3, "own-name"), (4, "partner-prefix"), (5, "partner-name")] {
        if let Some(found) = extension(&name["_family"], &format!("humanname-{part}")) {
            seg.at(field, rep, at[0], sub, text(found, "valueString"));
        }
    }
    let words =
        |member: &str| list(name, member).filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
    let given = words("given");
    seg.at(field, rep, at[1], 1, given.first().cloned().unwrap_or_default());
    seg.at(field, rep, at[2], 1, given.get(1..).unwrap_or_default().join(" "));
    seg.at(field, rep, at[3], 1, words("prefix").join(" "));
    for (suffix, component) in words("suffix").into_iter().zip([at[4], at[5], at[6]]) {
        seg.at(field, rep, component, 1, suffix);
    }
}

/// A name as an XPN.
pub fn xpn(seg: &mut Seg, field: usize, name: &Value) {
    let rep = seg.next(field);
    name_parts(seg, (field, rep), name, [1, 2, 3, 5, 4, 6, 14]);
    if name["family"].is_null() && name["given"].is_null() {
        // Words alone: as a whole in the place of the family name, for XPN has no other.
        seg.at(field, rep, 1, 1, text(name, "text"));
    }
    let code = match name["use"].as_str() {
        Some("official") => "L",
        Some("usual") => "D",
        Some("maiden") => "M",
        Some("nickname") => "N",
        Some("temp") => "TEMP",
        Some("anonymous") => "S",
        _ => "",
    };
    seg.at(field, rep, 7, 1, code);
    if let Some(found) = extension(name, "iso21090-EN-representation") {
        let code = match found["valueCode"].as_str() {
            Some("ABC") => "A",
            Some("IDE") => "I",
            Some("SYL") => "P",
            _ => "",
        };
        seg.at(field, rep, 8, 1, code);
    }
    if let Some(code) = extension(name, "source-code") {
        seg.at(field, rep, 7, 1, text(code, "valueString"));
    }
    period(seg, (field, rep), name, (12, 13));
    kept_parts(seg, field, rep, name);
}

/// A practitioner as an XCN.
pub fn xcn(seg: &mut Seg, field: usize, practitioner: &Value) {
    let rep = seg.next(field);
    let id = &practitioner["identifier"][0];
    let system = text(id, "system");
    seg.at(field, rep, 1, 1, text(id, "value"));
    match system.as_str() {
        systems::GMP_NUMBER => seg.at(field, rep, 9, 1, "GMP"),
        systems::GMC_NUMBER => seg.at(field, rep, 9, 1, "GMC"),
        systems::SDS_USER => seg.at(field, rep, 9, 1, "SDS"),
        other => authority(seg, (field, rep, 9), other, "staff"),
    }
    seg.at(field, rep, 13, 1, kind(id));
    seg.at(field, rep, 14, 1, text(&id["assigner"], "display"));
    let name = &practitioner["name"][0];
    name_parts(seg, (field, rep), name, [2, 3, 4, 6, 5, 7, 21]);
    if name["family"].is_null() && name["given"].is_null() {
        seg.at(field, rep, 2, 1, text(name, "text"));
    }
    period(seg, (field, rep), name, (19, 20));
    kept_parts(seg, field, rep, practitioner);
}

/// An organisation as an XON. `ods` says that a code without an authority is an ODS code in this item.
pub fn xon(seg: &mut Seg, field: usize, organisation: &Value, ods: bool) {
    let rep = seg.next(field);
    seg.at(field, rep, 1, 1, text(organisation, "name"));
    let id = &organisation["identifier"][0];
    let system = text(id, "system");
    // XON.3 takes digits alone.
    seg.at(field, rep, 10, 1, text(id, "value"));
    if system == systems::ODS_ORGANISATION {
        if !ods {
            seg.at(field, rep, 6, 1, "ODS");
        }
    } else {
        authority(seg, (field, rep, 6), &system, "organisation");
    }
    seg.at(field, rep, 7, 1, kind(id));
    kept_parts(seg, field, rep, organisation);
}

/// An address as an XAD.
pub fn xad(seg: &mut Seg, field: usize, address: &Value) {
    let rep = seg.next(field);
    let lines: Vec<&str> = list(address, "line").filter_map(Value::as_str).collect();
    for (at, component) in [(0, 1), (1, 2), (2, 8)] {
        seg.at(field, rep, component, 1, lines.get(at).copied().unwrap_or_default());
    }
    if lines.len() > 3 {
        seg.at(field, rep, 8, 1, lines.get(2..).unwrap_or_default().join(", "));
    }
    seg.at(field, rep, 3, 1, text(address, "city"));
    seg.at(field, rep, 4, 1, text(address, "district"));
    seg.at(field, rep, 5, 1, text(address, "postalCode"));
    seg.at(field, rep, 6, 1, text(address, "country"));
    if lines.is_empty() && address["postalCode"].is_null() {
        seg.at(field, rep, 1, 1, text(address, "text"));
    }
    let code = match (address["use"].as_str(), address["type"].as_str()) {
        (Some("home"), _) => "H",
        (Some("work"), _) => "B",
        (Some("temp"), _) => "C",
        (Some("old"), _) => "BA",
        (Some("billing"), _) => "BI",
        (_, Some("postal")) => "M",
        _ => "",
    };
    seg.at(field, rep, 7, 1, code);
    if let Some(code) = extension(address, "source-code") {
        seg.at(field, rep, 7, 1, text(code, "valueString"));
    }
    period(seg, (field, rep), address, (13, 14));
    kept_parts(seg, field, rep, address);
}

/// A number or address of contact as an XTN.
pub fn xtn(seg: &mut Seg, field: usize, contact: &Value) {
    let rep = seg.next(field);
    let value = text(contact, "value");
    let of = contact["use"].as_str();
    let code = match of {
        Some("home") => "PRN",
        Some("work") => "WPN",
        Some("mobile") => "PRS",
        _ => "",
    };
    if contact["system"] == "email" {
        seg.at(field, rep, 2, 1, if code.is_empty() { "NET" } else { code });
        seg.at(field, rep, 3, 1, "Internet");
        seg.at(field, rep, 4, 1, value);
    } else {
        seg.at(field, rep, 1, 1, value);
        seg.at(field, rep, 2, 1, code);
        let equipment = match contact["system"].as_str() {
            Some("fax") => "FX",
            Some("pager") => "BP",
            Some("sms") => "SMS",
            _ if of == Some("mobile") => "CP",
            _ => "PH",
        };
        seg.at(field, rep, 3, 1, equipment);
    }
    seg.at(field, rep, 18, 1, text(contact, "rank"));
    // Codes of kind and equipment that FHIR has none for stand in this order.
    for own in
        list(contact, "extension").filter(|e| e["url"].as_str().is_some_and(|u| u.ends_with("/source-code")))
    {
        let component = if seg.has(field, rep, 2, 1)
            || contact["system"] == "phone"
                && code.is_empty()
                && seg.has(field, rep, 3, 1)
                && own["valueString"].as_str().is_some_and(|c| c.len() == 2)
        {
            3
        } else {
            2
        };
        seg.at(field, rep, component, 1, text(own, "valueString"));
    }
    period(seg, (field, rep), contact, (13, 14));
    kept_parts(seg, field, rep, contact);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_precision_and_offset() {
        for (fhir, ts) in [
            ("2024", "2024"),
            ("2024-02", "202402"),
            ("2024-02-29", "20240229"),
            ("2024-02-29T10:05:00+01:00", "20240229100500+0100"),
            ("2024-02-29T10:05:00.120Z", "20240229100500.120+0000"),
        ] {
            assert_eq!(time(fhir), ts);
        }
    }
}
