//! Identifiers, names, addresses and telephone numbers: CX, EI, XPN, XAD, XTN.

use std::borrow::Cow;

use causeway_core::identifier::{is_scientific, names_nobody};
use causeway_core::{Leaf, NhsNumber, Outcome, Sources, common};
use causeway_fhir::systems;
use causeway_fhir::types::{
    Verification, another_nhs_number, extension, invalid_nhs_number, nhs_number, tell_spaced,
};
use causeway_fhir::writer::Mark;
use causeway_fhir::{Coding, Writer};
use causeway_hl7v2::Part;

use crate::env::{Env, source_code};

/// OID of the NHS number.
const NHS_OID: &str = "2.16.840.1.113883.2.1.4.1";

/// Who issues an identifier: the URI of its system and the item that decided it. `part` is an HD (namespace,
/// universal id, type); `fallback` names the sender's own system where it says nothing.
pub fn system_of<'m>(env: &Env<'m>, part: Part<'m>, fallback: &str) -> (Cow<'static, str>, Option<Leaf<'m>>) {
    let universal = part.subcomp(2).leaf();
    let namespace = part.subcomp(1).leaf();
    if let Some(leaf) = universal {
        if systems::is_oid(leaf.text) {
            return (systems::of_oid(leaf.text), Some(leaf));
        }
        if (leaf.text.starts_with("http") || leaf.text.starts_with("urn:"))
            && !leaf.text.contains(char::is_whitespace)
        {
            return (Cow::Owned(leaf.text.to_owned()), Some(leaf));
        }
        return (Cow::Owned(env.local(leaf.text)), Some(leaf));
    }
    match namespace {
        Some(leaf) if systems::is_oid(leaf.text) => (systems::of_oid(leaf.text), Some(leaf)),
        Some(leaf) => (Cow::Owned(env.local(leaf.text)), Some(leaf)),
        None => (Cow::Owned(env.local(fallback)), None),
    }
}

/// The third part of an HD says only that the second is an OID, where that is one.
pub fn oid_type(w: &mut Writer, part: Part<'_>) {
    let kind = part.subcomp(3).leaf();
    if part.subcomp(2).leaf().is_some_and(|l| systems::is_oid(l.text)) {
        w.claim(kind, Outcome::Structural, "");
    }
}

/// Whether a word names the NHS number, in one of the spellings that systems use: `NHS`, `nhs`, `NHSNMBR`, `NHS Number`.
fn is_called_nhs(word: &str) -> bool {
    let letters: String =
        word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    matches!(letters.as_str(), "NHS" | "NHSNO" | "NHSNBR" | "NHSNMBR" | "NHSNUM" | "NHSNUMBER")
}

/// Whether a universal id, or a namespace in its place, is that of NHS numbers.
fn is_nhs_authority(id: &str) -> bool {
    id.strip_prefix("urn:oid:").unwrap_or(id) == NHS_OID || id == systems::NHS_NUMBER
}

/// An identifier of a person as a CX states it.
#[derive(Clone, Copy)]
pub struct Cx<'m> {
    /// The repetition.
    pub part: Part<'m>,
    /// Its id.
    pub id: Leaf<'m>,
    /// Whether the source calls it an NHS number.
    pub nhs: bool,
}

impl<'m> Cx<'m> {
    /// Reads a CX; `None` where it has no id, or one that can be many people's ([`names_nobody`]). What claims to be an NHS
    /// number has rules of its own.
    pub fn read(part: Part<'m>) -> Option<Self> {
        Self::any(part).filter(|cx| match cx.nhs {
            true => !is_scientific(cx.id.text),
            false => !names_nobody(cx.id.text),
        })
    }

