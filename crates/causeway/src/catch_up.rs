//! What is in the exchange and not in the record is taken into it: when the record is made anew, and when a broker begins
//! whose record another one's messages are not in.

use std::collections::BTreeSet;
use std::time::Duration;

use causeway_broker::identity;
use causeway_broker::pipeline::{self, RECORD_PIECES};
use causeway_exchange::limits::MAX_SEARCH_PAGE;
use causeway_exchange::{EngineError, MessageId, NewWork, Recorded, WorkKind, WorkQuery, WorkState};
use causeway_record::Record;
use causeway_service::state::Shared;
use tokio_util::sync::CancellationToken;

use crate::keep::RECORD;

/// Pause between two looks at what is left.
const LOOK: Duration = Duration::from_millis(50);

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// All that is to be done on the record.
    AllIsDone,
    /// What was ordered again. What else is to be done waits in the order of its persons, one of each at a time, and may go on
    /// while the exchange answers, as it does at any other time.
    WhatWasOrderedAgain,
}

/// Orders messages to be taken into the record again, in order, and waits. How much of what is waited for could not be done
/// and is parked.
///
/// # Errors
/// The engine failed.
pub(crate) async fn take_in(
    state: &Shared,
    wanted: &[&Recorded],
    until: Until,
    actor: &str,
    reason: &str,
) -> Result<usize, EngineError> {
    let now = state.clock.now();
    let order = |message: &&Recorded| {
        let destination = if message.in_pieces { RECORD_PIECES } else { pipeline::RECORD };
        Ok((MessageId::new(&message.id)?, vec![NewWork::new(WorkKind::Record, destination)]))
    };
    let orders = wanted.iter().map(order).collect::<Result<_, EngineError>>()?;
    state.engine.replay_all(orders, actor, reason, now)?;
    let stop = CancellationToken::new();
    let workers = pipeline::start_record(state, &stop);
    let parked = loop {
        state.signals.all();
        tokio::time::sleep(LOOK).await;
        let (left, parked) = left(state, until)?;
        if left == 0 {
            break parked;
        }
    };
    stop.cancel();
    state.signals.all();
    let joined = tokio::task::spawn_blocking(move || workers.join()).await;
    joined.map_err(|e| EngineError::Storage(e.to_string()))?;
    Ok(parked)
}

/// How much work on the record is to be done yet, and how much of it is parked, of what is waited for.
fn left(state: &Shared, until: Until) -> Result<(usize, usize), EngineError> {
    let (mut left, mut parked) = (0, 0);
    let mut query =
        WorkQuery { kind: Some(WorkKind::Record), limit: MAX_SEARCH_PAGE, ..WorkQuery::default() };
    loop {
        let page = state.engine.work(&query)?;
        for item in page.iter().filter(|item| until == Until::AllIsDone || item.work.replay) {
            *(if item.state == WorkState::Parked { &mut parked } else { &mut left }) += 1;
        }
        if page.len() < MAX_SEARCH_PAGE {
            return Ok((left, parked));
        }
        query.after = page.last().map(|item| item.id);
    }
}

/// Takes into the record what another broker took into its own meanwhile: nothing is answered from a record that lacks what
/// the exchange says is in it. How many messages that were.
///
/// # Errors
/// A sentence that says what could not be done; also where the record still tells what was erased.
pub(crate) async fn catch_up(state: &Shared, record: &Record) -> Result<usize, String> {
    let told = record.messages().map_err(|e| format!("{RECORD}: {e}"))?;
    let told: BTreeSet<&str> = told.iter().map(|one| one.message.as_str()).collect();
    let recorded = state.engine.recorded().map_err(|e| e.to_string())?;
    if recorded.iter().any(|m| m.erased && told.contains(m.id.as_str())) {
        return Err(format!(
            "{RECORD} still tells what was erased from the exchange: causeway rebuild-record makes it anew"
        ));
    }
    let lacking = recorded.iter().filter(|m| m.present && !m.pending && !told.contains(m.id.as_str()));
    let lacking: Vec<&Recorded> = lacking.collect();
    let gone = recorded.iter().filter(|m| !m.present && !m.erased && !told.contains(m.id.as_str())).count();
    if gone > 0 {
        tracing::warn!(
            messages = gone,
            "the record lacks what messages told whose content is gone: copy the record of another broker"
        );
    }
    // One that was ended on the way has ordered them already.
    let ordered = recorded.iter().filter(|m| m.pending && !told.contains(m.id.as_str())).count();
    if lacking.len() + ordered > 0 {
        let messages = lacking.len();
        tracing::info!(messages, ordered, "taking into the record what another broker has in its own");
        take_in(state, &lacking, Until::WhatWasOrderedAgain, "causeway", "this broker's record lacks it")
            .await
            .map_err(|e| e.to_string())?;
    }
    settle(state, record)?;
    Ok(lacking.len())
}

/// Brings what people decided about who is who into the record. How many decisions it lacked, and how many it can't have.
///
/// # Errors
/// A sentence that says what could not be done.
pub(crate) fn settle(state: &Shared, record: &Record) -> Result<(usize, usize), String> {
    let kept = identity::kept(&*state.engine).map_err(|e| e.to_string())?;
    let (lacked, left) = identity::settle(record, &kept).map_err(|e| format!("{RECORD}: {e}"))?;
    if lacked + left > 0 {
        tracing::info!(lacked, left, "decisions about identity of the exchange brought into the record");
    }
    Ok((lacked, left))
}
