//! Any of many wordings in a text, found in one pass over it.

use aho_corasick::{AhoCorasick, BuildError};

/// Wordings that are looked for, whatever the case of the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    /// None where there are no wordings.
    finder: Option<AhoCorasick>,
    /// What can't be looked for is taken for found: so nothing is shown for want of a look.
    always: bool,
}

impl Words {
    /// Wordings in lower case, none of them empty.
    ///
    /// # Errors
    /// There are more than can be looked for at once.
    pub fn of<'w>(words: impl ExactSizeIterator<Item = &'w String>) -> Result<Self, BuildError> {
        if words.len() == 0 {
            return Ok(Self::default());
        }
        let finder = AhoCorasick::builder().ascii_case_insensitive(true).build(words)?;
        Ok(Self { finder: Some(finder), always: false })
    }

    /// The same; where they can't be looked for, every text is taken to name one.
    pub fn or_always<'w>(words: impl ExactSizeIterator<Item = &'w String>) -> Self {
        Self::of(words).unwrap_or_else(|error| {
            tracing::error!(error = %error, "wordings can't be looked for; what might name them is withheld");
            Self::always()
        })
    }

    /// Every text is taken to name one.
    pub fn always() -> Self {
        Self { finder: None, always: true }
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.finder.is_none() && !self.always
    }

    /// Whether a text names one of them: holds it, once both are in lower case.
    pub fn are_in(&self, text: &str) -> bool {
        let Some(finder) = &self.finder else { return self.always };
        // The lower case of other letters may be longer, and may be a letter of ASCII.
        if text.is_ascii() { finder.is_match(text) } else { finder.is_match(&text.to_lowercase()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_what_a_plain_look_finds() {
        let words = ["hiv positive", "naïve cells", "straße", "abcd", "kelvin"].map(str::to_owned);
        let finder = Words::of(words.iter()).unwrap();
        for text in [
            "",
            "HIV positive",
            "is hiv POSITIVE.",
            "hiv  positive",
            "NAÏVE CELLS",
            "naive cells",
            "STRASSE",
            "Straße 1",
            "xABCDx",
            "abc d",
            "\u{212a}elvin",
            "é abcd",
            "kelvi",
        ] {
            let lower = text.to_lowercase();
            assert_eq!(finder.are_in(text), words.iter().any(|word| lower.contains(word.as_str())), "{text}");
        }
        assert!(Words::of([].iter()).unwrap().is_empty() && !Words::default().are_in("hiv positive"));
    }
}