    /// Reads a CX with whatever id it has.
    pub fn any(part: Part<'m>) -> Option<Self> {
        let id = part.comp(1).leaf()?;
        let authority = part.comp(4);
        let nhs = match (authority.subcomp(2).leaf(), authority.subcomp(1).leaf()) {
            (Some(universal), _) => is_nhs_authority(universal.text),
            (None, Some(name)) => is_called_nhs(name.text) || is_nhs_authority(name.text),
            (None, None) => {
                part.comp(5).leaf().is_some_and(|kind| kind.text == "NH" || is_called_nhs(kind.text))
            }
        };
        Some(Self { part, id, nhs })
    }

    /// What identifies it: system and value.
    pub fn key(&self, env: &Env<'m>) -> String {
        if let Some(number) = self.number() {
            return format!("{}|{}", systems::NHS_NUMBER, number.as_str());
        }
        let (system, _) = system_of(env, self.part.comp(4), "patient");
        format!("{system}|{}", causeway_core::identifier::visible(self.id.text))
    }

    /// Takes it for an NHS number where nobody says what it is and it passes the check: what systems of version 2.3
    /// send in PID-2 and PID-19. Returns whether it did.
    pub fn by_shape(&mut self) -> bool {
        let silent = !self.part.comp(4).says() && !self.part.comp(5).says();
        let ten = self.id.text.chars().filter(char::is_ascii_digit).count() == 10;
        let found = !self.nhs && silent && ten && NhsNumber::parse(self.id.text).is_ok();
        self.nhs |= found;
        found
    }

    /// The NHS number, where it claims to be one and is valid.
    pub fn number(&self) -> Option<NhsNumber> {
        NhsNumber::parse(self.id.text).ok().filter(|_| self.nhs)
    }

    /// Writes it as an element of an array of identifiers. `status` is what PID-32 says of NHS numbers.
    pub fn write(&self, env: &Env<'m>, w: &mut Writer, status: Option<(Verification, Leaf<'m>)>) {
        if !self.nhs {
            return self.local(env, w);
        }
        let authority = self.part.comp(4);
        let named = authority.subcomp(2).leaf().or(authority.subcomp(1).leaf());
        let kind = self.part.comp(5).leaf().filter(|_| named.is_none());
        if named.is_some() {
            // The type only repeats what the authority says.
            w.claim(self.part.comp(5).leaf(), Outcome::Structural, "");
        }
        let number = match NhsNumber::parse(self.id.text) {
            Ok(number) => number,
            Err(error) => {
                w.element(|w| invalid_nhs_number(w, self.id, (named, kind), error));
                return;
            }
        };
        // Welsh senders put the status where HL7 has the check digit; two digits are never a check digit.
        let own = self.part.comp(2).leaf().filter(|l| l.text.len() == 2);
        let own = own.and_then(|l| Verification::from_code(l.text).map(|v| (v, l)));
        let (verification, from) = match own.or(status) {
            Some((verification, leaf)) => (verification, Some(leaf)),
            None => (Verification::PresentNotTraced, None),
        };
        nhs_number(w, number, self.id, (named, kind), verification, from);
    }

    /// As [`Cx::write`], of somebody who is not the patient: UK Core has the status of an NHS number at Patient alone.
    pub fn write_of_other(&self, env: &Env<'m>, w: &mut Writer) {
        match self.number() {
            None => self.write(env, w, None),
            Some(number) => {
                let authority = self.part.comp(4);
                let called =
                    (authority.subcomp(2).leaf(), authority.subcomp(1).leaf(), self.part.comp(5).leaf());
                tell_spaced(w, self.id);
                w.element(|w| {
                    w.fixed("system", systems::NHS_NUMBER);
                    w.string("value", number.as_str(), (self.id, called));
                });
            }
        }
    }

    /// Writes an NHS number that contradicts the one written before: FHIR has room for one.
    pub fn second(&self, env: &Env<'m>, w: &mut Writer) {
        env.tell(w, &common::NHS_SECOND, self.id.id);
        let authority = self.part.comp(4);
        another_nhs_number(w, self.id, authority.subcomp(2).leaf().or(authority.subcomp(1).leaf()));
    }

    fn local(&self, env: &Env<'m>, w: &mut Writer) {
        let authority = self.part.comp(4);
        let (system, from) = system_of(env, authority, "patient");
        let since = w.mark();
        w.element(|w| {
            if let Some(kind) = self.part.comp(5).leaf() {
                w.object("type", |w| identifier_type(w, kind));
            }
            w.string("system", &system, from);
            w.leaf("value", self.id);
            env.period(w, "period", self.part.comp(7).leaf(), self.part.comp(8).leaf());
            let facility = self.part.comp(6).subcomp(1).leaf();
            let name = authority.subcomp(1).leaf().filter(|_| authority.subcomp(2).leaf().is_some());
            w.object("assigner", |w| w.leaf_opt("display", facility.or(name)));
            oid_type(w, authority);
            oid_type(w, self.part.comp(6));
            w.array("extension", |w| env.leftovers(w, since, [self.part]));
        });
    }
}

