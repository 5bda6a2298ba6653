//! People and how to reach them: PN, TEL, AD as FHIR `HumanName`, `ContactPoint`, `Address`.

use causeway_core::Leaf;
use causeway_fhir::Writer;
use causeway_xml::Element;

/// The content of a `HumanName`.
pub fn human_name(w: &mut Writer, name: Element<'_>) {
    if let Some(usage) = name.attribute("use").filter(|u| u.text.trim() == "L") {
        w.string("use", "official", usage);
    }
    w.leaf_opt("text", name.text());
    w.leaf_opt("family", name.child("family").and_then(Element::text));
    for part in ["given", "prefix", "suffix"] {
        w.array(part, |w| {
            for text in name.children_named(part).filter_map(Element::text) {
                w.value(text.text.trim(), text);
            }
        });
    }
}

/// `telecom` and `address` from several holders. `person`: whether they may be a home's, which R4 allows no
/// organisation (org-2, org-3).
pub fn contacts(w: &mut Writer, holders: &[Element<'_>], person: bool) {
    w.array("telecom", |w| {
        for telecom in holders.iter().flat_map(|h| h.children_named("telecom")) {
            let Some(value) = telecom.attribute("value").filter(|v| !v.is_blank()) else { continue };
            w.element(|w| telecom_body(w, value, telecom.attribute("use"), person));
        }
    });
    w.array("address", |w| {
        for address in holders.iter().flat_map(|h| h.children_named("addr")) {
            w.element(|w| address_body(w, address));
        }
    });
}

/// The content of a `ContactPoint`: `tel:`, `mailto:`, `fax:`, a URL, or a bare number.
pub fn telecom_body(w: &mut Writer, value: Leaf<'_>, usage: Option<Leaf<'_>>, person: bool) {
    let text = value.text.trim();
    let (system, number) = match text.split_once(':') {
        Some(("tel", number)) => ("phone", number),
        Some(("mailto", number)) => ("email", number),
        Some(("fax", number)) => ("fax", number),
        Some(("http" | "https", _)) => ("url", text),
        _ if usage.is_some_and(|u| u.text.trim() == "PG") => ("pager", text),
        _ if text.bytes().all(|b| b.is_ascii_digit() || b" +()-".contains(&b)) => ("phone", text),
        _ => ("other", text),
    };
    w.string("system", system, value);
    w.string("value", number.trim(), value);
    let Some(usage) = usage else { return };
    match usage.text.trim() {
        "WP" => w.string("use", "work", usage),
        // R4 allows no organisation a telecom of a home (org-3).
        "HP" | "H" | "HV" if person => w.string("use", "home", usage),
        "MC" => w.string("use", "mobile", usage),
        "PG" => w.mapped(usage),
        _ => {}
    }
}

/// The content of an `Address`.
pub fn address_body(w: &mut Writer, address: Element<'_>) {
    if let Some(usage) = address.attribute("use").filter(|u| u.text.trim() == "WP") {
        w.string("use", "work", usage);
    }
    w.leaf_opt("text", address.text());
    w.array("line", |w| {
        for line in address.children_named("streetAddressLine").filter_map(Element::text) {
            w.value(line.text.trim(), line);
        }
    });
    for (part, key) in [("city", "city"), ("county", "district"), ("country", "country")] {
        w.leaf_opt(key, address.child(part).and_then(Element::text));
    }
    w.leaf_opt("postalCode", address.child("postalCode").and_then(Element::text));
}
