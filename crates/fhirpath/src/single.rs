//! A collection as one value, and one value as a collection.

use crate::error::{Error, evaluation};
use crate::item::{Item, Items};

/// The one item of a collection; `None` of an empty one.
pub(crate) fn single<'i, 'a>(items: &'i [Item<'a>], what: &str) -> Result<Option<&'i Item<'a>>, Error> {
    match items {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => evaluation(format!("'{what}' needs one item and has several")),
    }
}

/// The truth of a collection: one item that is no Boolean counts as true.
pub(crate) fn truth(items: &[Item<'_>], what: &str) -> Result<Option<bool>, Error> {
    Ok(single(items, what)?.map(|item| match item.system() {
        Some(Item::Boolean(value)) => value,
        _ => true,
    }))
}

pub(crate) fn boolean<'a>(value: bool) -> Items<'a> {
    vec![Item::Boolean(value)]
}

pub(crate) fn maybe<'a>(item: Option<Item<'a>>) -> Items<'a> {
    item.into_iter().collect()
}
