//! What was read of people's records, closed until it is written down who sees it.
//!
//! ```compile_fail,E0616
//! fn forgetful(sealed: causeway_access::Sealed<String>) -> String {
//!     sealed.content
//! }
//! ```
//!
//! and what is opened for one reader is gone for the next:
//!
//! ```compile_fail,E0382
//! async fn twice(gate: &causeway_access::Gate, sealed: causeway_access::Sealed<String>) {
//!     let one = sealed.open(gate, |_| Vec::new()).await;
//!     let two = sealed.open(gate, |_| Vec::new()).await;
//! }
//! ```

use causeway_exchange::NewAudit;
use causeway_host::{Answer, Problem};
use causeway_record::{
    Decision, HistoryPage, PersonRow, PersonView, Review, SearchPage, Sources, Version, Written,
};
use serde_json::Value;

use crate::audit_event::Event;
use crate::trail::{Trail, entry};

/// Facts of people on their way to a reader. Only [`Sealed::open`] gives them out, after its entries are durable. That there
/// is nothing is a fact too.
#[must_use = "nothing was shown, and nothing was written down"]
pub struct Sealed<T> {
    content: T,
}

impl<T> Sealed<T> {
    /// Closes what was read.
    pub fn new(content: T) -> Self {
        Self { content }
    }

    /// The same after a step that cuts or renders it, still closed.
    pub fn map<U>(self, step: impl FnOnce(T) -> U) -> Sealed<U> {
        Sealed { content: step(self.content) }
    }

    /// Both, to be opened together.
    pub fn zip<U>(self, other: Sealed<U>) -> Sealed<(T, U)> {
        Sealed { content: (self.content, other.content) }
    }

    /// Several, to be opened together.
    pub fn all(each: impl IntoIterator<Item = Self>) -> Sealed<Vec<T>> {
        Sealed { content: each.into_iter().map(|one| one.content).collect() }
    }

    /// Gives out what is in it, after these events of the access log are durable: one for each person whom it is about, one
    /// about nobody where it is empty.
    ///
    /// # Errors
    /// 503 where an entry can't be written, 500 where there is none to write: then nothing is given out.
    pub async fn open(self, trail: &impl Trail, events: impl FnOnce(&T) -> Vec<Event>) -> Answer<T> {
        self.open_made(trail, events, |content| content).await
    }

    /// The same of what is made of it, which is made while the entries are being written.
    ///
    /// # Errors
    /// As [`Sealed::open`].
    pub async fn open_made<U>(
        self,
        trail: &impl Trail,
        events: impl FnOnce(&T) -> Vec<Event>,
        make: impl FnOnce(T) -> U,
    ) -> Answer<U> {
        let entries: Vec<NewAudit> = events(&self.content).iter().map(entry).collect::<Answer<_>>()?;
        if entries.is_empty() {
            tracing::error!("a disclosure without an entry was not made");
            return Err(Problem::internal());
        }
        let (written, made) = tokio::join!(biased; trail.write(entries), async { make(self.content) });
        written.map(|()| made)
    }
}

impl<T> Sealed<Option<T>> {
    /// Whether there is something, with what there is still closed. Who answers that there is nothing writes that down, as
    /// [`Sealed::found`] does.
    pub fn present(self) -> Option<Sealed<T>> {
        self.content.map(|content| Sealed { content })
    }

    /// What is there, still closed; what is not there is written down as a refusal and told as such.
    ///
    /// # Errors
    /// 404; 503 where the entry can't be written.
    pub async fn found(self, trail: &impl Trail, missing: Event, what: &'static str) -> Answer<Sealed<T>> {
        match self.content {
            Some(content) => Ok(Sealed { content }),
            None => {
                let missing = Event { refused: "not-found".to_owned(), ..missing };
                trail.write(vec![entry(&missing)?]).await?;
                Err(Problem::not_found(what))
            }
        }
    }
}

impl<T> Sealed<Sealed<T>> {
    /// The same, closed once.
    pub fn flatten(self) -> Sealed<T> {
        self.content
    }
}

impl<T, E> Sealed<Result<T, E>> {
    /// The same where a step succeeded.
    ///
    /// # Errors
    /// What the step failed with.
    pub fn transpose(self) -> Result<Sealed<T>, E> {
        self.content.map(|content| Sealed { content })
    }
}

