//! The files of local maps: read here, judged by `causeway-local`.

use std::path::{Component, Path, PathBuf};

use causeway_broker::state::Adapters;
use causeway_local::{Fault, Maps, Source, limits};

use crate::config::Config;
use crate::finding::{Finding, Step};

/// Reads maps with the tables that they name, which lie in the map's own folder or below it.
///
/// # Errors
/// Everything that is wrong, with the number of the map's file within `files`.
pub fn read(files: &[PathBuf]) -> Result<Maps, Vec<(usize, Fault)>> {
    let (mut sources, mut faults) = (Vec::new(), Vec::new());
    for (number, file) in files.iter().enumerate() {
        match source(file) {
            Ok(source) => sources.push(source),
            Err(fault) => faults.push((number, fault)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Maps::read(sources).map_err(|found| {
        let of = |fault: &Fault| files.iter().position(|file| fault.file == file.display().to_string());
        found.into_iter().map(|fault| (of(&fault).unwrap_or(0), fault)).collect()
    })
}

fn source(path: &Path) -> Result<Source, Fault> {
    let file = path.display().to_string();
    let text = text(path, &file)?;
    let mut tables = Vec::new();
    for name in Source::tables_of(&file, &text)? {
        let below = Path::new(&name).components().all(|c| matches!(c, Component::Normal(_)));
        if !below || name.is_empty() {
            return Err(Fault::of(&file, 0, "a table is named by its file in the map's folder"));
        }
        let table = path.parent().unwrap_or(Path::new("")).join(&name);
        tables.push((name, self::text(&table, &table.display().to_string())?));
    }
    Ok(Source { file, text, tables })
}

fn text(path: &Path, name: &str) -> Result<String, Fault> {
    let wrong = |text: String| Fault::of(name, 0, text);
    let bytes = std::fs::metadata(path).map_err(|e| wrong(format!("it can't be read: {e}")))?.len();
    if bytes > limits::FILE_BYTES_MAX as u64 {
        return Err(wrong(format!("it has more than {} bytes", limits::FILE_BYTES_MAX)));
    }
    let bytes = std::fs::read(path).map_err(|e| wrong(format!("it can't be read: {e}")))?;
    String::from_utf8(bytes).map_err(|_| wrong("it is not in UTF-8; save it as CSV UTF-8".to_owned()))
}

/// Names of formats that a map is for and that no adapter has.
pub fn unknown_formats(map: &causeway_local::Map, adapters: Adapters) -> impl Iterator<Item = &String> {
    map.formats().iter().filter(move |format| !adapters.iter().any(|a| a.name() == format.as_str()))
}

/// Reads the maps of a configuration and puts them into it; what is wrong with them otherwise.
pub fn load(config: &mut Config, adapters: Adapters) -> Vec<Finding> {
    let finding = |number: usize, text: String| Finding {
        path: vec![Step::Key("local_maps"), Step::At(number)],
        place: "local_maps".to_owned(),
        text,
        allowed: Vec::new(),
    };
    let maps = match read(&config.local_maps) {
        Ok(maps) => maps,
        Err(faults) => return faults.into_iter().map(|(n, fault)| finding(n, fault.to_string())).collect(),
    };
    let mut found = Vec::new();
    for (number, map) in maps.maps().iter().enumerate() {
        for format in unknown_formats(map, adapters) {
            let mut one = finding(number, format!("{}: there is no format {format}", map.name()));
            one.allowed = adapters.iter().map(|a| a.name().to_owned()).collect();
            found.push(one);
        }
        for sender in map.senders() {
            if !config.open && config.organisation(sender).is_none() {
                let mut one = finding(number, format!("{}: there is no organisation {sender}", map.name()));
                one.allowed = config.organisations.iter().map(|o| o.code.clone()).collect();
                found.push(one);
            }
        }
    }
    config.local = maps.shared();
    found
}
