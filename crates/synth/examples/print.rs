//! Prints the messages of one person of a population, or of Edith Larkspur, to a folder.
//!
//! `cargo run -p causeway-synth --example print -- FOLDER [edith | PERSON [SEED]]`
#![allow(clippy::print_stdout, reason = "it is a program that tells what it wrote")]

use std::path::PathBuf;

use causeway_synth::formats::messages;
use causeway_synth::{edith, journey, population};

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let folder = PathBuf::from(words.first().map_or("generated", String::as_str));
    let number: Option<usize> = words.get(1).and_then(|w| w.parse().ok());
    let seed = words.get(2).and_then(|w| w.parse().ok()).unwrap_or(7);
    let (person, journey) = match number {
        None => edith(),
        Some(number) => {
            let people = population(seed, number + 1);
            let Some(person) = people.last().cloned() else { return Ok(()) };
            let journey = journey::journey(seed, &person);
            (person, journey)
        }
    };
    for message in messages(&person, &journey) {
        let below = folder.join(message.format);
        std::fs::create_dir_all(&below)?;
        std::fs::write(below.join(&message.name), &message.bytes)?;
        println!("{} {} {} ({} bytes)", message.at, message.format, message.title, message.bytes.len());
    }
    Ok(())
}
