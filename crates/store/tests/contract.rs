//! The contract suite against the embedded engine.

mod place;

use place::Folder;

causeway_exchange::contract_tests!(Folder::new());
