//! The definitions that a check goes by: built in, and loaded at run time.

use crate::base::Base;
use crate::codes::{ValueSet, parse_code_systems, parse_value_sets};
use crate::profiles::{Profile, ProfileRows, compile, parse_rows};
use crate::rows::{Terminology, profile_rows};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

const R4: &str = include_str!("../data/r4.tsv");
const R4_EXTENSIONS: &str = include_str!("../data/r4-extensions.tsv");
const UK_CORE: &str = include_str!("../data/uk-core.tsv");

/// Why a definition was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The text is not JSON.
    NotJson,
    /// The resource is not a StructureDefinition, ValueSet, CodeSystem or CapabilityStatement.
    NotADefinition,
    /// A StructureDefinition without `url` or `type`, or one of a type that R4 doesn't have.
    Incomplete,
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotJson => "the definition is not json",
            Self::NotADefinition => {
                "the resource is no structure definition, value set, code system or capability statement"
            }
            Self::Incomplete => "the structure definition lacks its url or a known type",
        })
    }
}

impl std::error::Error for LoadError {}

/// Types, profiles, extensions and code lists that resources are held to.
#[derive(Clone)]
pub struct Definitions {
    pub(crate) base: &'static Base,
    rows: HashMap<String, Arc<ProfileRows>>,
    profiles: HashMap<String, Arc<Profile>>,
    value_sets: HashMap<String, Arc<ValueSet>>,
    code_systems: HashMap<String, Arc<HashSet<String>>>,
    defaults: HashMap<String, String>,
}

