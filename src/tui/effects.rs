//! Effects under way: what was asked of the outside world, on threads of their own, and what came of it.
//!
//! `Effect ─► a blocking task ─► Reply`, one after the other in the order in which they end

use std::sync::Arc;

use tokio::task::JoinSet;

use super::archive::PAGE;
use super::page::DetailPage;
use super::services::{Effect, Reply, Services};

/// Most effects that are under way at once. Past it further ones are refused.
const MOST: usize = 16;

/// Effects under way.
pub(super) struct Effects {
    services: Arc<dyn Services>,
    running: JoinSet<Option<Reply>>,
    /// One more reply, of something that was not begun.
    refused: Option<Reply>,
}

impl Effects {
    pub(super) fn new(services: Arc<dyn Services>) -> Self {
        Self { services, running: JoinSet::new(), refused: None }
    }

    /// Begins one that is done outside of the terminal.
    pub(super) fn start(&mut self, effect: Effect) {
        if self.running.len() >= MOST {
            self.refused = Some(Reply::Word("too much is under way; try again in a moment".to_owned()));
            return;
        }
        let services = Arc::clone(&self.services);
        self.running.spawn_blocking(move || perform(&*services, effect));
    }

    /// Waits for the next reply; for ever if nothing is under way.
    pub(super) async fn next(&mut self) -> Reply {
        if let Some(reply) = self.refused.take() {
            return reply;
        }
        loop {
            match self.running.join_next().await {
                Some(Ok(Some(reply))) => return reply,
                Some(Ok(None)) => {}
                Some(Err(error)) => return Reply::Word(format!("that failed by a fault of Umpire itself: {error}")),
                None => std::future::pending().await,
            }
        }
    }
}

fn perform(services: &dyn Services, effect: Effect) -> Option<Reply> {
    let told = |said: Result<String, String>| Some(Reply::Word(said.unwrap_or_else(|error| error)));
    match effect {
        Effect::Open(address) => told(services.open(&address)),
        Effect::Export(export) => told(services.export(&export)),
        Effect::SetAside { finding, count, reason, expires } => {
            let said = services.set_aside(&finding, count, &reason, expires);
            Some(Reply::SetAside(said.unwrap_or_else(|error| error), services.known()))
        }
        Effect::ListKnown => Some(Reply::Known(services.known())),
        Effect::Measure => Some(Reply::Measured(services.size())),
        Effect::Search(number, search) => Some(Reply::Found(number, services.search(&search))),
        Effect::ListFaults => Some(Reply::Faults(services.faults())),
        Effect::Arm(fault, armed) => {
            services.arm(fault, armed);
            Some(Reply::Faults(services.faults()))
        }
        Effect::Fetch(index) => Some(Reply::Fetched(index, services.exchange(index))),
        Effect::ReadPage(page) => Some(Reply::PageRead(page, services.exchanges(page * PAGE, PAGE))),
        Effect::LayOut(request) => Some(Reply::Page(Box::new(DetailPage::new(&request)))),
        // The terminal's own.
        Effect::Quit | Effect::Suspend | Effect::Wipe | Effect::Bell | Effect::Copy(_) | Effect::Pager(_) => None,
    }
}