impl<T: About> Sealed<T> {
    /// Ids of the Patients whom it is about, each once: what its entries are written under.
    pub fn patients(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        self.content.patients(&mut |patient| {
            if !found.iter().any(|p| p == patient) {
                found.push(patient.to_owned());
            }
        });
        found
    }
}

impl Sealed<SearchPage> {
    /// Ids of what matches on this page.
    pub fn matches(&self) -> Vec<String> {
        self.content.matches.iter().map(|key| key.id.clone()).collect()
    }

    /// Ids under which what matches stands on this page: those of persons, where Patients are searched.
    pub fn found(&self) -> Vec<String> {
        let entries = self.content.bundle["entry"].as_array().into_iter().flatten();
        let found = entries.filter(|e| e["search"]["mode"] == "match");
        found.filter_map(|e| e["resource"]["id"].as_str()).map(str::to_owned).collect()
    }

    /// Value of `_page` that leads on.
    pub fn next(&self) -> Option<String> {
        self.content.next.clone()
    }
}

impl Sealed<Sources> {
    /// Id of the person and ids of her Patients, the displayed one first.
    pub fn ids(&self) -> (String, Vec<String>) {
        let patients = self.content.patients.iter().map(|version| version.key.id.clone());
        (self.content.person.clone(), patients.collect())
    }
}

/// What is about people.
pub trait About {
    /// Names the Patients by their ids; some perhaps more than once.
    fn patients(&self, add: &mut dyn FnMut(&str));
}

/// The Patient whom a resource is about, without its type; `None` where it is about nobody.
pub fn patient_of(resource: &Value) -> Option<&str> {
    if resource["resourceType"] == "Patient" {
        return resource["id"].as_str();
    }
    let of = ["subject", "patient", "for", "individual", "beneficiary"];
    of.into_iter().find_map(|name| resource[name]["reference"].as_str()?.strip_prefix("Patient/"))
}

/// A Bundle.
impl About for Value {
    fn patients(&self, add: &mut dyn FnMut(&str)) {
        let entries = self["entry"].as_array().into_iter().flatten();
        entries.filter_map(|entry| patient_of(&entry["resource"])).for_each(add);
    }
}

impl About for Version {
    fn patients(&self, add: &mut dyn FnMut(&str)) {
        patient_of(&self.resource).into_iter().for_each(add);
    }
}

impl About for SearchPage {
    fn patients(&self, add: &mut dyn FnMut(&str)) {
        self.bundle.patients(add);
    }
}

impl About for HistoryPage {
    fn patients(&self, add: &mut dyn FnMut(&str)) {
        self.bundle.patients(add);
    }
}

impl About for Written {
    fn patients(&self, add: &mut dyn FnMut(&str)) {
        self.patients.iter().for_each(|patient| add(patient));
    }
}

impl About for Vec<PersonRow> {
    fn patients(&self, add: &mut dyn FnMut(&str)) {
        self.iter().map(|row| row.display_patient.as_str()).filter(|p| !p.is_empty()).for_each(add);
    }
}

impl About for PersonView {
    fn patients(&self, add: &mut dyn FnMut(&str)) {
        add(&self.display_patient);
    }
}

impl About for Review {
    fn patients(&self, add: &mut dyn FnMut(&str)) {
        [&self.patient, &self.other_patient].into_iter().filter(|p| !p.is_empty()).for_each(|p| add(p));
    }
}

impl About for Vec<Review> {
    fn patients(&self, add: &mut dyn FnMut(&str)) {
        self.iter().for_each(|review| review.patients(add));
    }
}

/// A case of identity with both persons as they are now, and the decisions about either.
pub struct Case {
    /// What is asked.
    pub review: Review,
    /// The person whom the first Patient belongs to.
    pub one: Option<PersonView>,
    /// The person whom the other Patient belongs to.
    pub other: Option<PersonView>,
    /// Decisions about either, newest first.
    pub decisions: Vec<Decision>,
}

impl About for Case {
    fn patients(&self, add: &mut dyn FnMut(&str)) {
        self.review.patients(add);
    }
}
