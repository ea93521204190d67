//! The Open Booking API's own terms: stages, Order UUIDs, booking flows, media types.
//!
//! `Exchange → classify → ParsedExchange (stage, Order UUID, both bodies parsed once)`

mod booking_facts;
mod bookings;
mod dataset_page;
pub mod media_type;
mod parsed_exchange;
mod stage;

pub use booking_facts::BookingFacts;
pub use bookings::Bookings;
pub use parsed_exchange::{ParsedBody, ParsedExchange};
pub use stage::{ApiPath, BasePath, Endpoint, Stage, is_uuid};
pub(crate) use stage::{ClassifiedCall, classify, is_below, is_test_interface};
