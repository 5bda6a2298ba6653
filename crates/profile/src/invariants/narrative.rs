//! What the XHTML of a narrative may hold (txt-1, txt-2).

use serde_json::Value;
use std::collections::HashSet;

const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "address",
    "b",
    "big",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "ul",
    "var",
    "bdo",
    "kbd",
];

const ATTRIBUTES: &[&str] = &[
    "abbr",
    "accesskey",
    "align",
    "alt",
    "axis",
    "bgcolor",
    "border",
    "cellhalign",
    "cellpadding",
    "cellspacing",
    "cellvalign",
    "char",
    "charoff",
    "charset",
    "cite",
    "class",
    "colspan",
    "compact",
    "coords",
    "dir",
    "frame",
    "headers",
    "height",
    "href",
    "hreflang",
    "hspace",
    "id",
    "lang",
    "longdesc",
    "name",
    "nowrap",
    "rel",
    "rev",
    "rowspan",
    "rules",
    "scope",
    "shape",
    "span",
    "src",
    "start",
    "style",
    "summary",
    "tabindex",
    "title",
    "type",
    "valign",
    "value",
    "vspace",
    "width",
    "xml:lang",
    "xmlns",
];

/// True where the text is one `div` of the XHTML namespace, well formed, of allowed elements and attributes.
pub(super) fn is_basic(div: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = div.trim();
    if !rest.starts_with("<div") || !rest.contains("http://www.w3.org/1999/xhtml") {
        return false;
    }
    if !entities(rest) {
        return false;
    }
    let mut closed_root = false;
    while let Some(at) = rest.find('<') {
        if closed_root {
            return false;
        }
        rest = rest.get(at..).unwrap_or_default();
        if let Some(comment) = rest.strip_prefix("<!--") {
            let Some(end) = comment.find("-->") else { return false };
            rest = comment.get(end + 3..).unwrap_or_default();
            continue;
        }
        let Some(end) = tag_end(rest) else { return false };
        let tag = rest.get(1..end).unwrap_or_default();
        rest = rest.get(end + 1..).unwrap_or_default();
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name.trim()) {
                return false;
            }
        } else {
            let empty = tag.ends_with('/');
            let tag = tag.strip_suffix('/').unwrap_or(tag);
            let name = tag.split(|c: char| c.is_whitespace()).next().unwrap_or_default();
            if !ELEMENTS.contains(&name) || !attributes(tag.get(name.len()..).unwrap_or_default()) {
                return false;
            }
            if !empty {
                open.push(name);
            }
        }
        closed_root = open.is_empty();
    }
    open.is_empty() && rest.trim().is_empty()
}

/// What may not stand within a paragraph or a span, at any depth.
const BLOCKS: &[&str] = &["div", "blockquote", "table", "ol", "ul", "p", "pre"];

/// The only elements that may stand in one, which then holds no text of its own.
fn children_of(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "ul" | "ol" => &["li"],
        "dl" => &["dt", "dd"],
        "table" => &["caption", "col", "colgroup", "thead", "tfoot", "tbody", "tr"],
        "thead" | "tfoot" | "tbody" => &["tr"],
        "tr" => &["td", "th"],
        "br" | "img" | "hr" | "col" => &[],
        _ => return None,
    })
}

/// The elements that one may stand in.
fn parents_of(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "li" => &["ul", "ol"],
        "dt" | "dd" => &["dl"],
        "tr" => &["table", "thead", "tfoot", "tbody"],
        "td" | "th" => &["tr"],
        "thead" | "tfoot" | "tbody" | "caption" => &["table"],
        _ => return None,
    })
}

/// What stands where XHTML doesn't let it, in words; the text is known to be well formed.
pub(crate) fn misplaced(div: &str) -> Option<&'static str> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = div.trim();
    while let Some(at) = rest.find('<') {
        let words = rest.get(..at).unwrap_or_default();
        if !words.trim().is_empty() && open.last().is_some_and(|holder| children_of(holder).is_some()) {
            return Some("a list, a table, a row or an empty element of the narrative holds text of its own");
        }
        rest = rest.get(at..).unwrap_or_default();
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let end = tag_end(rest)?;
        let tag = rest.get(1..end).unwrap_or_default();
        rest = rest.get(end + 1..).unwrap_or_default();
        if tag.starts_with('/') {
            open.pop();
            continue;
        }
        let empty = tag.ends_with('/');
        let name = tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
        let holder = open.last().copied().unwrap_or_default();
        if children_of(holder).is_some_and(|allowed| !allowed.contains(&name))
            || (!open.is_empty() && parents_of(name).is_some_and(|allowed| !allowed.contains(&holder)))
        {
            return Some("an element of a list or table in the narrative stands where it may not");
        }
        if BLOCKS.contains(&name) && open.iter().any(|o| matches!(*o, "p" | "span")) {
            return Some(
                "a paragraph or span of the narrative holds a paragraph, list, table or other block",
            );
        }
        if name == "a" && open.contains(&"a") {
            return Some("a link of the narrative holds another");
        }
        if !open.is_empty() && tag.contains("xmlns=") && !tag.contains("http://www.w3.org/1999/xhtml") {
            return Some("an element of the narrative is of another namespace than XHTML");
        }
        if !empty {
            open.push(name);
        }
    }
    None
}

