//! `docs/rules.md`: everything that Causeway can say of a message, and what to do about it.

/// The document.
pub fn document() -> String {
    let catalogue = causeway::rules::catalogue();
    let count: usize = catalogue.iter().flat_map(|(_, tables)| tables).map(|table| table.len()).sum();
    let mut out = format!(
        "# What Causeway can say\n\n\
         Every issue has an id that stays, a severity, a kind (FHIR issue type), a position in the source and one of these \
         {count} sentences. None holds a value of a person; `{{}}` stands for a word of the program, such as a limit or the \
         name of a field. Made by `cargo run -p xtask -- generate` from the tables `rules!` of the code.\n\n\
         * **fatal**: nothing of the input could be read; **error**: a record, or a part of one, was refused;\n\
         * **warning**: something was not carried as the source had it, or is doubtful; **information**: good to know.\n\n\
         Under *common* stands what formats say alike.\n"
    );
    for (chapter, tables) in &catalogue {
        out.push_str(&format!("\n## {chapter}\n\n| rule | severity | kind | what is said | what to do |\n|---|---|---|---|---|\n"));
        let mut rules: Vec<_> = tables.iter().copied().flatten().collect();
        rules.sort_by(|a, b| (b.severity, a.id).cmp(&(a.severity, b.id)));
        for rule in rules {
            out.push_str(&format!(
                "| `{}` | {} | {} | {} | {} |\n",
                rule.id,
                rule.severity.code(),
                rule.code.code(),
                rule.text.replace('|', "\\|"),
                rule.to_do().replace('|', "\\|"),
            ));
        }
    }
    out
}
