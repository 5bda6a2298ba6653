//! The definitions that a check goes by: built in, and loaded at run time.

use crate::base::Base;
use crate::codes::{Lazy, ValueSet, code_systems, value_sets};
use crate::profiles::{Profile, ProfileRows, compile, parse_rows};
use crate::rows::{Terminology, profile_rows};
use crate::urls::long;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

const R4: &str = include_str!("../data/r4.tsv");
const R4_EXTENSIONS: &str = include_str!("../data/r4-extensions.tsv");
const R4_PROFILES: &str = include_str!("../data/r4-profiles.tsv");
const R4_CODES: &str = include_str!("../data/r4-codes.tsv");
const R4_INVARIANTS: &str = include_str!("../data/r4-invariants.tsv");
const BACKPORTS: &str = include_str!("../data/backports.tsv");
const UK_CORE: &str = include_str!("../data/uk-core.tsv");

/// Why a resource was not taken as a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The text is not JSON.
    NotJson,
    /// The resource is no definition that a check goes by.
    NotADefinition,
    /// A StructureDefinition without `url` or `type`, or one of a type that R4 doesn't have.
    Incomplete,
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotJson => "the definition is not json",
            Self::NotADefinition => "no definition that a check goes by",
            Self::Incomplete => "a structure definition without its url, or of a type that R4 doesn't have",
        })
    }
}

impl std::error::Error for LoadError {}

/// What became of a set of definitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// How many of each resource type were taken.
    pub taken: BTreeMap<String, usize>,
    /// What was not: resource type and canonical URL or id, with the reason.
    pub skipped: Vec<(String, LoadError)>,
    /// Value sets whose content can't be told from what is known, at least in part.
    pub open_value_sets: Vec<String>,
}

/// Types, profiles, extensions and code lists that resources are held to.
#[derive(Clone)]
pub struct Definitions {
    pub(crate) base: &'static Base,
    rows: HashMap<String, Arc<ProfileRows>>,
    /// Compiled when first asked for; by canonical URL, and by URL and version.
    profiles: HashMap<String, Arc<OnceLock<Option<Profile>>>>,
    value_sets: HashMap<String, Lazy<ValueSet>>,
    code_systems: HashMap<String, Lazy<HashSet<String>>>,
    defaults: HashMap<String, String>,
    /// Profiles that every resource of a type is held to (`ImplementationGuide.global`).
    global: HashMap<String, Vec<String>>,
    /// Questionnaires that responses are held to.
    questionnaires: HashMap<String, Arc<Value>>,
}