/// Types of HL7 table 0203 that FHIR knows by the same code. Others stay text.
pub fn identifier_type(w: &mut Writer, kind: Leaf<'_>) {
    let known = matches!(
        kind.text,
        "AN" | "BR"
            | "DL"
            | "DN"
            | "DR"
            | "EI"
            | "EN"
            | "MA"
            | "MD"
            | "MR"
            | "NH"
            | "NI"
            | "PI"
            | "PN"
            | "PPN"
            | "PRN"
            | "PT"
            | "RI"
            | "SL"
            | "SN"
            | "SR"
            | "SS"
            | "TAX"
            | "U"
            | "VN"
            | "XX"
            | "FILL"
            | "PLAC"
            | "ACSN"
    );
    if known {
        w.array("coding", |w| {
            w.element(|w| {
                w.fixed("system", "http://terminology.hl7.org/CodeSystem/v2-0203");
                w.leaf("code", kind);
            });
        });
    } else {
        w.leaf("text", kind);
    }
}

/// An identifier whose type is fixed: visit number, order number.
pub fn typed_identifier(w: &mut Writer, kind: Option<&str>, system: &str, value: &str, from: impl Sources) {
    w.element(|w| {
        if let Some(kind) = kind {
            w.object("type", |w| {
                w.array("coding", |w| {
                    w.element(|w| {
                        Coding::new("http://terminology.hl7.org/CodeSystem/v2-0203", kind, "").body(w, ());
                    });
                });
            });
        }
        w.fixed("system", system);
        w.string("value", value, from);
    });
}

/// An entity identifier: an EI (id, then HD spread over components 2 to 4), or an EIP's half.
#[derive(Clone, Copy)]
pub struct Ei<'m> {
    /// The id.
    pub id: Leaf<'m>,
    namespace: Option<Leaf<'m>>,
    universal: Option<Leaf<'m>>,
}

impl<'m> Ei<'m> {
    /// From a field.
    pub fn read(part: Part<'m>) -> Option<Self> {
        let id = part.comp(1).leaf().filter(|l| !names_nobody(l.text))?;
        Some(Self { id, namespace: part.comp(2).leaf(), universal: part.comp(3).leaf() })
    }

    /// From a component whose subcomponents are the EI (SPM-2, OBR-29).
    pub fn read_sub(part: Part<'m>) -> Option<Self> {
        let id = part.subcomp(1).leaf().filter(|l| !names_nobody(l.text))?;
        Some(Self { id, namespace: part.subcomp(2).leaf(), universal: part.subcomp(3).leaf() })
    }

    /// The system, and the item that decided it.
    pub fn system(&self, env: &Env<'_>, fallback: &str) -> (Cow<'static, str>, Option<Leaf<'m>>) {
        let known = |l: &Leaf<'_>| systems::is_oid(l.text) || crate::codes::is_uri(l.text);
        match (self.universal.filter(known), self.namespace) {
            (Some(leaf), _) if crate::codes::is_uri(leaf.text) => {
                (Cow::Owned(leaf.text.to_owned()), Some(leaf))
            }
            (Some(leaf), _) => (systems::of_oid(leaf.text), Some(leaf)),
            (None, Some(leaf)) => (Cow::Owned(env.local(leaf.text)), Some(leaf)),
            (None, None) => (Cow::Owned(env.local(fallback)), None),
        }
    }

