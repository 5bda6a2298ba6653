//! The documented configuration has every key of the types, and a configuration that names what does not exist is refused
//! with its place and what would be allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use causeway_service::check;
use causeway_service::config::{Config, DEFAULTS};
use causeway_service::exposure;
use causeway_service::finding::{Step, line_of};
use toml::Value;

use crate::line_adapter::ADAPTERS;

/// The documented configuration with what is commented out put in.
fn uncommented() -> String {
    let is_code = |line: &str| {
        let header = line.starts_with('[');
        let key = line.split_once(" = ").is_some_and(|(key, _)| {
            !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        header || key
    };
    let lines = DEFAULTS.lines().map(|line| match line.strip_prefix("# ") {
        Some(code) if is_code(code) => code,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A key that no type has.
const PROBE: &str = "__probe";

/// Words between backticks after `expected`.
fn expected(error: &str) -> Vec<String> {
    let list = error.split_once("expected").map(|(_, list)| list).unwrap_or_default();
    // Further lines say in which table.
    list.lines().next().unwrap_or_default().split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every table of a value by its path without places in lists, each as a change that puts a key into it.
fn tables(value: &Value, path: &mut Vec<Step>, all: &mut Vec<Vec<Step>>) {
    match value {
        Value::Table(table) => {
            all.push(path.clone());
            for (key, inner) in table {
                path.push(Step::Key(Box::leak(key.clone().into_boxed_str())));
                tables(inner, path, all);
                path.pop();
            }
        }
        Value::Array(list) => {
            for (at, inner) in list.iter().enumerate() {
                path.push(Step::At(at));
                tables(inner, path, all);
                path.pop();
            }
        }
        _ => {}
    }
}

fn at<'v>(value: &'v mut Value, path: &[Step]) -> &'v mut Value {
    path.iter().fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(*key).expect("a key"),
        Step::At(at) => value.get_mut(*at).expect("a place"),
    })
}

fn keys_only(path: &[Step]) -> String {
    let keys = path.iter().filter_map(|s| if let Step::Key(key) = s { Some(*key) } else { None });
    keys.collect::<Vec<_>>().join(".")
}

/// By path of a table: keys that its type has, and keys that the text has.
fn keys(text: &str) -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
    let whole: Value = toml::from_str(text).expect("TOML");
    let mut all = Vec::new();
    tables(&whole, &mut Vec::new(), &mut all);
    let mut found: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for path in all {
        let mut probed = whole.clone();
        let Value::Table(table) = at(&mut probed, &path) else { unreachable!("a table") };
        let has: Vec<String> = table.keys().cloned().collect();
        table.insert(PROBE.to_owned(), Value::String(PROBE.to_owned()));
        // A map takes any key.
        let Err(error) = probed.try_into::<Config>() else { continue };
        let error = error.to_string();
        assert!(error.contains(PROBE), "{error}");
        let (types, texts) = found.entry(keys_only(&path)).or_default();
        types.extend(expected(&error));
        texts.extend(has);
    }
    found
}

/// Keys of the types that a text lacks, `table.key` each.
fn lacks(text: &str) -> Vec<String> {
    keys(text)
        .into_iter()
        .flat_map(|(table, (types, texts))| {
            types.difference(&texts).map(|key| format!("{table}.{key}")).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_key_of_every_type_is_documented() {
    let text = uncommented();
    assert_eq!(lacks(&text), Vec::<String>::new());
    // The types were really asked: the tables that matter have keys.
    let keys = keys(&text);
    for (table, at_least) in [
        ("", 18),
        ("limits", 15),
        ("mesh.mailbox", 12),
        ("endpoint", 17),
        ("route.when", 6),
        ("organisation", 12),
    ] {
        let known = keys.get(table).map_or(0, |(types, _)| types.len());
        assert!(known >= at_least, "{table}: {known}");
    }
    // A control: a key taken out is missed.
    let without: Vec<&str> = text.lines().filter(|l| !l.starts_with("token_memory")).collect();
    assert_eq!(lacks(&without.join("\n")), ["mesh.token_memory"]);
}

#[test]
fn every_word_of_every_choice_is_documented() {
    let text = uncommented();
    let whole: Value = toml::from_str(&text).expect("TOML");
    let mut all = Vec::new();
    tables(&whole, &mut Vec::new(), &mut all);
    let mut choices = 0;
    for path in all {
        let mut table = whole.clone();
        let Value::Table(strings) = at(&mut table, &path).clone() else { unreachable!("a table") };
        for (key, value) in strings {
            let probe = match value {
                Value::String(_) => Value::String(PROBE.to_owned()),
                Value::Array(_) => Value::Array(vec![Value::String(PROBE.to_owned())]),
                _ => continue,
            };
            let mut probed = whole.clone();
            at(&mut probed, &path).as_table_mut().expect("a table").insert(key.clone(), probe);
            let Err(error) = probed.try_into::<Config>() else { continue };
            let error = error.to_string();
            if !error.contains("unknown variant") {
                continue;
            }
            choices += 1;
            for word in expected(&error) {
                let there = DEFAULTS
                    .split(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c)))
                    .any(|w| w == word);
                assert!(there, "{}.{key} may be {word}, which is not documented", keys_only(&path));
            }
        }
    }
    assert!(choices >= 8, "{choices}");
}

fn findings(text: &str) -> Vec<String> {
    let config = Config::parse(text).expect("a configuration");
    let path = Path::new("causeway.toml");
    let found = check::findings(&config, ADAPTERS, &["kept".to_owned()]);
    found.iter().map(|f| f.words(Some((path, text)))).collect()
}

#[test]
fn what_is_printed_is_accepted() {
    let config = Config::parse(DEFAULTS).expect("the documented defaults");
    assert_eq!(check::findings(&config, ADAPTERS, &[]), []);
    assert_eq!(exposure::dangers(&config, None), []);
}

const GOOD: &str = r#"
[[organisation]]
code = "ZZ901"
mailbox = "ZZ901OT001"
endpoint = "kept"

[[mllp]]
listen = "127.0.0.1:2575"
sender = "ZZ901"
format = "lines"

[[route]]
id = "a"
when = { sender = ["ZZ901"], format = ["lines"] }
to = [{ kind = "mailbox", mailbox = "ZZ901OT001" }, { kind = "endpoint", endpoint = "kept" }]

[mesh]
shared_key = "k"

[[mesh.mailbox]]
id = "ZZ901OT001"
password = "p"
"#;

#[test]
fn what_does_not_exist_is_refused_with_its_place() {
    assert_eq!(findings(GOOD), Vec::<String>::new());
    for (good, bad, line, place, says) in [
        (
            "code = \"ZZ901\"\nmailbox = \"ZZ901OT001\"",
            "code = \"ZZ901\"\nmailbox = \"NOPE\"",
            4,
            "organisation ZZ901, mailbox",
            "no mailbox NOPE; allowed: ZZ901OT001",
        ),
        (
            "endpoint = \"kept\"\n\n",
            "endpoint = \"nope\"\n\n",
            5,
            "organisation ZZ901, endpoint",
            "no endpoint nope; allowed: kept",
        ),
        (
            "endpoint = \"kept\"\n\n",
            "options = [\"nope\"]\n\n",
            5,
            "organisation ZZ901, options",
            "no adapter knows an option nope",
        ),
        (
            "sender = \"ZZ901\"\n",
            "sender = \"NOORG\"\n",
            9,
            "mllp listener 127.0.0.1:2575, sender",
            "no organisation NOORG; allowed: ZZ901",
        ),
        (
            "sender = \"ZZ901\"\n",
            "sender = \"zz901\"\n",
            9,
            "mllp listener 127.0.0.1:2575, sender",
            "one is called ZZ901",
        ),
        (
            "format = \"lines\"\n",
            "format = \"hl7v9\"\n",
            10,
            "mllp listener 127.0.0.1:2575, format",
            "no format hl7v9; allowed:",
        ),
        ("sender = [\"ZZ901\"]", "sender = [\"ZZ909\"]", 14, "route a, when.sender", "no organisation ZZ909"),
        ("format = [\"lines\"]", "format = [\"hl7v9\"]", 14, "route a, when.format", "no format hl7v9"),
        (
            "{ kind = \"mailbox\", mailbox = \"ZZ901OT001\" }",
            "{ kind = \"mailbox\", mailbox = \"NOPE\" }",
            15,
            "route a, to.mailbox",
            "no mailbox NOPE",
        ),
        (
            "{ kind = \"mailbox\", mailbox = \"ZZ901OT001\" }",
            "{ kind = \"recipient\", send = \"nope\" }",
            15,
            "route a, to.send",
            "nope is nothing that can be sent; allowed: bundle, document",
        ),
        ("endpoint = \"kept\" }]", "endpoint = \"nope\" }]", 15, "route a, to.endpoint", "no endpoint nope"),
        ("127.0.0.1:2575", "127.0.0.1:8780", 8, "mllp listener 127.0.0.1:8780", "listened on twice"),
        ("127.0.0.1:2575", "2575", 8, "mllp listener 2575", "no ADDRESS:PORT"),
    ] {
        let text = GOOD.replacen(good, bad, 1);
        assert_ne!(text, GOOD, "{good}");
        let found = findings(&text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(&format!("causeway.toml:{line}: {place}: ")), "{} for {bad}", found[0]);
        assert!(found[0].contains(says), "{} for {says}", found[0]);
    }
    // In demonstration mode senders name themselves, but a code must still be one.
    let open =
        |sender: &str| findings(&format!("open = true\n{}", GOOD.replacen("sender = \"ZZ901\"", sender, 1)));
    assert_eq!(open("sender = \"ZZ902\""), Vec::<String>::new());
    assert_eq!(open("sender = \"no org\"").len(), 1);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let text = GOOD.replace("ZZ901OT001\"\npassword", "OTHER\"\npassword");
    let found = findings(&text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        line_of(&text, &[Step::Key("mesh"), Step::Key("mailbox"), Step::At(0), Step::Key("id")]),
        Some(21)
    );
    assert_eq!(line_of(&text, &[Step::Key("nothing")]), None);
}

#[test]
fn dangers_need_a_second_word() {
    let refused = |text: &str| {
        let config = Config::parse(text).expect("a configuration");
        exposure::refused(&config, None).into_iter().map(|f| f.words(None)).collect::<Vec<_>>()
    };
    let said = |text: &str| exposure::dangers(&Config::parse(text).expect("a configuration"), None).len();
    for (text, refusals, warnings) in [
        ("", 0, 0),
        ("listen = \"localhost:1\"", 0, 0),
        ("listen = \"[::1]:1\"", 0, 0),
        // Said, but nobody else reaches it.
        ("open = true", 0, 1),
        ("test_mode = true", 0, 1),
        ("listen = \"0.0.0.0:1\"", 1, 1),
        ("listen = \"[::]:1\"", 1, 1),
        ("listen = \"causeway.example:1\"", 1, 1),
        ("listen = \"0.0.0.0:1\"\naccept_risk = [\"clear-text\"]", 0, 1),
        ("listen = \"0.0.0.0:1\"\naccept_risk = [\"open\"]", 1, 1),
        ("listen = \"0.0.0.0:1\"\nopen = true\ntest_mode = true", 3, 3),
        ("listen = \"0.0.0.0:1\"\nopen = true\naccept_risk = [\"clear-text\", \"open\"]", 0, 2),
        ("[[mllp]]\nlisten = \"0.0.0.0:1\"\nsender = \"ZZ901\"", 1, 1),
        ("[[scaip]]\nlisten = \"0.0.0.0:1\"\nsender = \"ZZ901\"", 1, 1),
        ("listen = \"0.0.0.0:1\"\n[tls]\ncertificate = \"c\"\nkey = \"k\"", 0, 0),
    ] {
        assert_eq!((refused(text).len(), said(text)), (refusals, warnings), "{text}: {:?}", refused(text));
    }
    let words = refused("listen = \"0.0.0.0:1\"");
    assert!(words[0].contains("accept_risk = [\"clear-text\"]"), "{words:?}");
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile();
    let (certificate, key) = (folder.join("c.pem"), folder.join("k.pem"));
    for file in [&certificate, &key] {
        std::fs::write(file, "x").expect("a file");
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    }
    let text = format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}");
    let config = Config::parse(&text).expect("a configuration");
    let refused = exposure::refused(&config, None);
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(refused[0].place, "tls, key");
    // The configuration itself counts where it holds passwords.
    let own = folder.join("causeway.toml");
    std::fs::write(&own, GOOD).expect("a file");
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let mesh = Config::parse(GOOD).expect("a configuration");
    assert_eq!(exposure::refused(&mesh, Some(&own)).len(), 1);
    for file in [&key, &own] {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o640)).expect("a mode");
    }
    assert_eq!(exposure::refused(&config, None), []);
    assert_eq!(exposure::refused(&mesh, Some(&own)), []);
    assert_eq!(check::missing_files(&config), []);
    std::fs::remove_file(&key).expect("removed");
    let missing = check::missing_files(&config);
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(
        missing[0].words(Some((Path::new("c.toml"), &text))).starts_with("c.toml:3: tls, key: "),
        "{missing:?}"
    );
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[cfg(unix)]
fn tempfile() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("causeway-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}
