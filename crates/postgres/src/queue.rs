//! Claims, leases and what becomes of a work item, inside the writer's transaction.

use crate::conn::{at_us, get, p, small};
use crate::content::ReadyEffects;
use crate::fault::Result;
use crate::rows;
use crate::writer::Tx;
use causeway_exchange::effects::{EventKind, cut};
use causeway_exchange::work::PROCESS_DIED;
use causeway_exchange::{
    EngineError, Lease, MessageId, NextStep, State, WorkId, WorkKind, WorkState, limits,
};

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
        let mut ids = self.lost_leases(claim)?;
        if ids.is_empty() {
            ids = self.ready(claim)?;
        }
        let until = self.now.saturating_add(claim.lease_us);
        let select =
            format!("SELECT {} FROM work w JOIN message m ON m.seq=w.owner WHERE w.id=$1", rows::WORK);
        let mut leases = Vec::with_capacity(ids.len());
        for id in ids {
            self.head.token += 1;
            let token = self.head.token;
            self.conn.run(
                "UPDATE work SET state='leased', token=$2, lease_until=$3, worker=$4, attempts=attempts+1 WHERE id=$1",
                p![id, token, until, claim.worker],
            )?;
            if let Some(item) = self.conn.first(&select, p![id], rows::work)? {
                leases.push(Lease { item, token: token.cast_unsigned(), until: at_us(until)? });
            }
        }
        Ok(leases)
    }

    /// The first items whose lease ran out and that are due again at once, as suspects: a few together, for mostly the process
    /// died of something else. Those before them that were lost too often are parked, and those that were lost before rest,
    /// and go alone.
    fn lost_leases(&mut self, claim: &Claim) -> Result<Vec<i64>> {
        let sql = "SELECT id FROM work WHERE kind=$1 AND state='leased' AND lease_until<=$2
             AND ($4::text IS NULL OR destination=$4) ORDER BY lease_until, id LIMIT $3";
        let limit = i64::try_from(claim.limit).unwrap_or(i64::MAX);
        let params: crate::conn::Params<'_> = p![claim.kind.as_str(), self.now, limit, claim.destination];
        let mut suspects = Vec::new();
        for id in self.conn.all(sql, params, |r| get::<i64>(r, 0))? {
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
        let lost = self.conn.first("SELECT lost FROM work WHERE id=$1", p![id], |r| small::<u32>(r, 0))?;
        let lost = lost.ok_or(EngineError::NotFound("work"))?.saturating_add(1);
        let parked = lost >= limits::LOST_LEASES_MAX;
        let rest = limits::LOST_PAUSE_SECONDS.saturating_mul(i64::from(lost) - 1).saturating_mul(1_000_000);
        let due = if parked { self.now } else { self.now.saturating_add(rest) };
        let state = if parked { WorkState::Parked } else { WorkState::Ready };
        let text = format!("given out and never came back, in a row {lost}: the process died, or was killed");
        self.conn.run(
            "UPDATE work SET state=$2, lost=$3, not_before=$4, lease_until=NULL, worker=NULL, error_code=$5, error_text=$6
             WHERE id=$1",
            p![id, state.as_str(), i64::from(lost), due, PROCESS_DIED, text],
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
    fn ready(&mut self, claim: &Claim) -> Result<Vec<i64>> {
        let sql = "SELECT id, lost FROM work WHERE kind=$1 AND state='ready' AND not_before<=$2
             AND ($4::text IS NULL OR destination=$4) ORDER BY not_before, id LIMIT $3";
        let limit = i64::try_from(claim.limit).unwrap_or(i64::MAX);
        let params: crate::conn::Params<'_> = p![claim.kind.as_str(), self.now, limit, claim.destination];
        let found = self.conn.all(sql, params, |r| Ok((get::<i64>(r, 0)?, get::<i64>(r, 1)?)))?;
        let good = found.iter().take_while(|(_, lost)| *lost == 0).count().max(1);
        Ok(found.into_iter().take(good).map(|(id, _)| id).collect())
    }

    /// The leased item, where the lease is still held.
    fn leased(&mut self, id: WorkId, token: u64) -> Result<Place> {
        self.place(id, WorkState::Leased, Some(token))?.ok_or(EngineError::StaleLease)
    }

    fn place(&mut self, id: WorkId, state: WorkState, token: Option<u64>) -> Result<Option<Place>> {
        self.conn.first(
            "SELECT w.owner, w.kind, w.destination, w.order_key, m.id FROM work w JOIN message m ON m.seq=w.owner
             WHERE w.id=$1 AND w.state=$2 AND ($3::bigint IS NULL OR w.token=$3)",
            p![id.0.cast_signed(), state.as_str(), token.map(u64::cast_signed)],
            |r| {
                Ok(Place {
                    owner: get(r, 0)?,
                    kind: get(r, 1)?,
                    destination: get(r, 2)?,
                    order_key: get(r, 3)?,
                    message: rows::id(r, 4)?,
                })
            },
        )
    }

    /// Takes an item out of the queue; the next of its key becomes ready.
    fn leave(&mut self, id: WorkId, place: &Place) -> Result<()> {
        self.conn.run("DELETE FROM work WHERE id=$1", p![id.0.cast_signed()])?;
        if let Some(key) = &place.order_key {
            self.conn.run(
                "UPDATE work SET state='ready' WHERE state='waiting' AND id=(
                   SELECT min(id) FROM work WHERE kind=$1 AND destination=$2 AND order_key=$3)",
                p![place.kind, place.destination, key],
            )?;
        }
        Ok(())
    }

    pub(crate) fn extend(&mut self, id: WorkId, token: u64, until: i64) -> Result<()> {
        self.leased(id, token)?;
        self.conn.run("UPDATE work SET lease_until=$2 WHERE id=$1", p![id.0.cast_signed(), until]).map(drop)
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
        let tries = i64::from(matches!(next, NextStep::Retry(_)));
        self.conn.run(
            "UPDATE work SET state=$2, not_before=$3, lease_until=NULL, worker=NULL, error_code=$4, error_text=$5,
               lost=CASE WHEN $6 THEN lost ELSE 0 END,
               attempts=CASE WHEN $6 THEN greatest(attempts-1, 0) ELSE attempts END, tries=tries+$7
             WHERE id=$1",
            p![id.0.cast_signed(), state.as_str(), due, code, cut(detail), waits, tries],
        )?;
        self.event(place.owner, event, &place.destination, &format!("{} {code}: {detail}", place.kind))?;
        self.effects(place.owner, &place.message, effects)
    }

    pub(crate) fn unpark(&mut self, id: WorkId, actor: &str, at: i64) -> Result<()> {
        let place = self.place(id, WorkState::Parked, None)?.ok_or(EngineError::NotFound("parked work"))?;
        self.conn.run(
            "UPDATE work SET state='ready', not_before=$2, attempts=0, tries=0, lost=0 WHERE id=$1",
            p![id.0.cast_signed(), at],
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
        let deleted =
            self.conn.first("SELECT content_deleted_at FROM message WHERE seq=$1", p![held.seq], |r| {
                get::<Option<i64>>(r, 0)
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
