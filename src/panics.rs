//! Panics as values: caught where a part fails, so that the rest goes on and somebody reports it.
//!
//! ```text
//! catch(work) ─► its result
//!      └─ it panics ─► the hook logs where ─► Panicked ─► whoever called reports it, counts, and starts the part again
//! ```
//!
//! What a panic says may hold text of the traffic (`str` slicing quotes the string), so only messages that are literals
//! are passed on; the place in the source always is.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};

thread_local! {
    /// Where this thread panicked last.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic that was caught: where it happened, and its message if that is safe to pass on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Panicked(String);

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Panicked {
    /// Describes the payload of a panic of this thread, such as `catch_unwind` gives it.
    pub(crate) fn new(payload: &(dyn Any + Send)) -> Self {
        let place = PLACE.try_with(|place| place.borrow_mut().take()).ok().flatten();
        Self(words(place.as_deref(), literal(payload)))
    }
}

/// Runs `work`. If it panics, the panic is logged and returned; what `work` was changing must be looked after by the
/// caller.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Panicked::new(&*payload))
}

/// From here on a panic of any thread goes to the log, in place of standard error, which may belong to the screen.
pub(crate) fn log_all() {
    panic::set_hook(Box::new(log));
}

fn log(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let words = words(place.as_deref(), literal(panic.payload()));
    // A thread that ends can't keep it any more; then the log alone has it.
    let _kept = PLACE.try_with(|kept| kept.replace(place));
    let thread = std::thread::current();
    tracing::error!(thread = thread.name().unwrap_or("unnamed"), "a fault of Umpire itself: {words}");
}

/// The message of a panic, if it is a literal of the source.
fn literal<'p>(payload: &'p (dyn Any + Send + 'static)) -> Option<&'p str> {
    payload.downcast_ref::<&'static str>().copied()
}

fn words(place: Option<&str>, message: Option<&str>) -> String {
    let place = place.map_or_else(String::new, |place| format!(" at {place}"));
    let message = message.map_or_else(String::new, |message| format!(": {message}"));
    format!("panicked{place}{message}")
}

/// Panics where the target of an exchange asks for it, so that tests can make any part fail.
///
/// # Panics
/// If the target has `panic-in-` and the part in it.
#[cfg(test)]
pub(crate) fn inject(part: &'static str, target: &str) {
    assert!(!target.contains(&format!("panic-in-{part}")), "on purpose");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_described_without_what_it_was_about() {
        assert_eq!(catch(|| 1), Ok(1));
        let literal = catch(|| -> () { panic!("out of order") }).unwrap_err().to_string();
        assert!(literal.ends_with(": out of order"), "{literal}");
        let secret = String::from("sécret");
        let quoting = catch(|| secret[..2].len()).unwrap_err().to_string();
        assert!(quoting.starts_with("panicked") && !quoting.contains("cret"), "{quoting}");
    }
}
