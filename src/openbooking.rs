//! The Open Booking API's own terms: stages, Order UUIDs, booking flows, media types.
//!
//! `Exchange → classify → Reading (stage, Order UUID, both bodies parsed once)`

mod bookings;
pub mod media_type;
mod reading;
mod stage;

pub use bookings::Bookings;
pub use reading::{Content, Reading};
pub use stage::{Call, Endpoint, Path, Stage, classify, is_below, is_test_interface, is_uuid};
