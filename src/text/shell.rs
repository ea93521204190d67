//! Text from outside as a word for a POSIX shell, safe to look at as well.
//!
//! `text → 'plain parts'"$(printf '\octal')"'…' → SafeText`

use std::fmt::Write as _;

use super::{SafeText, is_harmless};

/// A text as one word in which a shell finds nothing to obey; nor does a terminal on which the script is shown: what it
/// would obey is written by its bytes. Line feeds and tabs stay, so that bodies can be read.
pub fn quoted(text: &str) -> SafeText {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return SafeText::trusted(text.to_owned());
    }
    let is_shown = |character: char| is_harmless(character) || matches!(character, '\n' | '\t');
    let mut word = String::with_capacity(text.len() + 2);
    let mut rest = text;
    while !rest.is_empty() || word.is_empty() {
        let shown = rest.find(|character| !is_shown(character)).unwrap_or(rest.len());
        if shown > 0 || rest.is_empty() {
            word.extend(["'", &rest[..shown].replace('\'', r"'\''"), "'"]);
        }
        rest = &rest[shown..];
        let hidden = rest.find(is_shown).unwrap_or(rest.len());
        if hidden > 0 {
            word.push_str("\"$(printf '");
            word.push_str(&octal(&rest.as_bytes()[..hidden]));
            word.push_str("')\"");
        }
        rest = &rest[hidden..];
    }
    SafeText::trusted(word)
}

/// Bytes as the format of `printf` has them: `\033\007`.
pub(crate) fn octal(bytes: &[u8]) -> SafeText {
    let mut text = String::with_capacity(bytes.len() * 4);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _written = write!(text, "\\{byte:03o}");
    }
    SafeText::trusted(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (text, word) in [
            ("/a-b_c.d", "/a-b_c.d"),
            ("", "''"),
            ("it's $(x)\n", "'it'\\''s $(x)\n'"),
            ("a\u{1b}]0;x\u{7}b", "'a'\"$(printf '\\033')\"']0;x'\"$(printf '\\007')\"'b'"),
            ("\u{9b}\u{202e}", "\"$(printf '\\302\\233\\342\\200\\256')\""),
        ] {
            assert_eq!(quoted(text), word);
        }
    }

    /// A shell makes of every word the text that it stands for.
    #[cfg(unix)]
    #[test]
    fn a_shell_reads_them_back() {
        for text in ["", "a b", "'", "it's\n\ttwo", "\u{1b}[2J\r\u{9b}m", "日\u{202e}本\u{7f}", "$(false)`x`\\n"] {
            let script = format!("printf '%s.' {}", quoted(text));
            let out = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), format!("{text}."), "{script:?}");
        }
    }
}
