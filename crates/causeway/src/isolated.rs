//! One translation in a process of its own (`causeway translator --once`): a request on standard input, a reply on
//! standard output. For a message that may have killed the process in which it was translated: here it can kill
//! nothing else, and takes no more memory than it is given.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use causeway_adapter::Adapter;

use crate::wire::{self, Reply, Request, TRANSLATE_SECONDS_MAX};

/// Bytes of address space that the process may have. What an adapter needs is bounded by its budgets; the allocator
/// reserves more than it uses.
pub const MEMORY_BYTES: u64 = 6 * 1024 * 1024 * 1024;

/// Bytes of a reply that are read.
const REPLY_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// Asks a new process; `None` where it died, took too long, or answered nothing that can be read.
pub(crate) fn ask(request: &Request) -> Option<Reply> {
    let sent = serde_json::to_vec(request).ok()?;
    let program = std::env::current_exe().ok()?;
    let mut child = Command::new(program)
        .args(["translator", "--once"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let reply = exchange(&mut child, sent);
    if reply.is_none() {
        // Fails only where it has ended by itself.
        drop(child.kill());
    }
    let ended = child.wait().ok()?;
    tracing::warn!(status = %ended, answered = reply.is_some(), "a message was translated in a process of its own");
    reply.filter(|_| ended.success()).and_then(|bytes| serde_json::from_slice(&bytes).ok())
}

fn exchange(child: &mut Child, sent: Vec<u8>) -> Option<Vec<u8>> {
    let (mut stdin, stdout) = (child.stdin.take()?, child.stdout.take()?);
    // A process that dies early closes its end; what it says then is nothing.
    std::thread::spawn(move || drop(stdin.write_all(&sent)));
    let (done, reply) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(REPLY_BYTES_MAX).read_to_end(&mut bytes);
        drop(done.send(read.map(|_| bytes)));
    });
    reply.recv_timeout(Duration::from_secs(TRANSLATE_SECONDS_MAX)).ok()?.ok()
}

/// The process itself: reads one request, translates, answers.
///
/// # Errors
/// A sentence that says what can't be read or written.
pub fn once(adapters: &'static [&'static dyn Adapter]) -> Result<(), String> {
    limit_memory()?;
    let mut request = Vec::new();
    std::io::stdin().lock().read_to_end(&mut request).map_err(|e| e.to_string())?;
    let request: Request = serde_json::from_slice(&request).map_err(|e| e.to_string())?;
    let reply = wire::answer(adapters, request).ok_or("no such adapter, or a request that can't be read")?;
    let reply = serde_json::to_vec(&reply).map_err(|e| e.to_string())?;
    std::io::stdout().lock().write_all(&reply).map_err(|e| e.to_string())
}

#[cfg(unix)]
fn limit_memory() -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = Rlimit { current: Some(MEMORY_BYTES), maximum: Some(MEMORY_BYTES) };
    setrlimit(Resource::As, limit).map_err(|e| format!("the memory limit can't be set: {e}"))
}

#[cfg(not(unix))]
fn limit_memory() -> Result<(), String> {
    Ok(())
}
