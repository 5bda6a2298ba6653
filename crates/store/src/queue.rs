//! Claims, leases and what becomes of a work item, inside the writer's transaction.

use crate::fault::Result;
use crate::prepare::ReadyEffects;
use crate::rows;
use crate::writer::Tx;
use causeway_exchange::effects::{EventKind, cut};
use causeway_exchange::work::PROCESS_DIED;
use causeway_exchange::{
    EngineError, Lease, MessageId, NextStep, State, WorkId, WorkKind, WorkState, limits,
};
use jiff::Timestamp;
use rusqlite::params;

/// Who asks for which work.
pub(crate) struct Claim {
    pub(crate) kind: WorkKind,
    pub(crate) destination: Option<String>,
    pub(crate) worker: String,
    pub(crate) lease_us: i64,
    pub(crate) limit: usize,
}

/// A leased or parked item's place.
struct Place {
    owner: i64,
    kind: String,
    destination: String,
    order_key: Option<String>,
    message: MessageId,
}

impl Tx<'_> {
    /// Leases due items by due time; those that never came back first, and no others with them.
    pub(crate) fn claim(&mut self, claim: &Claim) -> Result<Vec<Lease>> {
        let at = match claim.destination.as_deref() {
            None => " AND ?4 IS NULL",
            Some("") => " AND destination=?4",
            // The second condition is that of index `work_ready_at`.
            Some(_) => " AND destination=?4 AND destination<>''",
        };
        let mut ids = self.lost_leases(claim, at)?;
        if ids.is_empty() {
            ids = self.ready(claim, at)?;
        }
        let until = self.now.saturating_add(claim.lease_us);
        let select =
            format!("SELECT {} FROM work w JOIN message m ON m.seq=w.owner WHERE w.id=?1", rows::WORK);
        let mut leases = Vec::with_capacity(ids.len());
        for id in ids {
            self.head.token += 1;
            let token = self.head.token;
            self.run(
                "UPDATE work SET state='leased', token=?2, lease_until=?3, worker=?4, attempts=attempts+1 WHERE id=?1",
                params![id, token, until, claim.worker],
            )?;
            if let Some(item) = self.first(&select, [id], rows::work)? {
                leases.push(Lease { item, token: token.cast_unsigned(), until: at_us(until)? });
            }
        }
        Ok(leases)
    }

    /// The first items whose lease ran out and that are due again at once, as suspects: a few together, for mostly the process
    /// died of something else. Those before them that were lost too often are parked, and those that were lost before rest,
    /// and go alone.
    fn lost_leases(&mut self, claim: &Claim, at: &str) -> Result<Vec<i64>> {
        let sql = format!(
            "SELECT id FROM work WHERE kind=?1 AND state='leased' AND lease_until<=?2{at} ORDER BY lease_until, id LIMIT ?3"
        );
        let limit = i64::try_from(claim.limit).unwrap_or(i64::MAX);
        let params = params![claim.kind.as_str(), self.now, limit, claim.destination];
        let mut suspects = Vec::new();
        for id in rows::all(self.conn, &sql, params, |r| r.get::<_, i64>(0))? {
            let place = self.place(WorkId(id.cast_unsigned()), WorkState::Leased, None)?;
            let place = place.ok_or(EngineError::NotFound("work"))?;
            if self.suspect(id, &place)? == Some(self.now) {
                suspects.push(id);
            }
            if suspects.len() == limits::SUSPECTS_TOGETHER {
                break;
            }
        }
        Ok(suspects)
    }

    /// Counts one more loss of an item. When it is due again; `None`: it was lost too often and is parked.
    fn suspect(&mut self, id: i64, place: &Place) -> Result<Option<i64>> {
        let lost = self.first("SELECT lost FROM work WHERE id=?1", [id], |r| r.get::<_, u32>(0))?;
        let lost = lost.unwrap_or_default().saturating_add(1);
        let parked = lost >= limits::LOST_LEASES_MAX;
        let rest = limits::LOST_PAUSE_SECONDS.saturating_mul(i64::from(lost) - 1).saturating_mul(1_000_000);
        let due = if parked { self.now } else { self.now.saturating_add(rest) };
        let state = if parked { WorkState::Parked } else { WorkState::Ready };
        let text = format!("given out and never came back, in a row {lost}: the process died, or was killed");
        self.run(
            "UPDATE work SET state=?2, lost=?3, not_before=?4, lease_until=NULL, worker=NULL, error_code=?5, error_text=?6
             WHERE id=?1",
            params![id, state.as_str(), lost, due, PROCESS_DIED, text],
        )?;
        let event = if parked { EventKind::PARKED } else { EventKind::RETRY };
        self.event(
            place.owner,
            event,
            &place.destination,
            &format!("{} {PROCESS_DIED}: {text}", place.kind),
        )?;
        Ok((!parked).then_some(due))
    }

    /// Items that are due: none after the first suspect, and that one alone.
    fn ready(&self, claim: &Claim, at: &str) -> Result<Vec<i64>> {
        let sql = format!(
            "SELECT id, lost FROM work WHERE kind=?1 AND state='ready' AND not_before<=?2{at} ORDER BY not_before, id LIMIT ?3"
        );
        let limit = i64::try_from(claim.limit).unwrap_or(i64::MAX);
        let params = params![claim.kind.as_str(), self.now, limit, claim.destination];
        let found = rows::all(self.conn, &sql, params, |r| Ok((r.get(0)?, r.get::<_, u32>(1)?)))?;
        let good = found.iter().take_while(|(_, lost)| *lost == 0).count().max(1);
        Ok(found.into_iter().take(good).map(|(id, _)| id).collect())
    }

    /// The leased item, where the lease is still held.
    fn leased(&self, id: WorkId, token: u64) -> Result<Place> {
        self.place(id, WorkState::Leased, Some(token))?.ok_or(EngineError::StaleLease)
    }

    fn place(&self, id: WorkId, state: WorkState, token: Option<u64>) -> Result<Option<Place>> {
        self.first(
            "SELECT w.owner, w.kind, w.destination, w.order_key, m.id FROM work w JOIN message m ON m.seq=w.owner
             WHERE w.id=?1 AND w.state=?2 AND (?3 IS NULL OR w.token=?3)",
            params![id.0.cast_signed(), state.as_str(), token.map(u64::cast_signed)],
            |r| {
                Ok(Place {
                    owner: r.get(0)?,
                    kind: r.get(1)?,
                    destination: r.get(2)?,
                    order_key: r.get(3)?,
                    message: rows::stored(4, &r.get::<_, String>(4)?, |t| MessageId::new(t).ok())?,
                })
            },
        )
    }

    /// Takes an item out of the queue; the next of its key becomes ready.
    fn leave(&self, id: WorkId, place: &Place) -> Result<()> {
        self.run("DELETE FROM work WHERE id=?1", [id.0.cast_signed()])?;
        if let Some(key) = &place.order_key {
            self.run(
                "UPDATE work SET state='ready' WHERE state='waiting' AND id=(
                   SELECT min(id) FROM work WHERE kind=?1 AND destination=?2 AND order_key=?3)",
                params![place.kind, place.destination, key],
            )?;
        }
        Ok(())
    }

    pub(crate) fn extend(&self, id: WorkId, token: u64, until: i64) -> Result<()> {
        self.leased(id, token)?;
        self.run("UPDATE work SET lease_until=?2 WHERE id=?1", params![id.0.cast_signed(), until]).map(|_| ())
    }

    pub(crate) fn complete(&mut self, id: WorkId, token: u64, worker_effects: ReadyEffects) -> Result<()> {
        let place = self.leased(id, token)?;
        self.leave(id, &place)?;
        self.event(place.owner, EventKind::DONE, &place.destination, &place.kind)?;
        self.effects(place.owner, &place.message, worker_effects)
    }

    pub(crate) fn fail(
        &mut self,
        id: WorkId,
        token: u64,
        code: &str,
        detail: &str,
        next: NextStep,
        effects: ReadyEffects,
    ) -> Result<()> {
        let place = self.leased(id, token)?;
        let (state, due, event) = match next {
            NextStep::Suspect => {
                self.suspect(id.0.cast_signed(), &place)?;
                return self.effects(place.owner, &place.message, effects);
            }
            NextStep::Retry(at) | NextStep::Away(at) | NextStep::Wait(at) => {
                (WorkState::Ready, at.as_microsecond(), EventKind::RETRY)
            }
            NextStep::Park => (WorkState::Parked, self.now, EventKind::PARKED),
        };
        let waits = matches!(next, NextStep::Wait(_));
        let tries = u32::from(matches!(next, NextStep::Retry(_)));
        self.run(
            "UPDATE work SET state=?2, not_before=?3, lease_until=NULL, worker=NULL, error_code=?4, error_text=?5,
               lost=iif(?6, lost, 0), attempts=iif(?6, max(attempts-1, 0), attempts), tries=tries+?7
             WHERE id=?1",
            params![id.0.cast_signed(), state.as_str(), due, code, cut(detail), waits, tries],
        )?;
        self.event(place.owner, event, &place.destination, &format!("{} {code}: {detail}", place.kind))?;
        self.effects(place.owner, &place.message, effects)
    }

    pub(crate) fn unpark(&mut self, id: WorkId, actor: &str, at: i64) -> Result<()> {
        let place = self.place(id, WorkState::Parked, None)?.ok_or(EngineError::NotFound("parked work"))?;
        self.run(
            "UPDATE work SET state='ready', not_before=?2, attempts=0, tries=0, lost=0 WHERE id=?1",
            params![id.0.cast_signed(), at],
        )?;
        self.event(place.owner, EventKind::UNPARKED, actor, &place.kind)?;
        self.note(actor, EventKind::UNPARKED, place.message.as_str(), &place.destination)
    }

    pub(crate) fn discard(&mut self, id: WorkId, actor: &str, reason: &str) -> Result<()> {
        let place = self.place(id, WorkState::Parked, None)?.ok_or(EngineError::NotFound("parked work"))?;
        self.leave(id, &place)?;
        let state = self.held(&place.message)?.state;
        if state.may_become(State::Error) {
            let failure = ("discarded".to_owned(), reason.to_owned());
            self.change_state(&place.message, Some(State::Error), Some(&failure))?;
        }
        self.event(place.owner, EventKind::DISCARDED, actor, reason)?;
        self.note(actor, EventKind::DISCARDED, place.message.as_str(), reason)
    }

    pub(crate) fn replay(
        &mut self,
        id: &MessageId,
        work: Vec<causeway_exchange::NewWork>,
        actor: &str,
        reason: &str,
    ) -> Result<()> {
        let held = self.held(id)?;
        if held.state == State::Uploading {
            return Err(EngineError::WrongState(held.state));
        }
        let deleted = self.first("SELECT content_deleted_at FROM message WHERE seq=?1", [held.seq], |r| {
            r.get::<_, Option<i64>>(0)
        })?;
        if deleted.flatten().is_some() {
            return Err(EngineError::ContentDeleted);
        }
        for mut item in work {
            item.replay = true;
            let detail = format!("{} {}", item.kind, item.destination);
            self.queue(held.seq, &item)?;
            self.event(held.seq, EventKind::REPLAYED, actor, &detail)?;
        }
        self.note(actor, EventKind::REPLAYED, id.as_str(), reason)
    }
}

/// A stored time in microseconds.
pub(crate) fn at_us(us: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(us).map_err(|_| EngineError::Invalid("time"))
}