impl Definitions {
    /// R4 4.0.1 and the extensions published with it; no profile is held by default.
    pub fn r4() -> &'static Self {
        static HELD: OnceLock<Definitions> = OnceLock::new();
        HELD.get_or_init(|| {
            static BASE: OnceLock<Base> = OnceLock::new();
            let base = BASE.get_or_init(|| Base::parse(R4));
            let mut held = Self {
                base,
                rows: HashMap::new(),
                profiles: HashMap::new(),
                value_sets: HashMap::new(),
                code_systems: HashMap::new(),
                defaults: HashMap::new(),
            };
            held.take(R4_EXTENSIONS);
            held.code_systems
                .extend(parse_code_systems(R4).into_iter().map(|(url, set)| (url, Arc::new(set))));
            held
        })
    }

    /// R4 and UK Core: a resource that claims no profile is held to UK Core's default profile of its type.
    pub fn uk_core() -> &'static Self {
        static HELD: OnceLock<Definitions> = OnceLock::new();
        HELD.get_or_init(|| {
            let mut held = Self::r4().clone();
            held.take(UK_CORE);
            held
        })
    }

    /// Adds the rows of a table.
    fn take(&mut self, table: &str) {
        let new = parse_rows(table);
        let urls: Vec<String> = new.iter().map(|(url, _)| url.clone()).collect();
        self.rows.extend(new.into_iter().map(|(url, rows)| (url, Arc::new(rows))));
        self.value_sets.extend(parse_value_sets(table).into_iter().map(|(url, set)| (url, Arc::new(set))));
        self.code_systems
            .extend(parse_code_systems(table).into_iter().map(|(url, set)| (url, Arc::new(set))));
        for line in table.lines() {
            if let Some((ty, url)) = line.strip_prefix("D\t").and_then(|r| r.split_once('\t')) {
                self.defaults.insert(ty.to_owned(), crate::rows::long(url));
            }
        }
        self.compile(&urls);
    }

    /// Compiles these profiles and all that are built on them.
    fn compile(&mut self, changed: &[String]) {
        let changed: HashSet<&str> = changed.iter().map(String::as_str).collect();
        let affected: Vec<String> =
            self.rows.keys().filter(|url| self.is_built_on(url, &changed)).cloned().collect();
        for url in affected {
            if let Some(profile) = compile(&url, &self.rows) {
                self.profiles.insert(url, Arc::new(profile));
            }
        }
    }

    fn is_built_on(&self, url: &str, changed: &HashSet<&str>) -> bool {
        let mut at = Some(url);
        for _ in 0..crate::limits::MAX_BASES {
            let Some(url) = at else { return false };
            if changed.contains(url) {
                return true;
            }
            at = self.rows.get(url).map(|r| r.base.as_str());
        }
        false
    }

    /// Adds a definition given as JSON text. See [`Self::load_all`].
    ///
    /// # Errors
    /// [`LoadError`] where the text is not JSON or not a usable definition.
    pub fn load(&mut self, definition: &[u8]) -> Result<(), LoadError> {
        let value: Value = serde_json::from_slice(definition).map_err(|_| LoadError::NotJson)?;
        self.load_all([&value])
    }

    /// Adds StructureDefinitions (differential or snapshot), ValueSets and CodeSystems, and takes default profiles from
    /// CapabilityStatements. What stands under the same URL is replaced. Order doesn't matter within one call.
    ///
    /// A differential is applied over its base profile, which must be built in or loaded; a base that is not known
    /// leaves only the profile's own rules. A value set whose content can't be known stays unknown, and a required
    /// binding to it is reported as not checked.
    ///
    /// # Errors
    /// The first [`LoadError`]; definitions before it have been added.
    pub fn load_all<'v>(
        &mut self,
        definitions: impl IntoIterator<Item = &'v Value>,
    ) -> Result<(), LoadError> {
        let mut terminology = Terminology::default();
        for (url, codes) in &self.code_systems {
            let concepts: Vec<Value> = codes.iter().map(|c| json!({ "code": c })).collect();
            terminology.add(&json!({"resourceType": "CodeSystem", "url": url, "content": "complete", "concept": concepts}));
        }
        let mut sets = Vec::new();
        let mut systems = Vec::new();
        let mut table = String::new();
        let mut problem = Ok(());
        for definition in definitions {
            let text = |key: &str| definition.get(key).and_then(Value::as_str).unwrap_or_default();
            match text("resourceType") {
                "StructureDefinition"
                    if text("url").is_empty() || !self.base.by_name.contains_key(text("type")) =>
                {
                    problem = Err(LoadError::Incomplete);
                }
                "StructureDefinition" => table.push_str(&profile_rows(definition)),
                "ValueSet" => sets.push(text("url").to_owned()),
                "CodeSystem" => systems.push(text("url").to_owned()),
                "CapabilityStatement" => table.push_str(&crate::rows::default_profile_rows(definition)),
                _ => problem = Err(LoadError::NotADefinition),
            }
            if problem.is_err() {
                break;
            }
            terminology.add(definition);
        }
        for url in &systems {
            table.push_str(&terminology.code_system_row(url).unwrap_or_default());
        }
        for url in &sets {
            table.push_str(&terminology.value_set_rows(url).unwrap_or_default());
        }
        self.take(&table);
        problem
    }

    /// The canonical URLs of all profiles and extensions that are known.
    pub fn profile_urls(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }

    /// The profile that a resource of this type is held to when it claims none.
    pub fn default_profile(&self, resource_type: &str) -> Option<&str> {
        self.defaults.get(resource_type).map(String::as_str)
    }

    /// Elements that the profile marks as mustSupport, as element ids below the resource type.
    pub fn must_support(&self, url: &str) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(profile) = self.profiles.get(url) {
            must_support(&profile.root, &mut found);
        }
        found
    }

    pub(crate) fn profile(&self, url: &str) -> Option<&Profile> {
        self.profiles.get(url.split('|').next().unwrap_or(url)).map(Arc::as_ref)
    }

    pub(crate) fn value_set(&self, url: &str) -> Option<&ValueSet> {
        self.value_sets.get(url).map(Arc::as_ref).or_else(|| self.base.value_sets.get(url))
    }

    /// True where the system is known whole and doesn't have the code.
    pub(crate) fn is_unknown_code(&self, system: &str, code: &str) -> bool {
        self.code_systems.get(system).is_some_and(|codes| !codes.contains(code))
    }

    /// The resource type that a structure's canonical URL describes.
    pub(crate) fn described_type<'u>(&'u self, url: &'u str) -> &'u str {
        self.profile(url).map_or_else(|| url.rsplit('/').next().unwrap_or(url), |p| p.ty.as_str())
    }
}

