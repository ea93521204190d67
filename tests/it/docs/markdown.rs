//! What a test needs of a Markdown file: its fenced blocks and its code spans, each with its line.

use std::path::PathBuf;

/// The documents that tell people what to type.
pub const DOCUMENTS: [&str; 21] = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "ARCHITECTURE.md",
    "captures/README.md",
    "rules/README.md",
    "rules/GUIDE.md",
    "rules/REFERENCE.md",
    "docs/check-report.md",
    "docs/configuration.md",
    "docs/diff.md",
    "docs/events.md",
    "docs/exchange.md",
    "docs/fault.md",
    "docs/filter.md",
    "docs/probe.md",
    "docs/proxy.md",
    "docs/replay.md",
    "docs/resend.md",
    "docs/screen.md",
];

/// The documents of measurements: their commands take minutes, or want other programs, and are only looked at.
pub const MEASUREMENTS: [&str; 3] = ["docs/speed.md", "docs/validator.md", "docs/wire.md"];

/// A fenced block.
#[derive(Debug)]
pub struct Block {
    /// Line of its first line of text, from 1.
    pub line: usize,
    /// What stands behind the opening fence, such as `sh`.
    pub language: String,
    /// The text, without the indentation of the fence.
    pub text: String,
}

/// The project's folder.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(document: &str) -> String {
    std::fs::read_to_string(root().join(document)).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// The fenced blocks of a document, in order.
pub fn blocks(document: &str) -> Vec<Block> {
    let (mut blocks, mut open) = (Vec::new(), None::<(usize, Block)>);
    for (index, line) in read(document).lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => {
                let block = Block { line: index + 2, language: language.trim().to_owned(), text: String::new() };
                open = Some((indent, block));
            }
            (Some(_), Some(_)) => blocks.extend(open.take().map(|(_, block)| block)),
            (Some((indent, block)), None) => {
                block.text.push_str(line.get(*indent..).unwrap_or_default());
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{document}: a block is not closed");
    blocks
}

/// The code spans of a document outside of its blocks, with their lines. A span that is broken over two lines counts as
/// on the first.
pub fn spans(document: &str) -> Vec<(usize, String)> {
    let mut text = String::new();
    let mut fenced = false;
    for line in read(document).lines() {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        if !fenced && !fence {
            text.push_str(line);
        }
        text.push('\n');
    }
    // A span ends in its own paragraph: what is odd in one must not turn the rest of the document around.
    let mut found = Vec::new();
    let mut line = 1;
    for paragraph in text.split("\n\n") {
        let mut at = line;
        for (index, piece) in paragraph.split('`').enumerate() {
            if index % 2 == 1 {
                found.push((at, piece.split_whitespace().collect::<Vec<_>>().join(" ")));
            }
            at += piece.matches('\n').count();
        }
        line += paragraph.matches('\n').count() + 2;
    }
    found
}

/// Fails if `stands` in a document is not what it should be; with `UMPIRE_REWRITE_DOCS=1` writes the document anew.
pub fn rewrite(document: &str, stands: &str, should_be: &str, document_anew: &str) {
    if stands == should_be {
        return;
    }
    if std::env::var_os("UMPIRE_REWRITE_DOCS").is_some() {
        std::fs::write(root().join(document), document_anew).expect("the document can be written");
        return;
    }
    panic!(
        "{document} is stale; `UMPIRE_REWRITE_DOCS=1 cargo test --test it docs::` writes it anew. It has\n{stands}\n\
         and should have\n{should_be}"
    );
}
