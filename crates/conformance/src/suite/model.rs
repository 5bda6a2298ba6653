//! What a suite is: settings, cases, steps, expectations, as its TOML says.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::limits::{CASES_MAX, STEPS_MAX};

/// A suite: what one kind of endpoint is held to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// Name on the command line.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// What it tests, in a few sentences, and what it does not.
    pub about: String,
    /// Version of the suite; reports of different versions are compared with care.
    pub version: String,
    /// What the tester may or must say.
    #[serde(default, rename = "setting")]
    pub settings: Vec<Setting>,
    /// Whether what the answers show of UK Core's must-support elements is counted.
    #[serde(default)]
    pub must_support: bool,
    /// What the suite listens to, where it is a client that is under test; the address is then its own.
    #[serde(default)]
    pub listens: Option<Listens>,
    /// What a client under test signs MESH tokens with.
    #[serde(default)]
    pub mesh: Option<MeshAuth>,
    /// How a client is answered where a step does not say otherwise.
    #[serde(default, rename = "route")]
    pub routes: Vec<Route>,
    /// Headers of every HTTP request, unless a step says otherwise.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The cases, in the order in which they run.
    #[serde(default, rename = "case")]
    pub cases: Vec<Case>,
    /// Files beside the suite that steps name, by name.
    #[serde(skip)]
    pub files: BTreeMap<String, String>,
}

/// What a suite listens to.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Listens {
    /// HTTP.
    Http,
    /// HL7 v2 over MLLP.
    Mllp,
}

/// A value that the tester may give.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// What it is unless given; without a default it is absent, and cases that need it do not run.
    #[serde(default)]
    pub default: Option<String>,
    /// Never shown in a report.
    #[serde(default)]
    pub secret: bool,
}

/// How much a rule weighs.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// To break it is to fail.
    #[default]
    Shall,
    /// To break it is a warning.
    Should,
    /// To break it is a note.
    May,
}

impl Level {
    /// The word of the standards.
    pub fn word(self) -> &'static str {
        match self {
            Self::Shall => "SHALL",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

/// One thing that is tested.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name within the suite.
    pub id: String,
    /// What should be so, in plain words.
    pub title: String,
    /// Id of the rule.
    pub rule: String,
    /// Where the rule stands: specification, version, section.
    pub source: String,
    /// Address of that place.
    #[serde(default)]
    pub link: Option<String>,
    /// How much it weighs.
    #[serde(default)]
    pub level: Level,
    /// What to do where it is broken.
    pub mend: String,
    /// Values that must be there, from settings or from earlier cases; else the case is not run.
    #[serde(default)]
    pub needs: Vec<String>,
    /// The case is run only where this holds.
    #[serde(default)]
    pub when: Option<When>,
    /// The case is run once for each of these; the second is worked out for each of the first.
    #[serde(default)]
    pub each: Vec<Each>,
    /// Whether its requests may be mutated (`--fuzz`).
    #[serde(default)]
    pub fuzz: bool,
    /// What is done.
    #[serde(default, rename = "step")]
    pub steps: Vec<Step>,
}

/// A condition on what is known.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The value that the expression is over.
    #[serde(rename = "in")]
    pub of: String,
    /// FHIRPath that must be true.
    pub fhirpath: String,
    /// Why the case is not run where it is not.
    pub otherwise: String,
}

/// A list of values.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Each {
    /// Name under which each is known.
    #[serde(rename = "as")]
    pub name: String,
    /// The value that the expression is over.
    #[serde(rename = "in", default)]
    pub of: Option<String>,
    /// FHIRPath that gives the values.
    #[serde(default)]
    pub fhirpath: Option<String>,
    /// The values themselves.
    #[serde(default)]
    pub values: Vec<String>,
}

/// One request or exchange, and what is expected of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// Path below the address given (or a whole URL) that is read.
    pub get: Option<String>,
    /// Path that is posted to.
    pub post: Option<String>,
    /// Path that is put to.
    pub put: Option<String>,
    /// Path, with `method`.
    pub path: Option<String>,
    /// Another method.
    pub method: Option<String>,
    /// Headers; one that is empty is left out.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Option<String>,
    /// A file beside the suite that is the body.
    pub file: Option<String>,
    /// Whether placeholders in the body are filled in.
    pub fill: Option<bool>,
    /// With which credentials.
    pub auth: Auth,
    /// Follow `next` links of a search set, this many pages at most, into one Bundle.
    pub pages: usize,
    /// An exchange over MLLP instead of HTTP.
    pub mllp: Option<Mllp>,
    /// Wait for the client under test and answer it.
    pub listen: Option<Listen>,
    /// Repeat until everything expected is so, at most this many seconds.
    pub until_seconds: u64,
    /// Values to make before the request, in this order.
    #[serde(rename = "let")]
    pub lets: Vec<Let>,
    /// Values to keep of the answer.
    pub save: BTreeMap<String, Extract>,
    /// Append the resources of the answer (a Bundle) to this value.
    pub collect: Option<String>,
    /// Hold what was sent against what was read back.
    pub compare: Option<Compare>,
    /// What must be so.
    pub expect: Vec<Expect>,
}

