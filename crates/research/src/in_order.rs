//! Work of several threads whose results come in the order of what was given.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use crate::error::Error;

/// Items in hand for each thread: read ahead, being made, or done and waiting for one before.
const IN_HAND: u64 = 3;

/// Gives items to as many threads as there are processors and takes what they make, in the order of the items. Each thread
/// begins with a state of its own. What was given before an item that could not be read is taken all the same.
///
/// # Errors
/// The first of reading, making and taking; no thread could be made.
pub(crate) fn in_order<I: Send, O: Send, S>(
    mut items: impl Iterator<Item = Result<I, Error>>,
    start: impl Fn() -> S + Sync,
    make: impl Fn(&mut S, I) -> Result<O, Error> + Sync,
    mut take: impl FnMut(O) -> Result<(), Error>,
) -> Result<(), Error> {
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let room = IN_HAND * threads as u64;
    let (give, given) = mpsc::channel::<(u64, I)>();
    let (done, made) = mpsc::channel::<(u64, Result<O, Error>)>();
    let given = Mutex::new(given);
    let (given, start, make) = (&given, &start, &make);
    thread::scope(move |scope| {
        for _ in 0..threads {
            let done = done.clone();
            thread::Builder::new().name("extract".to_owned()).spawn_scoped(scope, move || {
                let mut state = start();
                loop {
                    let next = given.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((number, item)) = next else { return };
                    if done.send((number, make(&mut state, item))).is_err() {
                        return;
                    }
                }
            })?;
        }
        drop(done);
        let mut waiting = BTreeMap::new();
        let (mut read, mut taken) = (0, 0);
        let mut ended = Ok(false);
        loop {
            while matches!(ended, Ok(false)) && read - taken < room {
                match items.next() {
                    Some(Ok(item)) => {
                        give.send((read, item)).map_err(|_| stopped())?;
                        read += 1;
                    }
                    Some(Err(error)) => ended = Err(error),
                    None => ended = Ok(true),
                }
            }
            if taken == read {
                return ended.map(|_| ());
            }
            let (number, outcome) = made.recv().map_err(|_| stopped())?;
            waiting.insert(number, outcome);
            while let Some(outcome) = waiting.remove(&taken) {
                take(outcome?)?;
                taken += 1;
            }
        }
    })
}

fn stopped() -> Error {
    Error::File("a thread of the extract stopped".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(end: Option<usize>, fail: Option<usize>) -> (Vec<usize>, Result<(), Error>) {
        let mut taken = Vec::new();
        let broken = || Err(Error::File("gone".to_owned()));
        let items = (0..1_000).map(|n| if Some(n) == end { broken() } else { Ok(n) });
        let make = |count: &mut usize, n: usize| {
            // Some take longer than others.
            *count += 1;
            (0..n * 7919 % 5).for_each(|_| thread::yield_now());
            if Some(n) == fail { broken() } else { Ok(n * 2) }
        };
        let outcome = in_order(
            items,
            || 0,
            make,
            |n| {
                taken.push(n);
                Ok(())
            },
        );
        (taken, outcome)
    }

    #[test]
    fn results_come_in_order_up_to_the_first_failure() {
        for (end, fail, last) in [(None, None, 1_000), (Some(400), None, 400), (None, Some(77), 77)] {
            let (taken, outcome) = run(end, fail);
            assert_eq!(taken, (0..last).map(|n| n * 2).collect::<Vec<_>>());
            assert_eq!(outcome.is_ok(), last == 1_000);
        }
        let outcome = in_order(
            (0..50).map(Ok),
            || (),
            |(), n| Ok(n),
            |n| match n {
                9 => Err(Error::File("full".to_owned())),
                _ => Ok(()),
            },
        );
        assert!(outcome.is_err(), "what can't be taken ends it");
    }
}
