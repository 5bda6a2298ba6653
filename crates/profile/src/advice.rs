//! What a finding's rule would allow, how to mend it, and where it is written: worked out when a report asks for it.

use crate::codes::Codes;
use crate::definitions::Definitions;
use crate::report::{About, Finding};
use crate::urls::FHIR_STRUCTURE;

/// What helps to mend a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// The definition whose rule was broken: a canonical URL.
    pub definition: Option<String>,
    /// What would be allowed: codes, a format, elements.
    pub allowed: Option<String>,
    /// What to do.
    pub mend: &'static str,
    /// Where the rule is published.
    pub link: Option<String>,
}

/// Most codes that are listed.
const CODES_SHOWN: usize = 20;
const SPECIFICATION: &str = "https://hl7.org/fhir/R4/";

impl Definitions {
    /// What would be allowed at a finding's place, how to mend it, and the definition to read.
    pub fn advice(&self, finding: &Finding) -> Advice {
        let (family, rest) = finding.rule.split_once('/').unwrap_or((&finding.rule, ""));
        let owner = finding.path.split(['.', '[']).next().unwrap_or_default();
        let innermost = self.innermost(&finding.path).unwrap_or(owner);
        let mut advice = Advice { mend: mend(&finding.rule), ..Advice::default() };
        match family {
            "ukcore" | "profile" | "r4" if rest.contains('/') || self.by_id(family, rest).is_some() => {
                let id = rest.split('/').next().unwrap_or(rest);
                advice.definition = self.by_id(family, id);
                advice.link = advice.definition.as_deref().map(page_of);
                advice.mend = if rest.ends_with("/context") {
                    "Move the extension to one of the elements that it is made for, or leave it out."
                } else {
                    "Give the element what the profile asks for, or claim another profile in meta.profile."
                };
            }
            "inv" => {
                advice.link = Some(format!("{SPECIFICATION}{}.html#invs", innermost.to_ascii_lowercase()))
            }
            "bundle" => advice.link = Some(format!("{SPECIFICATION}bundle.html")),
            "terminology" => advice.link = Some(format!("{SPECIFICATION}terminologies-systems.html")),
            "extension" => advice.link = Some(format!("{SPECIFICATION}extensibility.html")),
            "r4" if rest.starts_with("xml") => advice.link = Some(format!("{SPECIFICATION}xml.html")),
            "r4" if matches!(rest, "json" | "list" | "empty" | "duplicate-member") => {
                advice.link = Some(format!("{SPECIFICATION}json.html"));
            }
            "r4" if rest.starts_with("reference") => {
                advice.link = Some(format!("{SPECIFICATION}references.html"))
            }
            _ if !innermost.is_empty() => {
                advice.link = Some(format!("{SPECIFICATION}{}.html", innermost.to_ascii_lowercase()));
            }
            _ => {}
        }
        match &finding.about {
            About::ValueSet(url) => {
                advice.allowed = self.codes_of(url);
                advice.link = Some(page_of(url));
                advice.definition.get_or_insert_with(|| url.clone());
            }
            About::Format(name) => {
                advice.allowed = format_of(name).map(str::to_owned);
                advice.link = Some(format!("{SPECIFICATION}datatypes.html#{name}"));
            }
            About::Type(name) => advice.allowed = self.elements_of(name),
            About::Definition(url) => {
                advice.definition = Some(url.clone());
                advice.link = Some(page_of(url));
            }
            About::Nothing => {}
        }
        advice
    }

    /// The canonical URL of the definition with this id.
    fn by_id(&self, family: &str, id: &str) -> Option<String> {
        let start = match family {
            "ukcore" => crate::urls::UK_CORE_STRUCTURE,
            "r4" => FHIR_STRUCTURE,
            _ => return self.profile_urls().find(|u| u.ends_with(&format!("/{id}"))).map(str::to_owned),
        };
        Some(format!("{start}{id}")).filter(|url| self.profile(url).is_some())
    }

