//! The keys in docs/screen.md are those of the program.
//!
//! `table of commands → Markdown → the part of docs/screen.md between its two comments`

use umpire::tui;

use super::markdown::{read, rewrite};

const DOCUMENT: &str = "docs/screen.md";

#[test]
fn the_keys_in_the_document_are_those_of_the_program() {
    let document = read(DOCUMENT);
    let begin = document.find("<!-- keys").expect("the begin of the keys");
    let begin = begin + document[begin..].find("-->\n\n").expect("its end") + 5;
    let end = document.find("<!-- end of keys -->").expect("the end of the keys");
    let keys = format!("{}\n", tui::keys_as_markdown());
    let anew = format!("{}{keys}{}", &document[..begin], &document[end..]);
    rewrite(DOCUMENT, &document[begin..end], &keys, &anew);
}