/// A value made of a template.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Let {
    /// Its name.
    pub name: String,
    /// What it is.
    pub value: String,
}

/// Credentials of a request.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// Those that the tester gave.
    #[default]
    Tester,
    /// None.
    None,
    /// A MESH token.
    Mesh(MeshAuth),
}

/// A MESH token and what is wrong with it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct MeshAuth {
    /// The mailbox.
    pub mailbox: String,
    /// Its password.
    pub password: String,
    /// The shared key.
    pub key: String,
    /// A nonce of the suite's choice, to use one twice.
    pub nonce: String,
    /// Hours that the token's time lies back.
    pub hours_old: i64,
}

/// An exchange over MLLP: what is written to one connection, and how long answers are waited for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mllp {
    /// Messages, each put into a frame; line ends become carriage returns.
    pub frames: Vec<String>,
    /// Bytes as they are instead; `<VT>`, `<FS>` and `<CR>` stand for the characters of the frame.
    pub raw: Option<String>,
    /// Write in so many pieces, a little time between them.
    pub pieces: usize,
    /// Answers to wait for.
    pub answers: usize,
    /// Milliseconds to wait for them.
    pub wait_ms: Option<u64>,
    /// Close without waiting.
    pub close: bool,
}

/// Where a value is in an answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Extract {
    /// FHIRPath; its first value.
    pub fhirpath: Option<String>,
    /// JSON pointer.
    pub pointer: Option<String>,
    /// A header.
    pub header: Option<String>,
    /// The whole body.
    pub body: bool,
}

/// What is sent against what arrived.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// Value that holds the Bundle sent.
    pub sent: String,
    /// Value that holds what was read back: a Bundle or a list of resources.
    pub received: String,
    /// Type of the resources held against each other; all where it is absent.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Whether resources that nobody sent are told.
    #[serde(default)]
    pub alone: bool,
}

/// One expectation: one subject, and what it must be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Status codes, or classes such as `2xx`.
    pub status: Option<OneOrMany>,
    /// A header.
    pub header: Option<String>,
    /// JSON pointer into the body.
    pub pointer: Option<String>,
    /// FHIRPath over the body that must be true.
    pub fhirpath: Option<String>,
    /// The body must be valid: `r4` or `uk-core`.
    pub valid: Option<String>,
    /// The body must hold all that the JSON of this value holds, `id`, `meta` and narrative apart.
    pub holds: Option<String>,
    /// The body, byte for byte, must be this.
    pub body: Option<String>,
    /// Of a header or pointer: one of these values.
    pub equals: Option<OneOrMany>,
    /// Of a header or pointer: a regular expression.
    pub matches: Option<String>,
    /// Of a header or pointer: whether it is there.
    pub exists: Option<bool>,
    /// What is wrong where it is not so, in plain words.
    pub say: Option<String>,
    /// How much it weighs, where that differs from the case.
    pub level: Option<Level>,
}

/// A value or a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// Several.
    Many(Vec<OneOrMany>),
}

impl OneOrMany {
    /// All as texts.
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::Text(text) => vec![text.clone()],
            Self::Number(number) => vec![number.to_string()],
            Self::Many(many) => many.iter().flat_map(Self::texts).collect(),
        }
    }
}

/// Why a suite can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

impl Suite {
    /// Reads a suite: its TOML, and the files beside it by name.
    ///
    /// # Errors
    /// [`Unreadable`], with the line where it is TOML that is wrong, else with the case and what is wrong in it.
    pub fn read(toml: &str, files: BTreeMap<String, String>) -> Result<Self, Unreadable> {
        let mut suite: Self = toml::from_str(toml).map_err(|e| Unreadable(e.to_string()))?;
        suite.files = files;
        suite.check()?;
        Ok(suite)
    }

