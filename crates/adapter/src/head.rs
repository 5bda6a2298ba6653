//! What stands at the head of an input, for telling its format: every adapter is asked about every message.

use memchr::memmem;

/// Where a text begins.
#[must_use]
pub fn find(head: &[u8], text: impl AsRef<[u8]>) -> Option<usize> {
    memmem::find(head, text.as_ref())
}

/// Whether a text occurs.
#[must_use]
pub fn holds(head: &[u8], text: impl AsRef<[u8]>) -> bool {
    find(head, text).is_some()
}

/// Whether an input is of another form than a table of text by how it begins: an object or a list of objects of JSON, XML,
/// a message of HL7 v2 or EDIFACT. A table need not be looked for in it.
#[must_use]
pub fn is_no_table(head: &[u8]) -> bool {
    let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head).trim_ascii_start();
    let list = head.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    let objects = list.is_some_and(|list| list.starts_with(b"{"));
    objects || [&b"{"[..], b"<", b"MSH|", b"UNA:", b"UNB+"].iter().any(|start| head.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_table_is_told_by_its_beginning() {
        for text in ["{\"a\":1}", "\u{feff} \r\n{", "[ {", "<?xml", "MSH|^~\\&|", "UNA:+.? '", "UNB+UNOA:2"] {
            assert!(is_no_table(text.as_bytes()), "{text}");
        }
        for text in ["", "id,name", "[id],[name]", "\"{id}\",name", "MSH,b", "\u{feff}sep=;\nid", "UNB,c"] {
            assert!(!is_no_table(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_text_is_found_where_it_begins() {
        assert_eq!(find(b"a bc bc", "bc"), Some(2));
        assert!(!holds(b"a b", "bc"));
    }
}
