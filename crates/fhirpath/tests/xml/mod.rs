//! FHIR's XML as JSON, for the inputs of the suite.

use causeway_core::Ledger;
use causeway_fhirpath::Model;
use causeway_fhirpath::model::{Kind, TypeId};
use causeway_xml::{Document, Element, decode};
use serde_json::{Map, Value};

pub fn resource(bytes: &[u8]) -> Value {
    let text = decode(bytes).expect("text");
    let document = Document::parse(&text, &mut Ledger::new()).expect("XML");
    let root = document.root();
    object(root, Model::r4().resource(root.name()), true)
}

fn object(element: Element<'_>, ty: TypeId, resource: bool) -> Value {
    let model = Model::r4();
    let mut out = Map::new();
    if resource {
        out.insert("resourceType".to_owned(), Value::from(element.name()));
    }
    for name in ["id", "url"] {
        if let Some(leaf) = element.attribute(name) {
            out.insert(name.to_owned(), Value::from(leaf.text));
        }
    }
    for child in element.children() {
        if child.name() == "div" {
            out.insert("div".to_owned(), Value::from("<div xmlns=\"http://www.w3.org/1999/xhtml\"/>"));
            continue;
        }
        let (element, form) = model.member(ty, child.name()).unwrap_or_else(|| panic!("{}", child.name()));
        let primitive = model.kind(form.ty) == Some(Kind::Primitive);
        let (value, extra) = if primitive {
            (primitive_value(child, form.ty), extra(child, form.ty))
        } else if model.kind(form.ty) == Some(Kind::Resource) {
            let inner = child.children().next().expect("a resource");
            (Some(object(inner, model.resource(inner.name()), true)), None)
        } else {
            (Some(object(child, form.ty, false)), None)
        };
        if !element.many {
            value.map(|v| out.insert(form.key.clone(), v));
            extra.map(|e| out.insert(form.extra.clone(), e));
            continue;
        }
        let list = |out: &mut Map<String, Value>, key: &str| {
            out.entry(key.to_owned())
                .or_insert_with(|| Value::Array(Vec::new()))
                .as_array_mut()
                .map(|list| list.len())
        };
        let at = list(&mut out, &form.key).unwrap_or(0);
        push(&mut out, &form.key, at, value);
        if extra.is_some() || out.contains_key(&form.extra) {
            list(&mut out, &form.extra);
            push(&mut out, &form.extra, at, extra);
        }
    }
    Value::Object(out)
}

fn push(out: &mut Map<String, Value>, key: &str, at: usize, value: Option<Value>) {
    if let Some(Value::Array(list)) = out.get_mut(key) {
        list.resize(at, Value::Null);
        list.push(value.unwrap_or(Value::Null));
    }
}

fn primitive_value(element: Element<'_>, ty: TypeId) -> Option<Value> {
    use causeway_fhirpath::model::System;
    let text = element.attribute("value")?.text;
    Some(match Model::r4().system(ty) {
        Some(System::Boolean | System::Integer | System::Decimal) => {
            serde_json::from_str(text).expect("a number or Boolean")
        }
        _ => Value::from(text),
    })
}

fn extra(element: Element<'_>, ty: TypeId) -> Option<Value> {
    let bare = element.attribute("id").is_none() && element.children().next().is_none();
    (!bare).then(|| object(element, ty, false))
}
