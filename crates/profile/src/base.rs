//! The base specification: every type, its elements, and the codes that its required bindings allow.

use crate::expression::Expression;
use crate::invariants::Invariant;
use crate::primitive::Primitive;
use crate::urls::long;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Position of a type in [`Base::types`].
pub(crate) type TypeId = usize;

/// FNV-1a: element names are short and known, so the cheap hash does; unknown keys only miss.
#[derive(Clone, Copy)]
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// A map from names of the definitions; never filled from input.
pub(crate) type Names<V> = HashMap<String, V, BuildHasherDefault<Fnv>>;

/// What kind of thing a type is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Resource,
    Primitive(Primitive),
    Complex,
    /// A part of a resource or data type, named by its path.
    Backbone,
}

/// A strength of binding that this crate enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strength {
    Required,
    Extensible,
    /// The outermost set of a weaker binding: enforced like a required one.
    Max,
}

/// Canonical URL of a value set and how strictly it binds.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) strength: Strength,
    pub(crate) value_set: String,
}

impl Binding {
    /// Reads `r:url`, `e:url` or `m:url`.
    pub(crate) fn parse(field: &str) -> Option<Self> {
        let (strength, url) = field.split_once(':')?;
        let strength = match strength {
            "r" => Strength::Required,
            "e" => Strength::Extensible,
            "m" => Strength::Max,
            _ => return None,
        };
        Some(Self { strength, value_set: long(url) })
    }
}

/// One type that an element may have.
#[derive(Clone, Debug)]
pub(crate) struct ElementType {
    /// The type's name, the end of the JSON name of a choice (`Quantity` of `valueQuantity`).
    pub(crate) code: String,
    pub(crate) id: TypeId,
    /// Resource types that a reference may go to; empty where any may.
    pub(crate) targets: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Element {
    /// Name as in the definition, with `[x]` for a choice.
    pub(crate) name: String,
    /// Name without `[x]`.
    pub(crate) stem: String,
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) types: Vec<ElementType>,
    pub(crate) binding: Option<Binding>,
    /// Invariants given as FHIRPath that its values are held to.
    pub(crate) expressions: Vec<Expression>,
}

impl Element {
    pub(crate) fn is_choice(&self) -> bool {
        self.name.len() != self.stem.len()
    }
}

/// A JSON name of a type: which element and which of its types.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) element: usize,
    pub(crate) kind: usize,
}

pub(crate) struct Type {
    pub(crate) name: String,
    pub(crate) base: Option<TypeId>,
    pub(crate) kind: Kind,
    /// Own and inherited elements.
    pub(crate) elements: Vec<Element>,
    pub(crate) keys: Names<Key>,
    /// Positions of the elements that must be there.
    pub(crate) required: Vec<usize>,
    /// Own and inherited invariants.
    pub(crate) invariants: Vec<&'static Invariant>,
    /// Own invariants that are given as FHIRPath.
    pub(crate) expressions: Vec<Expression>,
}

/// The base specification.
pub(crate) struct Base {
    pub(crate) types: Vec<Type>,
    pub(crate) by_name: Names<TypeId>,
    pub(crate) element: TypeId,
    pub(crate) extension: TypeId,
    pub(crate) resource: TypeId,
}

struct Draft<'t> {
    base: &'t str,
    kind: Kind,
    elements: Vec<[&'t str; 5]>,
}

fn field<'t>(fields: &[&'t str], number: usize) -> &'t str {
    fields.get(number).copied().unwrap_or_default()
}

/// `*` or a number.
pub(crate) fn max(field: &str) -> Option<usize> {
    if field == "*" { Some(usize::MAX) } else { field.parse().ok() }
}

impl Base {
    /// Reads the table `r4.tsv`. Rows that make no sense are left: the table's tests see to it that there are none.
    pub(crate) fn parse(table: &str, invariants: &str) -> Self {
        let mut names = Vec::new();
        let mut drafts: Vec<Draft<'_>> = Vec::new();
        for line in table.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            match field(&fields, 0) {
                "T" => {
                    let name = field(&fields, 1);
                    let kind = match field(&fields, 3) {
                        "r" => Kind::Resource,
                        "p" => Primitive::of(name).map_or(Kind::Complex, Kind::Primitive),
                        "b" => Kind::Backbone,
                        _ => Kind::Complex,
                    };
                    names.push(name);
                    drafts.push(Draft { base: field(&fields, 2), kind, elements: Vec::new() });
                }
                "e" => {
                    if let Some(draft) = drafts.last_mut() {
                        draft.elements.push([1, 2, 3, 4, 5].map(|n| field(&fields, n)));
                    }
                }
                _ => {}
            }
        }
        let by_name: Names<TypeId> =
            names.iter().enumerate().map(|(n, name)| ((*name).to_owned(), n)).collect();
        let types = names.iter().enumerate().map(|(n, name)| build(n, name, &drafts, &by_name)).collect();
        let mut types: Vec<Type> = types;
        for row in invariants.lines().filter_map(|l| l.strip_prefix("j\t")) {
            let Some((on, row)) = row.split_once('\t') else { continue };
            let Some(rule) = Expression::parse(row) else { continue };
            if let Some(ty) = by_name.get(on).and_then(|id| types.get_mut(*id)) {
                ty.expressions.push(rule);
            } else if let Some((owner, name)) = on.rsplit_once('.')
                && let Some(ty) = by_name.get(owner).and_then(|id| types.get_mut(*id))
                && let Some(element) = ty.elements.iter_mut().find(|e| e.name == name)
            {
                element.expressions.push(rule);
            }
        }
        let named = |name: &str| by_name.get(name).copied().unwrap_or_default();
        let (element, extension, resource) = (named("Element"), named("Extension"), named("Resource"));
        Self { types, by_name, element, extension, resource }
    }

    /// The type of this position. A position always comes from the table itself.
    pub(crate) fn ty(&self, id: TypeId) -> Option<&Type> {
        self.types.get(id)
    }

    /// A resource type by its name; abstract ones are not found.
    pub(crate) fn resource(&self, name: &str) -> Option<TypeId> {
        let id = *self.by_name.get(name)?;
        let concrete = self.ty(id)?.kind == Kind::Resource && !matches!(name, "Resource" | "DomainResource");
        concrete.then_some(id)
    }
}

