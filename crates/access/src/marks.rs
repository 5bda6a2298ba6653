//! What in the text of a stored resource decides how it may be shown. A text without any of it is of its type's section and has
//! no label but those of its `meta`, so nothing more of it need be read.

use crate::restricted::{Restricted, Use};
use crate::words::Words;
use crate::{choices, labels, sections};

/// All that [`labels::of`], [`sections::section_of`] and what is told of choices look for in a resource beyond its type and
/// adapter, and the wordings that [`crate::withhold`] looks for.
#[derive(Debug)]
pub(crate) struct Marks {
    finder: Words,
}

impl Marks {
    /// Those of the restricted codes of a policy set.
    pub fn of(restricted: &Restricted) -> Self {
        let codes = restricted.members().iter().filter(|m| m.use_ == Use::Care).map(|m| m.code.as_str());
        let fixed: Vec<&str> = labels::marked_codes().chain([choices::TYPE_ONE_CODE]).collect();
        let codes = codes.chain(fixed);
        let words = labels::marked_words().chain(sections::marks());
        let mut all: Vec<String> = codes.map(|code: &str| format!("\"{code}\"")).collect();
        all.extend(words.map(str::to_lowercase));
        all.extend(restricted.terms().cloned());
        let plain =
            |mark: &String| !mark.trim_matches('"').contains(['"', '\\']) && !mark.contains(char::is_control);
        // What JSON writes otherwise than it is can't be found in its text.
        let finder = if all.iter().all(plain) {
            // Escapes of what need not be escaped.
            all.extend([r"\u", r"\/"].map(str::to_owned));
            Words::or_always(all.iter())
        } else {
            Words::always()
        };
        Self { finder }
    }

    /// Whether any of it may be in a resource's text, as the record gives it out. Never no where it is there.
    pub fn may_be_in(&self, text: &str) -> bool {
        // The lower case of a letter may depend on what stands before it: an escape is no letter.
        self.finder.are_in(text) || (!text.is_ascii() && text.contains('\\'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "refset,title,system,code,term,use\n";

    #[test]
    fn what_cannot_be_looked_for_is_taken_for_found() {
        let restricted = |term: &str| {
            let row = format!("{HEAD}1,Set,http://snomed.info/sct,1234,\"{term}\",care\n");
            Marks::of(&Restricted::read("x", &row).unwrap())
        };
        let marks = restricted("a restricted term");
        assert!(!marks.may_be_in(r#"{"code":{"text":"Asthma, \"mild\""}}"#));
        assert!(marks.may_be_in(r#"{"code":{"text":"Has A Restricted Term"}}"#));
        assert!(marks.may_be_in(r#"{"code":"1234"}"#) && !marks.may_be_in(r#"{"code":"12345"}"#));
        assert!(marks.may_be_in(r#"{"text":"\u0061 restricted term"}"#), "escaped");
        assert!(marks.may_be_in(r#"{"text":"é\nΣ"}"#), "other letters beside an escape");
        assert!(restricted("a \"\"quoted\"\" term").may_be_in("{}"));
    }
}
