//! The functions that FHIR adds, and the keys of SQL on FHIR.

use std::borrow::Cow;

use serde_json::Value;

use crate::Coded;
use crate::error::{Error, evaluation};
use crate::evaluate::{Evaluator, Scope, children, members};
use crate::function::Function;
use crate::item::{Item, Items, Node};
use crate::model::{Kind, Model};
use crate::single::{boolean, maybe, single};
use crate::syntax::Call;

/// The base of the definitions of R4's own types.
const BASE: &str = "http://hl7.org/fhir/StructureDefinition/";

fn string_of<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// The codes that an element holds.
fn codes<'a>(item: &Item<'a>) -> Vec<Coded<'a>> {
    if let Some(code) = item.text() {
        return vec![Coded { system: None, code }];
    }
    let Some(value) = item.node().and_then(|node| node.value) else { return Vec::new() };
    let coded = |value: &'a Value| {
        let code = string_of(value, "code")?;
        Some(Coded { system: string_of(value, "system"), code: Cow::Borrowed(code) })
    };
    match value.get("coding").and_then(Value::as_array) {
        Some(codings) => codings.iter().filter_map(coded).collect(),
        None => coded(value).into_iter().collect(),
    }
}

impl<'a> Evaluator<'_, 'a> {
    pub(super) fn fhir(
        &mut self,
        call: &'a Call,
        input: Items<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>, Error> {
        let name = call.function.name();
        match call.function {
            Function::Children => {
                let mut found = Vec::new();
                for item in &input {
                    children(item, &mut found);
                }
                self.work(found.len())?;
                Ok(found)
            }
            Function::Descendants => self.descendants(input),
            Function::Extension => {
                let url = self.argument(call, 0, scope)?;
                let Some(url) = single(&url, name)?.and_then(Item::text) else { return Ok(Vec::new()) };
                let mut found = Vec::new();
                for item in &input {
                    members(item, "extension", &mut found);
                }
                self.work(found.len())?;
                found.retain(|extension| {
                    let value = extension.node().and_then(|node| node.value);
                    value.and_then(|v| string_of(v, "url")) == Some(url.as_ref())
                });
                Ok(found)
            }
            Function::HasValue => Ok(boolean(match input.as_slice() {
                [Item::Node(node)] => {
                    Model::r4().kind(node.ty) == Some(Kind::Primitive)
                        && node.value.is_some_and(|value| !value.is_null())
                }
                [_] => true,
                _ => false,
            })),
            Function::GetValue => Ok(match input.as_slice() {
                [one] => maybe(one.system()),
                _ => Vec::new(),
            }),
            Function::Resolve => self.resolve(input),
            Function::MemberOf => {
                let set = self.argument(call, 0, scope)?;
                let set = single(&set, name)?.and_then(Item::text);
                let (Some(item), Some(set)) = (single(&input, name)?, set) else { return Ok(Vec::new()) };
                let codes = codes(item);
                match self.environment.host.and_then(|host| host.member_of(&codes, &set)) {
                    Some(found) => Ok(boolean(found)),
                    None => evaluation("'memberOf' needs a terminology, which does not know the value set"),
                }
            }
            Function::Subsumes | Function::SubsumedBy => {
                let other = self.argument(call, 0, scope)?;
                let (Some(mine), Some(other)) = (single(&input, name)?, single(&other, name)?) else {
                    return Ok(Vec::new());
                };
                let (mut above, mut below) = (codes(mine), codes(other));
                if call.function == Function::SubsumedBy {
                    std::mem::swap(&mut above, &mut below);
                }
                match self.environment.host.and_then(|host| host.subsumes(&above, &below)) {
                    Some(found) => Ok(boolean(found)),
                    None => evaluation(format!("'{name}' needs a terminology")),
                }
            }
            Function::ConformsTo => {
                let profile = self.argument(call, 0, scope)?;
                let profile = single(&profile, name)?.and_then(Item::text);
                let (Some(item), Some(profile)) = (single(&input, name)?, profile) else {
                    return Ok(Vec::new());
                };
                self.conforms(item, &profile)
            }
            Function::HtmlChecks => {
                let Some(item) = single(&input, name)? else { return Ok(Vec::new()) };
                let text = item.node().and_then(|n| n.value).and_then(Value::as_str).map(Cow::Borrowed);
                let Some(text) = text.or_else(|| item.text()) else { return Ok(Vec::new()) };
                match self.environment.host.and_then(|host| host.html_checks(&text)) {
                    Some(found) => Ok(boolean(found)),
                    None => evaluation("'htmlChecks' is not checked here"),
                }
            }
            Function::GetResourceKey => {
                let mut keys = Vec::new();
                for item in &input {
                    let Some(value) = item.node().and_then(|n| n.value) else { continue };
                    if let (Some(kind), Some(id)) = (string_of(value, "resourceType"), string_of(value, "id"))
                    {
                        keys.push(Item::String(Cow::Owned(format!("{kind}/{id}"))));
                    }
                }
                Ok(keys)
            }
            _ => {
                let mut keys = Vec::new();
                for item in &input {
                    let Some(value) = item.node().and_then(|n| n.value) else { continue };
                    if let Some(key) = string_of(value, "reference").and_then(reference_key) {
                        let kind = key.split('/').next();
                        if call.ty.as_ref().is_none_or(|ty| Some(ty.name.as_str()) == kind) {
                            keys.push(Item::String(Cow::Owned(key)));
                        }
                    }
                }
                Ok(keys)
            }
        }
    }

    /// All elements below, in document order.
    fn descendants(&mut self, input: Items<'a>) -> Result<Items<'a>, Error> {
        let mut found = Vec::new();
        let mut inner = Vec::new();
        for item in &input {
            children(item, &mut inner);
        }
        let mut open: Vec<Item<'a>> = inner.drain(..).rev().collect();
        while let Some(item) = open.pop() {
            children(&item, &mut inner);
            self.work(1 + inner.len())?;
            open.extend(inner.drain(..).rev());
            found.push(item);
            self.size(found.len() + open.len())?;
        }
        Ok(found)
    }

    /// References to contained resources, to entries of a Bundle around them, then whatever the host knows.
    fn resolve(&mut self, input: Items<'a>) -> Result<Items<'a>, Error> {
        let mut found = Vec::new();
        for item in &input {
            let text = item.text().or_else(|| {
                let value = item.node()?.value?;
                string_of(value, "reference").map(Cow::Borrowed)
            });
            let Some(text) = text else { continue };
            if let Some(value) = self.target(&text)? {
                found.push(Item::Node(Node::resource(value)));
            }
        }
        Ok(found)
    }

    fn target(&mut self, reference: &str) -> Result<Option<&'a Value>, Error> {
        let root = self.environment.root.or(self.environment.resource);
        let resource = self.environment.resource.or(root);
        if let Some(id) = reference.strip_prefix('#') {
            if id.is_empty() {
                return Ok(root);
            }
            for holder in [resource, root].into_iter().flatten() {
                let contained = holder.get("contained").and_then(Value::as_array);
                self.work(contained.map_or(0, Vec::len))?;
                if let Some(value) =
                    contained.into_iter().flatten().find(|inner| string_of(inner, "id") == Some(id))
                {
                    return Ok(Some(value));
                }
            }
            return Ok(None);
        }
        if let Some(bundle) = root.filter(|r| string_of(r, "resourceType") == Some("Bundle")) {
            let entries = bundle.get("entry").and_then(Value::as_array);
            self.work(entries.map_or(0, Vec::len))?;
            for entry in entries.into_iter().flatten() {
                let Some(value) = entry.get("resource") else { continue };
                let by_id = || {
                    let (kind, id) = (string_of(value, "resourceType")?, string_of(value, "id")?);
                    let (of_kind, of_id) = reference.split_once('/')?;
                    Some(of_kind == kind && of_id == id)
                };
                if string_of(entry, "fullUrl") == Some(reference) || by_id() == Some(true) {
                    return Ok(Some(value));
                }
            }
        }
        Ok(self.environment.host.and_then(|host| host.resolve(reference)))
    }

    /// Profiles are the host's; of R4's own types the type alone is looked at.
    fn conforms(&mut self, item: &Item<'a>, profile: &str) -> Result<Items<'a>, Error> {
        let node = item.node();
        if let Some(value) = node.and_then(|n| n.value)
            && let Some(found) = self.environment.host.and_then(|host| host.conforms_to(value, profile))
        {
            return Ok(boolean(found));
        }
        let wanted = profile.strip_prefix(BASE).and_then(|name| Model::r4().named(name));
        match (wanted, node) {
            (Some(wanted), Some(node)) => Ok(boolean(Model::r4().is_a(node.ty, wanted))),
            _ => evaluation("'conformsTo' names a profile that is not known"),
        }
    }
}

/// `Patient/1` of a relative or absolute literal reference, with or without a version.
fn reference_key(reference: &str) -> Option<String> {
    if reference.starts_with('#') || reference.starts_with("urn:") {
        return None;
    }
    let reference = reference.split_once("/_history/").map_or(reference, |(front, _)| front);
    let mut parts = reference.rsplit('/');
    let (id, kind) = (parts.next()?, parts.next()?);
    (!id.is_empty() && kind.starts_with(|c: char| c.is_ascii_uppercase())).then(|| format!("{kind}/{id}"))
}
