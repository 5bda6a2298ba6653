//! The rules of a format as a table: what may be wrong, how serious that is, and what is said of it.

use causeway_core::Issue;
#[doc(no_inline)]
pub use causeway_core::{IssueCode, Severity};

/// A rule whose breach is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable id.
    pub id: &'static str,
    /// How serious a breach is: [`Severity::Error`] where something is refused for it.
    pub severity: Severity,
    /// Kind of issue.
    pub code: IssueCode,
    /// What is told: a fixed sentence without any value of a source.
    pub text: &'static str,
}

impl Rule {
    /// The issue, without a position.
    pub fn issue(&self) -> Issue {
        Issue::new(self.severity, self.code, self.id, self.text)
    }
}

/// Makes a constant of each rule, `NAME Severity IssueCode "id" "sentence";`, `ALL` of them, and a test of the table.
#[macro_export]
macro_rules! rules {
    ($($name:ident $severity:ident $code:ident $id:literal $text:literal;)*) => {
        $(
            #[doc = $text]
            pub const $name: $crate::Rule = $crate::Rule {
                id: $id,
                severity: $crate::rule::Severity::$severity,
                code: $crate::rule::IssueCode::$code,
                text: $text,
            };
        )*
        /// All rules, for the documentation and the tests.
        pub const ALL: &[$crate::Rule] = &[$($name,)*];

        #[cfg(test)]
        #[test]
        fn ids_are_unique_and_texts_are_sentences() {
            for (at, rule) in ALL.iter().enumerate() {
                assert!(ALL.iter().skip(at + 1).all(|other| other.id != rule.id), "{}", rule.id);
                assert!(!rule.text.ends_with('.') && !rule.text.is_empty(), "{}", rule.id);
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::Severity;

    rules! {
        LATE Warning Value "late" "it came late";
        GONE Error NotFound "gone" "it is not there";
    }

    #[test]
    fn a_table_of_rules() {
        assert_eq!(ALL, [LATE, GONE]);
        let issue = GONE.issue();
        assert_eq!((issue.rule, issue.severity, &*issue.text), ("gone", Severity::Error, "it is not there"));
    }
}
