//! Who may see what: the one access decision, its policies, relationships, the person's choices, restricted codes,
//! what is withheld, and the audit events that tell of it.
//!
//! Everything that decides is pure: facts come in, a decision with the seven steps that led to it goes out.

pub mod audit_event;
pub mod choices;
pub mod decide;
pub mod document;
pub mod labels;
pub mod misuse;
pub mod policy;
pub mod relationship;
pub mod restricted;
pub mod sections;
pub mod withhold;

pub use decide::{Asker, Decision, Item, Obligation, OrganisationFacts, Reach, Request, decide};
pub use policy::{PolicyError, PolicySet};
