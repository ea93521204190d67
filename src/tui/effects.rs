//! Effects under way: what was asked of the outside world, on threads of their own, and what came of it.
//!
//! `Effect ─► a blocking task ─► EffectReply`, one after the other in the order in which they end

use std::sync::Arc;

use tokio::task::JoinSet;

use super::archive::PAGE;
use super::page::DetailPage;
use super::services::{Effect, EffectReply, Services};

/// Most effects that are under way at once. Past it further ones are refused.
const MOST: usize = 16;

/// Effects under way.
pub(super) struct Effects {
    services: Arc<dyn Services>,
    running: JoinSet<Option<EffectReply>>,
    /// One more reply, of something that was not begun.
    refused: Option<EffectReply>,
}

impl Effects {
    pub(super) fn new(services: Arc<dyn Services>) -> Self {
        Self { services, running: JoinSet::new(), refused: None }
    }

    /// Begins one that is done outside of the terminal.
    pub(super) fn start(&mut self, effect: Effect) {
        if self.running.len() >= MOST {
            let word = "too much is under way; try again in a moment".to_owned();
            self.refused = Some(match effect {
                Effect::Export(export) => EffectReply::Exported(export, word),
                _ => EffectReply::Word(word),
            });
            return;
        }
        let services = Arc::clone(&self.services);
        self.running.spawn_blocking(move || perform(&*services, effect));
    }

    /// Waits for the next reply; for ever if nothing is under way.
    pub(super) async fn next(&mut self) -> EffectReply {
        if let Some(reply) = self.refused.take() {
            return reply;
        }
        loop {
            match self.running.join_next().await {
                Some(Ok(Some(reply))) => return reply,
                Some(Ok(None)) => {}
                Some(Err(error)) => {
                    return EffectReply::Panicked(format!("that failed by a fault of Umpire itself: {error}"));
                }
                None => std::future::pending().await,
            }
        }
    }
}

fn perform(services: &dyn Services, effect: Effect) -> Option<EffectReply> {
    let told = |said: Result<String, String>| Some(EffectReply::Word(said.unwrap_or_else(|error| error)));
    match effect {
        Effect::Open(address) => told(services.open(&address)),
        Effect::Export(export) => {
            let said = services.export(&export);
            Some(EffectReply::Exported(export, said.unwrap_or_else(|error| error)))
        }
        Effect::SetAside { finding, count, reason, expires } => {
            let said = services.set_aside(&finding, count, &reason, expires);
            Some(EffectReply::SetAside(said.unwrap_or_else(|error| error), services.known()))
        }
        Effect::ListKnown => Some(EffectReply::Known(services.known())),
        Effect::Measure => Some(EffectReply::Measured(services.size())),
        Effect::Search(number, search) => Some(EffectReply::Found(number, services.search(&search))),
        Effect::ListFaults => Some(EffectReply::Faults(services.faults())),
        Effect::Arm(fault, armed) => {
            services.arm(fault, armed);
            Some(EffectReply::Faults(services.faults()))
        }
        Effect::Fetch(index) => Some(EffectReply::Fetched(index, services.exchange(index))),
        Effect::ReadPage(page) => Some(EffectReply::PageRead(page, services.exchanges(page * PAGE, PAGE))),
        Effect::LayOut(request) => Some(EffectReply::Page(Box::new(DetailPage::new(&request)))),
        // The terminal's own.
        Effect::Quit | Effect::Suspend | Effect::Wipe | Effect::Bell | Effect::Copy(_) | Effect::Pager(_) => None,
    }
}
