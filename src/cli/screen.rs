//! What the screen asks of the outside world: the browser, files, the baseline, the faults of the run.
//!
//! ```text
//! open ─► xdg-open, open        export ─► umpire capture export | bundle, in a process of its own ─► what it says
//! set_aside ─► umpire-baseline.toml        arm ─► Faults        exchange, exchanges, search ─► Archive
//! ```

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::baseline::{Baseline, BaselineEntry};
use crate::config;
use crate::event::RunContext;
use crate::fault::Faults;
use crate::finding::{Finding, number};
use crate::judged::Judged;
use crate::new_file::Existing;
use crate::tui::{ExchangeSearch, Export, FaultState, KnownFinding, SearchSlice, Services, Setup, Theme};
use crate::view::{Archive, ArchiveVerdicts};

/// Where findings are set aside, in the working directory; `umpire check --baseline` takes it.
const BASELINE: &str = "umpire-baseline.toml";

/// Most characters of a filter that is passed to another process.
const MAX_FILTER: usize = 100_000;

/// How the screen is used.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ScreenArgs {
    /// Leave the mouse to the terminal
    #[arg(long)]
    no_mouse: bool,
}

/// The screen of a run.
pub(super) fn setup(
    args: ScreenArgs,
    context: &RunContext,
    settings: config::ScreenConfig,
    faults: &Faults,
    given: Option<ArchiveVerdicts>,
) -> Setup {
    let theme = match settings.theme {
        config::ThemeSetting::Dark => Theme::Dark,
        config::ThemeSetting::Light => Theme::Light,
        config::ThemeSetting::HighContrast => Theme::HighContrast,
        config::ThemeSetting::Ascii => Theme::Ascii,
    };
    let services = LocalServices {
        archive: Mutex::new(Archive::new(context.capture.as_ref().map(PathBuf::from), given)),
        recording: context.capture.as_ref().map(PathBuf::from),
        faults: faults.clone(),
        baseline: Mutex::new(PathBuf::from(BASELINE)),
    };
    let mouse = settings.mouse && !args.no_mouse;
    Setup { theme, mouse, bell: settings.bell, services: Arc::new(services), ..context.clone().into() }
}

/// This machine.
struct LocalServices {
    /// The recording that is shown or written.
    recording: Option<PathBuf>,
    /// The same, to be read back from.
    archive: Mutex<Archive>,
    faults: Faults,
    /// Its file; held while it is read and written.
    baseline: Mutex<PathBuf>,
}

