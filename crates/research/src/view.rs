//! SQL on FHIR v2: a ViewDefinition, compiled.

use std::collections::BTreeSet;

use causeway_fhirpath::model::TypeId;
use causeway_fhirpath::{Expression, Model};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::limits::{COLUMNS_MAX, SELECT_DEPTH_MAX};

/// A column of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, `[A-Za-z][A-Za-z0-9_]*`.
    pub name: String,
    /// The FHIR type it states, such as `date`; a string where it states none.
    pub ty: String,
    /// Whether it holds a list.
    pub collection: bool,
}

/// A compiled ViewDefinition.
#[derive(Debug)]
pub struct View {
    /// Its name; empty where it has none.
    pub name: String,
    /// The type of resource that it reads.
    pub resource: String,
    pub(crate) constants: Vec<(String, TypeId, Value)>,
    pub(crate) conditions: Vec<Expression>,
    pub(crate) root: Select,
    columns: Vec<Column>,
}

#[derive(Debug, Default)]
pub(crate) struct Select {
    pub each: Each,
    pub columns: Vec<(Expression, bool)>,
    pub selects: Vec<Select>,
    pub union: Vec<Select>,
    /// Columns of a row: own, of selects, of the union.
    pub width: usize,
}

#[derive(Debug, Default)]
pub(crate) enum Each {
    #[default]
    Once,
    Items(Expression),
    ItemsOrNull(Expression),
    Repeat(Vec<Expression>),
}

fn definition<T>(text: impl Into<String>) -> Result<T, Error> {
    Err(Error::Definition(text.into()))
}

fn text<'v>(object: &'v Map<String, Value>, name: &str, place: &str) -> Result<Option<&'v str>, Error> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => definition(format!("{place}.{name} must be a string")),
    }
}

fn list<'v>(object: &'v Map<String, Value>, name: &str, place: &str) -> Result<&'v [Value], Error> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => definition(format!("{place}.{name} must be a list")),
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl View {
    /// Compiles a ViewDefinition.
    ///
    /// # Errors
    /// [`Error::Definition`] with the place of what is wrong: a missing resource, an empty view, names that are none
    /// or twice there, FHIRPath that does not parse, constants that are not defined, union branches with other columns.
    pub fn compile(definition_json: &Value) -> Result<Self, Error> {
        let Value::Object(object) = definition_json else { return definition("the view must be an object") };
        let Some(resource) = text(object, "resource", "view")? else {
            return definition("view.resource is missing");
        };
        if Model::r4().resource(resource) == TypeId::UNKNOWN {
            return definition("view.resource is no resource type of R4");
        }
        let constants = constants(object)?;
        let mut reader = Reader { constants: constants.iter().map(|(name, ..)| name.as_str()).collect() };
        let selects = list(object, "select", "view")?;
        if selects.is_empty() {
            return definition("view.select is empty");
        }
        let mut conditions = Vec::new();
        for (number, entry) in list(object, "where", "view")?.iter().enumerate() {
            let place = format!("view.where[{number}]");
            let path = entry.as_object().map(|o| text(o, "path", &place)).transpose()?.flatten();
            let Some(path) = path else { return definition(format!("{place}.path is missing")) };
            let expression = reader.expression(path, &place)?;
            // What the types of R4 can't tell is seen when it runs.
            if expression.check(resource).is_ok() && expression.check_truth(resource).is_err() {
                return definition(format!("{place}.path gives no Boolean"));
            }
            conditions.push(expression);
        }
        let mut columns = Vec::new();
        let mut root = Select::default();
        for (number, entry) in selects.iter().enumerate() {
            root.selects.push(reader.select(entry, &format!("view.select[{number}]"), 0, &mut columns)?);
        }
        root.width = columns.len();
        if columns.is_empty() {
            return definition("the view has no column");
        }
        if columns.len() > COLUMNS_MAX {
            return Err(Error::Limit("COLUMNS_MAX"));
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = columns.iter().find(|c| !names.insert(c.name.as_str())) {
            return definition(format!("the column {} is there twice", twice.name));
        }
        Ok(Self {
            name: text(object, "name", "view")?.unwrap_or_default().to_owned(),
            resource: resource.to_owned(),
            conditions,
            root,
            columns,
            constants,
        })
    }

    /// Its columns in order: own ones of a select, then those of nested selects, then those of its union.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }
}

/// Constants with their types: `value[x]` stands as in an extension.
fn constants(object: &Map<String, Value>) -> Result<Vec<(String, TypeId, Value)>, Error> {
    let model = Model::r4();
    let extension = model.named("Extension").unwrap_or(TypeId::UNKNOWN);
    let mut found = Vec::new();
    for (number, entry) in list(object, "constant", "view")?.iter().enumerate() {
        let place = format!("view.constant[{number}]");
        let Some(entry) = entry.as_object() else { return definition(format!("{place} must be an object")) };
        let Some(name) = text(entry, "name", &place)?.filter(|name| is_name(name)) else {
            return definition(format!("{place}.name is no name"));
        };
        let value = entry.iter().find_map(|(key, value)| {
            let (element, form) = model.member(extension, key)?;
            (element.name == "value").then(|| (form.ty, value.clone()))
        });
        let Some((ty, value)) = value else {
            return definition(format!("{place} has no value of a known type"));
        };
        found.push((name.to_owned(), ty, value));
    }
    Ok(found)
}

struct Reader<'v> {
    constants: Vec<&'v str>,
}

