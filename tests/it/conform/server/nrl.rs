//! A record locator: producer and consumer API of the National Record Locator, of one organisation that may do all.

use serde_json::{Value, json};

use super::{Answer, Asked, Control, lock};

/// The organisation whose pointers these are, and another that has some.
const OWN: &str = "ZZ999";
const OTHER: &str = "ZZ998";
/// Types with the category that each asks for.
const TYPES: &[(&str, &str)] =
    &[("736253002", "734163000"), ("736366004", "734163000"), ("824321000000109", "823651000000106")];

/// Modulus 11 over ten digits.
pub(super) fn is_nhs_number(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    if digits.len() != 10 || text.len() != 10 {
        return false;
    }
    let sum: u32 = digits.iter().take(9).zip((2..=10).rev()).map(|(d, w)| d * w).sum();
    (11 - sum % 11) % 11 == digits[9]
}

fn custodian(pointer: &Value) -> &str {
    pointer["custodian"]["identifier"]["value"].as_str().unwrap_or_default()
}

fn subject(pointer: &Value) -> &str {
    pointer["subject"]["identifier"]["value"].as_str().unwrap_or_default()
}

fn kind(pointer: &Value) -> &str {
    pointer["type"]["coding"][0]["code"].as_str().unwrap_or_default()
}

impl Control {
    fn outcome(&self, status: u16, issue: &str, code: &str, text: &str) -> Answer {
        let details = match self.bad("nrl-no-code") {
            true => json!({"text": text}),
            false => {
                json!({"coding": [{"system": "https://fhir.nhs.uk/ValueSet/Spine-ErrorOrWarningCode-1", "code": code}]})
            }
        };
        let issue = json!({"severity": "error", "code": issue, "details": details, "diagnostics": text});
        Answer::fhir(status, &json!({"resourceType": "OperationOutcome", "issue": [issue]}))
    }

    fn done(status: u16, code: &str) -> Answer {
        let coding = json!({"system": "https://fhir.nhs.uk/ValueSet/NRL-ResponseCode", "code": code});
        let issue =
            json!({"severity": "information", "code": "informational", "details": {"coding": [coding]}});
        Answer::fhir(status, &json!({"resourceType": "OperationOutcome", "issue": [issue]}))
    }

    pub(super) fn nrl(&self, asked: &Asked, side: &str, rest: &[&str]) -> Answer {
        let consumer = side == "consumer";
        let answer = match (asked.method.as_str(), rest) {
            ("GET", ["DocumentReference"]) => self.nrl_search(asked, &asked.query, consumer),
            ("POST", ["DocumentReference", "_search"]) if !self.bad("nrl-post-away") => {
                let Some(Value::Object(body)) = asked.json() else {
                    return self.outcome(400, "invalid", "MESSAGE_NOT_WELL_FORMED", "the body is no JSON");
                };
                let query: Vec<(String, String)> =
                    body.into_iter().map(|(k, v)| (k, v.as_str().unwrap_or_default().to_owned())).collect();
                self.nrl_search(asked, &query, consumer)
            }
            ("GET", ["DocumentReference", "_count"]) if consumer => self.nrl_count(asked),
            ("GET", ["DocumentReference", id]) => self.nrl_read(id, consumer),
            ("POST", ["DocumentReference"]) if !consumer || self.bad("nrl-consumer-writes") => {
                self.nrl_create(asked)
            }
            ("PUT", ["DocumentReference", id]) if !consumer => self.nrl_update(asked, id),
            ("DELETE", ["DocumentReference", id]) if !consumer => self.nrl_delete(id),
            _ => Err(self.outcome(405, "not-supported", "METHOD_NOT_ALLOWED", "not for this address")),
        };
        answer.unwrap_or_else(|refused| refused)
    }