impl Services for LocalServices {
    fn open(&self, address: &str) -> Result<String, String> {
        if !(address.starts_with("https://") || address.starts_with("http://")) {
            return Err(format!("{address} is no address"));
        }
        let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        let opened = Command::new(program)
            .arg(address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match opened {
            Ok(status) if status.success() => Ok(format!("opened {address}")),
            // Without a browser, as over SSH, the address itself helps.
            Ok(_) | Err(_) => Err(address.to_owned()),
        }
    }

    fn export(&self, export: &Export) -> Result<String, String> {
        let recording = self.recording.as_ref().ok_or("nothing is recorded, so nothing can be exported")?;
        let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
        command.arg("capture");
        let file = match export {
            Export::Exchanges(indexes) => {
                let filter = filter_of(indexes);
                if filter.len() > MAX_FILTER {
                    return Err("these are too many single exchanges; filter or export all".to_owned());
                }
                let file = free_name("umpire-export", "har");
                command.arg("export").arg(recording).arg("--filter").arg(filter).arg("-o").arg(&file);
                file
            }
            Export::Bundle(uuid) => {
                let file = free_name(&format!("umpire-bundle-{}", uuid.get(..8).unwrap_or("booking")), "zip");
                command.arg("bundle").arg(recording).arg("--booking").arg(uuid).arg("-o").arg(&file);
                file
            }
        };
        let ended = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
        if ended.status.success() {
            return Ok(format!("written to {}", file.display()));
        }
        let errors = String::from_utf8_lossy(&ended.stderr);
        Err(errors.lines().next().unwrap_or("it could not be written").to_owned())
    }

    fn set_aside(&self, finding: &Finding, count: u64, reason: &str, expires: Date) -> Result<String, String> {
        let file = self.baseline.lock().unwrap_or_else(PoisonError::into_inner);
        let mut baseline =
            if file.exists() { Baseline::read(&file).map_err(|error| error.to_string())? } else { Baseline::default() };
        baseline.set_aside(finding, count, reason, expires);
        baseline.write(&file, Existing::with_force(true)).map_err(|error| error.to_string())?;
        let file = file.display();
        Ok(format!(
            "{} set aside until {expires} in {file}; `umpire check --baseline {file}` takes it",
            finding.rule.id
        ))
    }

    fn exchange(&self, index: u64) -> Result<Arc<Judged>, String> {
        self.archive().exchange(index)
    }

    fn exchanges(&self, from: u64, most: u64) -> Result<Vec<Arc<Judged>>, String> {
        self.archive().exchanges(from, most)
    }

    fn search(&self, search: &ExchangeSearch) -> Result<SearchSlice, String> {
        self.archive().search(search)
    }

    fn size(&self) -> Option<u64> {
        self.archive().size()
    }

    fn known(&self) -> Vec<KnownFinding> {
        let file = self.baseline.lock().unwrap_or_else(PoisonError::into_inner);
        // One that can't be read says so when something is set aside.
        let baseline = if file.exists() { Baseline::read(&file).unwrap_or_default() } else { Baseline::default() };
        let known = |entry: &BaselineEntry| KnownFinding {
            rule: entry.rule.clone(),
            stage: entry.stage,
            pointer: entry.pointer.clone(),
            reason: entry.reason.clone(),
            expires: entry.expires,
        };
        baseline.entries().iter().map(known).collect()
    }

    fn faults(&self) -> Vec<FaultState> {
        let faults = self.faults.status().into_iter();
        faults.map(|fault| FaultState { text: fault.text, armed: fault.armed, made: fault.made }).collect()
    }

    fn arm(&self, fault: usize, armed: bool) {
        self.faults.arm(fault, armed);
    }
}

impl LocalServices {
    fn archive(&self) -> MutexGuard<'_, Archive> {
        self.archive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A filter that matches the exchanges of these indexes: `no:1-20 or no:33`.
fn filter_of(indexes: &[u64]) -> String {
    let mut numbers: Vec<u64> = indexes.iter().map(|&index| number(index)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let word =
        |(first, last): &(u64, u64)| if first == last { format!("no:{first}") } else { format!("no:{first}-{last}") };
    ranges.iter().map(word).collect::<Vec<_>>().join(" or ")
}

/// A name in the working directory that no file has.
fn free_name(stem: &str, extension: &str) -> PathBuf {
    let time = Timestamp::now().strftime("%Y-%m-%dT%H%M%SZ");
    let names = (1..).map(|number: u32| match number {
        1 => PathBuf::from(format!("{stem}-{time}.{extension}")),
        number => PathBuf::from(format!("{stem}-{time}-{number}.{extension}")),
    });
    let is_free = |name: &PathBuf| !Path::new(name).exists();
    names.take(1_000).find(is_free).unwrap_or_else(|| PathBuf::from(format!("{stem}.{extension}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_are_named_by_ranges_of_their_numbers() {
        assert_eq!(filter_of(&[0]), "no:1");
        assert_eq!(filter_of(&[4, 0, 1, 2, 2]), "no:1-3 or no:5");
    }

    #[test]
    fn a_finding_that_is_set_aside_is_one_entry_whatever_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("baseline.toml");
        let services = LocalServices {
            recording: None,
            archive: Mutex::new(Archive::new(None, None)),
            faults: Faults::new([]),
            baseline: Mutex::new(file.clone()),
        };
        let finding = Finding::for_tests("a/b", crate::finding::Side::Broker, crate::finding::Severity::Failure);
        let finding = Finding { pointer: "/request/body/items/3".to_owned(), ..finding };
        for (count, reason) in [(2, "known"), (1, "still known")] {
            services.set_aside(&finding, count, reason, jiff::civil::date(2027, 1, 31)).unwrap();
        }
        let baseline = Baseline::read(&file).unwrap();
        let [entry] = baseline.entries() else { panic!("{baseline:?}") };
        assert_eq!(
            (entry.pointer.as_str(), entry.count, entry.reason.as_str()),
            ("/request/body/items/*", 2, "still known")
        );
        assert_eq!(entry.expires, Some(jiff::civil::date(2027, 1, 31)));
        assert_eq!(services.known()[0].reason, "still known");
    }

    #[test]
    fn only_addresses_of_the_web_are_opened() {
        let services = LocalServices {
            recording: None,
            archive: Mutex::new(Archive::new(None, None)),
            faults: Faults::new([]),
            baseline: Mutex::default(),
        };
        for address in ["file:///etc/passwd", "-h", "javascript:x"] {
            assert!(services.open(address).unwrap_err().contains("is no address"), "{address}");
        }
    }
}
