//! What people decided about who is who, kept with the exchange: a record that is made anew, and that of another broker, has
//! the decisions too.

use causeway_exchange::{Configuration, EngineError};
use causeway_record::{Answer, Record, RecordError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Kind of the documents; the key is the two Patients' ids in order.
const DOCUMENT: &str = "identity-decision";

/// What was last decided about two Patients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Ids of the Patients.
    pub patients: [String; 2],
    /// The answer; `None` where it was taken back.
    pub answer: Option<Answer>,
    /// Why, in the person's words.
    pub reason: String,
    /// Who decided.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

impl Decided {
    fn key(&self) -> String {
        let [a, b] = &self.patients;
        if a <= b { format!("{a}|{b}") } else { format!("{b}|{a}") }
    }
}

/// Keeps a decision, before the record is told of it.
///
/// # Errors
/// The engine failed; nothing was decided then.
pub fn keep<E: Configuration + ?Sized>(engine: &E, decided: &Decided) -> Result<(), EngineError> {
    let text = serde_json::to_string(decided).map_err(|_| EngineError::Invalid("decision"))?;
    engine.put_config(DOCUMENT, &decided.key(), Some(&text), None, &decided.actor, decided.at).map(drop)
}

/// Takes a decision out again that the record refused: what was decided about the two before stands.
///
/// # Errors
/// The engine failed.
pub fn withdraw<E: Configuration + ?Sized>(
    engine: &E,
    decided: &Decided,
    before: Option<&Decided>,
) -> Result<(), EngineError> {
    match before {
        Some(before) => keep(engine, before),
        None => engine.put_config(DOCUMENT, &decided.key(), None, None, &decided.actor, decided.at).map(drop),
    }
}

/// What was last decided about the two of a decision.
///
/// # Errors
/// The engine failed, or the document can't be read.
pub fn before<E: Configuration + ?Sized>(
    engine: &E,
    decided: &Decided,
) -> Result<Option<Decided>, EngineError> {
    let found = engine.config(DOCUMENT, &decided.key())?;
    found.map(|(_, text)| read(&text)).transpose()
}

/// What was last decided about every two, oldest first.
///
/// # Errors
/// As [`before`].
pub fn kept<E: Configuration + ?Sized>(engine: &E) -> Result<Vec<Decided>, EngineError> {
    let found = engine.configs(DOCUMENT)?;
    let mut all = found.iter().map(|(_, _, text)| read(text)).collect::<Result<Vec<_>, _>>()?;
    all.sort_by_key(|one| one.at);
    Ok(all)
}

fn read(text: &str) -> Result<Decided, EngineError> {
    serde_json::from_str(text).map_err(|_| EngineError::Corrupt("decision about identity"))
}

/// Brings the decisions into a record that may lack some. How many it lacked, and how many are about Patients that it does
/// not have or can't be carried out.
///
/// # Errors
/// The record failed.
pub fn settle(record: &Record, decided: &[Decided]) -> Result<(usize, usize), RecordError> {
    let (mut lacked, mut left) = (0, 0);
    for one in decided {
        let [a, b] = &one.patients;
        match record.settle(a, b, one.answer, &one.reason, &one.actor, one.at) {
            Ok(true) => lacked += 1,
            Ok(false) => {}
            Err(RecordError::NotFound | RecordError::Identity(_)) => left += 1,
            Err(error) => return Err(error),
        }
    }
    Ok((lacked, left))
}
