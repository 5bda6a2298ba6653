//! The one way from what messages hold to who asks for it. (What was read of a person's record is a [`crate::Sealed`].)
//!
//! A [`Grant`] says who may read, on what ground and about what; a refusal is written to the audit trail before it is
//! told. A [`Disclosure`] is made of a grant and consumed by one read, which is in the audit trail before it is made.
//! Nothing else reads the content of messages: doors and pages hold no engine that has [`Contents`].
//!
//! What a message holds is out of reach without one:
//!
//! ```compile_fail,E0616
//! fn forgetful(shelf: &causeway_access::Shelf, id: &causeway_exchange::MessageId) {
//!     let original = shelf.contents.payload(id);
//! }
//! ```
//!
//! the engine that handlers are given does not read it:
//!
//! ```compile_fail,E0599
//! fn forgetful(engine: &dyn causeway_exchange::Desk, id: &causeway_exchange::MessageId) {
//!     let original = engine.payload(id);
//! }
//! ```
//!
//! and a read takes its disclosure along, so that one entry never serves two reads:
//!
//! ```compile_fail,E0382
//! async fn twice(disclosure: causeway_access::Disclosure<'_>, told: causeway_access::Told) {
//!     let one: Result<_, causeway_host::Problem> =
//!         disclosure.message(told.clone(), |opened| Ok(opened.payload()?)).await;
//!     let two: Result<_, causeway_host::Problem> =
//!         disclosure.message(told, |opened| Ok(opened.payload()?)).await;
//! }
//! ```

use std::sync::Arc;

use causeway_exchange::{
    Contents, EngineError, Message, MessageId, NewAudit, PayloadReader, PieceKind, StoredOutput,
    TranslationHead,
};
use causeway_host::{Answer, Problem};
use serde_json::{Value, json};

use crate::audit_event::{Act, Event, Party, User};
use crate::caller::Caller;
use crate::gate::{Gate, HasGate};
use crate::trail::entry;

/// People of one message under whom a read of it is written down; a message of more says so by their number.
const PEOPLE_TOLD: usize = 1_000;

/// Which message may be read, by whom and why.
#[derive(Clone, Debug)]
pub struct Grant {
    caller: Caller,
    ground: &'static str,
    message: MessageId,
    linked: Option<MessageId>,
    user: Option<User>,
}

impl Grant {
    /// For what a message holds: its sender, its recipient and an operator may read it, as [`Caller::may_see`] says.
    ///
    /// # Errors
    /// 404 for anybody else, after the refusal is in the audit trail: that there is such a message is not told either.
    pub async fn of_message(state: &impl HasGate, caller: &Caller, message: &Message) -> Answer<Self> {
        // This comes first: it also says no to people who signed in and to tokens with scopes.
        if !caller.may_see(message) {
            refuse(state, caller, message).await?;
            return Err(Problem::not_found("message"));
        }
        let own = message.new.sender.eq_ignore_ascii_case(&caller.organisation.code);
        let ground = match (caller.is_operator(), own) {
            (true, _) => "operator",
            (false, true) => "sender",
            (false, false) => "recipient",
        };
        Ok(Self::new(caller, ground, message))
    }

    /// For a mailbox whose owner has shown its token: what is addressed to it. `None` for any other message, after the
    /// refusal is in the audit trail.
    ///
    /// # Errors
    /// As [`Gate::audit`].
    pub async fn of_mailbox(
        state: &impl HasGate,
        caller: &Caller,
        mailbox: &str,
        message: &Message,
    ) -> Answer<Option<Self>> {
        if message.new.mailbox_to.as_deref() != Some(mailbox) {
            refuse(state, caller, message).await?;
            return Ok(None);
        }
        Ok(Some(Self::new(caller, "recipient", message)))
    }

    /// For who typed it into a form; [`crate::opened::grant_to_writer`] decides that.
    pub(crate) fn writer(caller: &Caller, user: Option<User>, message: &Message) -> Self {
        Self { user, ..Self::new(caller, "writer", message) }
    }

    fn new(caller: &Caller, ground: &'static str, message: &Message) -> Self {
        let (id, linked) = (message.new.id.clone(), message.new.linked.clone());
        Self { caller: caller.clone(), ground, message: id, linked, user: None }
    }

    /// Who.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Why: `operator`, `sender`, `recipient`, `writer`.
    pub fn ground(&self) -> &'static str {
        self.ground
    }
}

pub(crate) async fn refuse(state: &impl HasGate, caller: &Caller, message: &Message) -> Answer<()> {
    let entry = NewAudit {
        actor: caller.organisation.code.clone(),
        action: "access-refused".to_owned(),
        entity: message.new.id.to_string(),
        detail: json!({"refused": "message-read"}).to_string(),
    };
    state.gate().audit(entry).await
}

/// What the audit entry of a read says besides who and why.
#[derive(Clone, Debug)]
pub struct Told {
    detail: Value,
}

impl Told {
    /// A read of a part of a message. `detail`: which part, as an object; no value of a person.
    pub fn part(detail: Value) -> Self {
        Self { detail }
    }

