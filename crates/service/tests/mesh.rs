//! The MESH door from the outside. What strict mode promises, and the test that holds it:
//!
//! | behaviour | test |
//! |---|---|
//! | a token is good once, also after a restart | `a_token_is_good_once`, `a_used_token_stays_used_over_a_restart` |
//! | …and after a power cut, or refused | `after_a_power_cut_no_token_that_may_have_been_used_is_good` |
//! | its time is within two hours | `a_token_is_good_within_two_hours` |
//! | all chunks must be there | `a_message_with_a_missing_chunk_waits_for_it` |
//! | no download after acknowledgement | `what_is_acknowledged_is_gone` |
//! | only the recipient acknowledges | `anothers_message_is_not_acknowledged` |
//! | workflows are registered | `workflows_must_be_registered` |
//! | five days, then exactly one report | `uncollected_messages_expire_with_one_report` |
//! | thirty days, then the content is deleted | `content_is_deleted_after_thirty_days` |
//! | inactive mailboxes are closed | `an_inactive_mailbox_is_closed` |
//! | another's message is not there | `another_mailboxes_message_is_not_shown` |
//! | the certificate belongs to the mailbox | `a_mailbox_may_want_its_certificate` |

#[path = "mesh/client.rs"]
mod client;
#[path = "mesh/exchange.rs"]
mod exchange;
#[allow(dead_code)]
#[path = "it/line_adapter.rs"]
mod line_adapter;
#[path = "mesh/sandbox.rs"]
mod sandbox;
#[path = "mesh/shapes.rs"]
mod shapes;
#[path = "mesh/strict.rs"]
mod strict;
#[allow(dead_code)]
#[path = "it/support.rs"]
mod support;
#[path = "mesh/transfer.rs"]
mod transfer;
