//! What Causeway can say, as tables of rules: a stable id, how serious a breach is, its kind, the sentence that is
//! told, and what the reader can do about it. `docs/rules.md` is made from all of them.

use crate::Issue;
#[doc(no_inline)]
pub use crate::{IssueCode, Severity};

/// A rule whose breach is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable id.
    pub id: &'static str,
    /// How serious a breach is: [`Severity::Error`] where something is refused for it.
    pub severity: Severity,
    /// Kind of issue.
    pub code: IssueCode,
    /// What is told: a fixed sentence without any value of a source. `{}` stands for words that the program puts in: a
    /// limit, an item of the format, never a value.
    pub text: &'static str,
    /// What the reader can do about it; empty where the general advice of the kind says it ([`Rule::to_do`]).
    pub action: &'static str,
}

impl Rule {
    /// The issue, without a position.
    pub fn issue(&self) -> Issue {
        Issue::new(self.severity, self.code, self.id, self.text)
    }

    /// The issue of a rule whose sentence has a `{}`, with these words in its place.
    pub fn with(&self, words: &str) -> Issue {
        Issue::new(self.severity, self.code, self.id, self.text.replacen("{}", words, 1))
    }

    /// What the reader can do about it.
    pub fn to_do(&self) -> &'static str {
        if self.action.is_empty() { general_advice(self.code) } else { self.action }
    }

    /// Whether an issue is of this rule: id, severity, kind and sentence.
    pub fn says(&self, issue: &Issue) -> bool {
        let (before, after) = self.text.split_once("{}").unwrap_or((self.text, ""));
        self.id == issue.rule
            && self.severity == issue.severity
            && self.code == issue.code
            && issue.text.starts_with(before)
            && issue.text.ends_with(after)
            && (self.text.contains("{}") || issue.text == self.text)
    }
}

/// What to do about any issue of a kind.
fn general_advice(code: IssueCode) -> &'static str {
    match code {
        IssueCode::Structure => {
            "correct the message in the sending system, as the position says, and send it again"
        }
        IssueCode::Required => "fill in the missing item in the sending system and send the message again",
        IssueCode::Value => {
            "look at the item in the original; if it is wrong, correct it at its source and send again"
        }
        IssueCode::BusinessRule => "look at the record in the sending system and settle what it should say",
        IssueCode::CodeInvalid => {
            "nothing is lost, the words were kept; if the code is right, ask for it to be added to the mapping table"
        }
        IssueCode::NotSupported => {
            "read the item in the original, which is kept; ask for it if you need it translated"
        }
        IssueCode::TooLong => {
            "send the message in smaller parts, or ask the operator whether the limit can be raised"
        }
        IssueCode::Duplicate => "find out in the sending system which of the two is meant, and send that one",
        IssueCode::Conflict => {
            "a person who knows the case must say which statement is right; correct it at its source"
        }
        IssueCode::Suppressed => "ask the sender, if you have a right to see what was held back",
        IssueCode::NotFound => "ask the sender for what is missing, or look in the original",
        IssueCode::Incomplete => "wait for the missing part; ask the sender if it does not come",
        IssueCode::Informational => "nothing",
        IssueCode::Exception => "the message is kept; tell the operator",
    }
}

/// Makes a constant of each rule, `NAME Severity IssueCode "id" "sentence" "what to do";` (the last may be left out),
/// `ALL` of them, and a test of the table.
#[macro_export]
macro_rules! rules {
    ($($name:ident $severity:ident $code:ident $id:literal $text:literal $($action:literal)?;)*) => {
        $(
            #[doc = $text]
            pub const $name: $crate::Rule = $crate::Rule {
                id: $id,
                severity: $crate::rule::Severity::$severity,
                code: $crate::rule::IssueCode::$code,
                text: $text,
                action: concat!($($action)?),
            };
        )*
        /// All rules, for the documentation and the tests.
        pub const ALL: &[$crate::Rule] = &[$($name,)*];

        #[cfg(test)]
        #[test]
        fn ids_are_unique_and_texts_are_sentences() {
            for (at, rule) in ALL.iter().enumerate() {
                // The same id again, directly below, is another sentence of the same rule.
                let rest = ALL.iter().skip(at + 1).skip_while(|other| other.id == rule.id);
                assert!(rest.into_iter().all(|other| other.id != rule.id), "{}", rule.id);
                assert!(ALL.iter().skip(at + 1).all(|o| o.id != rule.id || o.text != rule.text), "{}", rule.id);
                assert!(!rule.text.ends_with('.') && !rule.text.is_empty(), "{}", rule.id);
                assert!(!rule.action.ends_with('.'), "{}", rule.id);
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::Severity;

    rules! {
        LATE Warning Value "late" "it came late";
        GONE Error NotFound "gone" "it is not there" "look for it";
        LONG Error TooLong "long" "longer than {} bytes";
    }

    #[test]
    fn a_table_of_rules() {
        assert_eq!(ALL, [LATE, GONE, LONG]);
        let issue = GONE.issue();
        assert_eq!((issue.rule, issue.severity, &*issue.text), ("gone", Severity::Error, "it is not there"));
        assert_eq!(GONE.to_do(), "look for it");
        assert!(LATE.to_do().starts_with("look at the item"));
        assert_eq!(LONG.with("7").text, "longer than 7 bytes");
    }

    #[test]
    fn an_issue_is_of_a_rule_that_says_exactly_it() {
        assert!(GONE.says(&GONE.issue()) && LONG.says(&LONG.with("7")));
        assert!(!GONE.says(&LATE.issue()) && !LATE.says(&GONE.issue()));
        let mut other = GONE.issue();
        other.text = "it is nowhere".into();
        assert!(!GONE.says(&other));
        other = GONE.issue();
        other.severity = Severity::Warning;
        assert!(!GONE.says(&other));
    }
}