    fn check(&self) -> Result<(), Unreadable> {
        if self.cases.is_empty() || self.cases.len() > CASES_MAX {
            return Err(Unreadable(format!("a suite has from 1 to {CASES_MAX} cases")));
        }
        let mut seen = std::collections::BTreeSet::new();
        for case in &self.cases {
            let wrong = |what: String| Err(Unreadable(format!("case {}: {what}", case.id)));
            if !seen.insert(&case.id) {
                return wrong("another case has this id".to_owned());
            }
            if case.steps.is_empty() || case.steps.len() > STEPS_MAX {
                return wrong(format!("a case has from 1 to {STEPS_MAX} steps"));
            }
            let mut paths: Vec<&str> = case.when.iter().map(|w| w.fhirpath.as_str()).collect();
            paths.extend(case.each.iter().filter_map(|e| e.fhirpath.as_deref()));
            for step in &case.steps {
                let ways = [&step.get, &step.post, &step.put, &step.path];
                let ways = ways.iter().filter(|w| w.is_some()).count()
                    + usize::from(step.mllp.is_some())
                    + usize::from(step.listen.is_some())
                    + usize::from(step.compare.is_some());
                if ways > 1 {
                    return wrong("a step does one thing".to_owned());
                }
                if step.listen.is_some() && self.listens.is_none() {
                    return wrong("a step listens and the suite does not say to what".to_owned());
                }
                let routes = step.listen.iter().flat_map(|l| &l.routes).chain(&self.routes);
                for pattern in routes.filter_map(|r| r.path.as_ref()) {
                    if let Err(e) = regex::Regex::new(pattern) {
                        return wrong(format!("{pattern} is no regular expression: {e}"));
                    }
                }
                if let Some(file) = &step.file
                    && !self.files.contains_key(file)
                {
                    return wrong(format!("there is no file {file}"));
                }
                paths.extend(step.save.values().filter_map(|s| s.fhirpath.as_deref()));
                for expect in &step.expect {
                    paths.extend(expect.fhirpath.as_deref());
                    let subjects = [
                        expect.status.is_some(),
                        expect.header.is_some(),
                        expect.pointer.is_some(),
                        expect.fhirpath.is_some(),
                        expect.valid.is_some(),
                        expect.holds.is_some(),
                        expect.body.is_some(),
                    ];
                    if subjects.iter().filter(|s| **s).count() != 1 {
                        return wrong("an expectation has one subject".to_owned());
                    }
                    // One with placeholders is looked at when they are filled.
                    if let Some(pattern) = expect.matches.as_ref().filter(|p| !p.contains("{{"))
                        && let Err(e) = regex::Regex::new(pattern)
                    {
                        return wrong(format!("{pattern} is no regular expression: {e}"));
                    }
                    if expect.valid.as_deref().is_some_and(|v| v != "r4" && v != "uk-core") {
                        return wrong("valid is r4 or uk-core".to_owned());
                    }
                }
            }
            for path in paths {
                if let Err(e) = causeway_fhirpath::Expression::parse(path) {
                    return wrong(format!("{path} is no FHIRPath: {e}"));
                }
            }
        }
        Ok(())
    }

    /// The setting of a name.
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|s| s.name == name)
    }
}

/// Waits for the client under test.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// What the tester is to do now.
    pub tell: Option<String>,
    /// Seconds at most; a template.
    pub seconds: String,
    /// Milliseconds that are listened for when all that is needed has come.
    pub more_ms: u64,
    /// How it is answered: the first that fits.
    #[serde(rename = "route")]
    pub routes: Vec<Route>,
}

/// How one kind of act is answered.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    /// Its name in what expectations see.
    pub name: String,
    /// Method; any where it is absent.
    pub method: Option<String>,
    /// Regular expression over the path; what its named groups hold are values of the templates.
    pub path: Option<String>,
    /// How often it is good; ever where it is absent.
    pub times: Option<usize>,
    /// It is good until the route of this name was taken.
    pub before: Option<String>,
    /// How often it must be taken before the step is over.
    pub needed: usize,
    /// Status over HTTP.
    pub status: Option<u16>,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: String,
    /// Code of an acknowledgement over MLLP (a template), or `auto`: CA where MSH-15 asks for one, else AA.
    pub ack: Option<String>,
    /// The control id that it names; that of the message unless given.
    pub ack_id: Option<String>,
    /// Bytes instead of an acknowledgement in a frame; `<VT>`, `<FS>` and `<CR>` stand for the characters of the frame.
    pub raw: Option<String>,
    /// Write in so many pieces.
    pub pieces: usize,
    /// Milliseconds before the answer.
    pub delay_ms: u64,
    /// Close the connection: without an answer, or in the middle of the one that is given.
    pub close: bool,
}
