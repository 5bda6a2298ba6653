//! Running a view: one resource in, rows out.

use causeway_fhirpath::{Environment, Expression, Item, Items, Node};
use serde_json::Value;

use crate::error::Error;
use crate::limits::{REPEAT_DEPTH_MAX, ROWS_MAX};
use crate::view::{Each, Select, View};

/// What stands in a row under one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// true or false
    Boolean(bool),
    /// A whole number
    Integer(i64),
    /// The digits of a decimal
    Decimal(String),
    /// Text, codes, dates and times
    Text(String),
    /// The values of a collection
    List(Vec<Cell>),
}

impl Cell {
    /// As JSON; decimals keep their digits.
    pub fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Bool(*value),
            Self::Integer(value) => Value::from(*value),
            Self::Decimal(digits) => serde_json::from_str(digits).unwrap_or(Value::Null),
            Self::Text(text) => Value::from(text.as_str()),
            Self::List(list) => Value::Array(list.iter().map(Cell::json).collect()),
        }
    }
}

/// A row: a cell for each column of the view.
pub type Row = Vec<Cell>;

/// Runs one view over resources, one at a time.
pub struct Runner<'v> {
    view: &'v View,
}

struct Run<'r, 'a> {
    environment: Environment<'a>,
    view: &'r View,
}

fn view_error(error: &causeway_fhirpath::Error) -> Error {
    match error {
        causeway_fhirpath::Error::Limit(name) => Error::Limit(name),
        other => Error::View(other.to_string()),
    }
}

impl<'v> Runner<'v> {
    /// For a view.
    pub fn new(view: &'v View) -> Self {
        Self { view }
    }

    /// The rows of a resource; none where it is of another type or does not meet the view's conditions.
    ///
    /// # Errors
    /// [`Error::View`] for a column with several values that is no collection, for a structure where a value is due,
    /// and for a condition that gives no Boolean; [`Error::Limit`].
    pub fn rows(&self, resource: &Value) -> Result<Vec<Row>, Error> {
        if resource.get("resourceType").and_then(Value::as_str) != Some(self.view.resource.as_str()) {
            return Ok(Vec::new());
        }
        let mut environment = Environment::of(resource);
        for (name, ty, value) in &self.view.constants {
            let node = Node { value: Some(value), extra: None, ty: *ty };
            environment.constants.insert(name.clone(), vec![Item::Node(node)]);
        }
        let mut run = Run { environment, view: self.view };
        let focus = [Item::Node(Node::resource(resource))];
        for condition in &self.view.conditions {
            if !run.meets(condition, &focus)? {
                return Ok(Vec::new());
            }
        }
        run.select(&self.view.root, &focus, 0)
    }
}