    /// The type of the innermost resource that a path goes through, where it can be told from the path.
    fn innermost<'p>(&self, path: &'p str) -> Option<&'p str> {
        let root = path.split(['.', '[']).next()?;
        (root != "Bundle" && !path.contains(".contained[")).then_some(root)
    }

    /// The codes of a value set in words.
    fn codes_of(&self, url: &str) -> Option<String> {
        let set = self.value_set(url)?;
        let several = set.systems.len() > 1;
        let mut out = Vec::new();
        for (system, codes) in &set.systems {
            let of = if several { format!(" (of {system})") } else { String::new() };
            match codes {
                Codes::All if system == "urn:ietf:bcp:47" => {
                    out.push("a language tag such as en-GB".to_owned())
                }
                Codes::All if system == "urn:ietf:bcp:13" => {
                    out.push("a media type such as text/plain".to_owned())
                }
                Codes::All => out.push(format!("any code of {system}")),
                Codes::Unknown => out.push(format!("some codes of {system}, which ones is not known here")),
                Codes::These(codes) => {
                    let mut sorted: Vec<&str> = codes.iter().map(String::as_str).collect();
                    sorted.sort_unstable();
                    let more = sorted.len().saturating_sub(CODES_SHOWN);
                    sorted.truncate(CODES_SHOWN);
                    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
                    out.push(format!("{}{rest}{of}", sorted.join(", ")));
                }
            }
        }
        Some(out.join("; "))
    }

    fn elements_of(&self, name: &str) -> Option<String> {
        let ty = self.base.by_name.get(name).and_then(|id| self.base.ty(*id))?;
        Some(ty.elements.iter().map(|e| e.name.as_str()).collect::<Vec<_>>().join(", "))
    }
}

/// The page on which a definition is published.
fn page_of(url: &str) -> String {
    let bare = url.split('|').next().unwrap_or(url);
    if let Some(name) = bare.strip_prefix("http://hl7.org/fhir/ValueSet/") {
        return format!("{SPECIFICATION}valueset-{name}.html");
    }
    if let Some(name) = bare.strip_prefix("http://terminology.hl7.org/ValueSet/v3-") {
        return format!("{SPECIFICATION}v3/{name}/vs.html");
    }
    if let Some(name) = bare.strip_prefix(FHIR_STRUCTURE) {
        return format!("{SPECIFICATION}{}.html", name.to_ascii_lowercase());
    }
    bare.to_owned()
}

/// The format of a primitive type in words.
fn format_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "base64Binary" => "base64 with padding: letters, digits, + and /, in groups of four",
        "canonical" | "uri" | "url" => {
            "a URI without blanks, such as https://example.org/x or urn:uuid:… with a whole UUID"
        }
        "code" => "words parted by single blanks, none before or after",
        "date" => "YYYY, YYYY-MM or YYYY-MM-DD, and the day must exist",
        "dateTime" => "YYYY, YYYY-MM, YYYY-MM-DD, or YYYY-MM-DDThh:mm:ss with a zone such as Z or +01:00",
        "decimal" => "digits, one point if there is a fraction, no leading zeros",
        "id" => "1 to 64 letters, digits, - and .",
        "instant" => "YYYY-MM-DDThh:mm:ss with a zone such as Z or +01:00",
        "integer" => "a whole number from -2147483648 to 2147483647",
        "oid" => "urn:oid: and numbers parted by points",
        "positiveInt" => "a whole number from 1 to 2147483647",
        "time" => "hh:mm:ss without a zone",
        "unsignedInt" => "a whole number from 0 to 2147483647",
        "uuid" => "urn:uuid: and 32 hexadecimal digits in lower case as 8-4-4-4-12",
        "string" | "markdown" => {
            "some text that is not blank, without control characters other than tab and line ends"
        }
        _ => return None,
    })
}

