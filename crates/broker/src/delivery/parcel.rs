//! What is sent, with the ids that stay the same over every attempt.

use causeway_exchange::watch::Requested;
use causeway_exchange::{Message, NewEvent};

use crate::bars;
use crate::pipeline::Delivery;

/// A message ready to be sent to one endpoint.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) message: Message,
    pub(crate) delivery: Delivery,
    pub(crate) bytes: Vec<u8>,
    pub(crate) media_type: String,
    /// The same for every attempt, so that the receiver knows a retry for one.
    pub(crate) request_id: String,
    pub(crate) correlation_id: String,
    /// What acknowledgements will refer to.
    pub(crate) reference: String,
    pub(crate) requested: Requested,
    /// What there is to tell of the making.
    pub(crate) events: Vec<NewEvent>,
}

impl Parcel {
    /// A header that the sender set and that goes with a message that is passed on as it came.
    pub(super) fn forwarded(&self, name: &str) -> Option<&str> {
        bars::forwarded(&self.message, name).filter(|_| self.delivery.route == bars::ROUTE)
    }
}
