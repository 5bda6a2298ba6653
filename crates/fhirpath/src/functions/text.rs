//! Functions on text. Places are counted in characters.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::to_string;
use crate::error::{Error, evaluation};
use crate::evaluate::{Evaluator, Scope};
use crate::function::Function;
use crate::item::{Item, Items};
use crate::limits::{REGEX_MAX, TEXT_MAX};
use crate::single::{boolean, maybe, single};
use crate::syntax::{Call, Expr, Literal};

/// The text of one item: a string, or a primitive that JSON writes as one.
fn text_of<'a>(items: &[Item<'a>], what: &str) -> Result<Option<Cow<'a, str>>, Error> {
    let Some(item) = single(items, what)? else { return Ok(None) };
    if let Some(text) = item.text() {
        return Ok(Some(text));
    }
    match item {
        Item::Node(node) => match node.value {
            Some(Value::String(text)) => Ok(Some(Cow::Borrowed(text))),
            None => Ok(None),
            _ => evaluation(format!("'{what}' needs a String and has {}", item.kind_name())),
        },
        other => evaluation(format!("'{what}' needs a String and has {}", other.kind_name())),
    }
}

fn string<'a>(text: impl Into<Cow<'a, str>>) -> Items<'a> {
    vec![Item::String(text.into())]
}

fn compile(pattern: &str, flags: &str, full: bool) -> Result<Regex, Error> {
    let anchored;
    let pattern = if full {
        anchored = format!("^(?:{pattern})$");
        &anchored
    } else {
        pattern
    };
    RegexBuilder::new(pattern)
        .dot_matches_new_line(true)
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .size_limit(REGEX_MAX)
        .build()
        .map_err(|_| Error::Evaluation("no regular expression, or one too large".to_owned()))
}

/// `$1` before a letter would name a group of letters: written as `${1}`.
fn substitution(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        match after.split_at_checked(digits) {
            Some((group, more)) if digits > 0 => {
                out.push_str(&format!("${{{group}}}"));
                rest = more;
            }
            _ => {
                out.push('$');
                rest = after;
            }
        }
    }
    out + rest
}

fn place(text: &str, byte: Option<usize>) -> i64 {
    byte.and_then(|byte| text.get(..byte))
        .map_or(-1, |before| i64::try_from(before.chars().count()).unwrap_or(i64::MAX))
}

