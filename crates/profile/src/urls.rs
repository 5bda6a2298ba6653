//! Canonical URLs as the tables write them: the common prefixes as one character.

/// Canonical prefix of the base specification's structures, written `~` in the tables.
pub(crate) const FHIR_STRUCTURE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Common beginnings of canonical URLs and the characters that stand for them in the tables.
const PREFIXES: &[(char, &str)] = &[
    ('~', FHIR_STRUCTURE),
    ('^', UK_CORE_STRUCTURE),
    ('%', "http://hl7.org/fhir/ValueSet/"),
    ('$', "http://terminology.hl7.org/CodeSystem/"),
    ('&', "https://fhir.hl7.org.uk/ValueSet/"),
];

/// A canonical URL without its version, with the common prefixes shortened.
pub(crate) fn short(url: &str) -> String {
    let url = url.split('|').next().unwrap_or(url);
    let shortened =
        PREFIXES.iter().find_map(|(sign, prefix)| Some(format!("{sign}{}", url.strip_prefix(prefix)?)));
    clean(&shortened.unwrap_or_else(|| url.to_owned()))
}

/// The URL behind a shortened one.
pub fn long(short: &str) -> String {
    let whole =
        PREFIXES.iter().find_map(|(sign, prefix)| Some(format!("{prefix}{}", short.strip_prefix(*sign)?)));
    whole.unwrap_or_else(|| short.to_owned())
}

/// Text that can stand in a field: no tab, line end or blank.
pub(crate) fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect()
}

/// Canonical prefix of UK Core's structures, written `^` in the tables.
pub(crate) const UK_CORE_STRUCTURE: &str = "https://fhir.hl7.org.uk/StructureDefinition/";
