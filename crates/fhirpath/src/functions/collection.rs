//! Existence, filters, subsets, sets and loops.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use crate::error::{Error, evaluation};
use crate::evaluate::{Evaluator, Scope, order};
use crate::function::Function;
use crate::item::{Item, Items};
use crate::model::{Kind, Model};
use crate::moment::Moment;
use crate::single::{boolean, maybe, single, truth};
use crate::syntax::{Call, Expr, TypeName};

/// Whether a collection holds an equal item.
pub(crate) fn holds<'a>(
    evaluator: &mut Evaluator<'_, 'a>,
    items: &[Item<'a>],
    item: &Item<'a>,
) -> Result<bool, Error> {
    evaluator.work(items.len())?;
    Ok(items.iter().any(|other| other.equal(item) == Some(true)))
}

/// The items without repetition.
pub(crate) fn distinct<'a>(evaluator: &mut Evaluator<'_, 'a>, items: Items<'a>) -> Result<Items<'a>, Error> {
    if items.len() < 2 {
        return Ok(items);
    }
    let texts: Option<Vec<Cow<'a, str>>> = items.iter().map(Item::text).collect();
    if let Some(texts) = texts {
        evaluator.work(items.len())?;
        let mut seen = HashSet::with_capacity(texts.len());
        return Ok(items
            .into_iter()
            .zip(texts)
            .filter(|(_, t)| seen.insert(t.clone()))
            .map(|(i, _)| i)
            .collect());
    }
    let mut kept: Items<'a> = Vec::new();
    for item in items {
        if !holds(evaluator, &kept, &item)? {
            kept.push(item);
        }
    }
    Ok(kept)
}

/// `|`: both without repetition.
pub(crate) fn union<'a>(
    evaluator: &mut Evaluator<'_, 'a>,
    mut left: Items<'a>,
    right: Items<'a>,
) -> Result<Items<'a>, Error> {
    left.extend(right);
    distinct(evaluator, left)
}

