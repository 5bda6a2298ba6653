//! Writing values with the default service characters.

/// Appends a value, putting the release character before each service character in it. Control characters,
/// which no EDIFACT repertoire holds, become blanks.
pub fn escape_into(out: &mut String, value: &str) {
    for c in value.chars() {
        if matches!(c, '\'' | '+' | ':' | '?') {
            out.push('?');
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn service_characters_are_released() {
        let mut out = String::new();
        super::escape_into(&mut out, "a'b+c:d?e\nf");
        assert_eq!(out, "a?'b?+c?:d??e f");
    }
}
