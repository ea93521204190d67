//! The proxy over real sockets: raw bytes on both sides, and what is recorded.
//!
//! `Peer (broker) ⇄ umpire::proxy ⇄ Server, Peer (booking system)`

mod answer_heads;
mod bodiless;
mod chain;
mod early_answers;
mod fidelity;
mod failures;
mod flush;
mod forward;
mod forward_http2;
mod h2_frames;
mod h2_support;
mod half_closed;
mod half_closed_http2;
mod heads;
mod http2;
mod http2_faults;
mod lifecycle;
mod links;
mod listening;
mod protocols;
mod reuse;
mod slow;
mod streaming;
mod support;
mod tls;
mod until_close;
mod wire;
