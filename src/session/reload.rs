//! Rules that change on disk while the session runs.
//!
//! ```text
//! every half second: names, times and sizes of the files ─► as they were: nothing
//!                                                        └► changed, and still for one look ─► load
//!     load ─┬─ a good set ─► recorder (from the next exchange on), notice
//!           └─ a mistake ──► the last good set stays in force, notice with the reason
//! ```
//!
//! Files are looked at, not subscribed to: a few hundred of them cost less than a millisecond, and it works the same on
//! every platform and network drive.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use crate::event::{Event, EventSender};
use crate::recorder::RuleBookSlot;
use crate::rules::RuleBook;

/// How often the disk is looked at. A change is loaded when two looks in a row see the same, so that a file that is being
/// written is not taken for broken.
const EVERY: Duration = Duration::from_millis(500);

/// Most files that are looked at. Past it a change of the others is not noticed.
const MOST_FILES: usize = 10_000;

/// Deepest folder below a watched one that is looked into.
const DEEPEST: usize = 8;

/// What there is to load, and where changes of it show.
pub struct RuleSource {
    /// Files, and folders with all rule files below them.
    pub paths: Vec<PathBuf>,
    /// Loads the rules as they stand; the reason in words if they can't be loaded.
    pub load: Box<dyn FnMut() -> Result<LoadedRules, String> + Send>,
}

/// Rules as they stand on disk.
pub struct LoadedRules {
    /// The rules.
    pub book: Arc<RuleBook>,
    /// As [`RuleSource::paths`]: what is to be watched may have changed as well.
    pub paths: Vec<PathBuf>,
}

/// Name, time of the last change and size of each file.
type FileStamps = BTreeMap<PathBuf, Option<(SystemTime, u64)>>;

/// A source and what was seen of it.
pub(super) struct RuleWatch {
    source: RuleSource,
    loaded: FileStamps,
    last: FileStamps,
    broken: bool,
}

/// What has come of a change.
#[derive(Debug)]
enum ReloadOutcome {
    Good(Arc<RuleBook>, String),
    Bad(String),
}

impl RuleWatch {
    /// Starts from the files as they are now.
    pub(super) fn new(source: RuleSource) -> Self {
        let loaded = look(&source.paths);
        Self { source, last: loaded.clone(), loaded, broken: false }
    }

    /// Looks once.
    fn poll(&mut self) -> Option<ReloadOutcome> {
        let now = look(&self.source.paths);
        let still = now == self.last;
        self.last.clone_from(&now);
        if now == self.loaded || !still {
            return None;
        }
        self.loaded = now;
        match (self.source.load)() {
            Ok(LoadedRules { book, paths }) => {
                if paths != self.source.paths {
                    self.source.paths = paths;
                    self.loaded = look(&self.source.paths);
                    self.last.clone_from(&self.loaded);
                }
                let again = if std::mem::take(&mut self.broken) { "The rules are in order again" } else { "New rules" };
                let mut words = format!("{again}: {} rules in force from the next exchange on", book.rules().len());
                for notice in book.notices() {
                    words.push_str("; ");
                    words.push_str(notice);
                }
                Some(ReloadOutcome::Good(book, words))
            }
            Err(reason) => {
                self.broken = true;
                Some(ReloadOutcome::Bad(format!(
                    "The rules on disk can't be used, the last good ones stay in force: {reason}"
                )))
            }
        }
    }
}

/// Looks at the disk until the session stops.
pub(super) async fn watch(mut watch: RuleWatch, rules: RuleBookSlot, events: EventSender, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let polled = tokio::task::spawn_blocking(move || {
            let change = watch.poll();
            (watch, change)
        });
        let change = match polled.await {
            Ok((back, change)) => {
                watch = back;
                change
            }
            Err(error) => {
                tracing::error!("rules on disk are watched no longer: {error}");
                events.send(Event::Notice("Rules on disk are watched no longer; see the log".to_owned()));
                return;
            }
        };
        match change {
            None => {}
            Some(ReloadOutcome::Good(book, words)) => {
                rules.put(book);
                tracing::info!("{words}");
                events.send(Event::Notice(words));
            }
            Some(ReloadOutcome::Bad(words)) => {
                tracing::warn!("{words}");
                events.send(Event::Notice(words));
            }
        }
    }
}

fn look(paths: &[PathBuf]) -> FileStamps {
    let mut seen = FileStamps::new();
    for path in paths {
        look_at(path, 0, &mut seen);
    }
    seen
}

fn look_at(path: &Path, depth: usize, seen: &mut FileStamps) {
    if seen.len() >= MOST_FILES || depth > DEEPEST {
        return;
    }
    if let Ok(entries) = std::fs::read_dir(path) {
        for entry in entries.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "toml") || path.is_dir() {
                look_at(&path, depth + 1, seen);
            }
        }
        return;
    }
    // A file or folder that has gone is a change like any other; loading says what is wrong with it.
    let metadata = std::fs::metadata(path).ok();
    let stamp = metadata.and_then(|metadata| Some((metadata.modified().ok()?, metadata.len())));
    seen.insert(path.to_owned(), stamp);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(folder: &Path) -> RuleSource {
        let paths = vec![folder.to_owned()];
        let load = {
            let paths = paths.clone();
            move || {
                Ok(LoadedRules {
                    book: Arc::new(RuleBook::built_in().map_err(|e| e.to_string())?),
                    paths: paths.clone(),
                })
            }
        };
        RuleSource { paths, load: Box::new(load) }
    }

    #[test]
    fn a_change_is_loaded_once_it_holds_still() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = RuleWatch::new(source(folder.path()));
        assert!(watch.poll().is_none());
        std::fs::create_dir(folder.path().join("mine")).unwrap();
        let file = folder.path().join("mine/rule.toml");
        std::fs::write(&file, "a").unwrap();
        assert!(watch.poll().is_none(), "first seen");
        std::fs::write(&file, "ab").unwrap();
        assert!(watch.poll().is_none(), "still moving");
        assert!(matches!(watch.poll(), Some(ReloadOutcome::Good(..))));
        assert!(watch.poll().is_none());
        std::fs::write(folder.path().join("mine/notes.txt"), "no rule").unwrap();
        assert!(watch.poll().is_none() && watch.poll().is_none());
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert!(watch.poll().is_none());
        assert!(watch.poll().is_some(), "a folder that has gone is a change");
    }
}
