//! Cuts a stream of XML messages at their closing root tags. Pure. It understands no more XML than that takes:
//! whether a message is well-formed is for its adapter to say.

/// The stream holds a message longer than is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    /// After `<`, before it is known what it begins.
    Open,
    /// Within `<name …`, `</name …` or `<!DOCTYPE …`; a quotation mark that is open.
    Tag(Option<u8>),
    Comment,
    CData,
    Instruction,
}

/// The cutter.
#[derive(Debug)]
pub(super) struct Splitter {
    buffer: Vec<u8>,
    /// Bytes looked at.
    at: usize,
    /// Where the tag begins that is being looked at.
    tag: usize,
    state: State,
    root: Vec<u8>,
    /// Elements of the root's name that are open: an element within that lacks its end doesn't matter.
    depth: usize,
    max: usize,
}

impl Splitter {
    pub(super) fn new(max: usize) -> Self {
        Self { buffer: Vec::new(), at: 0, tag: 0, state: State::Text, root: Vec::new(), depth: 0, max }
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether a message was begun and is not whole.
    pub(super) fn is_midway(&self) -> bool {
        self.buffer.iter().any(|b| !b.is_ascii_whitespace())
    }

    /// What is left when no more comes: not a whole message, but something was meant.
    pub(super) fn rest(&mut self) -> Option<Vec<u8>> {
        let midway = self.is_midway();
        let rest = self.cut(self.buffer.len());
        midway.then_some(rest)
    }

    /// The next whole message.
    pub(super) fn message(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        while let Some(byte) = self.buffer.get(self.at).copied() {
            self.at += 1;
            if self.step(byte) {
                return Ok(Some(self.cut(self.at)));
            }
            if self.at > self.max {
                return Err(TooLong);
            }
        }
        Ok(None)
    }

    fn cut(&mut self, end: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(end.min(self.buffer.len()));
        let message = std::mem::replace(&mut self.buffer, rest);
        (self.at, self.tag, self.state, self.depth) = (0, 0, State::Text, 0);
        self.root.clear();
        message
    }

    fn seen(&self) -> &[u8] {
        self.buffer.get(self.tag..self.at).unwrap_or_default()
    }

    /// Takes one byte; whether a message ends with it.
    fn step(&mut self, byte: u8) -> bool {
        match self.state {
            State::Text if byte == b'<' => {
                (self.state, self.tag) = (State::Open, self.at - 1);
            }
            State::Text => {}
            State::Open => self.opened(),
            State::Tag(Some(quote)) if byte == quote => self.state = State::Tag(None),
            State::Tag(Some(_)) => {}
            State::Tag(None) if byte == b'"' || byte == b'\'' => self.state = State::Tag(Some(byte)),
            State::Tag(None) if byte == b'>' => {
                self.state = State::Text;
                return self.tag_ended();
            }
            State::Tag(None) => {}
            State::Comment if self.seen().len() >= 7 && self.seen().ends_with(b"-->") => {
                self.state = State::Text
            }
            State::CData if self.seen().ends_with(b"]]>") => self.state = State::Text,
            State::Instruction if self.seen().ends_with(b"?>") => self.state = State::Text,
            State::Comment | State::CData | State::Instruction => {}
        }
        false
    }

    /// Decides what `<…` begins, as soon as that shows.
    fn opened(&mut self) {
        const BEGINNINGS: [(&[u8], State); 3] =
            [(b"<!--", State::Comment), (b"<![CDATA[", State::CData), (b"<?", State::Instruction)];
        let seen = self.seen();
        if let Some((_, state)) = BEGINNINGS.iter().find(|(begin, _)| *begin == seen) {
            self.state = *state;
        } else if !BEGINNINGS.iter().any(|(begin, _)| begin.starts_with(seen)) {
            self.state = State::Tag(None);
            // The byte that decided may end the tag: look at it again as part of one.
            self.at -= 1;
        }
    }

    fn tag_ended(&mut self) -> bool {
        let tag = self.buffer.get(self.tag..self.at).unwrap_or_default();
        let inner = tag.strip_prefix(b"<").and_then(|t| t.strip_suffix(b">")).unwrap_or_default();
        if inner.starts_with(b"!") {
            return false;
        }
        let closing = inner.starts_with(b"/");
        let name = inner.strip_prefix(b"/").unwrap_or(inner);
        let end = name.iter().position(|b| b.is_ascii_whitespace() || *b == b'/').unwrap_or(name.len());
        let name = name.get(..end).unwrap_or_default();
        if self.root.is_empty() && !closing {
            self.root = name.to_vec();
        }
        if name != self.root.as_slice() {
            return false;
        }
        if closing {
            self.depth = self.depth.saturating_sub(1);
        } else if !inner.ends_with(b"/") {
            self.depth += 1;
        }
        self.depth == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<String> {
        // By byte, so that every boundary is tried.
        let mut splitter = Splitter::new(1000);
        let mut out = Vec::new();
        for byte in text.bytes() {
            splitter.extend(&[byte]);
            while let Some(message) = splitter.message().unwrap() {
                out.push(String::from_utf8(message).unwrap());
            }
        }
        out.extend(splitter.rest().map(|r| format!("rest {}", String::from_utf8_lossy(&r))));
        let mut whole = Splitter::new(1000);
        whole.extend(text.as_bytes());
        let mut again = Vec::new();
        while let Some(message) = whole.message().unwrap() {
            again.push(String::from_utf8(message).unwrap());
        }
        again.extend(whole.rest().map(|r| format!("rest {}", String::from_utf8_lossy(&r))));
        assert_eq!(out, again);
        out
    }

    #[test]
    fn messages_end_with_their_root() {
        assert_eq!(cut("<mrq><cid>1</cid></mrq>"), ["<mrq><cid>1</cid></mrq>"]);
        assert_eq!(
            cut("<?xml version=\"1.0\"?>\n<mrq/>\n<scaip a='>'></scaip >"),
            ["<?xml version=\"1.0\"?>\n<mrq/>", "\n<scaip a='>'></scaip >"]
        );
        assert_eq!(
            cut("<mrq><!-- </mrq> --><![CDATA[</mrq>]]><cid>1</mrq><mrq>"),
            ["<mrq><!-- </mrq> --><![CDATA[</mrq>]]><cid>1</mrq>", "rest <mrq>"]
        );
        assert_eq!(cut("<mrq><mrq></mrq></mrq>"), ["<mrq><mrq></mrq></mrq>"]);
        assert_eq!(cut("<!DOCTYPE x SYSTEM \"a>b\"><mrq></mrq>"), ["<!DOCTYPE x SYSTEM \"a>b\"><mrq></mrq>"]);
        assert_eq!(cut("hello"), ["rest hello"]);
        assert_eq!(cut("  \r\n "), [""; 0]);
        assert_eq!(cut("<></></mrq><mrq></mrq>").len(), 2);
    }

    #[test]
    fn a_message_without_end_is_too_long() {
        let mut splitter = Splitter::new(100);
        splitter.extend(&[b'<'; 101]);
        assert_eq!(splitter.message(), Err(TooLong));
    }
}
