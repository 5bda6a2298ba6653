//! The GP record on its way into the record: messages of many parts, records that come twice or newer, results that
//! laboratory and practice both tell, people side by side.

#[path = "gp_record/message.rs"]
mod message;
#[path = "gp_record/multipart.rs"]
mod multipart;
#[path = "gp_record/record.rs"]
mod record;
mod running;
#[path = "gp_record/translate.rs"]
mod translate;
#[allow(dead_code, reason = "shared with the tests of the doors")]
#[path = "door/world.rs"]
mod world;
