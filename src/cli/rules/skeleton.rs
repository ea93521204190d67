//! `umpire rules new AREA/NAME`: a rule that works, to be changed into the one that is wanted.
//!
//! `id → checked → DIR/AREA/NAME.toml, never over a file that is there`

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// What is written; `{TITLE}`, `{ID}` and `{DIR}` are filled in.
const SKELETON: &str = include_str!("skeleton.toml");

/// Folders below a folder of rules that hold no rules.
const NOT_AREAS: [&str; 2] = ["models", "examples"];

/// Writes the skeleton of a rule; the file.
pub fn write(id: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    let (area, name) = parts(id)?;
    let area_folder = folder.join(area);
    fs::create_dir_all(&area_folder).with_context(|| format!("{}: can't be made", area_folder.display()))?;
    let file = area_folder.join(format!("{name}.toml"));
    let text = SKELETON
        .replace("{TITLE}", &sentence(name))
        .replace("{ID}", id)
        .replace("{DIR}", &folder.display().to_string().replace('\\', "/"));
    let mut out = match OpenOptions::new().write(true).create_new(true).open(&file) {
        Ok(out) => out,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already; nothing was written: choose another name, or edit it", file.display())
        }
        Err(error) => return Err(error).with_context(|| format!("{}: can't be written", file.display())),
    };
    out.write_all(text.as_bytes()).with_context(|| format!("{}: can't be written", file.display()))?;
    Ok(file)
}

fn parts(id: &str) -> anyhow::Result<(&str, &str)> {
    let word = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_lowercase())
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    match id.split_once('/') {
        Some((area, name)) if word(area) && word(name) && !NOT_AREAS.contains(&area) => Ok((area, name)),
        Some((area, _)) if NOT_AREAS.contains(&area) => {
            bail!("{id:?} can't be a rule: the folder {area} holds no rules; choose another area")
        }
        _ => bail!(
            "{id:?} can't be a rule: its id is AREA/NAME in small letters, digits and hyphens, such as customer/telephone-given"
        ),
    }
}

/// `telephone-given` as the start of a title.
fn sentence(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