fn subset<'a>(
    evaluator: &mut Evaluator<'_, 'a>,
    part: &[Item<'a>],
    whole: &[Item<'a>],
) -> Result<bool, Error> {
    for item in part {
        if !holds(evaluator, whole, item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether an item is of a type; `inherited`: or of one that inherits from it.
fn is_of(item: &Item<'_>, ty: &TypeName, inherited: bool) -> bool {
    match item {
        Item::Node(node) => ty.fhir.is_some_and(|wanted| {
            let model = Model::r4();
            node.ty == wanted || (inherited && model.is_a(node.ty, wanted))
        }),
        other => ty.system.is_some() && ty.system == other.system_type(),
    }
}

impl<'a> Evaluator<'_, 'a> {
    /// The truth of the first argument for each item in turn, until `stop`.
    fn each_truth(
        &mut self,
        call: &'a Call,
        input: &[Item<'a>],
        scope: &Scope<'_, 'a>,
        mut act: impl FnMut(&Item<'a>, bool) -> bool,
    ) -> Result<(), Error> {
        let Some(criterion) = call.arguments.first() else { return Ok(()) };
        for (index, item) in input.iter().enumerate() {
            let found = self.evaluate(criterion, &scope.on(item, index))?;
            if !act(item, truth(&found, call.function.name())? == Some(true)) {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn quantifier(
        &mut self,
        call: &'a Call,
        input: Items<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>, Error> {
        let name = call.function.name();
        Ok(boolean(match call.function {
            Function::Empty => input.is_empty(),
            Function::Exists if call.arguments.is_empty() => !input.is_empty(),
            Function::Exists => {
                let mut any = false;
                self.each_truth(call, &input, scope, |_, holds| {
                    any |= holds;
                    !any
                })?;
                any
            }
            Function::All => {
                let mut all = true;
                self.each_truth(call, &input, scope, |_, holds| {
                    all &= holds;
                    all
                })?;
                all
            }
            function => {
                let mut values = Vec::with_capacity(input.len());
                for item in &input {
                    match item.system() {
                        Some(Item::Boolean(value)) => values.push(value),
                        _ => return evaluation(format!("'{name}' needs Booleans")),
                    }
                }
                match function {
                    Function::AllTrue => values.iter().all(|v| *v),
                    Function::AnyTrue => values.iter().any(|v| *v),
                    Function::AllFalse => values.iter().all(|v| !*v),
                    _ => values.iter().any(|v| !*v),
                }
            }
        }))
    }

    pub(super) fn iterate(
        &mut self,
        call: &'a Call,
        input: Items<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>, Error> {
        match call.function {
            Function::Where => {
                let mut kept = Vec::new();
                self.each_truth(call, &input, scope, |item, holds| {
                    if holds {
                        kept.push(item.clone());
                    }
                    true
                })?;
                Ok(kept)
            }
            Function::Select => {
                let mut found = Vec::new();
                for (index, item) in input.iter().enumerate() {
                    if let Some(projection) = call.arguments.first() {
                        found.extend(self.evaluate(projection, &scope.on(item, index))?);
                        self.size(found.len())?;
                    }
                }
                Ok(found)
            }
            Function::Repeat => self.repeat(call, input, scope),
            Function::Aggregate => {
                let mut total = self.argument(call, 1, scope)?;
                for (index, item) in input.iter().enumerate() {
                    let inner = Scope { total: Some(&total), ..scope.on(item, index) };
                    total = match call.arguments.first() {
                        Some(step) => self.evaluate(step, &inner)?,
                        None => Vec::new(),
                    };
                }
                Ok(total)
            }
            Function::Sort => self.sort(call, input, scope),
            Function::Iif => {
                single(&input, "iif")?;
                let inner = Scope { this: &input, index: scope.index, total: scope.total };
                let criterion = self.argument(call, 0, &inner)?;
                let chosen = if truth(&criterion, "iif")? == Some(true) { 1 } else { 2 };
                self.argument(call, chosen, &inner)
            }
            Function::Coalesce => {
                for number in 0..call.arguments.len() {
                    let found = self.argument(call, number, scope)?;
                    if !found.is_empty() {
                        return Ok(found);
                    }
                }
                Ok(Vec::new())
            }
            // A trace is for a person with a debugger; here it is the input alone.
            _ => Ok(input),
        }
    }

    fn repeat(
        &mut self,
        call: &'a Call,
        input: Items<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>, Error> {
        let Some(projection) = call.arguments.first() else { return Ok(Vec::new()) };
        let mut found: Items<'a> = Vec::new();
        let mut open = input;
        while !open.is_empty() {
            let mut next = Vec::new();
            for (index, item) in open.iter().enumerate() {
                for new in self.evaluate(projection, &scope.on(item, index))? {
                    if !holds(self, &found, &new)? {
                        found.push(new.clone());
                        next.push(new);
                    }
                }
            }
            self.size(found.len())?;
            open = next;
        }
        Ok(found)
    }

    /// Keys in turn; a key with a minus sign before it sorts downwards. What has no key comes first.
    fn sort(&mut self, call: &'a Call, input: Items<'a>, scope: &Scope<'_, 'a>) -> Result<Items<'a>, Error> {
        let mut keyed = Vec::with_capacity(input.len());
        for (index, item) in input.into_iter().enumerate() {
            let mut keys = Vec::new();
            for argument in &call.arguments {
                let key = match argument {
                    Expr::Negative(inner) => inner,
                    other => other,
                };
                let found = self.evaluate(key, &scope.on(&item, index))?;
                keys.push(single(&found, "sort")?.and_then(|i| i.system()));
            }
            if call.arguments.is_empty() {
                keys.push(item.system());
            }
            keyed.push((keys, item));
        }
        let down: Vec<bool> = call.arguments.iter().map(|a| matches!(a, Expr::Negative(_))).collect();
        let count = keyed.len();
        self.work(count.saturating_mul(usize::BITS as usize - count.leading_zeros() as usize))?;
        let mut fault = None;
        keyed.sort_by(|(a, _), (b, _)| {
            for (number, (a, b)) in a.iter().zip(b).enumerate() {
                let sorted = match (a, b) {
                    (None, None) => Ordering::Equal,
                    (None, Some(_)) => Ordering::Less,
                    (Some(_), None) => Ordering::Greater,
                    (Some(a), Some(b)) => match order(a, b, "sort") {
                        Ok(sorted) => sorted.unwrap_or(Ordering::Equal),
                        Err(error) => {
                            fault = Some(error);
                            Ordering::Equal
                        }
                    },
                };
                let sorted = if down.get(number) == Some(&true) { sorted.reverse() } else { sorted };
                if sorted != Ordering::Equal {
                    return sorted;
                }
            }
            Ordering::Equal
        });
        match fault {
            Some(error) => Err(error),
            None => Ok(keyed.into_iter().map(|(_, item)| item).collect()),
        }
    }

    pub(super) fn set(
        &mut self,
        call: &'a Call,
        mut input: Items<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>, Error> {
        Ok(match call.function {
            Function::Count => vec![Item::Integer(i64::try_from(input.len()).unwrap_or(i64::MAX))],
            Function::Distinct => distinct(self, input)?,
            Function::IsDistinct => {
                let count = input.len();
                boolean(distinct(self, input)?.len() == count)
            }
            Function::Single => maybe(single(&input, "single")?.cloned()),
            Function::First => {
                input.truncate(1);
                input
            }
            Function::Last => maybe(input.pop()),
            Function::Tail => input.into_iter().skip(1).collect(),
            Function::Skip | Function::Take => {
                let Some(count) = self.whole(call, 0, scope)? else { return Ok(Vec::new()) };
                let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
                if call.function == Function::Skip {
                    input.into_iter().skip(count).collect()
                } else {
                    input.truncate(count);
                    input
                }
            }
            Function::Not => match truth(&input, "not")? {
                Some(value) => boolean(!value),
                None => Vec::new(),
            },
            function => {
                let other = self.argument(call, 0, scope)?;
                match function {
                    Function::SubsetOf => boolean(subset(self, &input, &other)?),
                    Function::SupersetOf => boolean(subset(self, &other, &input)?),
                    Function::Union => union(self, input, other)?,
                    Function::Combine => {
                        input.extend(other);
                        self.size(input.len())?;
                        input
                    }
                    both => {
                        let keep = both == Function::Intersect;
                        let mut kept = Vec::new();
                        for item in input {
                            if holds(self, &other, &item)? == keep {
                                kept.push(item);
                            }
                        }
                        if keep { distinct(self, kept)? } else { kept }
                    }
                }
            }
        })
    }

    pub(super) fn by_type(&mut self, call: &'a Call, input: Items<'a>) -> Result<Items<'a>, Error> {
        let Some(ty) = &call.ty else {
            let types = input.iter().map(|item| match item {
                Item::Node(node) => Item::Type("FHIR", Cow::Borrowed(Model::r4().name(node.ty))),
                other => Item::Type("System", Cow::Borrowed(other.system_type().map_or("", |s| s.name()))),
            });
            return Ok(types.collect());
        };
        match call.function {
            Function::Is => self.is(input, ty),
            _ => self.of_type(input, ty),
        }
    }

    pub(crate) fn is(&mut self, input: Items<'a>, ty: &TypeName) -> Result<Items<'a>, Error> {
        known(ty)?;
        Ok(single(&input, "is")?.map_or_else(Vec::new, |item| boolean(is_of(item, ty, true))))
    }

    /// The items of a type. A primitive must be of the very type: a code is no string here.
    pub(crate) fn of_type(&mut self, mut input: Items<'a>, ty: &TypeName) -> Result<Items<'a>, Error> {
        known(ty)?;
        let primitive = ty.fhir.is_some_and(|ty| Model::r4().kind(ty) == Some(Kind::Primitive));
        input.retain(|item| is_of(item, ty, !primitive));
        Ok(input)
    }

    pub(super) fn clock(&mut self, function: Function) -> Result<Items<'a>, Error> {
        let Some(now) = self.environment.now else {
            return evaluation(format!("'{}' needs the time, which was not given", function.name()));
        };
        Ok(maybe(match function {
            Function::Today => now.to_date().map(Item::Moment),
            Function::Now => Some(Item::Moment(now)),
            _ => {
                let text = now.to_string();
                let clock = text.split_once('T').map_or("", |(_, clock)| clock);
                Moment::time(clock.split(['Z', '+', '-']).next().unwrap_or_default()).map(Item::Moment)
            }
        }))
    }
}

fn known(ty: &TypeName) -> Result<(), Error> {
    if ty.known() { Ok(()) } else { Err(Error::Semantic(format!("there is no type '{}'", ty.name))) }
}
