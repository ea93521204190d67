//! `umpire rules new AREA/NAME`: a rule that works, to be changed into the one that is wanted.
//!
//! `id → checked → DIR/AREA/NAME.toml, over a file that is there only with --force`

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::new_file::{self, Existing, Readers};

/// What is written; `{TITLE}`, `{ID}` and `{DIR}` are filled in.
const SKELETON: &str = include_str!("skeleton.toml");

/// Folders below a folder of rules that hold no rules.
const NOT_AREAS: [&str; 2] = ["models", "examples"];

/// Writes the skeleton of a rule; the file.
pub(super) fn write(id: &str, folder: &Path, existing: Existing) -> anyhow::Result<PathBuf> {
    let (area, name) = parts(id)?;
    let file = folder.join(area).join(format!("{name}.toml"));
    let text = SKELETON
        .replace("{TITLE}", &sentence(name))
        .replace("{ID}", id)
        .replace("{DIR}", &folder.display().to_string().replace('\\', "/"));
    new_file::write(&file, text.as_bytes(), existing, Readers::All)?;
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
