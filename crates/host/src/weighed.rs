//! Room for work that needs memory: so much at a time, whoever asks.
//!
//! Each piece of work says beforehand how many bytes it may need, and waits until there is room. What is light has a
//! room of its own, so that no sender's large file makes everybody's small ones wait.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes up to which work is light.
pub const LIGHT_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes that all light work may need at a time.
pub const LIGHT_ROOM_BYTES: u64 = 128 * 1024 * 1024;

/// A room: bytes in use, and who waits for less.
#[derive(Debug, Default)]
struct Room {
    used: Mutex<u64>,
    left: Condvar,
    size: u64,
}

/// The rooms. Only for threads that may block.
#[derive(Debug)]
pub struct Weighed {
    light: Room,
    heavy: Room,
}

/// A place in a room, given back when it is dropped.
#[derive(Debug)]
pub struct Place<'r> {
    room: &'r Room,
    bytes: u64,
}

impl Weighed {
    /// Room for `bytes` of heavy work at a time, and for [`LIGHT_ROOM_BYTES`] of light work beside it.
    pub fn new(bytes: u64) -> Self {
        let room = |size| Room { size, ..Room::default() };
        Self { light: room(LIGHT_ROOM_BYTES), heavy: room(bytes) }
    }

    /// Waits until there is room. What needs more than all of it takes all of it.
    pub fn enter(&self, bytes: u64) -> Place<'_> {
        let room = if bytes <= LIGHT_BYTES { &self.light } else { &self.heavy };
        let bytes = bytes.min(room.size);
        let mut used = room.used.lock().unwrap_or_else(PoisonError::into_inner);
        while *used + bytes > room.size {
            used = room.left.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
        *used += bytes;
        drop(used);
        Place { room, bytes }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.room.used.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.room.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn no_more_than_the_room_at_a_time_and_the_light_pass() {
        let rooms = Weighed::new(100 * LIGHT_BYTES);
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let place = rooms.enter(60 * LIGHT_BYTES);
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        drop(rooms.enter(1));
                        std::thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                        drop(place);
                    }
                });
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), 1);
        // What needs more than there is goes alone, rather than never.
        drop(rooms.enter(u64::MAX));
        assert_eq!(*rooms.heavy.used.lock().unwrap(), 0);
    }
}