fn build(number: TypeId, name: &str, drafts: &[Draft<'_>], by_name: &Names<TypeId>) -> Type {
    let mut chain = Vec::new();
    let mut at = Some(number);
    while let Some(draft) = at.and_then(|n| drafts.get(n)) {
        chain.push(draft);
        at = by_name.get(draft.base).copied().filter(|_| chain.len() < crate::limits::MAX_BASES);
    }
    let kind = drafts.get(number).map_or(Kind::Complex, |d| d.kind);
    let mut elements: Vec<Element> = Vec::new();
    for draft in chain.iter().rev() {
        for row in &draft.elements {
            let element = element(row, by_name);
            // A primitive's `value` is the JSON value itself; a profiled type states an element again.
            if matches!(kind, Kind::Primitive(_)) && element.name == "value" {
                continue;
            }
            match elements.iter_mut().find(|e| e.name == element.name) {
                Some(have) => *have = element,
                None => elements.push(element),
            }
        }
    }
    let mut keys = Names::default();
    for (position, element) in elements.iter().enumerate() {
        for (kind, ty) in element.types.iter().enumerate() {
            let key = if element.is_choice() {
                let mut letters = ty.code.chars();
                let first = letters.next().map(|c| c.to_ascii_uppercase()).unwrap_or_default();
                format!("{}{first}{}", element.stem, letters.as_str())
            } else {
                element.name.clone()
            };
            keys.entry(key).or_insert(Key { element: position, kind });
        }
    }
    let required = (0..elements.len()).filter(|n| elements.get(*n).is_some_and(|e| e.min > 0)).collect();
    let mut lineage = vec![name];
    lineage.extend(chain.iter().map(|d| d.base).filter(|b| !b.is_empty()));
    let invariants = crate::invariants::all().filter(|i| lineage.contains(&i.on)).collect();
    let base = drafts.get(number).and_then(|d| by_name.get(d.base)).copied();
    Type { name: name.to_owned(), base, kind, elements, keys, required, invariants, expressions: Vec::new() }
}

fn element(row: &[&str; 5], by_name: &Names<TypeId>) -> Element {
    let [name, min, most, types, binding] = *row;
    let mut all = Vec::new();
    for entry in types.split_whitespace() {
        let ty = TypeRule::parse(entry);
        // A profiled data type (SimpleQuantity) is a type of its own here; its JSON name is that of its base.
        let profiled = ty.profiles.first().and_then(|p| p.rsplit('/').next()).and_then(|p| by_name.get(p));
        let code = ty.code.strip_prefix('@').unwrap_or(&ty.code).to_owned();
        let Some(id) = profiled.or_else(|| by_name.get(&code)).copied() else { continue };
        let targets = ty.targets.iter().filter_map(|t| t.rsplit('/').next()).map(str::to_owned);
        let targets: Vec<String> = targets.collect();
        let open = targets.iter().any(|t| t == "Resource");
        all.push(ElementType { code, id, targets: if open { Vec::new() } else { targets } });
    }
    Element {
        name: name.to_owned(),
        stem: name.strip_suffix("[x]").unwrap_or(name).to_owned(),
        min: min.parse().unwrap_or(0),
        max: max(most).unwrap_or(usize::MAX),
        types: all,
        binding: Binding::parse(binding),
        expressions: Vec::new(),
    }
}

/// A type that a rule allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TypeRule {
    pub(crate) code: String,
    /// Canonical URLs of the structures that a reference may go to.
    pub(crate) targets: Vec<String>,
    /// Canonical URLs of the profiles that the value itself is held to.
    pub(crate) profiles: Vec<String>,
}

impl TypeRule {
    /// Reads `code(target,target){profile,profile}`.
    pub(crate) fn parse(field: &str) -> Self {
        let urls = |text: &str| text.split(',').filter(|u| !u.is_empty()).map(long).collect::<Vec<_>>();
        let (front, profiles) =
            field.split_once('{').map_or((field, ""), |(f, p)| (f, p.trim_end_matches('}')));
        let (code, targets) =
            front.split_once('(').map_or((front, ""), |(c, t)| (c, t.trim_end_matches(')')));
        Self { code: code.to_owned(), targets: urls(targets), profiles: urls(profiles) }
    }
}
