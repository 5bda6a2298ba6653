//! Limits of the broker, each with its unit and the reason for it. Those that an operator may set are
//! defaults here and fields of [`crate::settings::Limits`].

/// Bytes of one message, where its adapter streams: places in a source are 32-bit.
pub const MESSAGE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024 - 1;
/// Bytes of one message unless the operator says otherwise: a council's quarter of 1,000,000 rows has 250 to 500 MB.
pub const MESSAGE_BYTES: u64 = 1024 * 1024 * 1024;
/// Bytes of one message that is translated in memory: what adapters that do not stream take
/// ([`causeway_core::limits::INPUT_BYTES_MAX`]).
pub const WHOLE_BYTES_MAX: u64 = causeway_core::limits::INPUT_BYTES_MAX as u64;
/// Bytes of a message by which its format is detected where there are more; a smaller one is read whole.
pub const HEAD_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes of bundles and ledger that a translation holds in memory; beyond it, what an adapter streams is kept in
/// pieces.
pub const SPILL_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes of one piece before it is packed, give or take one bundle.
pub const PIECE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes that an item of the ledger takes mostly, as JSON.
pub const LEDGER_ITEM_BYTES: usize = 112;
/// Bytes of one piece when it is unpacked: a piece and the largest bundle.
pub const PIECE_UNPACKED_MAX: u64 = PIECE_BYTES as u64 + WHOLE_BYTES_MAX;
/// Bytes of bundles that go into the record in one transaction, of those that come in pieces.
pub const RECORD_BATCH_BYTES: usize = 1024 * 1024;
/// Seconds after which the work on a translation in pieces writes down how far it is.
pub const SLICE_SECONDS: u64 = 30;
/// Bundles of one message that wait for a person each because the record refuses them; more are counted.
pub const REFUSED_BUNDLES_MAX: u64 = 100;
/// Bundles that one answer lists.
pub const BUNDLES_LISTED: usize = 1_000;
/// Events of a message, and of those derived from it, that are told of it.
pub const EVENTS_TOLD: usize = 1_000;
/// Bytes that are hashed on the connection's own thread (0.1 ms at most); more goes to another thread. Also the most
/// that is reserved for a body before it comes.
pub const HASH_AT_ONCE_BYTES: usize = 64 * 1024;
/// Seconds a caller waits at most for a translation that it asked to see (`Prefer: respond-sync`).
pub const SYNC_WAIT_SECONDS: u64 = 10;
/// Messages that one claim takes from the queue.
pub const CLAIM_MESSAGES: usize = 64;
/// Messages that one claim takes from the queue of the record.
pub const CLAIM_RECORD: usize = 512;
/// Messages that go into the record in one transaction: pages that several of them change are written once.
pub const RECORD_WINDOW_MESSAGES: usize = 256;
/// Messages that a record which follows another one asks the exchange for at a time: each question waits for the server.
pub const READ_MESSAGES: usize = 128;
/// Seconds that a worker holds a message before another may take it.
pub const LEASE_SECONDS: i64 = 600;
/// Milliseconds after which a worker looks for work without having been woken.
pub const POLL_MS: u64 = 1_000;
/// Bytes of bundles that go into the record in one transaction; a larger message goes alone. Two such windows are in
/// memory at a time.
pub const WINDOW_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes of messages that are translated in one window: what is made of a table is about twenty times as much.
pub const TRANSLATE_WINDOW_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes of bundles that wait for the record as they were read: more than two of its windows. What is kept of them takes
/// about as much.
pub const HANDED_BYTES: usize = 24 * 1024 * 1024;
/// Bytes of the bundles of one message beyond which they are not kept read.
pub const HANDED_MESSAGE_BYTES: usize = 1024 * 1024;
/// Seconds after which what waits for the record makes room.
pub const HANDED_SECONDS: u64 = 60;
/// Milliseconds that translation waits at a time for a record that is behind.
pub const HANDED_WAIT_MS: u64 = 500;
/// Translations of doors that wait for the pipeline: as many as one MLLP connection may have open, for several.
pub const ANSWERED_MAX: usize = 1_024;
/// Seconds after which such a translation makes room.
pub const ANSWERED_SECONDS: u64 = 60;
/// Milliseconds from a door's promise of a translation that the pipeline waits for it at most: a sender that reads no
/// answers must not hold it up.
pub const ANSWERED_WAIT_MS: u64 = 250;
/// Translations done side by side.
pub const TRANSLATE_WORKERS: usize = 2;
/// Whole records and whole accounts that are read at a time: each may take a hundred megabytes.
pub const HEAVY_READS: usize = 4;
/// Uploads in chunks that one organisation may have unfinished: a mailbox client sends a few files at a time.
pub const UPLOADS_OF_ONE_ORGANISATION: u64 = 64;
/// Bytes of the chunks of all of them (4 GiB: four of the largest messages). Above it none may be begun; those that are begun
/// may bring as much as one more message.
pub const UPLOAD_BYTES_OF_ONE_ORGANISATION: u64 = 4 << 30;
/// Hours that a message of several parts waits for the missing ones before a person is asked. The parts
/// of a GP record may come days apart, over a weekend and bank holidays.
pub const PARTS_WAIT_HOURS: i64 = 240;
/// Work items of one part that are looked at: its own, and one per wake-up.
pub const PARTS_MAX_WORK: usize = 16;
/// Missing parts that are named to a person.
pub const PARTS_NAMED: usize = 20;
/// Characters of a part's id that are shown.
pub const PART_ID_CHARS_SHOWN: usize = 64;
/// Milliseconds after which a part looks again whether the leading one is translated, doubled each time.
pub const LOOK_AGAIN_MS: i64 = 50;
/// Doublings of that pause: up to 14 minutes.
pub const LOOK_AGAIN_DOUBLINGS_MAX: u32 = 14;
/// Parts of one message.
pub const PARTS_MAX: usize = 10_000;
/// Ratio to which a compressed body may grow.
pub const INFLATE_RATIO_MAX: u64 = 200;
/// Findings of the profile check that are kept for one message.
pub const CHECK_FINDINGS_MAX: usize = 1_000;
/// Seconds between two rounds of expiry, purge and the search for overdue acknowledgements.
pub const MAINTENANCE_SECONDS: u64 = 30;
/// Rows of a list page.
pub const PAGE_ROWS: usize = 25;
/// Rows that a list gives at most at a time.
pub const LIST_ROWS_MAX: usize = 500;
/// Issues shown on a page.
pub const PAGE_ISSUES_MAX: usize = 100;
/// Bytes of a message up to which a list also says what became of it (its translation has to be read for it).
pub const LIST_MESSAGE_BYTES_MAX: u64 = 256 * 1024;
/// Characters of a note or reason that a person writes.
pub const NOTE_CHARS_MAX: usize = 500;
/// Seconds after which work is tried again that waits for another process (the translator).
pub const SERVICE_AWAY_SECONDS: i64 = 2;
/// Bytes of a readable document.
pub const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Levels of a resource that a readable document goes into.
pub const DOCUMENT_DEPTH_MAX: usize = 24;
/// Elements left behind that a message's timeline names; the whole list is kept with the message made.
pub const LEFT_BEHIND_EVENTS: usize = 10;
