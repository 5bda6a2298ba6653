//! Entries that references lead to in a Bundle that is read in parts: read again from the text when one asks for them.

use serde_json::Value;

use super::Walker;
use super::bundle::BundleIndex;
use crate::profiles::Node;
use crate::tree::Tree;

impl<'a> Walker<'a> {
    /// True where an entry of a Bundle that is read in parts, by itself, keeps all the rules of a profile, or is not at hand.
    pub(crate) fn conforms_apart(&self, entry: usize, rules: &'a Node) -> bool {
        let Some(digest) = self.digest else { return true };
        let Some(text) = digest.texts.get(entry).filter(|_| self.is_probing_possible()) else { return true };
        let key = (entry, std::ptr::from_ref(rules) as usize);
        // One that refers to itself, through others too, conforms as far as that reference goes.
        if let Some(known) = digest.probes.borrow_mut().insert(key, true) {
            digest.probes.borrow_mut().insert(key, known);
            return known;
        }
        let Ok(tree) = Tree::read_within(text.as_bytes(), self.options.room.unwrap_or(usize::MAX)) else {
            return true;
        };
        let Some(resource) = tree.value.get("resource").filter(|_| tree.cut.is_none()) else { return true };
        let mut walker = Walker::new(self.defs, self.options);
        walker.digest = Some(digest);
        walker.bundles.push(BundleIndex::of_parts(digest));
        walker.full_urls.extend(tree.value.get("fullUrl").and_then(Value::as_str));
        walker.probe_within(self);
        let conforms = walker.conforms(resource, rules);
        digest.probes.borrow_mut().insert(key, conforms);
        conforms
    }
}
