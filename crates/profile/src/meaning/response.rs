//! QuestionnaireResponse against its Questionnaire: a contained one, or one that was loaded.

use super::{items, text};
use crate::invariants::Object;
use crate::limits::MAX_DEPTH;
use crate::report::{Step, Unchecked};
use crate::walk::Walker;
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::HashMap;

/// One look at a response.
struct Look<'a> {
    /// Answers by link id, from anywhere in the response.
    answers: HashMap<&'a str, Vec<&'a Object>>,
    /// Link ids of the questionnaire.
    links: HashMap<&'a str, &'a Object>,
    /// False while the response is still being filled in: what is missing may come.
    done: bool,
}

impl<'a> Walker<'a> {
    pub(super) fn response(&mut self, object: &'a Object) {
        let Some(url) = text(object, "questionnaire") else { return };
        let questionnaire = match url.strip_prefix('#') {
            Some(_) => self.resolve_literal(url).and_then(Value::as_object),
            None => self.defs.questionnaire(url),
        };
        let Some(questionnaire) = questionnaire.filter(|q| text(q, "resourceType") == Some("Questionnaire"))
        else {
            if !url.starts_with('#') {
                self.skip(Unchecked::Questionnaire, url);
            }
            return;
        };
        let mut look = Look {
            answers: HashMap::new(),
            links: HashMap::new(),
            done: matches!(text(object, "status"), Some("completed" | "amended")),
        };
        collect_answers(object, 0, &mut look.answers);
        collect_links(questionnaire, 0, &mut look.links);
        self.answered(&look, questionnaire, object, 0);
    }

    /// Checks the items below one place of the response against those of the questionnaire.
    fn answered(&mut self, look: &Look<'a>, asked: &'a Object, given: &'a Object, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        let questions: Vec<&'a Object> = items(asked, "item").collect();
        let mut last = 0;
        let mut counts = vec![0usize; questions.len()];
        for (number, item) in items(given, "item").enumerate() {
            let link = text(item, "linkId").unwrap_or_default();
            let position = questions.iter().position(|q| text(q, "linkId") == Some(link));
            self.below(&[Step::Name("item"), Step::Index(number)], |w| {
                let (Some(position), Some(question)) = (position, position.and_then(|p| questions.get(p)))
                else {
                    let text = if look.links.contains_key(link) {
                        "the questionnaire has this item at another place"
                    } else {
                        "the questionnaire has no item of this linkId"
                    };
                    return w.error("r4/response-item", text);
                };
                if position < last {
                    w.error("r4/response-order", "the items don't stand in the questionnaire's order");
                }
                last = position;
                if let Some(count) = counts.get_mut(position) {
                    *count += 1;
                    if *count == 2 && !(repeats(question) && text(question, "type") == Some("group")) {
                        w.error(
                            "r4/response-repeat",
                            "the item stands twice, and the questionnaire asks it once",
                        );
                    }
                }
                w.item_of(look, question, item, depth);
            });
        }
        for (position, question) in questions.iter().enumerate() {
            let link = text(question, "linkId").unwrap_or_default();
            let kind = text(question, "type");
            let there = items(given, "item").any(|i| {
                text(i, "linkId") == Some(link)
                    && (kind == Some("group") || items(i, "answer").next().is_some())
            });
            if look.done && !there && is_true(question, "required") && enabled(look, question) {
                let text =
                    format!("question {} of those asked here must be answered and is not", position + 1);
                self.error("r4/response-required", text);
            }
        }
    }

    fn item_of(&mut self, look: &Look<'a>, question: &'a Object, item: &'a Object, depth: usize) {
        let kind = text(question, "type").unwrap_or_default();
        let answers: Vec<&'a Object> = items(item, "answer").collect();
        if matches!(kind, "group" | "display") {
            if !answers.is_empty() {
                self.error("r4/response-answer", "a group or display has no answer");
            }
        } else if answers.len() > 1 && !repeats(question) {
            self.error(
                "r4/response-repeat",
                "the question may be answered once, and here are several answers",
            );
        }
        if !answers.is_empty() && !enabled(look, question) {
            self.error(
                "r4/response-disabled",
                "the question is answered, and by its condition it was not to be asked",
            );
        }
        for (number, answer) in answers.into_iter().enumerate() {
            self.below(&[Step::Name("answer"), Step::Index(number)], |w| {
                w.answer(question, kind, answer);
                w.answered(look, question, answer, depth + 1);
            });
        }
        if kind == "group" {
            self.answered(look, question, item, depth + 1);
        }
    }

