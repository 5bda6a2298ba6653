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
use crate::item::{Item, Items};
use crate::syntax::Call;

macro_rules! functions {
    ($($variant:ident $name:literal $least:literal $most:literal)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Function { $($variant),* }

        impl Function {
            /// The function of this name.
            pub fn named(name: &str) -> Option<Self> {
                Some(match name { $($name => Self::$variant,)* _ => return None })
            }

            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Least and most number of arguments.
            pub fn arity(self) -> (usize, usize) {
                match self { $(Self::$variant => ($least, $most),)* }
            }
        }
    };
}

functions! {
    Empty "empty" 0 0
    Exists "exists" 0 1
    All "all" 1 1
    AllTrue "allTrue" 0 0
    AnyTrue "anyTrue" 0 0
    AllFalse "allFalse" 0 0
    AnyFalse "anyFalse" 0 0
    SubsetOf "subsetOf" 1 1
    SupersetOf "supersetOf" 1 1
    Count "count" 0 0
    Distinct "distinct" 0 0
    IsDistinct "isDistinct" 0 0
    Where "where" 1 1
    Select "select" 1 1
    Repeat "repeat" 1 1
    OfType "ofType" 1 1
    Single "single" 0 0
    First "first" 0 0
    Last "last" 0 0
    Tail "tail" 0 0
    Skip "skip" 1 1
    Take "take" 1 1
    Intersect "intersect" 1 1
    Exclude "exclude" 1 1
    Union "union" 1 1
    Combine "combine" 1 1
    Coalesce "coalesce" 1 32
    Iif "iif" 2 3
    Aggregate "aggregate" 1 2
    Sort "sort" 0 16
    Children "children" 0 0
    Descendants "descendants" 0 0
    Not "not" 0 0
    Is "is" 1 1
    As "as" 1 1
    Type "type" 0 0
    Trace "trace" 1 2
    Now "now" 0 0
    Today "today" 0 0
    TimeOfDay "timeOfDay" 0 0
    ToBoolean "toBoolean" 0 0
    ToInteger "toInteger" 0 0
    ToDecimal "toDecimal" 0 0
    ToString "toString" 0 0
    ToDate "toDate" 0 0
    ToDateTime "toDateTime" 0 0
    ToTime "toTime" 0 0
    ToQuantity "toQuantity" 0 1
    ConvertsToBoolean "convertsToBoolean" 0 0
    ConvertsToInteger "convertsToInteger" 0 0
    ConvertsToDecimal "convertsToDecimal" 0 0
    ConvertsToString "convertsToString" 0 0
    ConvertsToDate "convertsToDate" 0 0
    ConvertsToDateTime "convertsToDateTime" 0 0
    ConvertsToTime "convertsToTime" 0 0
    ConvertsToQuantity "convertsToQuantity" 0 1
    IndexOf "indexOf" 1 1
    LastIndexOf "lastIndexOf" 1 1
    Substring "substring" 1 2
    StartsWith "startsWith" 1 1
    EndsWith "endsWith" 1 1
    Contains "contains" 1 1
    Upper "upper" 0 0
    Lower "lower" 0 0
    Length "length" 0 0
    ToChars "toChars" 0 0
    Trim "trim" 0 0
    Split "split" 1 1
    Join "join" 0 1
    Replace "replace" 2 2
    Matches "matches" 1 2
    MatchesFull "matchesFull" 1 2
    ReplaceMatches "replaceMatches" 2 3
    Encode "encode" 1 1
    Decode "decode" 1 1
    Escape "escape" 1 1
    Unescape "unescape" 1 1
    Abs "abs" 0 0
    Ceiling "ceiling" 0 0
    Exp "exp" 0 0
    Floor "floor" 0 0
    Ln "ln" 0 0
    Log "log" 1 1
    Power "power" 1 1
    Round "round" 0 1
    Sqrt "sqrt" 0 0
    Truncate "truncate" 0 0
    LowBoundary "lowBoundary" 0 1
    HighBoundary "highBoundary" 0 1
    Precision "precision" 0 0
    Comparable "comparable" 1 1
    Extension "extension" 1 1
    HasValue "hasValue" 0 0
    GetValue "getValue" 0 0
    Resolve "resolve" 0 0
    MemberOf "memberOf" 1 1
    Subsumes "subsumes" 1 1
    SubsumedBy "subsumedBy" 1 1
    ConformsTo "conformsTo" 1 1
    HtmlChecks "htmlChecks" 0 0
    GetResourceKey "getResourceKey" 0 0
    GetReferenceKey "getReferenceKey" 0 1
}

impl Function {
    /// Whether its argument is the name of a type.
    pub fn takes_type(self) -> bool {
        matches!(self, Self::OfType | Self::Is | Self::As | Self::GetReferenceKey)
    }

    /// Whether its result depends on the order of its input.
    pub fn needs_order(self) -> bool {
        matches!(self, Self::First | Self::Last | Self::Tail | Self::Skip | Self::Take)
    }
}

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
