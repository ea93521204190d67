//! Links between documents lead somewhere: the file is there, and so is the heading.

use std::path::Path;

use super::markdown::{DOCUMENTS, MEASUREMENTS, read, root};

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

#[test]
fn the_stops_of_an_exchange_are_where_they_are_said_to_be() {
    let document = read("CONTRIBUTING.md");
    let rows = document.lines().skip_while(|line| !line.starts_with("| stop | file |")).skip(2);
    let mut count = 0;
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let source =
            std::fs::read_to_string(root().join(cells[2])).unwrap_or_else(|error| panic!("{}: {error}", cells[2]));
        let holds = |beginning: &str| source.contains(&format!("fn {}{beginning}", cells[3]));
        assert!(holds("(") || holds("<"), "{} has no function {}", cells[2], cells[3]);
        count += 1;
    }
    assert_eq!(count, 10);
}