    fn nrl_checked(&self, asked: &Asked) -> Result<Value, Answer> {
        let refused = |text: &str| self.outcome(400, "invalid", "BAD_REQUEST", text);
        let pointer = asked.json().filter(|p| p["resourceType"] == "DocumentReference");
        let pointer = pointer.ok_or_else(|| {
            self.outcome(400, "invalid", "MESSAGE_NOT_WELL_FORMED", "the body is no DocumentReference")
        })?;
        if custodian(&pointer) != OWN && !self.bad("nrl-other-custodian") {
            return Err(refused("the custodian is another organisation"));
        }
        if !is_nhs_number(subject(&pointer)) && !self.bad("nrl-number-unchecked") {
            return Err(self.outcome(
                400,
                "invalid",
                "INVALID_NHS_NUMBER",
                "the subject has no valid NHS number",
            ));
        }
        let known = TYPES.iter().find(|(code, _)| *code == kind(&pointer));
        match known {
            None if !self.bad("nrl-type-unknown") => {
                return Err(self.outcome(400, "code-invalid", "INVALID_CODE_VALUE", "the type is not known"));
            }
            Some((_, category))
                if pointer["category"][0]["coding"][0]["code"] != *category
                    && !self.bad("nrl-category-differs") =>
            {
                return Err(refused("the category is not the type's"));
            }
            _ => {}
        }
        if pointer["content"][0]["attachment"]["url"].as_str().is_none() && !self.bad("nrl-without-content") {
            return Err(refused("content is missing"));
        }
        Ok(pointer)
    }

    fn nrl_create(&self, asked: &Asked) -> Result<Answer, Answer> {
        let mut pointer = self.nrl_checked(asked)?;
        let mut kept = lock(&self.nrl);
        let own = if self.bad("nrl-id-of-nobody") { "pointer" } else { custodian(&pointer) };
        let id = format!("{own}-00000000-0000-4000-8000-{:012}", kept.len());
        pointer["id"] = json!(id);
        let replaced = pointer["relatesTo"][0]["target"]["identifier"]["value"].as_str().map(str::to_owned);
        if let Some(replaced) = &replaced {
            if !kept.contains_key(replaced) && !self.bad("nrl-replaces-nothing") {
                return Err(self.outcome(400, "invalid", "BAD_REQUEST", "what is replaced does not exist"));
            }
            if !self.bad("nrl-replaced-stays") {
                kept.remove(replaced);
            }
        }
        if self.bad("nrl-read-changes") {
            pointer["content"][0]["attachment"]["url"] = json!("https://example.org/another");
        }
        kept.insert(id.clone(), pointer);
        let status = if self.bad("nrl-create-is-200") { 200 } else { 201 };
        let code = if replaced.is_some() { "RESOURCE_SUPERSEDED" } else { "RESOURCE_CREATED" };
        let answer = Self::done(status, code);
        Ok(match self.bad("nrl-create-without-location") {
            true => answer,
            false => answer.with("location", format!("/producer/FHIR/R4/DocumentReference/{id}")),
        })
    }

    /// Refuses what is another organisation's.
    fn nrl_own(&self, id: &str) -> Result<(), Answer> {
        let own =
            id.starts_with(&format!("{OWN}-")) || self.bad("nrl-id-of-nobody") || self.bad("nrl-of-another");
        match own {
            true => Ok(()),
            false => Err(self.outcome(
                403,
                "forbidden",
                "AUTHOR_CREDENTIALS_ERROR",
                "it is another organisation's",
            )),
        }
    }

    fn nrl_update(&self, asked: &Asked, id: &str) -> Result<Answer, Answer> {
        self.nrl_own(id)?;
        let pointer = self.nrl_checked(asked)?;
        if pointer["id"] != id && !self.bad("nrl-path-or-body") {
            return Err(self.outcome(400, "invalid", "BAD_REQUEST", "the ids differ"));
        }
        let mut kept = lock(&self.nrl);
        let old =
            kept.get(id).ok_or_else(|| self.outcome(404, "not-found", "NO_RECORD_FOUND", "not found"))?;
        if subject(old) != subject(&pointer) && !self.bad("nrl-subject-moves") {
            return Err(self.outcome(400, "invalid", "BAD_REQUEST", "the subject may not change"));
        }
        if !self.bad("nrl-update-ignored") {
            kept.insert(id.to_owned(), pointer);
        }
        Ok(Self::done(200, "RESOURCE_UPDATED"))
    }

    fn nrl_delete(&self, id: &str) -> Result<Answer, Answer> {
        self.nrl_own(id)?;
        let keeps = self.bad("nrl-delete-ignored") || self.bad("nrl-deleted-found");
        let found =
            if keeps { lock(&self.nrl).contains_key(id) } else { lock(&self.nrl).remove(id).is_some() };
        match found || self.bad("nrl-delete-of-nothing") {
            true => Ok(Self::done(200, "RESOURCE_DELETED")),
            false => Err(self.outcome(404, "not-found", "NO_RECORD_FOUND", "not found")),
        }
    }