impl<'r: 'a, 'a> Run<'r, 'a> {
    fn evaluate(&mut self, expression: &'a Expression, focus: &[Item<'a>]) -> Result<Items<'a>, Error> {
        expression.evaluate_items(&self.environment, focus).map_err(|e| view_error(&e))
    }

    fn meets(&mut self, condition: &'a Expression, focus: &[Item<'a>]) -> Result<bool, Error> {
        let found = self.evaluate(condition, focus)?;
        match found.as_slice() {
            [] => Ok(false),
            [one] => match one.system() {
                Some(Item::Boolean(value)) => Ok(value),
                _ => Err(Error::View("a condition of the view gives no Boolean".to_owned())),
            },
            _ => Err(Error::View("a condition of the view gives several items".to_owned())),
        }
    }

    /// The items that a select runs over; an empty one stands for the row of nulls.
    fn contexts(&mut self, select: &'a Select, focus: &[Item<'a>]) -> Result<Vec<Items<'a>>, Error> {
        let one_each = |items: Items<'a>| items.into_iter().map(|item| vec![item]).collect();
        Ok(match &select.each {
            Each::Once => vec![focus.to_vec()],
            Each::Items(path) => one_each(self.evaluate(path, focus)?),
            Each::ItemsOrNull(path) => {
                let items = self.evaluate(path, focus)?;
                if items.is_empty() { vec![Vec::new()] } else { one_each(items) }
            }
            Each::Repeat(paths) => {
                let mut found = Vec::new();
                self.walk(paths, focus, 0, &mut found)?;
                one_each(found)
            }
        })
    }

    /// Depth first, in the order of the document.
    fn walk(
        &mut self,
        paths: &'a [Expression],
        focus: &[Item<'a>],
        depth: usize,
        found: &mut Items<'a>,
    ) -> Result<(), Error> {
        if depth >= REPEAT_DEPTH_MAX {
            return Err(Error::Limit("REPEAT_DEPTH_MAX"));
        }
        for path in paths {
            for item in self.evaluate(path, focus)? {
                if found.len() >= ROWS_MAX {
                    return Err(Error::Limit("ROWS_MAX"));
                }
                found.push(item.clone());
                self.walk(paths, std::slice::from_ref(&item), depth + 1, found)?;
            }
        }
        Ok(())
    }

    fn select(&mut self, select: &'a Select, focus: &[Item<'a>], index: usize) -> Result<Vec<Row>, Error> {
        let contexts = self.contexts(select, focus)?;
        let counted = !matches!(select.each, Each::Once);
        let mut rows = Vec::new();
        for (number, context) in contexts.iter().enumerate() {
            let index = if counted { number } else { index };
            let own = i64::try_from(index).unwrap_or(i64::MAX);
            self.environment.constants.insert("rowIndex".to_owned(), vec![Item::Integer(own)]);
            let mut first = Vec::with_capacity(select.width);
            for (expression, collection) in &select.columns {
                let found = self.evaluate(expression, context)?;
                first.push(cell(&found, *collection)?);
            }
            let mut block = vec![first];
            for inner in &select.selects {
                let inner = self.select(inner, context, index)?;
                block = cross(block, &inner)?;
            }
            if !select.union.is_empty() {
                let mut all = Vec::new();
                for branch in &select.union {
                    all.extend(self.select(branch, context, index)?);
                }
                block = cross(block, &all)?;
            }
            rows.extend(block);
            if rows.len() > ROWS_MAX {
                return Err(Error::Limit("ROWS_MAX"));
            }
        }
        debug_assert!(rows.iter().all(|row| row.len() == select.width || self.view.columns().is_empty()));
        Ok(rows)
    }
}

fn cross(left: Vec<Row>, right: &[Row]) -> Result<Vec<Row>, Error> {
    if left.len().saturating_mul(right.len()) > ROWS_MAX {
        return Err(Error::Limit("ROWS_MAX"));
    }
    let mut rows = Vec::with_capacity(left.len() * right.len());
    for front in &left {
        for back in right {
            let mut row = front.clone();
            row.extend(back.iter().cloned());
            rows.push(row);
        }
    }
    Ok(rows)
}

fn cell(items: &[Item<'_>], collection: bool) -> Result<Cell, Error> {
    if collection {
        return Ok(Cell::List(items.iter().map(value).collect::<Result<_, _>>()?));
    }
    match items {
        [] => Ok(Cell::Null),
        [one] => value(one),
        _ => Err(Error::View("a column has several values and is no collection".to_owned())),
    }
}

fn value(item: &Item<'_>) -> Result<Cell, Error> {
    // A primitive whose text is not of its type (a date that is none) goes out as it stands.
    let json = match item.system() {
        Some(Item::Quantity(_)) | None => match item.node().map(|n| n.value) {
            Some(Some(json)) => json.clone(),
            Some(None) => return Ok(Cell::Null),
            None => item.json(),
        },
        Some(_) => item.json(),
    };
    Ok(match json {
        Value::Null => Cell::Null,
        Value::Bool(value) => Cell::Boolean(value),
        Value::String(text) => Cell::Text(text),
        Value::Number(number) => match number.as_i64() {
            Some(value) if !number.as_str().contains(['.', 'e', 'E']) => Cell::Integer(value),
            _ => Cell::Decimal(number.as_str().to_owned()),
        },
        Value::Array(_) | Value::Object(_) => {
            return Err(Error::View("a column holds a structure, not a value".to_owned()));
        }
    })
}
