//! What goes to others, and what a run keeps: no secret and, where so asked, nobody's data, on disk or on any screen.
//!
//! ```text
//! one secret in dozens of places ─► redacted ─► capture, HAR ─┐
//!                                          └─► judged ─► plain, JSON lines, the screen ─┴─► searched for its bytes
//! recording ─► capture redact | export | bundle ─► searched, judged again, compared
//! ```

mod bundles;
mod log;
mod person_places;
mod persons;
mod places;
mod secret_places;
mod secrets;
mod support;
