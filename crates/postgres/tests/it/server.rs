//! PostgreSQL servers of the tests' own.

use postgres::{Client, NoTls};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the server's programs are: on the path, or where Debian puts them.
fn programs() -> Option<PathBuf> {
    let whole = |bin: &PathBuf| ["initdb", "pg_ctl", "pg_basebackup"].iter().all(|p| bin.join(p).is_file());
    // A link on the path leads to the folder where all of them are.
    let linked = |bin: PathBuf| bin.join("initdb").canonicalize().ok()?.parent().map(Path::to_path_buf);
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(found) = std::env::split_paths(&path).filter_map(linked).find(whole) {
        return Some(found);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).filter(whole).max()
}

/// A server process; its folder goes with it.
pub struct Server {
    programs: PathBuf,
    pub folder: PathBuf,
    pub port: u16,
}

fn free_port() -> Option<u16> {
    Some(std::net::TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port())
}

fn empty_folder(port: u16) -> Option<PathBuf> {
    let folder = std::env::temp_dir().join(format!("causeway-pg-{}-{port}", std::process::id()));
    std::fs::create_dir_all(&folder).ok()?;
    if is_root() {
        Command::new("chown").arg("postgres").arg(&folder).status().ok()?;
    }
    Some(folder)
}

impl Server {
    /// A command of the server's programs; the server refuses to run as root, so there it is the user `postgres`.
    pub fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        if !is_root() {
            return Command::new(path);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(path);
        command
    }

    /// A new server with an empty database; `None` where there are no programs for one.
    pub fn start() -> Option<Self> {
        let port = free_port()?;
        let server = Self { programs: programs()?, folder: empty_folder(port)?, port };
        let made = server
            .command("initdb")
            .args(["-A", "trust", "-U", "causeway", "-E", "UTF8", "--locale", "C", "--no-instructions", "-D"])
            .arg(server.data())
            .stdout(Stdio::null())
            .status()
            .ok()?;
        (made.success() && server.run()).then_some(server)
    }

    /// A standby of this server, following it.
    pub fn standby(&self, name: &str) -> Self {
        let port = free_port().expect("a port");
        let folder = empty_folder(port).expect("a folder");
        let standby = Self { programs: self.programs.clone(), folder, port };
        let source = format!("host=127.0.0.1 port={} user=causeway application_name={name}", self.port);
        let copied = standby
            .command("pg_basebackup")
            .args(["-c", "fast", "-X", "stream", "-R", "-d", &source, "-D"])
            .arg(standby.data())
            .status();
        assert!(copied.expect("pg_basebackup").success());
        assert!(standby.run(), "the standby starts");
        standby
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts it on its data; whether it runs.
    pub fn run(&self) -> bool {
        let options = format!(
            "-h 127.0.0.1 -p {} -k {} -c max_connections=200 -c shared_buffers=32MB",
            self.port,
            self.folder.display()
        );
        let begun = self
            .command("pg_ctl")
            .args(["-w", "-t", "60", "-o", &options, "-l"])
            .arg(self.folder.join("log"))
            .arg("-D")
            .arg(self.data())
            .arg("start")
            .stdout(Stdio::null())
            .status();
        begun.is_ok_and(|status| status.success())
    }

    fn control(&self, words: &[&str]) {
        let done =
            self.command("pg_ctl").arg("-D").arg(self.data()).args(words).stdout(Stdio::null()).status();
        assert!(done.expect("pg_ctl").success(), "pg_ctl {words:?}");
    }

    /// Ends it as a power cut would: nothing is flushed, nobody is told.
    pub fn kill(&self) {
        let pid = std::fs::read_to_string(self.data().join("postmaster.pid")).expect("its process");
        let pid = pid.lines().next().expect("a number").to_owned();
        // Its children end when they find it gone; they hold nothing that a commit answered.
        let killed = Command::new("kill").args(["-KILL", &pid]).status().expect("kill");
        assert!(killed.success());
    }

    /// Stops it; it can be started again.
    pub fn stop(&self) {
        self.control(&["-w", "-m", "fast", "stop"]);
    }

    /// Makes a standby the leader.
    pub fn promote(&self) {
        self.control(&["-w", "promote"]);
    }

    /// Runs SQL as the owner.
    pub fn sql(&self, text: &str) {
        let mut client = Client::connect(&self.connection("postgres"), NoTls).expect("connects");
        for statement in text.split(';').filter(|s| !s.trim().is_empty()) {
            client.batch_execute(statement).expect("runs");
        }
    }

    pub fn connection(&self, database: &str) -> String {
        format!("host=127.0.0.1 port={} user=causeway dbname={database}", self.port)
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

/// A server, or a line that says why there is none.
pub fn started() -> Option<Server> {
    let server = Server::start();
    if server.is_none() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: no PostgreSQL server's programs on this machine");
    }
    server
}

impl Drop for Server {
    /// Stops it and takes its folder away.
    fn drop(&mut self) {
        drop(self.command("pg_ctl").args(["-m", "immediate", "-D"]).arg(self.data()).arg("stop").output());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