impl Definitions {
    /// R4 4.0.1 with the profiles, extensions and code lists published with it; no profile is held by default.
    pub fn r4() -> &'static Self {
        static HELD: OnceLock<Definitions> = OnceLock::new();
        HELD.get_or_init(|| {
            static BASE: OnceLock<Base> = OnceLock::new();
            let base = BASE.get_or_init(|| Base::parse(R4, R4_INVARIANTS));
            let mut held = Self {
                base,
                rows: HashMap::new(),
                profiles: HashMap::new(),
                value_sets: HashMap::new(),
                code_systems: HashMap::new(),
                defaults: HashMap::new(),
                global: HashMap::new(),
                questionnaires: HashMap::new(),
            };
            for table in [R4_CODES, R4, R4_EXTENSIONS, R4_PROFILES, BACKPORTS] {
                held.take(Cow::Borrowed(table));
            }
            held
        })
    }

    /// R4 and UK Core: a resource that claims no profile is held to UK Core's default profile of its type.
    pub fn uk_core() -> &'static Self {
        static HELD: OnceLock<Definitions> = OnceLock::new();
        HELD.get_or_init(|| {
            let mut held = Self::r4().clone();
            held.take(Cow::Borrowed(UK_CORE));
            held
        })
    }

    /// Adds the rows of a table.
    fn take(&mut self, table: Cow<'static, str>) {
        self.value_sets.extend(value_sets(&table));
        self.code_systems.extend(code_systems(&table));
        for line in table.lines() {
            if let Some((ty, url)) = line.strip_prefix("D\t").and_then(|r| r.split_once('\t')) {
                self.defaults.insert(ty.to_owned(), long(url));
            } else if let Some((ty, url)) = line.strip_prefix("G\t").and_then(|r| r.split_once('\t')) {
                let global = self.global.entry(ty.to_owned()).or_default();
                let url = long(url);
                if !global.contains(&url) {
                    global.push(url);
                }
            }
        }
        let new = parse_rows(&table);
        if new.is_empty() {
            return;
        }
        let mut changed = HashSet::new();
        for (url, rows) in new {
            if !rows.version.is_empty() {
                changed.insert(format!("{url}|{}", rows.version));
            }
            changed.insert(url.clone());
            let rows = Arc::new(rows);
            if !rows.version.is_empty() {
                self.rows.insert(format!("{url}|{}", rows.version), Arc::clone(&rows));
            }
            self.rows.insert(url, rows);
        }
        // What is built on a changed profile is compiled anew.
        let stale: Vec<String> =
            self.rows.keys().filter(|url| self.is_built_on(url, &changed)).cloned().collect();
        for url in stale {
            self.profiles.insert(url, Arc::default());
        }
    }

    fn is_built_on(&self, url: &str, changed: &HashSet<String>) -> bool {
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
        self.load_all([&value]).skipped.pop().map_or(Ok(()), |(_, why)| Err(why))
    }

    /// Adds StructureDefinitions (differential or snapshot), ValueSets and CodeSystems, takes default profiles from
    /// CapabilityStatements that state requirements, and profiles for all resources of a type from
    /// ImplementationGuides (`global`), and Questionnaires for the responses to them. What stands under the same URL is replaced; the version before stays known
    /// under its URL and version. Order doesn't matter within one call. What is no definition is skipped and listed.
    ///
    /// A differential is applied over its base profile, which must be built in or loaded; a base that is not known
    /// leaves only the profile's own rules. A value set whose content can't be known stays unknown, and a required
    /// binding to it is reported as not checked.
    pub fn load_all<'v>(&mut self, definitions: impl IntoIterator<Item = &'v Value>) -> Loaded {
        let mut loaded = Loaded::default();
        let mut terminology = Terminology::default();
        let mut sets = Vec::new();
        let mut systems = Vec::new();
        let mut table = String::new();
        for definition in definitions {
            let text = |key: &str| definition.get(key).and_then(Value::as_str).unwrap_or_default();
            let kind = text("resourceType");
            let mut take = |rows: &str| {
                *loaded.taken.entry(kind.to_owned()).or_default() += 1;
                table.push_str(rows);
            };
            let problem = match kind {
                "StructureDefinition"
                    if text("url").is_empty() || !self.base.by_name.contains_key(text("type")) =>
                {
                    Some(LoadError::Incomplete)
                }
                // The base types are built in; a package of them would only say the same.
                "StructureDefinition" if text("derivation") == "specialization" => None,
                "StructureDefinition" => {
                    take(&profile_rows(definition));
                    None
                }
                "ValueSet" => {
                    sets.push(text("url").to_owned());
                    take("");
                    None
                }
                "CodeSystem" => {
                    systems.push(text("url").to_owned());
                    take("");
                    None
                }
                "CapabilityStatement" if text("kind") != "instance" => {
                    take(&crate::rows::default_profile_rows(definition));
                    None
                }
                "ImplementationGuide" => {
                    take(&crate::rows::global_rows(definition));
                    None
                }
                "Questionnaire" if !text("url").is_empty() => {
                    take("");
                    self.questionnaires.insert(text("url").to_owned(), Arc::new(definition.clone()));
                    None
                }
                _ => Some(LoadError::NotADefinition),
            };
            if let Some(why) = problem {
                let name = [text("url"), text("id")].into_iter().find(|t| !t.is_empty()).unwrap_or("?");
                loaded.skipped.push((format!("{kind} {name}"), why));
            }
            terminology.add(definition);
        }
        if !sets.is_empty() {
            let wanted = terminology.wanted_systems();
            terminology.know(self.known_systems(&wanted));
            terminology.imports(|url| self.value_sets.get(url).map(|s| s.get()).cloned());
        }
        for url in &systems {
            table.push_str(&terminology.code_system_row(url).unwrap_or_default());
        }
        for url in &sets {
            match terminology.value_set_rows(url) {
                Some(rows) => {
                    if rows.lines().any(|l| l.ends_with("\t?")) {
                        loaded.open_value_sets.push(url.clone());
                    }
                    table.push_str(&rows);
                }
                None => loaded.open_value_sets.push(url.clone()),
            }
        }
        self.take(Cow::Owned(table));
        loaded
    }

    /// Those of the code systems that are known whole, as resources without hierarchy.
    fn known_systems(&self, wanted: &std::collections::BTreeSet<String>) -> impl Iterator<Item = Value> {
        wanted.iter().filter_map(|url| {
            let codes = self.code_systems.get(url)?.get();
            let concepts: Vec<Value> = codes.iter().map(|c| json!({ "code": c })).collect();
            Some(json!({
                "resourceType": "CodeSystem", "url": url, "content": "complete", "flat": true, "concept": concepts
            }))
        })
    }

    /// The canonical URLs of all profiles and extensions that are known.
    pub fn profile_urls(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str).filter(|url| !url.contains('|'))
    }

    /// The profile that a resource of this type is held to when it claims none.
    pub fn default_profile(&self, resource_type: &str) -> Option<&str> {
        self.defaults.get(resource_type).map(String::as_str)
    }

    /// The profiles that every resource of this type is held to.
    pub(crate) fn global_profiles(&self, resource_type: &str) -> &[String] {
        self.global.get(resource_type).map_or(&[], Vec::as_slice)
    }

    /// Elements that the profile marks as mustSupport, as element ids below the resource type.
    pub fn must_support(&self, url: &str) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(profile) = self.profile(url) {
            must_support(&profile.root, &mut found);
        }
        found
    }

    /// A profile by its URL, with or without version; a version that is not known gives the one that is.
    pub(crate) fn profile(&self, url: &str) -> Option<&Profile> {
        let (key, slot) = self
            .profiles
            .get_key_value(url)
            .or_else(|| self.profiles.get_key_value(url.split_once('|')?.0))?;
        slot.get_or_init(|| compile(key, &self.rows)).as_ref()
    }

    pub(crate) fn value_set(&self, url: &str) -> Option<&ValueSet> {
        let held = self.value_sets.get(url).or_else(|| self.value_sets.get(url.split_once('|')?.0));
        held.map(|s| s.get())
    }

    /// True where the content of the system is known whole.
    pub(crate) fn knows_system(&self, system: &str) -> bool {
        self.code_systems.contains_key(system)
    }

    /// True where the system is known whole and doesn't have the code.
    pub(crate) fn is_unknown_code(&self, system: &str, code: &str) -> bool {
        self.code_systems.get(system).is_some_and(|codes| !codes.get().contains(code))
    }

    /// A questionnaire that was loaded, by its URL with or without version.
    pub(crate) fn questionnaire(&self, url: &str) -> Option<&serde_json::Map<String, Value>> {
        let held = self.questionnaires.get(url).or_else(|| self.questionnaires.get(url.split_once('|')?.0));
        held.and_then(|q| q.as_object())
    }

    /// The resource type that a structure's canonical URL describes.
    pub(crate) fn described_type<'u>(&'u self, url: &'u str) -> &'u str {
        let rows = self.rows.get(url).or_else(|| self.rows.get(url.split_once('|')?.0));
        rows.map_or_else(|| url.rsplit('/').next().unwrap_or(url), |p| p.ty.as_str())
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
