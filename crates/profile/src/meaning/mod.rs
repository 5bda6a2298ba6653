//! What single kinds of resource mean as a whole: rules that are no invariant of the specification and that its prose, or the
//! definitions that a resource points to, state. Called once a resource, when it has been walked.

mod questionnaire;
mod response;
mod structure;
mod terminology;

use crate::invariants::Object;
use crate::report::Step;
use crate::walk::Walker;
use serde_json::Value;

/// Resources whose `url` is canonical (R4, CanonicalResource as HL7's validator has it).
const CANONICAL: &[&str] = &[
    "ActivityDefinition",
    "CapabilityStatement",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "EventDefinition",
    "ExampleScenario",
    "GraphDefinition",
    "ImplementationGuide",
    "Library",
    "Measure",
    "MessageDefinition",
    "OperationDefinition",
    "PlanDefinition",
    "Questionnaire",
    "SearchParameter",
    "StructureDefinition",
    "StructureMap",
    "TerminologyCapabilities",
    "TestScript",
    "ValueSet",
];

impl<'a> Walker<'a> {
    /// Checks what a resource of this type says as a whole.
    pub(crate) fn meaning(&mut self, name: &str, object: &'a Object) {
        if CANONICAL.contains(&name)
            && object
                .get("url")
                .and_then(Value::as_str)
                .is_some_and(|url| !url.contains(':') && !url.is_empty())
        {
            self.at(Step::Name("url"), |w| {
                w.error("r4/canonical-absolute", "the url of a definition must be absolute")
            });
        }
        match name {
            "CodeSystem" => self.code_system(object),
            "ConceptMap" => self.concept_map(object),
            "Questionnaire" => self.questionnaire(object),
            "QuestionnaireResponse" => self.response(object),
            "SearchParameter" => self.search_parameter(object),
            "StructureDefinition" => self.structure(object),
            "ValueSet" => self.value_set(object),
            _ => {}
        }
    }

    fn search_parameter(&mut self, object: &'a Object) {
        if text(object, "type") == Some("composite") && items(object, "component").count() < 2 {
            self.error(
                "r4/search-parameter",
                "a composite search parameter must have two components or more",
            );
        }
        let Some(source) = text(object, "expression") else { return };
        let wrong = match causeway_fhirpath::Expression::parse(source) {
            Err(_) => Some("the expression is no FHIRPath"),
            Ok(expression) => {
                let bases: Vec<&str> = object
                    .get("base")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                // An expression of several types names each of them: only that of one type is held to it. One that begins
                // with a small letter names an element of the type.
                let of = |base: &str| {
                    source.starts_with(&format!("{base}."))
                        || source.starts_with(|c: char| c.is_ascii_lowercase())
                };
                match bases.as_slice() {
                    [base] if of(base) && !source.contains('|') => expression
                        .check(base)
                        .is_err()
                        .then_some("the expression can't be meant for the type in base"),
                    _ => None,
                }
            }
        };
        if let Some(wrong) = wrong {
            self.at(Step::Name("expression"), |w| w.error("r4/search-expression", wrong));
        }
    }
}

fn text<'o>(object: &'o Object, key: &str) -> Option<&'o str> {
    object.get(key).and_then(Value::as_str)
}

/// The objects of a list.
fn items<'o>(object: &'o Object, key: &str) -> impl Iterator<Item = &'o Object> {
    object.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}