fn must_support(node: &crate::profiles::Node, found: &mut Vec<String>) {
    if node.must_support {
        found.extend(node.rule.splitn(3, '/').nth(2).map(str::to_owned));
    }
    node.children.iter().chain(&node.slices).for_each(|n| must_support(n, found));
}

#[cfg(test)]
#[allow(clippy::print_stderr)]
mod tests {
    use super::*;
    use crate::profiles::Node;

    /// The rules at an element id, where the profile states any.
    fn find<'n>(root: &'n Node, id: &str) -> Option<&'n Node> {
        id.split('.').skip(1).try_fold(root, |node, step| {
            let (name, slice) = step.split_once(':').unwrap_or((step, ""));
            let child = node.child(name)?;
            if slice.is_empty() { Some(child) } else { child.slices.iter().find(|s| s.slice == slice) }
        })
    }

    /// Every cardinality that HL7's snapshots narrow is narrowed the same way by our compiled profiles.
    #[test]
    fn cardinalities_are_those_of_the_published_snapshots() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder =
            std::env::var_os("CAUSEWAY_FHIR").map_or_else(|| root.join("../shared/fhir"), Into::into);
        let Ok(files) = std::fs::read_dir(folder.join("ukcore-snapshots")) else {
            eprintln!("SKIPPED: no ukcore-snapshots; set CAUSEWAY_FHIR to a folder that holds them");
            return;
        };
        let held = Definitions::uk_core();
        let (mut checked, mut wrong) = (0, Vec::new());
        for file in files.flatten() {
            let bytes = std::fs::read(file.path()).unwrap_or_default();
            let Ok(definition) = serde_json::from_slice::<Value>(&bytes) else { continue };
            let Some(profile) = definition["url"].as_str().and_then(|u| held.profile(u)) else { continue };
            for element in definition["snapshot"]["element"].as_array().into_iter().flatten() {
                let id = element["id"].as_str().unwrap_or_default();
                let sliced = id.rsplit('.').next().is_some_and(|l| l.contains(':'));
                let narrowed =
                    element["min"] != element["base"]["min"] || element["max"] != element["base"]["max"];
                let node = if id.contains('.') { find(&profile.root, id) } else { Some(&profile.root) };
                // What stands below an extension is left to the extension's own definition.
                if sliced || !narrowed || !id.contains('.') || id.contains("xtension:") {
                    continue;
                }
                checked += 1;
                let min = element["min"].as_u64().map(|m| m as usize);
                let max = crate::base::max(element["max"].as_str().unwrap_or_default());
                let base_min = element["base"]["min"].as_u64().map(|m| m as usize);
                let base_max = crate::base::max(element["base"]["max"].as_str().unwrap_or_default());
                // A snapshot also states the least that an element's slices add up to.
                let of_slices = |n: &Node| n.slices.iter().filter_map(|s| s.min).sum::<usize>();
                let same = node.is_some_and(|n| {
                    (n.min.or(base_min) == min || Some(of_slices(n)) == min) && n.max.or(base_max) == max
                });
                if !same {
                    wrong.push(format!("{} {id}", definition["id"].as_str().unwrap_or_default()));
                }
            }
        }
        assert!(checked > 150, "only {checked} cardinalities were found");
        assert!(wrong.is_empty(), "{} of {checked} differ: {wrong:?}", wrong.len());
    }
}
