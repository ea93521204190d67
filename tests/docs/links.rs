//! Links between documents lead somewhere: the file is there, and so is the heading.

use std::path::Path;

use crate::markdown::{DOCUMENTS, MEASUREMENTS, read, root};

/// A heading as the address of a link: lower case, blanks as hyphens, signs left out.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn has_heading(file: &Path, wanted: &str) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line.trim_start_matches('#')) == wanted)
}

#[test]
fn links_between_documents_lead_somewhere() {
    let (mut faults, mut count) = (Vec::new(), 0);
    for document in DOCUMENTS.into_iter().chain(MEASUREMENTS) {
        let here = root().join(document);
        for (index, line) in read(document).lines().enumerate() {
            let links = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            // Rules show `["x"](…)` in CEL; links to other places are not looked up.
            for link in links.filter(|link| !link.contains("://") && !link.contains(['…', ' ', '"'])) {
                count += 1;
                let (path, heading) = link.split_once('#').unwrap_or((link, ""));
                let file = if path.is_empty() { here.clone() } else { here.parent().expect("a folder").join(path) };
                if !file.exists() || (!heading.is_empty() && !has_heading(&file, heading)) {
                    faults.push(format!("{document}:{}: {link}", index + 1));
                }
            }
        }
    }
    assert!(faults.is_empty(), "these links lead nowhere:\n{}", faults.join("\n"));
    assert!(count > 100, "only {count} links were found");
}
