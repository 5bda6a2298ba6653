//! Holds pages to what can be held without a browser: tags that close, one heading of the first level,
//! labelled controls, tables with captions and scopes, ids that are unique and links into the page that lead
//! somewhere.

use std::collections::HashSet;

const VOID: [&str; 8] = ["meta", "link", "br", "input", "hr", "img", "wbr", "col"];

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let at = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    tag[at..].split('"').next()
}

pub fn check(path: &str, html: &str) {
    assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en-GB\">"), "{path}: beginning");
    assert!(html.len() < 100_000, "{path}: {} bytes", html.len());
    let mut open: Vec<String> = Vec::new();
    let mut ids = HashSet::new();
    let mut targets = Vec::new();
    let mut labels = HashSet::new();
    let mut controls = Vec::new();
    let mut headings = 0;
    let mut level = 0;
    for piece in html.split('<').skip(2) {
        let (tag, _) = piece.split_once('>').unwrap_or_else(|| panic!("{path}: unclosed tag: {piece}"));
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name.trim()), "{path}: </{name}> closes another");
            continue;
        }
        let name = tag.split([' ', '\n']).next().unwrap();
        if let Some(id) = attribute(tag, "id") {
            assert!(ids.insert(id.to_owned()), "{path}: id {id} twice");
        }
        for reference in ["aria-labelledby", "for"].into_iter().filter_map(|a| attribute(tag, a)) {
            targets.push(reference.to_owned());
        }
        if let Some(target) = attribute(tag, "href").and_then(|h| h.strip_prefix('#')) {
            targets.push(target.to_owned());
        }
        match name {
            "h1" | "h2" | "h3" => {
                let this: i32 = name[1..].parse().unwrap();
                headings += i32::from(this == 1);
                assert!(this <= level + 1, "{path}: heading {this} after {level}");
                level = this;
            }
            "label" => drop(labels.insert(attribute(tag, "for").unwrap().to_owned())),
            "input" | "select" | "textarea" if attribute(tag, "type") != Some("hidden") => {
                controls.push(attribute(tag, "id").unwrap_or_else(|| panic!("{path}: <{tag}>")).to_owned());
            }
            "th" => assert!(attribute(tag, "scope").is_some(), "{path}: <{tag}> without scope"),
            "script" => panic!("{path}: script"),
            _ => {}
        }
        if !VOID.contains(&name) && !name.starts_with('!') {
            open.push(name.to_owned());
        }
    }
    assert_eq!(open, [""; 0], "{path}: left open");
    assert_eq!(headings, 1, "{path}: headings of the first level");
    for target in targets {
        assert!(ids.contains(&target), "{path}: #{target} leads nowhere");
    }
    for control in controls {
        assert!(labels.contains(&control), "{path}: control {control} has no label");
    }
    assert_eq!(html.matches("<table").count(), html.matches("<caption").count(), "{path}: captions");
    assert!(html.contains("Prototype: synthetic data"), "{path}: banner");
    assert!(html.contains("href=\"#main\"") && html.contains("<main id=\"main\""), "{path}: skip link");
    assert!(!html.contains("style=\""), "{path}: inline style is refused by the content security policy");
}
