//! Tokens of FHIRPath.

use rust_decimal::Decimal;

use crate::error::Error;
use crate::moment::Moment;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A name; true where it stood in back-ticks and so is no keyword.
    Name(String, bool),
    Text(String),
    Integer(i64),
    Decimal(Decimal),
    Moment(MomentToken),
    /// `%name`
    Constant(String),
    /// `$this` and its like
    Variable(String),
    Sign(&'static str),
    End,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct MomentToken(pub Moment);

impl PartialEq for MomentToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.compare(&other.0) == Some(std::cmp::Ordering::Equal)
    }
}

/// Longest first.
const SIGNS: &[&str] = &[
    "<=", ">=", "!=", "!~", "(", ")", "[", "]", "{", "}", ".", ",", "=", "~", "<", ">", "|", "+", "-", "*",
    "/", "&",
];

pub(crate) struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

fn syntax<T>(at: usize, text: &str) -> Result<T, Error> {
    Err(Error::Syntax { at, text: text.to_owned() })
}

impl<'s> Lexer<'s> {
    /// All tokens with the byte at which each begins; the last is [`Token::End`].
    pub fn tokens(source: &'s str) -> Result<Vec<(usize, Token)>, Error> {
        let mut lexer = Self { source, at: 0 };
        let mut tokens = Vec::new();
        loop {
            lexer.blanks()?;
            let at = lexer.at;
            let token = lexer.next()?;
            let end = token == Token::End;
            tokens.push((at, token));
            if end {
                return Ok(tokens);
            }
        }
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let end = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn blanks(&mut self) -> Result<(), Error> {
        loop {
            self.take_while(char::is_whitespace);
            if self.rest().starts_with("//") {
                self.take_while(|c| c != '\n' && c != '\r');
            } else if self.rest().starts_with("/*") {
                match self.rest().find("*/") {
                    Some(end) => self.at += end + 2,
                    None => return syntax(self.at, "the comment has no end"),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn next(&mut self) -> Result<Token, Error> {
        let at = self.at;
        let Some(first) = self.rest().chars().next() else { return Ok(Token::End) };
        match first {
            'a'..='z' | 'A'..='Z' | '_' => Ok(Token::Name(self.name().to_owned(), false)),
            '`' => Ok(Token::Name(self.quoted('`')?, true)),
            '\'' => Ok(Token::Text(self.quoted('\'')?)),
            '0'..='9' => self.number(),
            '@' => self.moment(),
            '$' => {
                self.at += 1;
                Ok(Token::Variable(self.name().to_owned()))
            }
            '%' => {
                self.at += 1;
                match self.rest().chars().next() {
                    Some(mark @ ('`' | '\'')) => Ok(Token::Constant(self.quoted(mark)?)),
                    _ => match self.name() {
                        "" => syntax(at, "a name must follow %"),
                        name => Ok(Token::Constant(name.to_owned())),
                    },
                }
            }
            _ => match SIGNS.iter().find(|sign| self.rest().starts_with(**sign)) {
                Some(sign) => {
                    self.at += sign.len();
                    Ok(Token::Sign(sign))
                }
                None => syntax(at, "a character that FHIRPath does not use"),
            },
        }
    }

    fn name(&mut self) -> &'s str {
        self.take_while(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// Text between marks, with the escapes of FHIRPath.
    fn quoted(&mut self, mark: char) -> Result<String, Error> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        let mut letters = self.rest().char_indices();
        let base = self.at;
        while let Some((at, letter)) = letters.next() {
            if letter == mark {
                self.at = base + at + 1;
                return Ok(text);
            }
            if letter != '\\' {
                text.push(letter);
                continue;
            }
            match letters.next() {
                Some((_, c @ ('\'' | '"' | '`' | '\\' | '/'))) => text.push(c),
                Some((_, 'f')) => text.push('\u{c}'),
                Some((_, 'n')) => text.push('\n'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'u')) => {
                    let mut code = 0;
                    for _ in 0..4 {
                        let digit = letters.next().and_then(|(_, c)| c.to_digit(16));
                        match digit {
                            Some(digit) => code = code * 16 + digit,
                            None => return syntax(base + at, "\\u needs four hexadecimal digits"),
                        }
                    }
                    match char::from_u32(code) {
                        Some(c) => text.push(c),
                        None => return syntax(base + at, "\\u names no character"),
                    }
                }
                _ => return syntax(base + at, "an unknown escape"),
            }
        }
        syntax(start, "the text has no end")
    }

    fn number(&mut self) -> Result<Token, Error> {
        let at = self.at;
        let digits = |c: char| c.is_ascii_digit();
        self.take_while(digits);
        let mut after = self.rest().chars();
        if after.next() == Some('.') && after.next().is_some_and(digits) {
            self.at += 1;
            self.take_while(digits);
            let text = self.source.get(at..self.at).unwrap_or_default();
            return match Decimal::from_str_exact(text) {
                Ok(value) => Ok(Token::Decimal(value)),
                Err(_) => syntax(at, "a decimal may have 28 digits"),
            };
        }
        let text = self.source.get(at..self.at).unwrap_or_default();
        // 1L is a long integer, which is not told apart here.
        if self.rest().starts_with('L') {
            self.at += 1;
        }
        match text.parse() {
            Ok(value) => Ok(Token::Integer(value)),
            Err(_) => syntax(at, "the number is too large for an integer"),
        }
    }

    fn moment(&mut self) -> Result<Token, Error> {
        let at = self.at;
        self.at += 1;
        let start = self.at;
        let time = self.rest().starts_with('T');
        if time {
            self.at += 1;
            self.clock();
            let text = self.source.get(start + 1..self.at).unwrap_or_default();
            return match Moment::time(text) {
                Some(moment) => Ok(Token::Moment(MomentToken(moment))),
                None => syntax(at, "no time of day"),
            };
        }
        self.take_while(|c| c.is_ascii_digit() || c == '-');
        let dated = self.rest().starts_with('T');
        if dated {
            self.at += 1;
            self.clock();
            let rest = self.rest();
            if rest.starts_with('Z') {
                self.at += 1;
            } else if rest.starts_with(['+', '-']) && self.at > start + 5 {
                // An offset has the form +hh:mm; anything else is an operator.
                let offset = rest.get(1..6).is_some_and(|o| {
                    o.bytes().enumerate().all(|(n, b)| if n == 2 { b == b':' } else { b.is_ascii_digit() })
                });
                if offset {
                    self.at += 6;
                }
            }
        }
        let text = self.source.get(start..self.at).unwrap_or_default();
        let read = if dated { Moment::date_time(text) } else { Moment::date(text) };
        match read {
            Some(moment) => Ok(Token::Moment(MomentToken(moment))),
            None => syntax(at, "no date"),
        }
    }

    /// `hh:mm:ss.fff`, as much of it as there is; a dot without a digit is not part of it.
    fn clock(&mut self) {
        self.take_while(|c| c.is_ascii_digit() || c == ':');
        let mut after = self.rest().chars();
        if after.next() == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
    }
}
