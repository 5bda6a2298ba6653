//! The contract suite, each clause in a database of its own.

use crate::database::Database;

macro_rules! clauses {
    ($($clause:ident),*) => {
        $(#[test]
        fn $clause() {
            let Some(place) = Database::new() else { return };
            causeway_exchange::contract::$clause(&place);
        })*
    };
}

clauses!(
    accept_is_atomic,
    idempotency,
    chunks_are_durable,
    order_and_pages,
    acknowledgement_is_final,
    leases_and_parking,
    lost_leases_are_counted,
    expiry_and_retention,
    audit_ends,
    replay_is_flagged,
    integrity,
    refuses_when_space_is_short,
    backup_and_schema,
    reports_durability,
    translation_in_pieces
);
