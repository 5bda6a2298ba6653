//! The inboxes' order, kept in memory: which messages wait in which mailbox.
//!
//! An index on disk by mailbox would change one page for nearly each mailbox in a batch, twice for every message. What
//! waits is few beside what was: it is read once at open and followed commit by commit; a page of an inbox then costs
//! no read of the database. About 100 bytes for each waiting message.

use crate::blobs::lock;
use crate::fault::Result;
use crate::rows;
use causeway_exchange::limits::{MAX_INBOX_PAGE, MAX_INBOX_SCAN};
use causeway_exchange::{InboxEntry, InboxPage, InboxQuery, MessageId};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

/// A waiting message as a page shows it.
struct Waiting {
    id: MessageId,
    workflow: Option<Arc<str>>,
}

/// One mailbox's waiting messages by commit sequence.
type Inbox = BTreeMap<u64, Waiting>;

/// What a commit changes.
pub(crate) enum Change {
    /// A message waits.
    Add { mailbox: String, seq: i64, id: MessageId, workflow: Option<String> },
    /// It waits no longer.
    Remove { mailbox: String, seq: i64 },
}

/// All inboxes. Only the writer changes them, after its commit; a mailbox where nothing waits is not there.
#[derive(Default)]
pub(crate) struct Inboxes {
    all: Mutex<BTreeMap<String, Arc<Mutex<Inbox>>>>,
}

impl Inboxes {
    /// Reads what waits.
    pub(crate) fn load(conn: &Connection) -> Result<Self> {
        let sql = "SELECT seq, mailbox_to, id, workflow FROM message INDEXED BY message_waiting
                   WHERE waiting=1 AND mailbox_to IS NOT NULL ORDER BY seq";
        let changes = rows::all(conn, sql, [], |r| {
            Ok(Change::Add { seq: r.get(0)?, mailbox: r.get(1)?, id: rows::id(r, 2)?, workflow: r.get(3)? })
        })?;
        let inboxes = Self::default();
        inboxes.apply(changes);
        Ok(inboxes)
    }

    /// Follows a commit.
    pub(crate) fn apply(&self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Add { mailbox, seq, id, workflow } => {
                    let inbox = Arc::clone(lock(&self.all).entry(mailbox).or_default());
                    let mut inbox = lock(&inbox);
                    let workflow = workflow.map(|w| shared_text(&inbox, &w));
                    inbox.insert(seq.cast_unsigned(), Waiting { id, workflow });
                }
                Change::Remove { mailbox, seq } => {
                    let mut all = lock(&self.all);
                    let Some(inbox) = all.get(&mailbox) else { continue };
                    let empty = {
                        let mut inbox = lock(inbox);
                        inbox.remove(&seq.cast_unsigned());
                        inbox.is_empty()
                    };
                    if empty {
                        all.remove(&mailbox);
                    }
                }
            }
        }
    }

    fn of(&self, mailbox: &str) -> Option<Arc<Mutex<Inbox>>> {
        lock(&self.all).get(mailbox).map(Arc::clone)
    }

    /// Mailboxes where something waits.
    pub(crate) fn mailboxes(&self) -> Vec<String> {
        lock(&self.all).keys().cloned().collect()
    }

    /// Mailboxes with how many messages wait in each, and the oldest one's sequence.
    pub(crate) fn counts(&self) -> Vec<(String, u64, u64)> {
        let all = lock(&self.all);
        let count = |(mailbox, inbox): (&String, &Arc<Mutex<Inbox>>)| {
            let inbox = lock(inbox);
            let oldest = inbox.keys().next().copied().unwrap_or(0);
            (mailbox.clone(), inbox.len() as u64, oldest)
        };
        all.iter().map(count).collect()
    }

    /// Sequences of what waits in a mailbox, from `after` on, at most so many; the newest first where wanted.
    pub(crate) fn sequences(
        &self,
        mailbox: &str,
        after: Option<u64>,
        newest: bool,
        limit: usize,
    ) -> Vec<u64> {
        let Some(inbox) = self.of(mailbox) else { return Vec::new() };
        let inbox = lock(&inbox);
        if newest {
            let before = after.map_or(Bound::Unbounded, Bound::Excluded);
            return inbox.range((Bound::Unbounded, before)).rev().take(limit).map(|(seq, _)| *seq).collect();
        }
        let beyond = after.map_or(Bound::Unbounded, Bound::Excluded);
        inbox.range((beyond, Bound::Unbounded)).take(limit).map(|(seq, _)| *seq).collect()
    }

    /// A page of an inbox.
    pub(crate) fn page(&self, query: &InboxQuery) -> InboxPage {
        let limit = query.limit.clamp(1, MAX_INBOX_PAGE);
        let scan = if query.filter.is_some() { MAX_INBOX_SCAN } else { limit };
        let mut page = InboxPage::default();
        let Some(inbox) = self.of(&query.mailbox) else { return page };
        let inbox = lock(&inbox);
        page.waiting = inbox.len() as u64;
        let after = query.after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut last = 0;
        for (seen, (seq, one)) in inbox.range((after, Bound::Unbounded)).enumerate() {
            if seen == scan || page.entries.len() == limit {
                page.next = Some(last);
                break;
            }
            last = *seq;
            let workflow = one.workflow.as_deref();
            if query.filter.as_ref().is_none_or(|f| f.matches(workflow.unwrap_or_default())) {
                let (id, workflow) = (one.id.clone(), workflow.map(str::to_owned));
                page.entries.push(InboxEntry { seq: *seq, id, workflow });
            }
        }
        page
    }
}

/// A workflow's text, shared with the message before it where that has the same.
fn shared_text(inbox: &Inbox, text: &str) -> Arc<str> {
    let last = inbox.last_key_value().and_then(|(_, last)| last.workflow.as_ref());
    last.filter(|w| ***w == *text).map_or_else(|| Arc::from(text), Arc::clone)
}

#[cfg(test)]
mod tests {
    use super::{Change, Inboxes};
    use causeway_exchange::{InboxQuery, MessageId};

    fn add(mailbox: &str, seq: i64) -> Change {
        let id = MessageId::new(&format!("M{seq}")).expect("an id");
        Change::Add { mailbox: mailbox.to_owned(), seq, id, workflow: Some("W".to_owned()) }
    }

    #[test]
    fn what_is_removed_is_gone_and_the_rest_keeps_its_order() {
        let inboxes = Inboxes::default();
        inboxes.apply(vec![add("A", 1), add("B", 2), add("A", 3), add("A", 7)]);
        inboxes.apply(vec![
            Change::Remove { mailbox: "A".to_owned(), seq: 3 },
            Change::Remove { mailbox: "B".to_owned(), seq: 2 },
            Change::Remove { mailbox: "C".to_owned(), seq: 9 },
        ]);
        let query = |after, limit| InboxQuery { mailbox: "A".to_owned(), after, limit, filter: None };
        let first = inboxes.page(&query(None, 1));
        assert_eq!((first.waiting, first.next, first.entries[0].seq), (2, Some(1), 1));
        let second = inboxes.page(&query(first.next, 1));
        assert_eq!((second.next, second.entries[0].id.as_str()), (None, "M7"));
        assert_eq!(inboxes.sequences("A", None, true, 9), [7, 1]);
        assert_eq!(inboxes.sequences("A", Some(7), true, 9), [1]);
        assert_eq!(inboxes.sequences("A", Some(1), false, 9), [7]);
        assert_eq!(inboxes.counts(), [("A".to_owned(), 2, 1)]);
    }
}
