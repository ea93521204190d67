//! Shell text taken apart: commands of a block, words of a command.

use std::process::{Command, Stdio};

/// The commands of a block: as many lines each as the shell wants.
pub fn commands(block: &str) -> Vec<String> {
    let (mut commands, mut command) = (Vec::new(), String::new());
    for line in block.lines() {
        command.push_str(line);
        command.push('\n');
        if is_complete(&command) {
            if command.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
                commands.push(command.trim_end().to_owned());
            }
            command.clear();
        }
    }
    assert!(command.trim().is_empty(), "a command without an end: {command}");
    commands
}

fn is_complete(command: &str) -> bool {
    if command.trim_end().ends_with('\\') {
        return false;
    }
    // Shells take a here-document without its end for a whole one.
    if let Some((_, rest)) = command.split_once("<<") {
        let end = rest.trim_start_matches(['-', '\'']).split(['\'', '\n', ' ']).next().unwrap_or_default();
        if !rest.lines().skip(1).any(|line| line == end) {
            return false;
        }
    }
    let checked = Command::new("sh").args(["-n", "-c", command]).stderr(Stdio::null()).status();
    checked.expect("a shell").success()
}

/// The words of the simple commands of a text: at `|`, `;`, `&`, line ends and redirections a command ends, `#` begins a
/// comment, quotes hold words together.
pub fn simple_commands(text: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let (mut quote, mut comment) = (None::<char>, false);
    let mut letters = text.chars().chain(['\n']).peekable();
    while let Some(letter) = letters.next() {
        if comment && letter != '\n' {
            continue;
        }
        comment = false;
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '\\') => match letters.next() {
                Some('\n') | None => {}
                Some(letter) => word.get_or_insert_default().push(letter),
            },
            (None, '#') if word.is_none() => comment = true,
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, '|' | ';' | '&' | '\n' | '>' | '<' | '(' | ')') => {
                words.extend(word.take());
                all.push(std::mem::take(&mut words));
            }
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    all.retain(|words| !words.is_empty());
    all
}

#[test]
fn shell_text_is_taken_apart() {
    let block = "one # a\n# nothing\ntwo \\\n  'a\nb'\nf() {\n  x\n}\ncat > y <<'END'\nz {\nEND\nlast\n";
    let expected = ["one # a", "# nothing\ntwo \\\n  'a\nb'", "f() {\n  x\n}", "cat > y <<'END'\nz {\nEND", "last"];
    let found = commands(block);
    assert_eq!(found.len(), 5, "{found:#?}");
    assert!(
        found.iter().zip(expected).all(|(found, expected)| found.ends_with(expected.trim_start_matches("# nothing\n")))
    );
    let words = simple_commands("X=1 umpire check '*.har' \"a b\" > out && umpire view x # and so on\n");
    assert_eq!(words, [vec!["X=1", "umpire", "check", "*.har", "a b"], vec!["out"], vec!["umpire", "view", "x"]]);
}
