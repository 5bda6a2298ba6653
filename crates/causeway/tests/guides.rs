//! Every command of the guides works as it stands there: the blocks of each guide are run in order, in a folder of their
//! own. A block `sh` must end with 0; a block `sh serve` is left running to the end of its guide.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn guides() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides");
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the guides").map(|e| e.expect("a file").path()).collect();
    all.sort();
    all
}

/// Blocks of a guide: what stands behind the fence, and the commands.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(kind)) => open = Some((kind.to_owned(), String::new())),
            (Some(_), Some(_)) => all.extend(open.take()),
            (Some((_, commands)), None) => {
                commands.push_str(line);
                commands.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    all
}

fn shell(folder: &Path, commands: &str) -> Command {
    // `causeway` is the program that was just built.
    let program = Path::new(env!("CARGO_BIN_EXE_causeway")).parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command.args(["-ec", commands]).current_dir(folder).env("PATH", format!("{}:{path}", program.display()));
    command
}

fn run(guide: &Path) {
    let name = guide.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(guide).expect("a guide");
    let folder = tempfile::tempdir().expect("a folder");
    let mut served: Option<Served> = None;
    // The port of the guides may be taken here: then the exchange has found another.
    let mut base = "http://127.0.0.1:8780".to_owned();
    let mut ran = 0;
    for (kind, commands) in blocks(&text) {
        let commands = commands.replace("http://127.0.0.1:8780", &base);
        match kind.as_str() {
            "sh" => {
                let output = shell(folder.path(), &commands).output().expect("a shell");
                assert!(
                    output.status.success(),
                    "{name}: {commands}{}{}",
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr)
                );
                ran += 1;
            }
            "sh serve" => {
                // `exec`, so that ending it ends the program.
                let child = shell(folder.path(), &format!("exec {commands}"))
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn();
                let mut child = child.expect("a shell");
                let mut line = String::new();
                BufReader::new(child.stdout.take().expect("standard output"))
                    .read_line(&mut line)
                    .expect("a line");
                served = Some(Served(child));
                base = line
                    .trim()
                    .strip_prefix("listening on ")
                    .unwrap_or_else(|| panic!("{name}: {line}"))
                    .to_owned();
                ran += 1;
            }
            other => panic!("{name}: a block of the kind {other:?} is not run by anything"),
        }
    }
    drop(served);
    assert!(ran >= 2, "{name}: {ran} blocks");
}

#[test]
fn every_command_of_every_guide_works() {
    if Command::new("curl").arg("--version").output().is_err() {
        drop(std::io::Write::write_all(
            &mut std::io::stderr(),
            b"SKIPPED: commands of the guides: curl is absent\n",
        ));
        return;
    }
    let guides = guides();
    assert!(guides.len() >= 4, "{guides:?}");
    for guide in guides {
        run(&guide);
    }
}