    /// The entry under the message, and one under each Patient whom it is known to concern.
    fn entries(mut self, gate: &Gate, grant: &Grant, patients: &[String]) -> Answer<Vec<NewAudit>> {
        let part = self.detail["part"].as_str().unwrap_or("content").to_owned();
        if let Some(object) = self.detail.as_object_mut() {
            object.insert("ground".to_owned(), json!(grant.ground));
            object.insert("people".to_owned(), json!(patients.len()));
        }
        let mut entries = vec![NewAudit {
            actor: grant.caller.organisation.code.clone(),
            action: "message-read".to_owned(),
            entity: grant.message.to_string(),
            detail: self.detail.to_string(),
        }];
        for patient in patients {
            entries.push(entry(&about(gate, grant, &part, patient))?);
        }
        Ok(entries)
    }
}

/// The event of the access log for one person whom a message concerns.
fn about(gate: &Gate, grant: &Grant, part: &str, patient: &str) -> Event {
    let sender = grant.caller.organisation.sender();
    let leaves = matches!(part, "original" | "chunk" | "bundle");
    Event {
        id: uuid::Uuid::now_v7().to_string(),
        recorded: gate.clock.now(),
        act: if leaves { Act::Export } else { Act::Read },
        refused: String::new(),
        text: String::new(),
        client: Party {
            system: sender.system,
            value: sender.code,
            name: grant.caller.organisation.label().to_owned(),
        },
        address: String::new(),
        server: String::new(),
        user: grant.user.clone(),
        purpose: "TREAT".to_owned(),
        token: String::new(),
        patient: patient.to_owned(),
        nhs_number: String::new(),
        data: vec![format!("message/{}/{part}", grant.message)],
        query: String::new(),
        request: String::new(),
        relationship: grant.ground.to_owned(),
        sections: Vec::new(),
        policy: gate.access.policies.head.version.clone(),
    }
}

/// A message's content, open for one read that is in the audit trail.
pub struct OpenedMessage {
    contents: Arc<dyn Contents>,
    message: MessageId,
}

impl OpenedMessage {
    /// Which message.
    pub fn message(&self) -> &MessageId {
        &self.message
    }

    /// The original.
    ///
    /// # Errors
    /// As [`Contents::payload`].
    pub fn payload(&self) -> Result<PayloadReader, EngineError> {
        self.contents.payload(&self.message)
    }

    /// One chunk of the original, from 1.
    ///
    /// # Errors
    /// As [`Contents::chunk_of`]; [`EngineError::NotFound`] for another message than this.
    pub fn chunk_of(&self, message: &Message, number: u32) -> Result<PayloadReader, EngineError> {
        if message.new.id != self.message {
            return Err(EngineError::NotFound("message"));
        }
        self.contents.chunk_of(message, number)
    }

    /// The translation without its outputs, with the acknowledgement.
    ///
    /// # Errors
    /// As [`Contents::translation_head`].
    pub fn translation(&self) -> Result<Option<TranslationHead>, EngineError> {
        self.contents.translation_head(&self.message)
    }

    /// One output, from 0.
    ///
    /// # Errors
    /// As [`Contents::output`].
    pub fn output(&self, number: u64) -> Result<Option<StoredOutput>, EngineError> {
        self.contents.output(&self.message, number)
    }

    /// One piece, from 0.
    ///
    /// # Errors
    /// As [`Contents::piece`].
    pub fn piece(&self, kind: PieceKind, number: u32) -> Result<Option<Vec<u8>>, EngineError> {
        self.contents.piece(&self.message, kind, number)
    }
}

/// One read that is about to be made and told.
pub struct Disclosure<'g> {
    gate: &'g Gate,
    grant: Grant,
}

impl<'g> Disclosure<'g> {
    /// The only way to one.
    pub fn of(state: &'g impl HasGate, grant: Grant) -> Self {
        Self { gate: state.gate(), grant }
    }

    /// Reads the content of the message that the grant is about: the audit entry first, then `read` on a thread that may
    /// block.
    ///
    /// # Errors
    /// As [`Gate::audit`], then nothing was read; what `read` fails with.
    pub async fn message<T, E>(
        self,
        told: Told,
        read: impl FnOnce(&OpenedMessage) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Problem> + Send + 'static,
    {
        let shelf = self.gate.shelf.clone();
        let (id, linked) = (self.grant.message.clone(), self.grant.linked.clone());
        let people = tokio::task::spawn_blocking(move || shelf.people_of(&id, linked.as_ref(), PEOPLE_TOLD));
        let people = people.await.map_err(|_| Problem::internal())??;
        let entries = told.entries(self.gate, &self.grant, &people)?;
        self.gate.audit_all(entries).await?;
        let opened =
            OpenedMessage { contents: self.gate.shelf.contents.clone(), message: self.grant.message };
        tokio::task::spawn_blocking(move || read(&opened)).await.map_err(|_| Problem::internal())?
    }
}