    fn answer(&mut self, question: &'a Object, kind: &str, answer: &'a Object) {
        let Some((key, value)) = value_of(answer, "value") else { return };
        let allowed: &[&str] = match kind {
            "boolean" => &["Boolean"],
            "decimal" => &["Decimal"],
            "integer" => &["Integer"],
            "date" => &["Date"],
            "dateTime" => &["DateTime"],
            "time" => &["Time"],
            "string" | "text" => &["String"],
            "url" => &["Uri"],
            "choice" | "open-choice" => &["Coding", "String", "Integer", "Date", "Time", "Reference"],
            "attachment" => &["Attachment"],
            "reference" => &["Reference"],
            "quantity" => &["Quantity"],
            _ => return,
        };
        if !allowed.contains(&key) {
            let text = format!("the question asks for an answer of the type {}", allowed.join(" or "));
            return self.error("r4/response-type", text);
        }
        let longest = question.get("maxLength").and_then(Value::as_u64);
        if let (Some(longest), Some(words)) = (longest, value.as_str())
            && words.chars().count() as u64 > longest
        {
            self.error(
                "r4/response-length",
                format!("the answer is longer than the {longest} characters allowed"),
            );
        }
        let options: Vec<&Object> = items(question, "answerOption").collect();
        let free = kind == "open-choice" && key == "String";
        if !options.is_empty()
            && !free
            && !options.iter().any(|o| value_of(o, "value").is_some_and(|o| same((key, value), o)))
        {
            self.error("r4/response-option", "the answer is none of those that the questionnaire offers");
        } else if key == "Coding"
            && kind == "choice"
            && let Some(set) = text(question, "answerValueSet").and_then(|url| self.defs.value_set(url))
            && self.is_bound(set, value) == crate::codes::Belongs::No
        {
            self.error(
                "r4/response-option",
                "the answer is not from the value set that the questionnaire names",
            );
        }
    }
}

fn collect_answers<'o>(holder: &'o Object, depth: usize, answers: &mut HashMap<&'o str, Vec<&'o Object>>) {
    if depth > MAX_DEPTH {
        return;
    }
    for item in items(holder, "item") {
        if let Some(link) = text(item, "linkId") {
            answers.entry(link).or_default().extend(items(item, "answer"));
        }
        items(item, "answer").for_each(|answer| collect_answers(answer, depth + 1, answers));
        collect_answers(item, depth + 1, answers);
    }
}

fn collect_links<'o>(holder: &'o Object, depth: usize, links: &mut HashMap<&'o str, &'o Object>) {
    if depth > MAX_DEPTH {
        return;
    }
    for item in items(holder, "item") {
        links.extend(text(item, "linkId").map(|link| (link, item)));
        collect_links(item, depth + 1, links);
    }
}

fn is_true(object: &Object, key: &str) -> bool {
    object.get(key) == Some(&Value::Bool(true))
}

fn repeats(question: &Object) -> bool {
    is_true(question, "repeats")
}

/// A choice element: the type at the end of its name, and its value.
fn value_of<'o>(object: &'o Object, stem: &str) -> Option<(&'o str, &'o Value)> {
    object
        .iter()
        .find_map(|(key, value)| Some((key.strip_prefix(stem)?, value)).filter(|(ty, _)| !ty.is_empty()))
}

fn same((key, a): (&str, &Value), (other, b): (&str, &Value)) -> bool {
    match (a, b) {
        _ if key != other => false,
        (Value::Object(a), Value::Object(b)) if key == "Coding" => {
            text(a, "code") == text(b, "code") && text(a, "system") == text(b, "system")
        }
        _ => a == b,
    }
}

/// Whether the conditions of an item let it be asked.
fn enabled(look: &Look<'_>, question: &Object) -> bool {
    let mut conditions = items(question, "enableWhen").peekable();
    if conditions.peek().is_none() {
        return true;
    }
    let mut met = conditions.map(|condition| is_met(look, condition));
    if text(question, "enableBehavior") == Some("any") { met.any(|m| m) } else { met.all(|m| m) }
}

fn is_met(look: &Look<'_>, condition: &Object) -> bool {
    let link = text(condition, "question").unwrap_or_default();
    let given = look.answers.get(link).map_or(&[][..], Vec::as_slice);
    let Some((key, wanted)) = value_of(condition, "answer") else { return true };
    let operator = text(condition, "operator").unwrap_or_default();
    if operator == "exists" {
        return wanted.as_bool() == Some(!given.is_empty());
    }
    let mut values = given.iter().filter_map(|answer| value_of(answer, "value"));
    match operator {
        "=" => values.any(|v| same(v, (key, wanted))),
        "!=" => !given.is_empty() && !values.any(|v| same(v, (key, wanted))),
        _ => values.any(|(_, value)| {
            let Some(order) = crate::quantity::compare(value, wanted) else { return false };
            match operator {
                ">" => order == Ordering::Greater,
                "<" => order == Ordering::Less,
                ">=" => order != Ordering::Less,
                "<=" => order != Ordering::Greater,
                _ => true,
            }
        }),
    }
}
