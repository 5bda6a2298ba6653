//! Parameters of a search, from the address or from the JSON body of `_search`. Nothing unknown is passed over.

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use crate::outcome::{Code, Refusal};
use crate::rules::{Pointer, is_digits, is_nhs_number};
use crate::{NHS_NUMBER, ODS, PAGE, shape};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// An organisation that reads what others hold.
    Consumer,
    /// An organisation that reads its own pointers.
    Producer,
}

/// Parameters as they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// `subject:identifier`.
    pub subject: Option<String>,
    /// `custodian:identifier`.
    pub custodian: Option<String>,
    /// `type`: `system|code`.
    pub kind: Option<String>,
    /// `next-page-token`.
    pub page: Option<String>,
}

/// How parameters came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In the address.
    Address,
    /// In a JSON body.
    Body,
}

/// A search that may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Of whom.
    pub nhs_number: String,
    /// Only by this custodian.
    pub custodian: Option<String>,
    /// Only of these types (`system|code`).
    pub types: Vec<String>,
    /// Begin behind the pointer that this token stands for.
    pub after: Option<String>,
    /// The parameters as a self link has them: not encoded, in fixed order.
    pub link: String,
}

const PARAMETERS: [&str; 4] = ["subject:identifier", "custodian:identifier", "type", "next-page-token"];

impl Query {
    /// From the parameters of an address.
    ///
    /// # Errors
    /// 400 for an unknown parameter, one that is given twice, or a value of the wrong shape.
    pub fn of_address(params: &[(String, String)], side: Side) -> Result<Self, Refusal> {
        let mut query = Self::default();
        for (name, value) in params {
            query.set(name, value.clone(), Form::Address)?;
        }
        query.checked(side, Form::Address)
    }

    /// From a JSON object.
    ///
    /// # Errors
    /// 400.
    pub fn of_body(body: &[u8], side: Side) -> Result<Self, Refusal> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(Refusal::new(400, "invalid", Code::BadRequest, "Request body is required", ""));
        }
        let Value::Object(members) = shape::json(body)? else {
            return Err(Refusal::body("Input should be an object", "body"));
        };
        let mut query = Self::default();
        for (name, value) in members {
            let Value::String(value) = value else {
                return Err(Refusal::body("Input should be a valid string", &name));
            };
            query.set(&name, value, Form::Body)?;
        }
        query.checked(side, Form::Body)
    }

    fn set(&mut self, name: &str, value: String, form: Form) -> Result<(), Refusal> {
        let place = match name {
            "subject:identifier" => &mut self.subject,
            "custodian:identifier" => &mut self.custodian,
            "type" => &mut self.kind,
            "next-page-token" => &mut self.page,
            _ => return Err(wrong(form, "Extra inputs are not permitted", name)),
        };
        if place.replace(value).is_some() {
            return Err(wrong(form, "Given more than once", name));
        }
        Ok(())
    }

    fn checked(self, side: Side, form: Form) -> Result<Self, Refusal> {
        let [subject, custodian, ..] = PARAMETERS;
        match &self.subject {
            None if side == Side::Consumer => return Err(wrong(form, "Field required", subject)),
            Some(value) if !identifier(value, NHS_NUMBER).is_some_and(is_digits) => {
                let pattern =
                    r"String should match pattern '^https\:\/\/fhir\.nhs\.uk\/Id\/nhs-number\|(\d+)$'";
                return Err(wrong(form, pattern, subject));
            }
            _ => {}
        }
        if let Some(value) = &self.custodian
            && !identifier(value, ODS).is_some_and(is_word)
        {
            let pattern =
                r"String should match pattern '^https\:\/\/fhir\.nhs\.uk\/Id\/ods-organization-code\|(\w+)$'";
            return Err(wrong(form, pattern, custodian));
        }
        Ok(self)
    }

    /// The search, for an organisation that may see `allowed` types.
    ///
    /// # Errors
    /// 400 where the NHS number is not valid, or the type is none that the organisation may see.
    pub fn search(self, side: Side, form: Form, allowed: &[String]) -> Result<Search, Refusal> {
        let nhs_number = self.nhs_number().ok_or_else(|| {
            let text = match (side, form, &self.subject) {
                (Side::Producer, Form::Address, Some(_)) => {
                    "Invalid NHS number provided in the search parameters"
                }
                (Side::Producer, Form::Address, None) => "NHS number is missing from the search parameters",
                _ => "A valid NHS number is required to search for document references",
            };
            Refusal::new(400, "invalid", Code::InvalidNhsNumber, text, "subject:identifier")
        })?;
        let mut link = format!("subject:identifier={NHS_NUMBER}|{nhs_number}");
        let custodian = self.custodian.as_deref().and_then(|c| identifier(c, ODS)).map(str::to_owned);
        if let Some(custodian) = &custodian {
            link.push_str(&format!("&custodian:identifier={ODS}|{custodian}"));
        }
        let types = match self.kind {
            None => allowed.to_vec(),
            Some(kind) => {
                if !allowed.contains(&kind) {
                    return Err(type_refused(&kind, side, form, allowed));
                }
                link.push_str(&format!("&type={kind}"));
                vec![kind]
            }
        };
        let after = match &self.page {
            None => None,
            Some(token) => {
                let key = BASE64URL_NOPAD.decode(token.as_bytes()).ok();
                let key = key.and_then(|key| String::from_utf8(key).ok());
                Some(key.ok_or_else(|| wrong(form, "Not a token that was given out", "next-page-token"))?)
            }
        };
        Ok(Search { nhs_number, custodian, types, after, link })
    }

    /// The NHS number, where it is valid.
    pub fn nhs_number(&self) -> Option<String> {
        let digits = identifier(self.subject.as_deref()?, NHS_NUMBER)?;
        is_nhs_number(digits).then(|| digits.to_owned())
    }
}

