//! A body that arrives in pieces, read by the engine on a thread of its own.

use std::io::{self, Read};

use axum::body::Bytes;
use tokio::sync::mpsc;

/// What is handed from the connection to the engine.
pub(crate) enum Piece {
    Data(Bytes),
    End,
}

/// The pieces as one reader. Without [`Piece::End`] it fails, so a body that broke off is never taken for a whole one.
pub(crate) struct Pieces {
    receive: mpsc::Receiver<Piece>,
    current: Bytes,
    ended: bool,
}

impl Pieces {
    /// Begins with what has been read before.
    pub(crate) fn new(start: Vec<u8>, receive: mpsc::Receiver<Piece>) -> Self {
        Self { receive, current: Bytes::from(start), ended: false }
    }
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match self.receive.blocking_recv() {
                Some(Piece::Data(data)) => self.current = data,
                Some(Piece::End) => self.ended = true,
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = self.current.len().min(out.len());
        let data = self.current.split_to(count);
        if let Some(room) = out.get_mut(..count) {
            room.copy_from_slice(&data);
        }
        Ok(count)
    }
}
