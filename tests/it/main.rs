//! The program from outside, in one binary: a test is found by its path, such as `cargo test --test it proxy::heads`.
//!
//! ```text
//! fake, own_process     what tests of several modules need
//! everything else       one module per subject; CONTRIBUTING.md says what each is about
//! ```
//!
//! One process runs them all, several at a time. What a test changes of it or reads of it is changed and read by the others
//! too, so none sets variables of the environment, the working folder, signal handlers or a subscriber for logs: tests that
//! need these start `umpire`. Tests that measure the memory of their process have one of their own ([`own_process`]).

#![allow(unreachable_pub, reason = "nothing of a binary is reachable from outside")]

mod ca;
mod capture;
mod changes;
mod cli;
mod clock;
mod demo;
mod docs;
mod doctor;
mod fake;
mod fault;
mod faults;
mod fuzz;
mod gaps;
mod golden;
mod links;
mod listeners;
mod live;
mod mutations;
mod odd_values;
mod own_process;
mod properties;
mod proxy;
mod recordings;
mod redaction;
mod reload;
mod replay;
mod report;
mod resend;
mod rules;
mod sandbox;
mod second_machine;
mod stress;
mod terminal;
mod trust;
mod tui;
mod unanswered;
mod verdicts;
mod view;