/// One page of what was found, and the token of the next one. A token stands for a pointer, not for a number: what is made
/// or deleted meanwhile moves no other pointer past a page's edge.
pub fn page(mut found: Vec<Pointer>, after: Option<&str>) -> (Vec<Pointer>, Option<String>) {
    found.sort_by_key(key);
    found.retain(|p| after.is_none_or(|after| key(p).as_str() > after));
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let token = found.last().filter(|_| more).map(|last| BASE64URL_NOPAD.encode(key(last).as_bytes()));
    (found, token)
}

/// The order of pointers: category, type, time, id.
fn key(pointer: &Pointer) -> String {
    [&*pointer.category, &pointer.kind, &pointer.created, &pointer.id].join("\n")
}

fn type_refused(kind: &str, side: Side, form: Form, allowed: &[String]) -> Refusal {
    let system = |key: &str| key.split('|').next().map(str::to_owned);
    let foreign = !allowed.iter().any(|a| system(a) == system(kind));
    let text = if foreign {
        "The provided type system does not match the allowed types for this organisation"
    } else {
        "The provided type does not match the allowed types for this organisation"
    };
    let text = match (side, form) {
        (_, Form::Address) => format!("Invalid query parameter ({text})"),
        (Side::Consumer, Form::Body) => format!("Invalid type ({text})"),
        (Side::Producer, Form::Body) => text.to_owned(),
    };
    Refusal::new(400, "code-invalid", Code::InvalidCodeSystem, text, "type")
}

fn wrong(form: Form, problem: &str, name: &str) -> Refusal {
    match form {
        Form::Address => Refusal::parameter(problem, name),
        Form::Body => Refusal::body(problem, name),
    }
}

/// The value of `system|value` with this system.
fn identifier<'v>(text: &'v str, system: &str) -> Option<&'v str> {
    text.strip_prefix(system)?.strip_prefix('|')
}

fn is_word(text: &str) -> bool {
    // A custodian may have a suffix behind a dot.
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn nothing_unknown_is_passed_over() {
        let subject = pair("subject:identifier", "https://fhir.nhs.uk/Id/nhs-number|9990000018");
        let allowed = ["http://snomed.info/sct|736253002".to_owned()];
        let asked = |params: &[(String, String)]| {
            Query::of_address(params, Side::Consumer)
                .and_then(|q| q.search(Side::Consumer, Form::Address, &allowed))
        };
        let found = asked(std::slice::from_ref(&subject)).unwrap();
        assert_eq!(found.types, allowed);
        assert_eq!(found.link, "subject:identifier=https://fhir.nhs.uk/Id/nhs-number|9990000018");
        for (more, code) in [
            (pair("_count", "5"), Code::InvalidParameter),
            (pair("status", "current"), Code::InvalidParameter),
            (subject.clone(), Code::InvalidParameter),
            (pair("custodian:identifier", "Y05868"), Code::InvalidParameter),
            (pair("type", "736253002"), Code::InvalidCodeSystem),
            (pair("type", "http://snomed.info/sct|325691000000100"), Code::InvalidCodeSystem),
            (pair("next-page-token", "x"), Code::InvalidParameter),
        ] {
            let name = more.0.clone();
            let refusal = asked(&[subject.clone(), more]).unwrap_err();
            assert_eq!((refusal.status, refusal.issues[0].code), (400, code), "{name}");
        }
        let false_digit = pair("subject:identifier", "https://fhir.nhs.uk/Id/nhs-number|9990000019");
        assert_eq!(asked(&[false_digit]).unwrap_err().issues[0].code, Code::InvalidNhsNumber);
    }

    #[test]
    fn pages_lose_nothing() {
        let one = |n: usize| Pointer { id: format!("ZZ901-{n:03}"), ..Pointer::default() };
        let mut all: Vec<Pointer> = (0..45).rev().map(one).collect();
        let (first, token) = page(all.clone(), None);
        let decode = |t: Option<String>| {
            String::from_utf8(BASE64URL_NOPAD.decode(t.unwrap().as_bytes()).unwrap()).unwrap()
        };
        let token = decode(token);
        // One of the first page is deleted before the second is asked for.
        all.retain(|p| p.id != "ZZ901-003");
        let (second, next) = page(all.clone(), Some(&token));
        let (third, end) = page(all, Some(&decode(next)));
        assert_eq!((first.len(), second.len(), third.len(), end), (20, 20, 5, None));
        assert_eq!((second[0].id.as_str(), third[4].id.as_str()), ("ZZ901-020", "ZZ901-044"));
    }
}