impl<'a> Evaluator<'_, 'a> {
    fn text_argument(
        &mut self,
        call: &'a Call,
        number: usize,
        scope: &Scope<'_, 'a>,
    ) -> Result<Option<Cow<'a, str>>, Error> {
        let items = self.argument(call, number, scope)?;
        text_of(&items, call.function.name())
    }

    /// The regular expression of the first argument, compiled once where it is a literal.
    fn pattern(&mut self, call: &'a Call, scope: &Scope<'_, 'a>) -> Result<Option<Cow<'a, Regex>>, Error> {
        let full = call.function == Function::MatchesFull;
        let flag = if call.function == Function::ReplaceMatches { 2 } else { 1 };
        if let (Some(Expr::Literal(Literal::String(pattern))), None) =
            (call.arguments.first(), call.arguments.get(flag))
        {
            let held = call.regex.get_or_init(|| compile(pattern, "", full));
            return held.as_ref().map(|regex| Some(Cow::Borrowed(regex))).map_err(Clone::clone);
        }
        let Some(pattern) = self.text_argument(call, 0, scope)? else { return Ok(None) };
        let flags = self.text_argument(call, flag, scope)?.unwrap_or_default();
        compile(&pattern, &flags, full).map(|regex| Some(Cow::Owned(regex)))
    }

    pub(super) fn text(
        &mut self,
        call: &'a Call,
        input: &[Item<'a>],
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>, Error> {
        use Function as F;
        let name = call.function.name();
        if call.function == F::Join {
            return self.join(call, input, scope);
        }
        let text = text_of(input, name)?;
        let argument = match call.function {
            F::IndexOf
            | F::LastIndexOf
            | F::StartsWith
            | F::EndsWith
            | F::Contains
            | F::Split
            | F::Replace
            | F::Encode
            | F::Decode
            | F::Escape
            | F::Unescape => match self.text_argument(call, 0, scope)? {
                Some(argument) => argument,
                None => return Ok(Vec::new()),
            },
            _ => Cow::Borrowed(""),
        };
        let Some(text) = text else { return Ok(Vec::new()) };
        self.work(text.len() / 64)?;
        Ok(match call.function {
            F::IndexOf => vec![Item::Integer(place(&text, text.find(argument.as_ref())))],
            F::LastIndexOf => vec![Item::Integer(place(&text, text.rfind(argument.as_ref())))],
            F::StartsWith => boolean(text.starts_with(argument.as_ref())),
            F::EndsWith => boolean(text.ends_with(argument.as_ref())),
            F::Contains => boolean(text.contains(argument.as_ref())),
            F::Upper => string(text.to_uppercase()),
            F::Lower => string(text.to_lowercase()),
            F::Length => vec![Item::Integer(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))],
            F::ToChars => {
                self.size(text.len())?;
                text.chars().map(|c| Item::String(Cow::Owned(c.to_string()))).collect()
            }
            F::Trim => string(text.trim().to_owned()),
            F::Split => {
                self.size(text.len())?;
                if argument.is_empty() {
                    text.chars().map(|c| Item::String(Cow::Owned(c.to_string()))).collect()
                } else {
                    text.split(argument.as_ref()).map(|p| Item::String(Cow::Owned(p.to_owned()))).collect()
                }
            }
            F::Substring => {
                let Some(start) = self.whole(call, 0, scope)? else { return Ok(Vec::new()) };
                let count = if call.arguments.len() > 1 { self.whole(call, 1, scope)? } else { None };
                let Ok(start) = usize::try_from(start) else { return Ok(Vec::new()) };
                if start >= text.chars().count() {
                    return Ok(Vec::new());
                }
                let count = count.map_or(usize::MAX, |c| usize::try_from(c).unwrap_or(0));
                string(text.chars().skip(start).take(count).collect::<String>())
            }
            F::Replace => {
                let Some(new) = self.text_argument(call, 1, scope)? else { return Ok(Vec::new()) };
                grown(text.len(), text.matches(argument.as_ref()).count(), new.len())?;
                string(text.replace(argument.as_ref(), &new))
            }
            F::Matches | F::MatchesFull => match self.pattern(call, scope)? {
                Some(regex) => boolean(regex.is_match(&text)),
                None => Vec::new(),
            },
            F::ReplaceMatches => {
                let Some(new) = self.text_argument(call, 1, scope)? else { return Ok(Vec::new()) };
                match self.pattern(call, scope)? {
                    None => Vec::new(),
                    Some(regex) if regex.as_str().is_empty() => string(text),
                    Some(regex) => {
                        grown(
                            text.len(),
                            regex.find_iter(&text).count(),
                            new.len().saturating_add(text.len()),
                        )?;
                        string(regex.replace_all(&text, substitution(&new)).into_owned())
                    }
                }
            }
            F::Encode => maybe(encode(&text, &argument).map(|t| Item::String(Cow::Owned(t)))),
            F::Decode => maybe(decode(&text, &argument).map(|t| Item::String(Cow::Owned(t)))),
            F::Escape => maybe(escape(&text, &argument).map(|t| Item::String(Cow::Owned(t)))),
            _ => maybe(unescape(&text, &argument).map(|t| Item::String(Cow::Owned(t)))),
        })
    }

    fn join(
        &mut self,
        call: &'a Call,
        input: &[Item<'a>],
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>, Error> {
        let between = self.text_argument(call, 0, scope)?.unwrap_or_default();
        let mut joined = String::new();
        for (number, item) in input.iter().enumerate() {
            if number > 0 {
                joined.push_str(&between);
            }
            match to_string(item) {
                Some(text) => joined.push_str(&text),
                None => return evaluation("'join' needs Strings"),
            }
            if joined.len() > TEXT_MAX {
                return Err(Error::Limit("TEXT_MAX"));
            }
        }
        Ok(string(joined))
    }
}

fn grown(length: usize, times: usize, each: usize) -> Result<(), Error> {
    if length.saturating_add(times.saturating_mul(each)) > TEXT_MAX.max(length) && times > 0 {
        return Err(Error::Limit("TEXT_MAX"));
    }
    Ok(())
}

fn encode(text: &str, format: &str) -> Option<String> {
    Some(match format {
        "base64" => STANDARD.encode(text),
        "urlbase64" => URL_SAFE.encode(text),
        "hex" => text.bytes().map(|b| format!("{b:02x}")).collect(),
        _ => return None,
    })
}

fn decode(text: &str, format: &str) -> Option<String> {
    let bytes = match format {
        "base64" => STANDARD.decode(text).ok()?,
        "urlbase64" => URL_SAFE.decode(text).ok()?,
        "hex" => {
            let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
            let digits = digits.filter(|d| d.len() % 2 == 0)?;
            digits
                .chunks_exact(2)
                .map(|pair| pair.iter().fold(0_u8, |byte, digit| byte * 16 + *digit as u8))
                .collect()
        }
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

const HTML: &[(&str, &str)] =
    &[("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;")];

fn escape(text: &str, target: &str) -> Option<String> {
    match target {
        "html" => Some(HTML.iter().fold(text.to_owned(), |text, (plain, coded)| text.replace(plain, coded))),
        "json" => {
            let quoted = serde_json::to_string(text).ok()?;
            Some(quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned())
        }
        _ => None,
    }
}

fn unescape(text: &str, target: &str) -> Option<String> {
    match target {
        "html" => {
            // The ampersand last, so that nothing is unescaped twice.
            Some(HTML.iter().rev().fold(text.to_owned(), |text, (plain, coded)| text.replace(coded, plain)))
        }
        "json" => unescape_json(text),
        _ => None,
    }
}

/// The escapes of JSON; a quotation mark may stand as it is.
fn unescape_json(text: &str) -> Option<String> {
    let quoted = text.replace("\\\"", "\"").replace('"', "\\\"");
    serde_json::from_str(&format!("\"{quoted}\"")).ok()
}
