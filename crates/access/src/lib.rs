//! Who may see what: the one access decision, its policies, relationships, the person's choices, restricted codes,
//! what is withheld, and the audit events that tell of it.
//!
//! Everything that decides is pure: facts come in, a decision with the seven steps that led to it goes out.
