//! What ARCHITECTURE.md says of the modules is true of the sources.
//!
//! `ARCHITECTURE.md → table of modules, list of dependencies` · `src → paths named in code → compared`
//!
//! Test code inside a module (`#[cfg(test)]`) may name anything: layers are about what is built.

#[path = "architecture/headings.rs"]
mod headings;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A file of more lines of code than this wants to be two. Comments, blank lines and test modules don't count.
const MOST_LINES: usize = 500;

/// "About": how far past [`MOST_LINES`] a file may be before the test says so.
const LEEWAY: usize = 100;

/// One row of the table of modules.
#[derive(Debug)]
struct Row {
    module: String,
    /// Modules it may name; `None` for all.
    names: Option<BTreeSet<String>>,
    crates: BTreeSet<String>,
}

/// The checkout that the test runs in, which need not be the one it was built in.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The names in backticks of a table's cell.
fn ticked(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Rows of the Markdown table whose head begins with these columns, as cells.
fn table(document: &str, head: &str) -> Vec<Vec<String>> {
    document
        .lines()
        .skip_while(|line| !line.starts_with(head))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

fn modules() -> Vec<Row> {
    let rows: Vec<Row> = table(&read(&root().join("ARCHITECTURE.md")), "| module | may name | outside crates |")
        .into_iter()
        .map(|cells| Row {
            module: ticked(&cells[0]).pop_first().unwrap_or_else(|| panic!("a row without a module: {cells:?}")),
            names: (cells[1] != "all").then(|| ticked(&cells[1])),
            crates: ticked(&cells[2]).into_iter().map(|name| name.replace('-', "_")).collect(),
        })
        .collect();
    assert!(rows.len() > 5, "ARCHITECTURE.md has lost its table of modules");
    rows
}

/// Crates named in a section of Cargo.toml, as they are written there.
fn dependencies(section: &str) -> BTreeSet<String> {
    let manifest: toml::Table = read(&root().join("Cargo.toml")).parse().expect("Cargo.toml is TOML");
    manifest[section].as_table().expect("a table").keys().cloned().collect()
}

/// Every Rust file below a folder of the project, in order; none if there is no such folder.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&root().join(folder), &mut files);
    files.sort();
    files
}

/// A source file of `src`: the module that it belongs to, how deep it lies (1 for `src/rules.rs`), and its code.
struct Source {
    path: PathBuf,
    module: String,
    depth: usize,
    code: String,
}

fn sources() -> Vec<Source> {
    let files = rust_files("src");
    let mut tests_only = BTreeSet::new();
    let mut sources = Vec::new();
    for path in files {
        let inside = path.strip_prefix(root().join("src")).expect("below src").with_extension("");
        let module = inside.iter().next().expect("a name").to_string_lossy().into_owned();
        let (code, test_modules) = without_tests(&plain_code(&read(&path)));
        tests_only.extend(test_modules.into_iter().map(|name| path.with_extension("").join(name).with_extension("rs")));
        if module != "lib" {
            sources.push(Source { depth: inside.iter().count(), path, module, code });
        }
    }
    sources.retain(|source| !tests_only.contains(&source.path));
    sources
}

/// The source with comments taken away and the contents of literals blanked; line breaks stay.
fn plain_code(source: &str) -> String {
    let text: Vec<char> = source.chars().collect();
    let mut code = String::with_capacity(source.len());
    let mut at = 0;
    while at < text.len() {
        let next = text.get(at + 1).copied();
        let end = match text[at] {
            '/' if next == Some('/') => at + text[at..].iter().position(|&c| c == '\n').unwrap_or(text.len() - at),
            '/' if next == Some('*') => end_of_block_comment(&text, at),
            '"' => end_of_string(&text, at),
            'r' if !preceded_by_word(&text, at) => end_of_raw_string(&text, at).unwrap_or(at + 1),
            '\'' => end_of_char(&text, at).unwrap_or(at + 1),
            _ => at + 1,
        };
        if end == at + 1 {
            code.push(text[at]);
        } else {
            if text[at] != '/' {
                code.push_str("\"\"");
            }
            code.extend(text[at..end].iter().filter(|&&c| c == '\n'));
        }
        at = end;
    }
    code
}

fn preceded_by_word(text: &[char], at: usize) -> bool {
    at > 0 && (text[at - 1].is_alphanumeric() || text[at - 1] == '_')
}

fn end_of_block_comment(text: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while at + 1 < text.len() {
        match (text[at], text[at + 1]) {
            ('/', '*') => (at, depth) = (at + 2, depth + 1),
            ('*', '/') => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn end_of_string(text: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() && text[at] != '"' {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

fn end_of_raw_string(text: &[char], start: usize) -> Option<usize> {
    let hashes = text[start + 1..].iter().take_while(|&&c| c == '#').count();
    let mut at = start + 1 + hashes;
    if text.get(at) != Some(&'"') {
        return None;
    }
    at += 1;
    while at < text.len() {
        if text[at] == '"' && text[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes {
            return Some(at + 1 + hashes);
        }
        at += 1;
    }
    Some(text.len())
}

/// End of a character literal; `None` for a lifetime.
fn end_of_char(text: &[char], start: usize) -> Option<usize> {
    if text.get(start + 1) == Some(&'\\') {
        return text[start + 3..].iter().position(|&c| c == '\'').map(|offset| start + 4 + offset);
    }
    (text.get(start + 2) == Some(&'\'')).then_some(start + 3)
}

/// Code without the items marked `#[cfg(test)]`, and the names of test modules that lie in files of their own.
fn without_tests(code: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut modules = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        kept.push_str(&rest[..at]);
        let item = &rest[at + MARK.len()..];
        let end = end_of_item(item);
        let words: Vec<&str> = item[..end].trim_end_matches(';').split_whitespace().collect();
        if let [.., "mod", name] = words[..] {
            modules.push(name.to_owned());
        }
        rest = &item[end..];
    }
    kept.push_str(rest);
    (kept, modules)
}

/// An item ends at its semicolon, or with its block.
fn end_of_item(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, character) in item.char_indices() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && !item.trim_start().starts_with("use ") {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// What follows each mention of `crate::`: one name, or those of a group in braces.
fn named_modules(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for prefix in ["crate::", "umpire::"] {
        for (at, _) in code.match_indices(prefix) {
            if code[..at].ends_with(is_word) {
                continue;
            }
            let rest = &code[at + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(group) => names.extend(group_heads(group)),
                None => names.extend(first_word(rest)),
            }
        }
    }
    names
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|&c| is_word(c)).collect();
    (!word.is_empty()).then_some(word)
}

/// The first word of each entry of a group: `a::{b, c}, d}` → a, d.
fn group_heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let (mut depth, mut begins) = (0_usize, true);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            c if begins && is_word(c) => {
                heads.extend(first_word(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    heads
}

/// Which of the crates the code names at the head of a path.
fn named_crates<'c>(code: &str, crates: impl Iterator<Item = &'c str>) -> BTreeSet<String> {
    let heads_a_path = |name: &str| {
        code.match_indices(name).any(|(at, _)| {
            let (before, after) = (&code[..at], code[at + name.len()..].trim_start());
            let whole = !before.ends_with(|c| is_word(c) || c == ':' || c == '.') && !after.starts_with(is_word);
            let imported = before.trim_end().ends_with("use") && (after.starts_with(';') || after.starts_with("as "));
            whole && (after.starts_with("::") || imported)
        })
    };
    crates.filter(|name| heads_a_path(name)).map(str::to_owned).collect()
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn modules_name_only_what_their_row_allows() {
    let rows: BTreeMap<String, Row> = modules().into_iter().map(|row| (row.module.clone(), row)).collect();
    let outside: Vec<String> = dependencies("dependencies").iter().map(|name| name.replace('-', "_")).collect();
    let mut faults = Vec::new();
    for source in sources() {
        let file = shown(&source.path);
        let Some(row) = rows.get(&source.module) else {
            faults.push(format!("{file}: ARCHITECTURE.md has no row for module {}", source.module));
            continue;
        };
        for name in named_modules(&source.code) {
            let allowed = row.names.as_ref().is_none_or(|names| names.contains(&name));
            if rows.contains_key(&name) && name != row.module && !allowed {
                faults.push(format!("{file}: {} must not name {name} (table in ARCHITECTURE.md)", row.module));
            }
        }
        if source.code.contains(&"super::".repeat(source.depth)) {
            faults.push(format!("{file}: `super::` climbs out of the module; say `crate::`"));
        }
        for name in named_crates(&source.code, outside.iter().map(String::as_str)) {
            if !row.crates.contains(&name) {
                faults.push(format!("{file}: {} must not use the crate {name} (table in ARCHITECTURE.md)", row.module));
            }
        }
    }
    report(&faults);
}

#[test]
fn layers_name_only_what_stands_above_them() {
    let rows = modules();
    let mut faults = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let above: BTreeSet<&str> = rows[..place].iter().map(|row| row.module.as_str()).collect();
        for name in row.names.iter().flatten().filter(|name| !above.contains(name.as_str())) {
            faults.push(format!("ARCHITECTURE.md: {} may name {name}, which doesn't stand above it", row.module));
        }
    }
    report(&faults);
}

#[test]
fn every_row_is_a_module_that_uses_what_it_may() {
    let sources = sources();
    let mut faults = Vec::new();
    for row in modules() {
        let code: Vec<&Source> = sources.iter().filter(|source| source.module == row.module).collect();
        if code.is_empty() {
            faults.push(format!("ARCHITECTURE.md: there is no module {}", row.module));
            continue;
        }
        let named: BTreeSet<String> = code.iter().flat_map(|source| named_modules(&source.code)).collect();
        let used: BTreeSet<String> =
            code.iter().flat_map(|source| named_crates(&source.code, row.crates.iter().map(String::as_str))).collect();
        let unnamed = row.names.iter().flatten().filter(|name| !named.contains(*name));
        let unused = row.crates.difference(&used).chain(unnamed);
        faults.extend(unused.map(|name| format!("ARCHITECTURE.md: {} does not use {name}", row.module)));
    }
    report(&faults);
}

#[test]
fn every_thread_has_somebody_who_notices_its_end() {
    let document = read(&root().join("ARCHITECTURE.md"));
    let listed: BTreeSet<String> =
        table(&document, "| where | thread or task |").iter().flat_map(|cells| ticked(&cells[0])).collect();
    let spawns = |code: &str| {
        let spawned = ["thread::spawn(", "tokio::spawn(", "spawn_blocking(", "thread::scope("];
        // A child process takes no argument here.
        spawned.iter().any(|call| code.contains(call)) || code.replace(".spawn()", "").contains(".spawn(")
    };
    let spawning: BTreeSet<String> = sources()
        .iter()
        .filter(|source| spawns(&source.code))
        .map(|source| shown(&source.path).trim_start_matches("src/").trim_end_matches(".rs").to_owned())
        .collect();
    let unlisted = spawning.difference(&listed).map(|file| {
        format!("{file} starts a thread or a task: say in ARCHITECTURE.md who notices its end, and what happens then")
    });
    let gone = listed.difference(&spawning).map(|file| format!("ARCHITECTURE.md: {file} starts no thread or task"));
    report(&unlisted.chain(gone).collect::<Vec<_>>());
}

#[test]
fn every_dependency_has_its_reason() {
    let document = read(&root().join("ARCHITECTURE.md"));
    let explained: BTreeSet<String> =
        table(&document, "| crate | why it").iter().flat_map(|cells| ticked(&cells[0])).collect();
    let mut used = dependencies("dependencies");
    used.extend(dependencies("dev-dependencies"));
    let faults: Vec<String> =
        used.difference(&explained).map(|name| format!("ARCHITECTURE.md does not say why {name} was chosen")).collect();
    report(&faults);
}

/// Cargo leaves out a file that nobody names, in silence: its tests would never run.
#[test]
fn every_file_of_tests_is_a_module_of_the_one_binary() {
    let binary = root().join("tests/it");
    let apart = [root().join("tests/architecture.rs"), root().join("tests/crash.rs"), binary.join("main.rs")];
    let faults: Vec<String> = rust_files("tests")
        .into_iter()
        .filter(|path| !apart.contains(path))
        .filter_map(|path| {
            let folder = path.parent().expect("a folder");
            if !path.starts_with(&binary) && !path.starts_with(root().join("tests/architecture")) {
                return Some(format!("{}: belongs into tests/it/, see CONTRIBUTING.md", shown(&path)));
            }
            let parent = if folder == binary { binary.join("main.rs") } else { folder.with_extension("rs") };
            let name = path.file_stem().expect("a name").display().to_string();
            let names = plain_code(&read(&parent)).contains(&format!("mod {name};"));
            (!names).then(|| format!("{}: {} has no `mod {name};`", shown(&path), shown(&parent)))
        })
        .collect();
    report(&faults);
}

#[test]
fn no_file_outgrows_its_reader() {
    let faults: Vec<String> = ["src", "tests", "benches"]
        .into_iter()
        .flat_map(rust_files)
        .filter_map(|path| {
            let (code, _) = without_tests(&plain_code(&read(&path)));
            let lines = code.lines().filter(|line| !line.trim().is_empty()).count();
            (lines > MOST_LINES + LEEWAY).then(|| {
                format!(
                    "{}: {lines} lines of code; about {MOST_LINES} is what one can keep in mind: split it",
                    shown(&path)
                )
            })
        })
        .collect();
    report(&faults);
}

/// Fields that the log may have: numbers, names of Umpire's own, files of the user's.
const LOGGED: [&str; 25] = [
    "micros",
    "bookings",
    "down",
    "error",
    "errors",
    "exchange",
    "exchanges",
    "failed",
    "failure",
    "file",
    "findings",
    "id",
    "index",
    "kind",
    "log",
    "missed",
    "name",
    "second",
    "seconds",
    "stage",
    "status",
    "thread",
    "unjudged",
    "unusable",
    "up",
];

/// The arguments of each `tracing::…!(…)` of a source.
fn log_calls(source: &str) -> Vec<Vec<String>> {
    let text: Vec<char> = source.chars().collect();
    let starts = text
        .windows(9)
        .enumerate()
        .filter(|(_, window)| window.iter().eq("tracing::".chars().collect::<Vec<_>>().iter()));
    let mut calls = Vec::new();
    for (start, _) in starts {
        let Some(open) = (start..text.len().min(start + 30)).find(|&at| text[at] == '(') else { continue };
        if text[open - 1] != '!' {
            continue;
        }
        let (mut at, mut depth, mut arguments) = (open + 1, 1, vec![String::new()]);
        while at < text.len() && depth > 0 {
            let end = if text[at] == '"' { end_of_string(&text, at) } else { at + 1 };
            match text[at] {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            if text[at] == ',' && depth == 1 {
                arguments.push(String::new());
            } else if depth > 0 {
                arguments.last_mut().expect("one").extend(&text[at..end]);
            }
            at = end;
        }
        calls.push(arguments.iter().map(|argument| argument.trim().to_owned()).filter(|it| !it.is_empty()).collect());
    }
    calls
}

/// What is wrong with an argument of a call; `wire` for those that speak of what passes.
fn logs_contents(argument: &str, wire: bool) -> bool {
    if argument.starts_with('"') {
        return wire && argument.contains('{');
    }
    let (name, value) =
        argument.split_once('=').map_or((argument, argument), |(name, value)| (name.trim(), value.trim()));
    let name = name.trim_start_matches(['%', '?']).rsplit('.').next().unwrap_or_default();
    !LOGGED.contains(&name) || (wire && name == "error" && !value.starts_with("%LoggedError("))
}

#[test]
fn the_log_names_exchanges_and_says_nothing_of_their_contents() {
    let mut faults = Vec::new();
    let mut calls = 0;
    for path in rust_files("src") {
        let wire = path.starts_with(root().join("src/proxy"));
        for call in log_calls(&read(&path)) {
            calls += 1;
            for argument in call.iter().filter(|argument| logs_contents(argument, wire)) {
                faults.push(format!("{}: the log must not hold {argument} (see proxy::logged)", shown(&path)));
            }
        }
    }
    assert!(calls > 50, "only {calls} calls were found");
    report(&faults);
    let calls = log_calls("tracing::debug!(id, url = %head.target, \"a, {b}\"); tracing::Span::none()");
    assert_eq!(calls, [["id", "url = %head.target", "\"a, {b}\""]]);
    let faulty: Vec<bool> = calls[0].iter().map(|argument| logs_contents(argument, true)).collect();
    assert_eq!(faulty, [false, true, true]);
}

/// Sources that write files by themselves, and why.
const WRITERS: [(&str, &str); 5] = [
    ("src/new_file.rs", "everything else goes through it"),
    ("src/ca/files.rs", "keys of the store, which no user names"),
    ("src/cli/logging.rs", "a log is written on"),
    ("src/cli/rules/index.rs", "the text between two marks of a file is replaced"),
    ("src/doctor/place.rs", "an empty file for a moment"),
];

#[test]
fn files_are_written_in_one_place() {
    let writes = ["fs::write(", "fs::rename(", "fs::copy(", "File::create", "File::options", "OpenOptions"];
    let writing = |source: &Source| {
        let code = source.code.replace("NewFile::create", "");
        writes.iter().any(|call| code.contains(call))
    };
    let found: BTreeSet<String> = sources().iter().filter(|s| writing(s)).map(|source| shown(&source.path)).collect();
    let listed: BTreeSet<String> = WRITERS.iter().map(|(file, _)| (*file).to_owned()).collect();
    let new =
        found.difference(&listed).map(|file| format!("{file} writes a file: use new_file, which asks for --force"));
    let gone = listed.difference(&found).map(|file| format!("{file} writes no file: take it off the list"));
    report(&new.chain(gone).collect::<Vec<_>>());
}

#[test]
fn the_reading_of_code_is_right() {
    let code = plain_code(
        "use crate::a; // crate::b\nlet s = \"crate::c\"; /* crate::d */ let r = r#\"crate::e\"#; fn f<'x>(c: char) { c == '\"' }\n",
    );
    assert_eq!(named_modules(&code), BTreeSet::from(["a".to_owned()]));
    assert_eq!(group_heads("a::{b, c::d}, e, self::f}; x"), ["a", "e", "self"]);
    let (code, modules) =
        without_tests("fn a() {}\n#[cfg(test)]\nmod tests { use crate::x; }\n#[cfg(test)] mod more;\nfn b() {}");
    assert_eq!((code.contains("crate::x"), code.contains("fn b"), modules), (false, true, vec!["more".to_owned()]));
    let crates = named_crates(
        "use serde::Serialize; http_body_util::x(); crate::bytes::y; use toml;",
        ["serde", "http_body", "bytes", "toml"].into_iter(),
    );
    assert_eq!(crates, BTreeSet::from(["serde".to_owned(), "toml".to_owned()]));
}

/// A file of the rules: its room, its module in the room (`None` for the room's own file), and its code.
struct RuleFile {
    room: String,
    module: Option<String>,
    code: String,
}

fn rule_files() -> Vec<RuleFile> {
    let rules = root().join("src").join("rules");
    let mut files = Vec::new();
    for source in sources().into_iter().filter(|source| source.module == "rules" && source.depth > 1) {
        let inside = source.path.strip_prefix(&rules).expect("below src/rules").with_extension("");
        let mut parts = inside.iter().map(|part| part.to_string_lossy().into_owned());
        let room = parts.next().expect("a room");
        files.push(RuleFile { room, module: parts.next(), code: source.code });
    }
    files
}

/// What follows a path in code, as `a::b` or `{a::b, c}`: the first names.
fn heads_behind(code: &str, path: &str) -> BTreeSet<String> {
    let mut heads = BTreeSet::new();
    for (at, _) in code.match_indices(path) {
        if code[..at].ends_with(|before: char| is_word(before) || before == ':') {
            continue;
        }
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(group) => heads.extend(group_heads(group)),
            None => heads.extend(first_word(rest)),
        }
    }
    heads
}

/// The modules of a room, each with those of the room that it names.
fn graph_of(room: &str, files: &[RuleFile]) -> BTreeMap<String, BTreeSet<String>> {
    let of_room = || files.iter().filter(|file| file.room == room);
    let modules: BTreeSet<&String> = of_room().filter_map(|file| file.module.as_ref()).collect();
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in of_room() {
        let Some(module) = &file.module else { continue };
        let mut named = heads_behind(&file.code, &format!("crate::rules::{room}::"));
        named.extend(heads_behind(&file.code, "super::"));
        named.retain(|name| modules.contains(name) && name != module);
        graph.entry(module.clone()).or_default().extend(named);
    }
    graph
}

/// The modules that a module leads to, itself only if a way leads back to it.
fn reachable(from: &str, graph: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![from.to_owned()];
    while let Some(next) = open.pop() {
        for name in graph.get(&next).into_iter().flatten() {
            if found.insert(name.clone()) {
                open.push(name.clone());
            }
        }
    }
    found
}

/// The rooms of `src/rules` stand in the order of the table in ARCHITECTURE.md: each names only those above it. Within one, no
/// more than two modules need each other.
#[test]
fn the_rooms_of_the_rules_have_no_cycle() {
    let table = table(&read(&root().join("ARCHITECTURE.md")), "| part of `rules` | what it is |");
    let rooms: Vec<String> = table.iter().filter_map(|cells| ticked(&cells[0]).pop_first()).collect();
    let files = rule_files();
    let there: BTreeSet<&String> = files.iter().map(|file| &file.room).collect();
    assert_eq!(there, rooms.iter().collect(), "the table of ARCHITECTURE.md names the folders of src/rules");
    let mut faults = Vec::new();
    let mut named_between = 0;
    for file in &files {
        let above = rooms.iter().take_while(|room| **room != file.room);
        let allowed: BTreeSet<&String> = above.chain([&file.room]).collect();
        let named = heads_behind(&file.code, "crate::rules::");
        let named: Vec<&String> = rooms.iter().filter(|room| named.contains(*room)).collect();
        named_between += named.len();
        for room in named.into_iter().filter(|room| !allowed.contains(room)) {
            let module = file.module.as_deref().unwrap_or("its own file");
            faults.push(format!("{}, {module}: names {room}, which stands below it", file.room));
        }
    }
    for room in &rooms {
        let graph = graph_of(room, &files);
        for module in graph.keys() {
            let circle: Vec<String> = reachable(module, &graph)
                .into_iter()
                .filter(|other| reachable(other, &graph).contains(module))
                .collect();
            if circle.len() > 2 && circle.first() == Some(module) {
                faults.push(format!("{room}: {} need each other", circle.join(", ")));
            }
        }
    }
    assert!(named_between > 50, "the rooms name each other");
    report(&faults);
}