    /// System and value as one text.
    pub fn key(&self, env: &Env<'_>, fallback: &str) -> String {
        format!("{}|{}", self.system(env, fallback).0, self.id.text)
    }

    /// As an element of an array of identifiers.
    pub fn write(&self, env: &Env<'_>, w: &mut Writer, kind: Option<&str>, fallback: &str) {
        let (system, from) = self.system(env, fallback);
        typed_identifier(w, kind, &system, self.id.text, (self.id, from));
    }
}

/// A name (XPN) as an element of an array. `default` is the use where the source states none.
pub fn name(env: &Env<'_>, w: &mut Writer, part: Part<'_>, default: Option<&str>) {
    if !part.says() {
        return;
    }
    let since = w.mark();
    w.element(|w| {
        let kind = part.comp(7).leaf();
        let mut left = None;
        let fixed = kind.and_then(|k| match k.text {
            "L" => Some("official"),
            "D" => Some("usual"),
            "M" => Some("maiden"),
            "N" => Some("nickname"),
            "T" | "TEMP" => Some("temp"),
            "S" => Some("anonymous"),
            _ => None,
        });
        match (fixed, kind) {
            (Some(code), kind) => w.string("use", code, kind),
            (None, Some(kind)) => {
                // HL7 table 0200: U, unspecified, says nothing.
                if kind.text != "U" {
                    crate::codes::unknown_code(env, w, kind);
                }
                left = Some(kind);
            }
            (None, None) => {
                if let Some(code) = default {
                    w.fixed("use", code);
                }
            }
        }
        name_parts(w, part, NameParts { suffixes: [4, 6, 14], ..NameParts::XPN });
        let start = part.comp(12).leaf().or(part.comp(10).subcomp(1).leaf());
        let end = part.comp(13).leaf().or(part.comp(10).subcomp(2).leaf());
        env.period(w, "period", start, end);
        w.array("extension", |w| {
            left.into_iter().for_each(|kind| crate::env::source_code_element(w, kind));
            representation(w, part.comp(8).leaf());
            env.leftovers(w, since, [part]);
        });
    });
}

/// HL7 table 0465: alphabetic, ideographic, phonetic.
fn representation(w: &mut Writer, leaf: Option<Leaf<'_>>) {
    let code = leaf.and_then(|l| match l.text {
        "A" => Some("ABC"),
        "I" => Some("IDE"),
        "P" => Some("SYL"),
        _ => None,
    });
    if let (Some(leaf), Some(code)) = (leaf, code) {
        let url = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation";
        extension(w, url, |w| w.string("valueCode", code, leaf));
    }
}

/// Which components of a name are what.
#[derive(Clone, Copy)]
pub struct NameParts {
    /// Family name (FN: its own subcomponents are read too).
    pub family: u8,
    /// Given name and further given names.
    pub given: [u8; 2],
    /// Prefix.
    pub prefix: u8,
    /// Suffix, degree, professional suffix; 0 for none.
    pub suffixes: [u8; 3],
}

impl NameParts {
    /// Of an XPN.
    pub const XPN: Self = Self { family: 1, given: [2, 3], prefix: 5, suffixes: [4, 6, 0] };
    /// Of an XCN.
    pub const XCN: Self = Self { family: 2, given: [3, 4], prefix: 6, suffixes: [5, 7, 21] };
}

