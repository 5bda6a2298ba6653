//! FHIR packages: gzipped tar archives with the resources of an implementation guide under `package/`.

use crate::limits::{PACKAGE_FILE_MAX, PACKAGE_FILES_MAX, PACKAGE_MAX};
use causeway_profile::{Definitions, Loaded};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;

/// What a package holds.
#[derive(Debug, Default)]
pub struct Package {
    /// Name and version from `package.json`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The packages that it needs, by name, with their versions.
    pub dependencies: BTreeMap<String, String>,
    /// Its resources.
    pub resources: Vec<Value>,
    /// Files that could not be read, with the reason.
    pub unread: Vec<(String, String)>,
}

/// Packages whose content is built in.
const BUILT_IN: &[&str] =
    &["hl7.fhir.r4.core", "fhir.r4.ukcore.stu2", "fhir.r4.ukcore", "UKCore.R4.STU.02.00.00"];

impl Package {
    /// Reads a package from the bytes of a `.tgz`, or of a plain tar archive.
    ///
    /// # Errors
    /// Where the archive can't be read or holds more than the limits allow.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.starts_with(&[0x1F, 0x8B]) {
            Self::unpack(flate2::read::GzDecoder::new(bytes))
        } else {
            Self::unpack(bytes)
        }
    }

    fn unpack(archive: impl Read) -> Result<Self, String> {
        let mut package = Self::default();
        let mut archive = tar::Archive::new(archive.take(PACKAGE_MAX));
        let entries = archive.entries().map_err(|e| format!("not a package: {e}"))?;
        for (count, entry) in entries.enumerate() {
            let mut entry = entry.map_err(|e| format!("not a package, or larger than the limit: {e}"))?;
            if count >= PACKAGE_FILES_MAX {
                return Err(format!("more than {PACKAGE_FILES_MAX} files"));
            }
            let path = entry.path().map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
            let name = path.rsplit('/').next().unwrap_or(&path);
            // Examples are instances, not definitions; the index files only list.
            let wanted = entry.header().entry_type().is_file()
                && name.ends_with(".json")
                && !name.starts_with('.')
                && !path.contains("/example");
            if !wanted {
                continue;
            }
            let mut text = Vec::new();
            if let Err(e) = (&mut entry).take(PACKAGE_FILE_MAX).read_to_end(&mut text) {
                return Err(format!("{path}: {e}"));
            }
            let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text);
            match serde_json::from_slice::<Value>(text) {
                Ok(value) if name == "package.json" => package.manifest(&value),
                Ok(value) if value.get("resourceType").is_some() => package.resources.push(value),
                Ok(_) => package.unread.push((path, "no resource".to_owned())),
                Err(e) => package.unread.push((path, format!("not readable as JSON at line {}", e.line()))),
            }
        }
        if package.resources.is_empty() && package.name.is_empty() {
            return Err("no package: it holds neither package.json nor a resource".to_owned());
        }
        Ok(package)
    }

    fn manifest(&mut self, manifest: &Value) {
        let text = |key: &str| manifest.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        (self.name, self.version) = (text("name"), text("version"));
        let needed = manifest.get("dependencies").and_then(Value::as_object).into_iter().flatten();
        self.dependencies = needed
            .map(|(name, version)| (name.clone(), version.as_str().unwrap_or_default().to_owned()))
            .collect();
    }

    /// Adds the package's definitions.
    pub fn load(&self, definitions: &mut Definitions) -> Loaded {
        definitions.load_all(&self.resources)
    }

    /// The packages that it needs and that are neither built in nor among those given.
    pub fn missing<'p>(&'p self, given: &[&str]) -> impl Iterator<Item = (&'p str, &'p str)> {
        self.dependencies
            .iter()
            .filter(|(name, _)| !BUILT_IN.contains(&name.as_str()) && !given.contains(&name.as_str()))
            .map(|(name, version)| (name.as_str(), version.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Write;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, text.as_bytes()).expect("appended");
        }
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zip.write_all(&tar.into_inner().expect("finished")).expect("written");
        zip.finish().expect("finished")
    }

    #[test]
    fn definitions_are_taken_and_the_rest_is_listed() {
        let profile = json!({
            "resourceType": "StructureDefinition", "id": "named", "url": "https://example.org/StructureDefinition/named",
            "version": "2.1.0", "type": "Patient", "derivation": "constraint",
            "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
            "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]}
        });
        let guide = json!({
            "resourceType": "ImplementationGuide", "id": "ig",
            "global": [{"type": "Patient", "profile": "https://example.org/StructureDefinition/named"}]
        });
        let bytes = archive(&[
            (
                "package/package.json",
                r#"{"name":"example.ig","version":"2.1.0","dependencies":{"hl7.fhir.r4.core":"4.0.1","other.ig":"1.0.0"}}"#,
            ),
            ("package/StructureDefinition-named.json", &profile.to_string()),
            ("package/ImplementationGuide-ig.json", &guide.to_string()),
            (
                "package/SearchParameter-x.json",
                r#"{"resourceType":"SearchParameter","id":"x","url":"https://example.org/SearchParameter/x"}"#,
            ),
            ("package/broken.json", "{"),
            ("package/example/Patient-a.json", r#"{"resourceType":"Patient"}"#),
            ("package/.index.json", "{}"),
        ]);
        let package = Package::read(&bytes).expect("a package");
        assert_eq!((package.name.as_str(), package.version.as_str()), ("example.ig", "2.1.0"));
        assert_eq!(package.missing(&[]).collect::<Vec<_>>(), [("other.ig", "1.0.0")]);
        assert_eq!(package.missing(&["other.ig"]).count(), 0);
        assert_eq!(package.unread.len(), 1);
        let mut held = Definitions::r4().clone();
        let loaded = package.load(&mut held);
        assert_eq!(loaded.skipped.len(), 1);
        assert!(loaded.skipped[0].0.starts_with("SearchParameter"));
        // The guide's global profile holds for every Patient, and its version is known.
        let options = causeway_profile::Options::default();
        let report = held.check_value(&json!({"resourceType": "Patient", "gender": "male"}), &options);
        assert_eq!(report.findings.first().map(|f| f.rule.as_str()), Some("profile/named/name"));
        let claim = |version: &str| {
            let url = format!("https://example.org/StructureDefinition/named|{version}");
            let patient =
                json!({"resourceType": "Patient", "meta": {"profile": [url]}, "name": [{"family": "A"}]});
            held.check_value(&patient, &options).is_valid()
        };
        assert!(claim("2.1.0") && claim("2.1") && !claim("2.2.0"));
        assert!(Package::read(b"\x1f\x8bnonsense").is_err() && Package::read(b"nonsense").is_err());
    }
}
