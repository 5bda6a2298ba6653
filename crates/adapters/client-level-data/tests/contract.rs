//! The adapter keeps the contract over its fixtures.

use causeway_adapter::contract::Suite;
use causeway_adapter_client_level_data::ClientLevelData;

#[test]
fn keeps_the_contract() {
    Suite::new(&ClientLevelData).folder("fixtures/client-level-data").check();
}

#[test]
fn keeps_the_contract_with_costs() {
    let mut context = causeway_adapter::contract::test_context();
    context.options = vec!["cld-costs".to_owned(), "cld-release-2".to_owned()];
    context.explain = true;
    let suite = Suite::new(&ClientLevelData).context(context).folder("fixtures/client-level-data");
    suite.accounts();
    suite.resolves_references();
    suite.tells_the_truth();
}

/// `cargo test --release -p causeway-adapter-client-level-data -- --ignored`
#[test]
#[ignore = "some minutes; run with --release"]
fn survives_a_million_mutations() {
    Suite::new(&ClientLevelData).folder("fixtures/client-level-data").survives_mutation(1_000_000, 2);
}