/// Family, given, further given, prefix and suffixes from the components so numbered. A family name in parts (own and
/// partner's, each with a prefix) keeps them beside the whole.
pub fn name_parts(w: &mut Writer, part: Part<'_>, of: NameParts) {
    let comp = |n| part.comp(n).leaf();
    w.leaf_opt("family", comp(of.family));
    let family = part.comp(of.family);
    w.object("_family", |w| {
        w.array("extension", |w| {
            for (sub, name) in
                [(2, "own-prefix"), (3, "own-name"), (4, "partner-prefix"), (5, "partner-name")]
            {
                if let Some(leaf) = family.subcomp(sub).leaf() {
                    let url = format!("http://hl7.org/fhir/StructureDefinition/humanname-{name}");
                    extension(w, &url, |w| w.leaf("valueString", leaf));
                }
            }
        });
    });
    w.array("given", |w| {
        for leaf in of.given.into_iter().filter_map(comp) {
            w.value(leaf.text, leaf);
        }
    });
    w.array("prefix", |w| {
        if let Some(leaf) = comp(of.prefix) {
            w.value(leaf.text, leaf);
        }
    });
    w.array("suffix", |w| {
        for leaf in of.suffixes.into_iter().filter(|n| *n > 0).filter_map(comp) {
            w.value(leaf.text, leaf);
        }
    });
}

/// An address (XAD) as an element of an array.
pub fn address(env: &Env<'_>, w: &mut Writer, part: Part<'_>) {
    address_with(env, w, part, None);
}

/// As [`address`]; `county` stands in where the address names no district.
pub fn address_with(env: &Env<'_>, w: &mut Writer, part: Part<'_>, county: Option<Leaf<'_>>) {
    if !part.says() {
        return;
    }
    let since = w.mark();
    w.element(|w| {
        let kind = part.comp(7).leaf();
        let of = kind.and_then(|k| match k.text {
            "H" | "P" => Some(("use", "home")),
            "B" | "O" => Some(("use", "work")),
            "C" => Some(("use", "temp")),
            "BA" => Some(("use", "old")),
            "BI" => Some(("use", "billing")),
            "M" => Some(("type", "postal")),
            _ => None,
        });
        match of {
            Some((key, code)) => w.string(key, code, kind),
            None => kind.into_iter().for_each(|kind| crate::codes::unknown_code(env, w, kind)),
        }
        let street = part.comp(1);
        w.array("line", |w| {
            // SAD: street address, street name, dwelling number.
            let lines = [street.subcomp(1), street.subcomp(2), street.subcomp(3), part.comp(2), part.comp(8)];
            for leaf in lines.into_iter().filter_map(Part::leaf) {
                w.value(leaf.text, leaf);
            }
        });
        w.leaf_opt("city", part.comp(3).leaf());
        w.leaf_opt("district", part.comp(4).leaf().or(part.comp(9).leaf()).or(county));
        w.leaf_opt("postalCode", part.comp(5).leaf());
        w.leaf_opt("country", part.comp(6).leaf());
        let start = part.comp(13).leaf().or(part.comp(12).subcomp(1).leaf());
        let end = part.comp(14).leaf().or(part.comp(12).subcomp(2).leaf());
        env.period(w, "period", start, end);
        w.array("extension", |w| {
            kind.filter(|_| of.is_none())
                .into_iter()
                .for_each(|kind| crate::env::source_code_element(w, kind));
            env.leftovers(w, since, [part]);
        });
    });
}

