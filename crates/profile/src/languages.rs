//! Language tags (BCP 47, RFC 5646) against IANA's registry of subtags.

use std::collections::HashSet;
use std::sync::OnceLock;

const REGISTRY: &str = include_str!("../data/languages.txt");

struct Registry {
    language: HashSet<&'static str>,
    extlang: HashSet<&'static str>,
    script: HashSet<&'static str>,
    region: HashSet<&'static str>,
    variant: HashSet<&'static str>,
    /// Whole tags from before the rules.
    grandfathered: HashSet<&'static str>,
}

fn registry() -> &'static Registry {
    static HELD: OnceLock<Registry> = OnceLock::new();
    HELD.get_or_init(|| {
        let of = |kind: &str| {
            let line = REGISTRY.lines().find_map(|l| l.strip_prefix(kind)?.strip_prefix(' '));
            line.unwrap_or_default().split(' ').collect()
        };
        Registry {
            language: of("language"),
            extlang: of("extlang"),
            script: of("script"),
            region: of("region"),
            variant: of("variant"),
            grandfathered: of("grandfathered"),
        }
    })
}

fn letters(tag: &str) -> bool {
    tag.bytes().all(|b| b.is_ascii_alphabetic())
}

/// True for a language tag that is well formed and whose subtags are registered or for private use.
pub(crate) fn is_language(tag: &str) -> bool {
    // Nearly every tag is one of these.
    if matches!(tag, "en" | "en-GB" | "en-US" | "cy") {
        return true;
    }
    let known = registry();
    let lower = tag.to_ascii_lowercase();
    if known.grandfathered.contains(lower.as_str()) {
        return true;
    }
    let mut tags = lower.split('-').peekable();
    if !tags.clone().all(|t| (1..=8).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric())) {
        return false;
    }
    let first = tags.next().unwrap_or_default();
    if first == "x" {
        return tags.next().is_some();
    }
    let private = first.len() == 3 && ("qaa"..="qtz").contains(&first);
    if !private && !known.language.contains(first) {
        return false;
    }
    for _ in 0..3 {
        if tags.next_if(|t| t.len() == 3 && letters(t) && known.extlang.contains(*t)).is_none() {
            break;
        }
    }
    if let Some(script) = tags.next_if(|t| t.len() == 4 && letters(t)) {
        let private = ("qaaa"..="qabx").contains(&script);
        if !private && !known.script.contains(script) {
            return false;
        }
    }
    let is_region = |t: &&str| (t.len() == 2 && letters(t)) || (t.len() == 3 && t.parse::<u16>().is_ok());
    if let Some(region) = tags.next_if(is_region) {
        let private = matches!(region, "aa" | "zz")
            || ("qm"..="qz").contains(&region)
            || ("xa"..="xz").contains(&region);
        if !private && !known.region.contains(region) {
            return false;
        }
    }
    let is_variant = |t: &&str| t.len() >= 5 || (t.len() == 4 && t.starts_with(|c: char| c.is_ascii_digit()));
    while let Some(variant) = tags.next_if(is_variant) {
        if !known.variant.contains(variant) {
            return false;
        }
    }
    // What is left is an extension (`u-ca-gregory`) or private (`x-…`): a letter and at least one tag.
    match tags.next() {
        None => true,
        Some(single) => single.len() == 1 && tags.next().is_some_and(|t| t.len() >= 2 || single == "x"),
    }
}

#[cfg(test)]
mod tests {
    use super::is_language;

    #[test]
    fn registered_tags_only() {
        for good in [
            "en",
            "EN-gb",
            "zh-Hant-TW",
            "bfi",
            "de-CH-1901",
            "x-mine",
            "en-x-a",
            "qaa",
            "i-klingon",
            "zh-yue",
            "es-419",
            "en-GB-u-ca-gregory",
        ] {
            assert!(is_language(good), "{good}");
        }
        for bad in
            ["zz", "zz-unknown", "english", "", "en_GB", "en GB", "en-", "en-QQQ", "en-Abcd", "en-u", "x"]
        {
            assert!(!is_language(bad), "{bad}");
        }
    }
}