/// What to do about a rule that no definition explains better.
fn mend(rule: &str) -> &'static str {
    match rule {
        "r4/json" | "r4/xml" => "Correct the syntax at the place named; nothing after it was read.",
        "r4/size" => "Split the document, or give it as NDJSON, one resource a line.",
        "r4/resource-type" => {
            "Give resourceType the name of a resource of R4, spelt as in the specification."
        }
        "r4/unknown-element" => {
            "Remove the element, or correct its name; data of your own belongs in an extension."
        }
        "r4/list" => "Put the values in square brackets where the element repeats, and only there.",
        "r4/empty" | "inv/ele-1" => "Leave the element out where there is nothing to say.",
        "r4/type" => "Write the value as the type says: text in quotes, numbers and true or false without.",
        "r4/choice" => "Keep one of the elements of the choice.",
        "r4/cardinality-min" => "Add the element.",
        "r4/cardinality-max" => "Remove the surplus.",
        "r4/binding-required" => {
            "Use one of the codes allowed; keep the local code in an extension or as another coding."
        }
        "r4/reference-format" => {
            "Write Type/id, an absolute URL, urn:uuid:… or # and the id of a contained resource."
        }
        "r4/reference-target" => "Refer to a resource of a type that the element allows.",
        "r4/system-absolute" => "Give the whole URI of the system.",
        "r4/duplicate-member" => "Keep one of the two members.",
        "r4/xml-order" => "Put the elements in the order of the definition, those of one name together.",
        "inv/per-1" => "Exchange start and end if they were mixed up, and give both to the same precision.",
        "inv/txt-1" => {
            "Write the narrative as XHTML: close every tag, write & as &amp;, use no scripts or forms."
        }
        "r4/narrative-link" => "Correct the part after #, or give the element that is meant that id.",
        "r4/narrative-nesting" => {
            "Put the element where XHTML lets it stand: li in ul or ol, td in tr, no list or table within p or span."
        }
        "r4/canonical-absolute" => "Give the whole URL.",
        "r4/extension-own-url" => "Fix Extension.url to the url of the definition.",
        "r4/response-required" => "Answer the question, or give the response the status in-progress.",
        "r4/response-option" => "Use one of the answers that the questionnaire offers.",
        "r4/response-disabled" => "Leave the answer out, or correct the answer that the condition looks at.",
        "r4/response-order" | "r4/response-item" => "Put the items where the questionnaire has them.",
        "r4/structure-slicing" => "Add the element with its slicing before its first slice.",
        "r4/structure-path" => {
            "Correct the path: it is that of an element of the type, or of a type below it."
        }
        "r4/structure-order" => "Put the elements in the order of the base definition.",
        "inv/ref-1" => "Add the contained resource, or correct the id after #.",
        "inv/dom-3" => "Refer to the contained resource, or leave it out.",
        "profile/unknown" => {
            "Give the profile's package to the check (--package), or correct the URL in meta.profile."
        }
        "profile/version" => "Claim the version that is meant, or give that version's package to the check.",
        "terminology/unknown-code" => {
            "Use a code that the system has; a local code needs a system of your own."
        }
        "terminology/no-code" => "Give the code, or leave the system out and say it in text.",
        "terminology/snomed-form" => "Correct the code: it can't be one of SNOMED CT as it stands.",
        "terminology/ucum" => "Use a UCUM code (mg, mm[Hg], 10*9/L); keep the printed unit in unit.",
        "extension/unknown" | "extension/unknown-modifier" => {
            "Check the URL, or give the package that defines the extension (--package)."
        }
        "bundle/reference-unresolved" => "Add the entry that is referred to, or correct the reference.",
        "bundle/not-in-document" => {
            "Add the resources that are referred to as entries, under the fullUrl meant."
        }
        "bundle/entry-apart" => "Refer to the entry, or leave it out of the document.",
        "bundle/full-url-type" => "End the fullUrl with the type and the id of the resource.",
        "bundle/reference-ambiguous" => "Give each entry its own fullUrl.",
        _ if rule.starts_with("r4/format-") => "Write the value in the format of its type.",
        _ if rule.starts_with("inv/") => "Change the element so that the rule holds.",
        _ if rule.starts_with("bundle/") || rule.starts_with("r4/xml") => "Correct the element.",
        _ => "See the definition.",
    }
}
