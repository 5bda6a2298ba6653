//! The functions of FHIRPath, those that FHIR adds, and the keys of SQL on FHIR.

mod collection;
mod convert;
mod fhir;
mod math;
mod text;

pub(crate) use collection::{holds, union};
pub(crate) use convert::to_string;

use crate::error::{Error, evaluation};
use crate::evaluate::{Evaluator, Scope};
use crate::function::Function;
use crate::item::{Item, Items};
use crate::single::single;
use crate::syntax::Call;

impl<'a> Evaluator<'_, 'a> {
    /// Calls a function on its input.
    pub(crate) fn call(
        &mut self,
        call: &'a Call,
        input: Items<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>, Error> {
        use Function as F;
        self.work(1 + input.len())?;
        match call.function {
            F::Empty | F::Exists | F::All | F::AllTrue | F::AnyTrue | F::AllFalse | F::AnyFalse => {
                self.quantifier(call, input, scope)
            }
            F::Where | F::Select | F::Repeat | F::Aggregate | F::Sort | F::Iif | F::Coalesce | F::Trace => {
                self.iterate(call, input, scope)
            }
            F::SubsetOf
            | F::SupersetOf
            | F::Count
            | F::Distinct
            | F::IsDistinct
            | F::Single
            | F::First
            | F::Last
            | F::Tail
            | F::Skip
            | F::Take
            | F::Intersect
            | F::Exclude
            | F::Union
            | F::Combine
            | F::Not => self.set(call, input, scope),
            F::OfType | F::Is | F::As | F::Type => self.by_type(call, input),
            F::Now | F::Today | F::TimeOfDay => self.clock(call.function),
            F::ToBoolean
            | F::ToInteger
            | F::ToDecimal
            | F::ToString
            | F::ToDate
            | F::ToDateTime
            | F::ToTime
            | F::ToQuantity
            | F::ConvertsToBoolean
            | F::ConvertsToInteger
            | F::ConvertsToDecimal
            | F::ConvertsToString
            | F::ConvertsToDate
            | F::ConvertsToDateTime
            | F::ConvertsToTime
            | F::ConvertsToQuantity => self.convert(call, &input, scope),
            F::IndexOf
            | F::LastIndexOf
            | F::Substring
            | F::StartsWith
            | F::EndsWith
            | F::Contains
            | F::Upper
            | F::Lower
            | F::Length
            | F::ToChars
            | F::Trim
            | F::Split
            | F::Join
            | F::Replace
            | F::Matches
            | F::MatchesFull
            | F::ReplaceMatches
            | F::Encode
            | F::Decode
            | F::Escape
            | F::Unescape => self.text(call, &input, scope),
            F::Abs
            | F::Ceiling
            | F::Exp
            | F::Floor
            | F::Ln
            | F::Log
            | F::Power
            | F::Round
            | F::Sqrt
            | F::Truncate
            | F::LowBoundary
            | F::HighBoundary
            | F::Precision
            | F::Comparable => self.math(call, &input, scope),
            F::Children
            | F::Descendants
            | F::Extension
            | F::HasValue
            | F::GetValue
            | F::Resolve
            | F::MemberOf
            | F::Subsumes
            | F::SubsumedBy
            | F::ConformsTo
            | F::HtmlChecks
            | F::GetResourceKey
            | F::GetReferenceKey => self.fhir(call, input, scope),
        }
    }

    /// An argument that is evaluated once, in the scope of the call.
    pub(crate) fn argument(
        &mut self,
        call: &'a Call,
        number: usize,
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>, Error> {
        match call.arguments.get(number) {
            Some(argument) => self.evaluate(argument, scope),
            None => Ok(Vec::new()),
        }
    }

    /// An argument that is a whole number; `None` where it is empty.
    pub(crate) fn whole(
        &mut self,
        call: &'a Call,
        number: usize,
        scope: &Scope<'_, 'a>,
    ) -> Result<Option<i64>, Error> {
        let items = self.argument(call, number, scope)?;
        match single(&items, call.function.name())?.map(|item| item.system()) {
            None => Ok(None),
            Some(Some(Item::Integer(value))) => Ok(Some(value)),
            Some(_) => evaluation(format!("'{}' needs a whole number", call.function.name())),
        }
    }
}
