//! A notice as both envelopes state it: leaves of the source, each in its place of the data set.

use causeway_core::{Issue, IssueCode, Leaf, Severity};
use causeway_json::Node;
use causeway_terminology::Map;

/// Event codes of the DSTU2 messages.
pub static EVENT: Map = Map::new("discharge-notice-event", include_str!("../maps/event.csv"));

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The person may need care: please assess.
    Assessment,
    /// The person goes home on this day.
    Discharge,
    /// An earlier notice no longer holds.
    Withdrawal,
    /// The council takes the referral.
    Accept,
    /// The council does not.
    Reject,
}

impl Kind {
    /// From the word of the data set.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "assessment" => Kind::Assessment,
            "discharge" => Kind::Discharge,
            "withdrawal" => Kind::Withdrawal,
            "accept" => Kind::Accept,
            "reject" => Kind::Reject,
            _ => return None,
        })
    }

    /// Code and words of our code system.
    pub fn coding(self) -> (&'static str, &'static str) {
        match self {
            Kind::Assessment => ("assessment", "Assessment notice"),
            Kind::Discharge => ("discharge", "Discharge notice"),
            Kind::Withdrawal => ("withdrawal", "Withdrawal"),
            Kind::Accept => ("accept", "Acceptance"),
            Kind::Reject => ("reject", "Rejection"),
        }
    }

    /// Whether the council says it.
    pub fn is_reply(self) -> bool {
        matches!(self, Kind::Accept | Kind::Reject)
    }
}

/// A person's or organisation's name and ways to reach them.
#[derive(Clone, Debug, Default)]
pub struct Party<'t> {
    /// Code (ODS).
    pub code: Option<Leaf<'t>>,
    /// Name.
    pub name: Option<Leaf<'t>>,
    /// Ward or team.
    pub part: Option<Leaf<'t>>,
    /// Telephone.
    pub phone: Option<Leaf<'t>>,
    /// Electronic mail.
    pub email: Option<Leaf<'t>>,
}

impl Party<'_> {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        [self.code, self.name, self.part, self.phone, self.email].iter().all(Option::is_none)
    }
}

/// The person whom a notice is about.
#[derive(Clone, Debug, Default)]
pub struct Person<'t> {
    /// NHS number as stated.
    pub nhs_number: Option<Leaf<'t>>,
    /// Its status, two digits.
    pub nhs_number_status: Option<Leaf<'t>>,
    /// Number with the hospital.
    pub hospital_id: Option<Leaf<'t>>,
    /// Identifier system of that number, where the source names one.
    pub hospital_system: Option<Leaf<'t>>,
    /// Family name.
    pub family: Option<Leaf<'t>>,
    /// Given names.
    pub given: Vec<Leaf<'t>>,
    /// Day of birth.
    pub born: Option<Leaf<'t>>,
    /// Gender.
    pub gender: Option<Leaf<'t>>,
    /// Address lines.
    pub lines: Vec<Leaf<'t>>,
    /// Postcode.
    pub postcode: Option<Leaf<'t>>,
    /// Telephone.
    pub phone: Option<Leaf<'t>>,
    /// Electronic mail.
    pub email: Option<Leaf<'t>>,
    /// Language, a code or words.
    pub language: Option<Leaf<'t>>,
    /// Whether an interpreter is needed.
    pub interpreter: Option<Leaf<'t>>,
}

/// One answer of the notice's questions.
#[derive(Clone, Debug)]
pub struct Answer<'t> {
    /// Id of the question.
    pub link: Link<'t>,
    /// Its words.
    pub text: Option<Leaf<'t>>,
    /// The answers.
    pub values: Vec<Node<'t>>,
}

/// Where the id of a question comes from.
#[derive(Clone, Copy, Debug)]
pub enum Link<'t> {
    /// The data set: id and words are ours.
    Ours(&'static str, &'static str),
    /// The source.
    Theirs(Leaf<'t>),
}

/// A whole notice.
#[derive(Clone, Debug)]
pub struct Notice<'t> {
    /// Which, and the item that says so.
    pub kind: (Kind, Leaf<'t>),
    /// Event code where the envelope has one.
    pub event: Option<Leaf<'t>>,
    /// Id of the message.
    pub id: Option<Leaf<'t>>,
    /// Id of the referral that all its notices share.
    pub referral: Option<Leaf<'t>>,
    /// When it was issued.
    pub issued: Option<Leaf<'t>>,
    /// Why it was withdrawn or rejected; further words.
    pub reasons: Vec<Leaf<'t>>,
    /// Whom it is about.
    pub person: Person<'t>,
    /// Hospital; `part` is the ward.
    pub hospital: Party<'t>,
    /// Council; `part` is the team.
    pub council: Party<'t>,
    /// Lead clinician.
    pub clinician: Party<'t>,
    /// Hospital liaison.
    pub liaison: Party<'t>,
    /// Carer.
    pub carer: Party<'t>,
    /// Day or time of admission.
    pub admitted: Option<Leaf<'t>>,
    /// Why admitted.
    pub admission_reason: Option<Leaf<'t>>,
    /// How urgently.
    pub admission_type: Option<Leaf<'t>>,
    /// When discharge is proposed.
    pub proposed: Option<Leaf<'t>>,
    /// When discharge happened.
    pub discharged: Option<Leaf<'t>>,
    /// Why care is asked for.
    pub referral_reason: Option<Leaf<'t>>,
    /// More about it.
    pub supporting: Option<Leaf<'t>>,
    /// Whether the person consents, and who said so.
    pub consent: (Option<Node<'t>>, Option<Leaf<'t>>),
    /// Whether there is a safeguarding concern, and its details.
    pub safeguarding: (Option<Node<'t>>, Option<Leaf<'t>>),
    /// Answers to other questions.
    pub answers: Vec<Answer<'t>>,
}

/// The issue of a notice that can't be taken.
pub fn refusal(code: IssueCode, rule: &'static str, text: &'static str) -> Issue {
    Issue::new(Severity::Error, code, rule, text)
}