    fn nrl_read(&self, id: &str, consumer: bool) -> Result<Answer, Answer> {
        if !consumer {
            self.nrl_own(id)?;
        }
        match lock(&self.nrl).get(id).cloned() {
            Some(pointer) => Ok(Answer::fhir(200, &self.nrl_shown(pointer, consumer))),
            None if consumer && self.bad("nrl-read-unknown") => Ok(Answer::fhir(
                200,
                &json!({"resourceType": "DocumentReference", "id": id, "status": "current"}),
            )),
            None => Err(self.outcome(404, "not-found", "NO_RECORD_FOUND", "not found")),
        }
    }

    fn nrl_shown(&self, mut pointer: Value, consumer: bool) -> Value {
        if consumer && self.bad("nrl-content-lost") {
            pointer["content"] = json!([]);
        }
        pointer
    }

    /// The person that a search is about.
    fn nrl_person(&self, query: &[(String, String)]) -> Result<String, Answer> {
        let asked =
            query.iter().find(|(name, _)| name == "subject:identifier").map(|(_, value)| value.as_str());
        let Some(asked) = asked else {
            let missing = self.outcome(400, "invalid", "INVALID_PARAMETER", "subject:identifier is missing");
            return if self.bad("nrl-whole-country") { Ok(String::new()) } else { Err(missing) };
        };
        let number = asked.rsplit('|').next().unwrap_or_default();
        if !is_nhs_number(number) && !self.bad("nrl-search-number") {
            return Err(self.outcome(400, "invalid", "INVALID_IDENTIFIER_VALUE", "no valid NHS number"));
        }
        Ok(number.to_owned())
    }

    fn nrl_found(&self, number: &str, all: bool) -> Vec<Value> {
        let kept = lock(&self.nrl);
        kept.values().filter(|p| all || number.is_empty() || subject(p) == number).cloned().collect()
    }

    fn nrl_search(
        &self,
        asked: &Asked,
        query: &[(String, String)],
        consumer: bool,
    ) -> Result<Answer, Answer> {
        let number = self.nrl_person(query)?;
        let mut found = self
            .nrl_found(&number, self.bad(if consumer { "nrl-finds-others" } else { "nrl-own-search-all" }));
        for (name, value) in query {
            let value = value.rsplit('|').next().unwrap_or_default();
            match name.as_str() {
                "subject:identifier" => {}
                "type" if self.bad("nrl-type-ignored") => {}
                "type" => found.retain(|p| kind(p) == value),
                "custodian:identifier" if self.bad("nrl-custodian-ignored") => {}
                "custodian:identifier" => found.retain(|p| custodian(p) == value),
                _ if self.bad("nrl-parameter-free") => {}
                other => {
                    let text = format!("{other} is no parameter");
                    return Err(self.outcome(400, "invalid", "INVALID_PARAMETER", &text));
                }
            }
        }
        if !consumer {
            found.retain(|p| custodian(p) != OTHER);
        }
        let entries: Vec<Value> =
            found.into_iter().map(|p| json!({"resource": self.nrl_shown(p, consumer)})).collect();
        let mut bundle =
            json!({"resourceType": "Bundle", "type": "searchset", "total": entries.len(), "entry": entries});
        if !self.bad("nrl-self-lost") {
            bundle["link"] = json!([{"relation": "self", "url": asked.path}]);
        }
        if bundle["entry"] == json!([]) {
            bundle.as_object_mut().expect("an object").remove("entry");
        }
        Ok(Answer::fhir(200, &bundle))
    }

    fn nrl_count(&self, asked: &Asked) -> Result<Answer, Answer> {
        let number = self.nrl_person(&asked.query)?;
        let found = self.nrl_found(&number, false);
        let total = found.len() + usize::from(self.bad("nrl-count-off"));
        let mut bundle = json!({"resourceType": "Bundle", "type": "searchset", "total": total});
        if self.bad("nrl-count-tells") {
            bundle["entry"] = found.into_iter().map(|p| json!({"resource": p})).collect();
        }
        Ok(Answer::fhir(200, &bundle))
    }
}