/// A telephone number or electronic address (XTN) as elements of an array.
pub fn telecom(env: &Env<'_>, w: &mut Writer, part: Part<'_>, default: &str) {
    let comp = |n| part.comp(n).leaf();
    let number = comp(1).or(comp(12));
    let pieces: Vec<Leaf<'_>> = [comp(5), comp(6), comp(7)].into_iter().flatten().collect();
    let joined = pieces.iter().map(|l| l.text).collect::<Vec<_>>().join(" ");
    let email = comp(4);
    let since = w.mark();
    let before = number.is_some() || !pieces.is_empty();
    if before {
        let text = number.map_or(joined.as_str(), |l| l.text);
        w.element(|w| {
            let left = contact_kind(env, w, (comp(2), comp(3)), text.contains('@'), default);
            match number {
                Some(leaf) => w.leaf("value", leaf),
                None => w.string("value", text, &pieces),
            }
            if let Some(internal) = comp(8) {
                w.object("_value", |w| source_code(w, Some(internal)));
            }
            if email.is_none() {
                contact_rest(env, w, part, since, &left);
            } else {
                w.array("extension", |w| left.iter().for_each(|l| crate::env::source_code_element(w, *l)));
            }
        });
    }
    if let Some(email) = email {
        w.element(|w| {
            let kinds = if before { (None, None) } else { (comp(2), comp(3)) };
            let net = kinds.0.filter(|k| k.text == "NET");
            w.string("system", "email", (net, kinds.1.filter(|e| matches!(e.text, "Internet" | "INTERNET"))));
            w.leaf("value", email);
            let (use_code, from) = match kinds.0.map(|k| k.text) {
                Some("PRN" | "VHN") => ("home", kinds.0),
                Some("WPN") => ("work", kinds.0),
                _ => ("", None),
            };
            w.string("use", use_code, from);
            contact_rest(env, w, part, since, &[]);
        });
    }
}

/// Rank, period, and what else an XTN says.
fn contact_rest(env: &Env<'_>, w: &mut Writer, part: Part<'_>, since: Mark, left: &[Leaf<'_>]) {
    let rank = part.comp(18).leaf().filter(|l| l.text.parse::<u16>().is_ok_and(|n| n > 0));
    if let Some(rank) = rank {
        w.number("rank", rank.text.trim_start_matches('0'), rank);
    }
    env.period(w, "period", part.comp(13).leaf(), part.comp(14).leaf());
    w.array("extension", |w| {
        left.iter().for_each(|l| crate::env::source_code_element(w, *l));
        env.leftovers(w, since, [part]);
    });
}

/// What kind of contact it is; returns the codes that FHIR has no place for.
fn contact_kind<'m>(
    env: &Env<'_>,
    w: &mut Writer,
    (kind, equipment): (Option<Leaf<'m>>, Option<Leaf<'m>>),
    at: bool,
    default: &str,
) -> Vec<Leaf<'m>> {
    let by_equipment = equipment.and_then(|e| match e.text {
        "PH" | "CP" => Some("phone"),
        "FX" => Some("fax"),
        "BP" => Some("pager"),
        "Internet" | "INTERNET" => Some("email"),
        "SMS" => Some("sms"),
        _ => None,
    });
    let by_kind = kind.and_then(|k| match k.text {
        "PRN" | "VHN" => Some("home"),
        "WPN" => Some("work"),
        "PRS" => Some("mobile"),
        _ => None,
    });
    let net = kind.filter(|k| k.text == "NET");
    let mobile = equipment.filter(|e| e.text == "CP");
    let left =
        [kind.filter(|_| by_kind.is_none() && net.is_none()), equipment.filter(|_| by_equipment.is_none())];
    let left: Vec<Leaf<'m>> = left.into_iter().flatten().collect();
    left.iter().for_each(|leaf| crate::codes::unknown_code(env, w, *leaf));
    match (by_equipment, net) {
        (_, Some(net)) => w.string("system", "email", net),
        (Some(code), None) => w.string("system", code, equipment),
        (None, None) => w.fixed("system", if at { "email" } else { "phone" }),
    }
    match (mobile, by_kind) {
        (Some(mobile), None) => w.string("use", "mobile", mobile),
        (_, Some(code)) => w.string("use", code, kind),
        (None, None) if !default.is_empty() && net.is_none() => w.fixed("use", default),
        _ => {}
    }
    left
}

/// Writes the numbers of an order as identifiers.
pub fn numbers(env: &Env<'_>, w: &mut Writer, placer: Option<Ei<'_>>, filler: Option<Ei<'_>>) {
    if let Some(ei) = filler {
        ei.write(env, w, Some("FILL"), "filler");
    }
    if let Some(ei) = placer {
        ei.write(env, w, Some("PLAC"), "placer");
    }
}
