//! Sandbox only: the three fixed messages of canned mode, and the copy of messages as files.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use causeway_broker::state::AppState;
use causeway_exchange::{
    Accept, Desk, Effects, EngineError, MessageId, NewMessage, Payload, State as Stand, Upload,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::auth::Call;
use super::headers;
use super::refusal::Refusal;

const TEXT: &str = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut \
                    labore et dolore magna aliqua. ";
const END: &str = "Quis nostrud exercitation ullamco laboris nisi ut aliquip lorem.";

/// Stores the fixed messages of canned mode, unless they are there.
pub(super) fn store(state: &AppState) -> Result<(), EngineError> {
    let (engine, now) = (&*state.engine, state.clock.now());
    let message = |id: &str, from: &str, to: &str| -> Result<NewMessage, EngineError> {
        let mut message = NewMessage::new(MessageId::new(id)?, "X26", "mesh");
        (message.mailbox_from, message.mailbox_to) = (Some(from.to_owned()), Some(to.to_owned()));
        message.workflow = Some("TEST_WORKFLOW".to_owned());
        message.inbox = true;
        Ok(message)
    };
    for id in ["SIMPLE_MESSAGE", "UNDELIVERED_MESSAGE"] {
        let message = message(id, "X26ABC2", "X26ABC1")?;
        if is_there(engine, &message)? {
            continue;
        }
        let payload = Payload::Bytes(format!("{TEXT}{END}").into_bytes());
        let id = message.id.clone();
        engine.accept(Accept { message, payload, key: None, effects: Effects::default() }, now)?;
        if id.as_str() == "UNDELIVERED_MESSAGE" {
            engine.apply(&id, Effects { state: Some(Stand::Undeliverable), ..Effects::default() }, now)?;
        }
    }
    let mut message = message("CHUNKED_MESSAGE_GZ", "X26ABC1", "X26ABC2")?;
    message.content_encoding = Some("gzip".to_owned());
    if !is_there(engine, &message)? {
        let id = message.id.clone();
        let first = Payload::Bytes(packed(TEXT)?);
        engine.begin_upload(Upload { message, total: 2, first, effects: Effects::default() }, now)?;
        engine.put_chunk(&id, 2, Payload::Bytes(packed(END)?), now)?;
        engine.finish_upload(&id, false, None, Effects::default(), now)?;
    }
    Ok(())
}

fn is_there(engine: &dyn Desk, message: &NewMessage) -> Result<bool, EngineError> {
    Ok(engine.message(&message.id)?.is_some())
}

fn packed(text: &str) -> Result<Vec<u8>, EngineError> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    let packed = packer.write_all(text.as_bytes()).and_then(|()| packer.finish());
    packed.map_err(|error| EngineError::Storage(error.to_string()))
}

/// Copies a complete message to the folder that the operator wants to look at, if there is one.
pub(super) fn mirror(call: &Call, id: &MessageId) -> Result<(), Refusal> {
    let Some(folder) = &call.mesh.config.mirror_directory else { return Ok(()) };
    copy(call, folder, id).map_err(|error| {
        tracing::error!(kind = ?error.kind(), "message not copied to the mirror directory");
        Refusal::internal()
    })
}

fn copy(call: &Call, folder: &Path, id: &MessageId) -> io::Result<()> {
    let said = |error: EngineError| io::Error::other(error.to_string());
    let Some(message) = call.engine().message(id).map_err(said)? else { return Ok(()) };
    let to = message.new.mailbox_to.as_deref().unwrap_or_default();
    let inbox = folder.join(to).join("in");
    let chunks = inbox.join(id.as_str());
    fs::create_dir_all(&chunks)?;
    for chunk in 1..=message.chunks {
        let path = chunks.join(chunk.to_string());
        match call.state.mirror_chunk(id, chunk, &mut fs::File::create(&path)?) {
            Ok(()) => {}
            // A chunk that the sandbox does not miss.
            Err(EngineError::NotFound(_)) => fs::remove_file(&path)?,
            Err(error) => return Err(said(error)),
        }
    }
    let facts = json!({
        "message_id": id.as_str(),
        "sender": {"mailbox_id": message.new.mailbox_from},
        "recipient": {"mailbox_id": to},
        "workflow_id": message.new.workflow,
        "message_type": "DATA",
        "total_chunks": message.chunks,
        "metadata": {
            "file_name": headers::file_name(&message),
            "subject": message.new.subject,
            "local_id": message.new.local_id,
            "partner_id": message.new.partner_id,
            "content_type": message.new.media_type,
            "content_encoding": message.new.content_encoding,
            "checksum": message.new.sender_checksum,
        },
    });
    fs::write(inbox.join(format!("{id}.json")), facts.to_string())
}
