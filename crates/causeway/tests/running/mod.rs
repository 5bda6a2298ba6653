//! The binary as a process that tests start and kill.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running exchange or translator; killed when it is dropped.
pub struct Process {
    child: Child,
    /// Its address.
    pub base: String,
}

impl Process {
    /// Starts the binary and waits until it says where it listens.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_causeway"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("standard output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let base = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Self { child, base }
    }

    /// Starts an exchange over a folder of data.
    pub fn serve(data: &Path, more: &[&str]) -> Self {
        let data = data.to_string_lossy().into_owned();
        let mut arguments = vec!["serve", "--open", "--data", &data, "--listen", "127.0.0.1:0"];
        arguments.extend(more);
        Self::start(&arguments)
    }

    /// As a power switch would: no signal that can be handled, so logs stay as they are.
    #[allow(dead_code, reason = "not every test that starts a process kills it by name")]
    pub fn kill(&mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