/// Where links and pictures within the document lead to: what stands after `#` in `href` and `src`.
pub(crate) fn local_links(div: &str) -> impl Iterator<Item = &str> {
    ["href=\"#", "href='#", "src=\"#", "src='#"].into_iter().flat_map(move |start| {
        let end = start.chars().nth_back(1).unwrap_or('"');
        div.split(start).skip(1).filter_map(move |after| after.split(end).next())
    })
}

/// What such a link may lead to: the ids and names in a narrative.
pub(crate) fn anchors(div: &str) -> impl Iterator<Item = &str> {
    [" id=\"", " id='", " name=\"", " name='"].into_iter().flat_map(move |start| {
        let end = start.chars().last().unwrap_or('"');
        div.split(start).skip(1).filter_map(move |after| after.split(end).next())
    })
}

/// True where each `&` begins a reference that XML knows without a document type: `&amp;`, `&#160;`, `&#xA0;`.
fn entities(text: &str) -> bool {
    text.split('&').skip(1).all(|after| {
        let Some((name, _)) = after.split_once(';') else { return false };
        let digits = |t: &str, hex: bool| {
            let kind = |c: char| if hex { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
            !t.is_empty() && t.len() < 8 && t.chars().all(kind)
        };
        match name.strip_prefix('#') {
            Some(number) => {
                number.strip_prefix('x').map_or_else(|| digits(number, false), |n| digits(n, true))
            }
            None => matches!(name, "amp" | "lt" | "gt" | "quot" | "apos"),
        }
    })
}

/// Where a tag ends: the `>` outside quotes.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(q), b) if q == b => quote = None,
            (None, b'>') => return Some(at),
            _ => {}
        }
    }
    None
}

fn attributes(mut text: &str) -> bool {
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return true;
        }
        let Some((name, rest)) = text.split_once('=') else { return false };
        let name = name.trim();
        if !ATTRIBUTES.contains(&name) && !name.starts_with("xmlns:") {
            return false;
        }
        let rest = rest.trim_start();
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else { return false };
        let Some((value, after)) = rest.get(1..).and_then(|r| r.split_once(quote)) else { return false };
        if value.trim_start().to_ascii_lowercase().starts_with("javascript:") {
            return false;
        }
        text = after;
    }
}

/// True where there is text that is not white space, or an image.
pub(super) fn has_content(div: &str) -> bool {
    let mut inside = false;
    let mut quote = None;
    for c in div.chars() {
        match (inside, quote, c) {
            (true, None, '"' | '\'') => quote = Some(c),
            (true, Some(q), c) if q == c => quote = None,
            (true, None, '>') => inside = false,
            (false, _, '<') => inside = true,
            (false, _, c) if !c.is_whitespace() => return true,
            _ => {}
        }
    }
    div.contains("<img")
}

/// Ids of elements and resources, and what narratives name.
pub(crate) fn collect_anchors<'a>(value: &'a Value, depth: usize, anchors: &mut HashSet<&'a str>) {
    if depth > crate::limits::MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match (key.as_str(), value.as_str()) {
                    ("id", Some(id)) => drop(anchors.insert(id)),
                    ("div", Some(div)) => anchors.extend(self::anchors(div)),
                    _ => collect_anchors(value, depth + 1, anchors),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|value| collect_anchors(value, depth + 1, anchors)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narratives() {
        let div = |inner: &str| format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{inner}</div>");
        assert!(is_basic(&div("<p class=\"a\">1 &lt; 2&#160;&#xA0;<br/></p>")));
        for bad in [
            "a & b",
            "a&nbsp;b",
            "&nosuch;",
            "&#;",
            "<script>x</script>",
            "<p onclick=\"x\">y</p>",
            "<p>",
            "</p>",
            "<a href=\"javascript:x\">y</a>",
        ] {
            assert!(!is_basic(&div(bad)), "{bad}");
        }
        assert!(!is_basic("text") && !is_basic("<div>x</div>"));
        for (good, bad) in [
            ("<ul><li>x<ul><li>y</li></ul></li></ul>", "<ul><p>x</p></ul>"),
            ("<ol> <li>x</li> </ol>", "<ol>x</ol>"),
            (
                "<table><tbody><tr><td><p>x</p></td></tr></tbody></table>",
                "<table><tbody><td>x</td></tbody></table>",
            ),
            (
                "<table><colgroup><col/></colgroup><tr><th>x</th></tr></table>",
                "<table><tr>x<td>y</td></tr></table>",
            ),
            ("<dl><dt>x</dt><dd>y</dd></dl>", "<dl><p>x</p></dl>"),
            ("<p><b>x</b></p><p>y</p>", "<p><b><p>x</p></b></p>"),
            ("<div><p>x<br/>y</p></div>", "<p>x<table><tr><td>y</td></tr></table></p>"),
            ("<span>x</span>", "<span><div>x</div></span>"),
            ("<a href=\"#a\">x</a>", "<a><b><a>x</a></b></a>"),
            ("x", "<li>x</li>"),
            ("x", "<p xmlns=\"urn:x\">y</p>"),
        ] {
            assert_eq!(misplaced(&div(good)), None, "{good}");
            assert!(misplaced(&div(bad)).is_some(), "{bad}");
        }
        assert!(
            has_content(&div("x"))
                && has_content(&div("<img src=\"#a\"/>"))
                && !has_content(&div(" <p> </p>"))
        );
    }
}
