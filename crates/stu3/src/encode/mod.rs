//! UK Core R4 resources as STU3, with the list of what STU3 can't carry. What is around them is the format's.

mod prune;
mod resource;
mod values;

use std::collections::HashMap;

use causeway_core::{Issue, IssueCode, Position, Severity, Span};
use serde_json::{Map, Value};

pub use values::stu3_kind;

/// What is known of a bundle while it is written.
#[derive(Debug)]
pub struct Encoding {
    /// STU3 reference of every resource that is carried, by `fullUrl` and by `Type/id`.
    targets: HashMap<String, String>,
    /// The profile of a type of STU3, where the format has one.
    profile: fn(&str) -> Option<String>,
    /// What could not be carried.
    pub left: Vec<Issue>,
}

impl Encoding {
    /// Nothing carried yet.
    pub fn new(profile: fn(&str) -> Option<String>) -> Self {
        Self { targets: HashMap::new(), profile, left: Vec::new() }
    }

    /// Says by which reference a resource is known that is carried.
    pub fn carry(&mut self, name: String, target: String) {
        self.targets.insert(name, target);
    }

    /// Enters an element that STU3 can't carry.
    pub fn leave(&mut self, path: &str, text: &'static str) {
        let issue = Issue::new(Severity::Information, IssueCode::NotSupported, "stu3-no-place", text);
        self.left.push(issue.at(Position::new(path, Span::default())));
    }

    /// The STU3 reference of an R4 reference.
    pub fn target(&self, reference: &str) -> Option<&String> {
        self.targets.get(reference)
    }

    /// Writes a resource; `path` is where it stands in the bundle.
    pub fn resource(&mut self, resource: &Map<String, Value>, path: &str) -> Value {
        resource::write(self, resource, path)
    }
}

/// The type of a resource.
pub fn kind(resource: &Map<String, Value>) -> &str {
    resource.get("resourceType").and_then(Value::as_str).unwrap_or("")
}