impl Reader<'_> {
    fn expression(&mut self, path: &str, place: &str) -> Result<Expression, Error> {
        let expression = Expression::parse(path).map_err(|e| Error::Definition(format!("{place}: {e}")))?;
        let own = ["rowIndex", "resource", "rootResource", "context", "ucum", "sct", "loinc"];
        for name in expression.constants() {
            let known = own.contains(&name)
                || self.constants.contains(&name)
                || name.starts_with("vs-")
                || name.starts_with("ext-");
            if !known {
                return definition(format!("{place}: the constant %{name} is not defined"));
            }
        }
        Ok(expression)
    }

    fn select(
        &mut self,
        entry: &Value,
        place: &str,
        depth: usize,
        columns: &mut Vec<Column>,
    ) -> Result<Select, Error> {
        if depth >= SELECT_DEPTH_MAX {
            return Err(Error::Limit("SELECT_DEPTH_MAX"));
        }
        let Value::Object(object) = entry else { return definition(format!("{place} must be an object")) };
        let before = columns.len();
        let mut select = Select { each: self.each(object, place)?, ..Select::default() };
        for (number, entry) in list(object, "column", place)?.iter().enumerate() {
            let place = format!("{place}.column[{number}]");
            let Some(entry) = entry.as_object() else {
                return definition(format!("{place} must be an object"));
            };
            let Some(name) = text(entry, "name", &place)?.filter(|name| is_name(name)) else {
                return definition(format!("{place}.name must match [A-Za-z][A-Za-z0-9_]*"));
            };
            let Some(path) = text(entry, "path", &place)? else {
                return definition(format!("{place}.path is missing"));
            };
            let collection = match entry.get("collection") {
                None | Some(Value::Null) => false,
                Some(Value::Bool(value)) => *value,
                Some(_) => return definition(format!("{place}.collection must be a Boolean")),
            };
            select.columns.push((self.expression(path, &place)?, collection));
            let ty = text(entry, "type", &place)?.unwrap_or("string");
            // A type may be written as a URL.
            let ty = ty.rsplit('/').next().unwrap_or(ty).to_owned();
            columns.push(Column { name: name.to_owned(), ty, collection });
        }
        for (number, entry) in list(object, "select", place)?.iter().enumerate() {
            select.selects.push(self.select(
                entry,
                &format!("{place}.select[{number}]"),
                depth + 1,
                columns,
            )?);
        }
        let mut first: Option<Vec<Column>> = None;
        for (number, entry) in list(object, "unionAll", place)?.iter().enumerate() {
            let place = format!("{place}.unionAll[{number}]");
            let mut own = Vec::new();
            select.union.push(self.select(entry, &place, depth + 1, &mut own)?);
            match &first {
                None => first = Some(own),
                Some(first) => {
                    let names = |list: &[Column]| list.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
                    if names(first) != names(&own) {
                        return definition(format!("{place} has other columns than the branch before"));
                    }
                }
            }
        }
        columns.extend(first.into_iter().flatten());
        select.width = columns.len() - before;
        if select.width == 0 {
            return definition(format!("{place} has no column"));
        }
        Ok(select)
    }

    fn each(&mut self, object: &Map<String, Value>, place: &str) -> Result<Each, Error> {
        let for_each = text(object, "forEach", place)?;
        let or_null = text(object, "forEachOrNull", place)?;
        let repeat = list(object, "repeat", place)?;
        if usize::from(for_each.is_some()) + usize::from(or_null.is_some()) + usize::from(!repeat.is_empty())
            > 1
        {
            return definition(format!("{place} may have one of forEach, forEachOrNull and repeat"));
        }
        if let Some(path) = for_each {
            return Ok(Each::Items(self.expression(path, &format!("{place}.forEach"))?));
        }
        if let Some(path) = or_null {
            return Ok(Each::ItemsOrNull(self.expression(path, &format!("{place}.forEachOrNull"))?));
        }
        let mut paths = Vec::new();
        for (number, path) in repeat.iter().enumerate() {
            let place = format!("{place}.repeat[{number}]");
            let Some(path) = path.as_str() else { return definition(format!("{place} must be a string")) };
            paths.push(self.expression(path, &place)?);
        }
        Ok(if paths.is_empty() { Each::Once } else { Each::Repeat(paths) })
    }
}
