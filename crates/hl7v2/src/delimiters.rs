//! The five characters that divide a message, as MSH-1 and MSH-2 declare them.

/// Delimiters of one message. Source: HL7 v2.5.1, 2.5.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimiters {
    /// Between fields.
    pub field: u8,
    /// Between components.
    pub component: u8,
    /// Between repetitions.
    pub repetition: u8,
    /// Around escapes; 0 where the message has none.
    pub escape: u8,
    /// Between subcomponents; 0 where the message has none.
    pub subcomponent: u8,
}

impl Default for Delimiters {
    fn default() -> Self {
        Self { field: b'|', component: b'^', repetition: b'~', escape: b'\\', subcomponent: b'&' }
    }
}

impl Delimiters {
    /// Reads them from the start of an MSH, FHS or BHS segment. `None` where the characters can't divide
    /// anything: letters, digits, blanks, control characters, or two alike.
    pub fn read(segment: &[u8]) -> Option<Self> {
        let field = *segment.get(3)?;
        let rest = segment.get(4..)?;
        let end = rest.iter().position(|b| *b == field || matches!(b, b'\r' | b'\n')).unwrap_or(rest.len());
        let encoding = rest.get(..end)?;
        let (component, repetition) = (*encoding.first()?, encoding.get(1).copied().unwrap_or(b'~'));
        let escape = encoding.get(2).copied().unwrap_or(0);
        let subcomponent = encoding.get(3).copied().unwrap_or(0);
        let found = Self { field, component, repetition, escape, subcomponent };
        // A fifth character is the truncation character of version 2.7; more is no declaration.
        (encoding.len() <= 5 && found.are_usable()).then_some(found)
    }

    fn are_usable(&self) -> bool {
        let all = [self.field, self.component, self.repetition, self.escape, self.subcomponent];
        let given = all.iter().filter(|b| **b != 0);
        given.clone().all(|b| b.is_ascii_punctuation())
            && given.clone().enumerate().all(|(i, b)| all.iter().take(i).all(|earlier| earlier != b))
    }
}

#[cfg(test)]
mod tests {
    use super::Delimiters;

    #[test]
    fn usual_and_unusual() {
        assert_eq!(Delimiters::read(b"MSH|^~\\&|X"), Some(Delimiters::default()));
        let odd = Delimiters::read(b"MSH#*+/:#X").unwrap();
        assert_eq!((odd.field, odd.subcomponent), (b'#', b':'));
        assert_eq!(Delimiters::read(b"MSH|^~\\&#|X").map(|d| d.subcomponent), Some(b'&'));
        assert_eq!(Delimiters::read(b"MSH|^~").map(|d| d.escape), Some(0));
    }

    #[test]
    fn unusable_ones_are_refused() {
        for text in ["MSH", "MSHA^~\\&A", "MSH|^^\\&|", "MSH||", "MSH|^~\\&#!|", "MSH|a~\\&|"] {
            assert_eq!(Delimiters::read(text.as_bytes()), None, "{text}");
        }
    }
}
