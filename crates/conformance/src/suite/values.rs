//! What a run knows: settings, what earlier steps kept, and the templates that are filled with it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use causeway_core::address;
use causeway_fhirpath::{Environment, Expression, Item};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The values of a run.
#[derive(Clone, Debug, Default)]
pub struct Values {
    known: BTreeMap<String, Value>,
    seed: String,
    made: u64,
    now: i64,
}

impl Values {
    /// Values of a run: the seed makes its UUIDs.
    pub fn new(seed: &str, now: i64) -> Self {
        Self { seed: seed.to_owned(), now, ..Self::default() }
    }

    /// Keeps a value.
    pub fn set(&mut self, name: &str, value: Value) {
        self.known.insert(name.to_owned(), value);
    }

    /// Forgets one: it is nothing from then on.
    pub fn forget(&mut self, name: &str) {
        self.set(name, Value::Null);
    }

    /// A value, unless it is absent or empty.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.known.get(name).filter(|v| !v.is_null() && v.as_str() != Some(""))
    }

    /// A value to append to.
    pub fn list(&mut self, name: &str) -> &mut Vec<Value> {
        let value = self.known.entry(name.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
        if !value.is_array() {
            *value = Value::Array(Vec::new());
        }
        match value {
            Value::Array(list) => list,
            _ => unreachable!("made an array above"),
        }
    }

    /// The time of the run, in seconds since 1970.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Sets the time.
    pub fn at(&mut self, now: i64) {
        self.now = now;
    }

    /// A UUID of version 4's shape that this seed and label always give.
    fn uuid(&self, label: &str) -> String {
        let mut digest = Sha256::digest(format!("{}/{label}", self.seed).as_bytes());
        digest[6] = (digest[6] & 0x0f) | 0x40;
        digest[8] = (digest[8] & 0x3f) | 0x80;
        let hex: String = digest[..16].iter().map(|b| format!("{b:02x}")).collect();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    fn moment(&self, form: &str) -> String {
        Timestamp::from_second(self.now).map(|t| t.strftime(form).to_string()).unwrap_or_default()
    }

    /// The value of what stands between double braces: a name, then filters.
    fn placeholder(&mut self, inner: &str) -> Result<String, String> {
        let mut parts = inner.split('|').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let mut text = match name {
            "new-uuid" => {
                self.made += 1;
                self.uuid(&format!("new-{}", self.made))
            }
            "now" => self.moment("%Y-%m-%dT%H:%M:%SZ"),
            "now-hl7" => self.moment("%Y%m%d%H%M%S"),
            "today" => self.moment("%Y-%m-%d"),
            // Seconds since 1970, and some before or after: times of a token.
            _ if name.starts_with("now-unix") => {
                let rest = &name["now-unix".len()..];
                let shift: i64 = if rest.is_empty() { Ok(0) } else { rest.parse() }
                    .map_err(|_| format!("{name} is not now-unix, now-unix+N or now-unix-N"))?;
                (self.now + shift).to_string()
            }
            _ => match name.strip_prefix("uuid:") {
                Some(label) => self.uuid(label),
                None => {
                    let value = self.known.get(name).filter(|v| !v.is_null());
                    text(value.ok_or_else(|| format!("the endpoint showed nothing to take as {name}"))?)
                        .into_owned()
                }
            },
        };
        for filter in parts {
            text = match filter {
                "base64" => STANDARD.encode(text.as_bytes()),
                "base64url" => URL_SAFE_NO_PAD.encode(text.as_bytes()),
                "url" => address::segment(&text),
                "upper" => text.to_uppercase(),
                "lower" => text.to_lowercase(),
                "nhs-number" => invented_nhs_number(&text),
                // Of [base]/Patient/123/_history/1 the 123.
                "id" => {
                    let place = text.split("/_history/").next().unwrap_or_default();
                    place.rsplit('/').next().unwrap_or_default().to_owned()
                }
                "last" => text.rsplit('/').next().unwrap_or_default().to_owned(),
                _ => return Err(format!("there is no filter {filter}")),
            };
        }
        Ok(text)
    }

    /// Fills a template.
    ///
    /// # Errors
    /// Where it names what is not known.
    pub fn fill(&mut self, template: &str) -> Result<String, String> {
        let mut out = String::with_capacity(template.len());
        let mut rest = template;
        while let Some(start) = rest.find("{{") {
            let Some(length) = rest[start + 2..].find("}}") else { break };
            out.push_str(&rest[..start]);
            let inner = &rest[start + 2..start + 2 + length];
            out.push_str(&self.placeholder(inner)?);
            rest = &rest[start + 4 + length..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn environment<'a>(&'a self, over: &'a Value) -> Environment<'a> {
        let mut environment = Environment::of(over);
        for (name, value) in &self.known {
            let item = match value {
                Value::Null => {
                    environment.constants.insert(name.clone(), Vec::new());
                    continue;
                }
                Value::String(text) => Item::String(text.as_str().into()),
                Value::Bool(value) => Item::Boolean(*value),
                _ => Item::Node(causeway_fhirpath::Node::resource(value)),
            };
            environment.constants.insert(name.clone(), vec![item]);
        }
        environment
    }

    /// Whether an expression is true over a value; the names known are its constants.
    ///
    /// # Errors
    /// What FHIRPath says.
    pub fn truth(&self, path: &str, over: &Value) -> Result<bool, String> {
        let expression = Expression::parse(path).map_err(|e| e.to_string())?;
        let truth = expression.truth(&self.environment(over), over).map_err(|e| e.to_string())?;
        Ok(truth == Some(true))
    }

    /// What an expression gives, as texts.
    ///
    /// # Errors
    /// What FHIRPath says.
    pub fn texts(&self, path: &str, over: &Value) -> Result<Vec<String>, String> {
        let expression = Expression::parse(path).map_err(|e| e.to_string())?;
        let items = expression.evaluate(&self.environment(over), over).map_err(|e| e.to_string())?;
        Ok(items.iter().filter_map(item).collect())
    }
}

fn item(item: &Item<'_>) -> Option<String> {
    Some(match item {
        Item::Node(node) => text(node.value?).into_owned(),
        Item::Boolean(value) => value.to_string(),
        Item::Integer(value) => value.to_string(),
        Item::Decimal(value) => value.to_string(),
        Item::String(text) => text.clone().into_owned(),
        Item::Moment(_) | Item::Quantity(_) | Item::Type(..) => return None,
    })
}

/// A number of the range that no person has (999), with its check digit (modulus 11), made of a text.
fn invented_nhs_number(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut tail = u32::from_be_bytes([0, digest[0], digest[1], digest[2]]) % 1_000_000;
    loop {
        let nine = format!("999{tail:06}");
        let sum: u32 = (2..=10).rev().zip(nine.bytes()).map(|(weight, b)| weight * u32::from(b - b'0')).sum();
        match 11 - sum % 11 {
            11 => return format!("{nine}0"),
            10 => tail = (tail + 1) % 1_000_000,
            check => return format!("{nine}{check}"),
        }
    }
}

/// A value as text: what a string says, JSON of everything else.
pub fn text(value: &Value) -> std::borrow::Cow<'_, str> {
    match value {
        Value::String(text) => text.as_str().into(),
        other => other.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn templates() {
        let mut values = Values::new("s", 0);
        values.set("number", json!("9990000018"));
        values.set("odd", json!("a|b c"));
        assert_eq!(
            values.fill("/Patient?identifier={{number}}").as_deref(),
            Ok("/Patient?identifier=9990000018")
        );
        assert_eq!(values.fill("{{odd|url}}").as_deref(), Ok("a%7Cb%20c"));
        assert_eq!(values.fill("{{odd|base64}}").as_deref(), Ok("YXxiIGM="));
        assert_eq!(values.fill("{{now}}").as_deref(), Ok("1970-01-01T00:00:00Z"));
        assert_eq!(values.fill("{\"a\": {}}").as_deref(), Ok("{\"a\": {}}"));
        values.set("location", json!("http://a/fhir/Patient/123/_history/1"));
        assert_eq!(values.fill("{{location|id}}").as_deref(), Ok("123"));
        assert!(values.fill("{{absent}}").is_err());
        let number = values.fill("{{uuid:p|nhs-number}}").unwrap();
        assert!(number.starts_with("999") && number.len() == 10, "{number}");
        assert_eq!(values.fill("{{uuid:a}}"), values.fill("{{uuid:a}}"));
        assert_ne!(values.fill("{{new-uuid}}"), values.fill("{{new-uuid}}"));
    }

    #[test]
    fn names_are_constants_of_expressions() {
        let mut values = Values::new("s", 0);
        values.set("wanted", json!("b"));
        let over = json!({"list": ["a", "b"]});
        assert_eq!(values.truth("list.where($this = %wanted).exists()", &over), Ok(true));
        assert_eq!(values.texts("list", &over), Ok(vec!["a".to_owned(), "b".to_owned()]));
    }
}
