//! Sends a request and waits for the head of its response, over either version of HTTP.
//!
//! ```text
//! await_head ─► HttpCall::poll: send what can be sent, read what has come ─┬─ Head ────► done
//!     ▲                                                                    ├─ Interim ─► passed on; 100 lets the body go
//!     └──── again, until neither goes on ──────────────────────────────────┘
//! nothing goes on ─► CONTINUE is over: the body is sent unasked ─► patience is over: HttpCall::timed_out
//! ```
//!
//! No task is spawned: whoever waits drives both directions.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::exchange::FailureKind;
use crate::proxy::upstream::{Informational, InformationalResponse};

/// How long the booking system is waited for to allow a body that was announced with `Expect: 100-continue`.
pub(super) const CONTINUE: Duration = Duration::from_secs(1);

/// Most interim answers to one request. Whoever sends more is not going to answer.
pub(super) const INTERIM: usize = 64;

/// What has come of a response.
#[derive(Debug)]
pub(crate) enum ReceivedHead<H> {
    /// An interim answer.
    Interim(InformationalResponse),
    /// The head of the final one.
    Head(H),
}

/// A request under way, in one version of HTTP.
pub(crate) trait HttpCall {
    /// The head of a response.
    type Head;
    /// Why there is none.
    type Error;

    /// Goes on sending and reading, as far as both can.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<ReceivedHead<Self::Head>, Self::Error>>;

    /// Bytes that the connection has taken, and whether it is the client that is waited for to send more of the body.
    fn sent(&self) -> (u64, bool);

    /// While held, nothing of the body is sent.
    fn hold(&mut self, held: bool);

    /// An error of this kind; `what` the booking system did, in words.
    fn error(&self, kind: FailureKind, what: &str) -> Self::Error;

    /// The booking system is not waited for any longer.
    fn timed_out(&mut self) {}
}

/// Sends a request and returns when the head of the answer is there. `patience` runs while it is the booking system that is
/// waited for: it starts anew with each part of the request that was taken or that the client has yet to send.
/// `unasked`: the body is only sent when it is asked for, or when that time is over.
pub(crate) async fn await_head<C: HttpCall>(
    call: &mut C,
    unasked: Option<Duration>,
    patience: Duration,
    informational: Option<&Informational>,
) -> Result<C::Head, C::Error> {
    call.hold(unasked.is_some());
    let mut timer = pin!(sleep(patience));
    let mut unasked: Option<Pin<Box<Sleep>>> = unasked.map(|time| Box::pin(sleep(time)));
    let (mut sent, mut interims) = (0, 0);
    poll_fn(|cx| {
        loop {
            let received = call.poll(cx);
            let (now_sent, waits_for_client) = call.sent();
            if now_sent != sent || waits_for_client {
                sent = now_sent;
                timer.as_mut().reset(Instant::now() + patience);
            }
            match received {
                Poll::Ready(Ok(ReceivedHead::Head(head))) => return Poll::Ready(Ok(head)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(ReceivedHead::Interim(head))) => {
                    interims += 1;
                    if interims > INTERIM {
                        let what = format!("sent more than {INTERIM} interim answers and no other");
                        return Poll::Ready(Err(call.error(FailureKind::BrokenOff, &what)));
                    }
                    if head.status == 100 {
                        unasked = None;
                        call.hold(false);
                    }
                    if let Some(informational) = informational {
                        informational.send(head);
                    }
                    continue;
                }
                Poll::Pending => {}
            }
            if let Some(over) = &mut unasked
                && over.as_mut().poll(cx).is_ready()
            {
                unasked = None;
                call.hold(false);
                continue;
            }
            ready!(timer.as_mut().poll(cx));
            call.timed_out();
            return Poll::Ready(Err(call.error(FailureKind::TimedOut, &format!("sent no answer within {patience:?}"))));
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use bytes::Bytes;

    use super::*;
    use crate::exchange::Headers;

    /// What happens next on a wire that is made up.
    #[derive(Debug, Clone, Copy)]
    enum DialogueLine {
        /// The booking system sends the head of a response, interim or not.
        Comes(u16),
        /// The connection takes so many bytes of the request.
        Takes(u64),
        /// The client is waited for to send more.
        ClientPauses,
        /// Nothing happens for that long.
        Silence(Duration),
    }
    use DialogueLine::{ClientPauses, Comes, Silence, Takes};

    /// A dialogue, line by line, and what was done about it.
    struct Dialogue {
        lines: VecDeque<DialogueLine>,
        silence: Option<Pin<Box<Sleep>>>,
        sent: u64,
        waits_for_client: bool,
        done: Vec<String>,
    }

    impl HttpCall for Dialogue {
        type Head = u16;
        type Error = String;

        fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<ReceivedHead<u16>, String>> {
            loop {
                if let Some(silence) = &mut self.silence {
                    ready!(silence.as_mut().poll(cx));
                    self.silence = None;
                }
                match self.lines.pop_front() {
                    Some(Comes(status @ 100..200)) => {
                        let reason = Bytes::new();
                        return Poll::Ready(Ok(ReceivedHead::Interim(InformationalResponse {
                            status,
                            reason,
                            fields: Headers::default(),
                        })));
                    }
                    Some(Comes(status)) => return Poll::Ready(Ok(ReceivedHead::Head(status))),
                    Some(Takes(bytes)) => (self.sent, self.waits_for_client) = (self.sent + bytes, false),
                    Some(ClientPauses) => self.waits_for_client = true,
                    Some(Silence(time)) => self.silence = Some(Box::pin(sleep(time))),
                    None => return Poll::Pending,
                }
            }
        }

        fn sent(&self) -> (u64, bool) {
            (self.sent, self.waits_for_client)
        }

        fn hold(&mut self, held: bool) {
            self.done.push(if held { "the body is held" } else { "the body goes" }.to_owned());
        }

        fn error(&self, kind: FailureKind, what: &str) -> String {
            format!("{}: {what}", kind.as_str())
        }

        fn timed_out(&mut self) {
            self.done.push("given up".to_owned());
        }
    }

    /// What comes of a dialogue: the status or the error, what was done, and the interim answers that were passed on.
    async fn play(lines: &[DialogueLine], expects: bool) -> (Result<u16, String>, Vec<String>, Vec<u16>) {
        let mut dialogue = Dialogue {
            lines: lines.iter().copied().collect(),
            silence: None,
            sent: 0,
            waits_for_client: false,
            done: Vec::new(),
        };
        let (informational, mut passed) = Informational::channel();
        let unasked = expects.then_some(MOMENT / 2);
        let result = await_head(&mut dialogue, unasked, MOMENT * 3, Some(&informational)).await;
        let passed = std::iter::from_fn(|| passed.try_recv()).map(|head| head.status).collect();
        (result, dialogue.done, passed)
    }

    const MOMENT: Duration = Duration::from_millis(40);

    #[tokio::test]
    async fn an_answer_is_an_answer() {
        let (result, done, passed) = play(&[Takes(9), Comes(200)], false).await;
        assert_eq!((result, done, passed), (Ok(200), vec!["the body goes".to_owned()], vec![]));
    }

    #[tokio::test]
    async fn a_body_that_is_announced_waits_to_be_asked_for() {
        let (result, done, passed) = play(&[Takes(9), Comes(103), Comes(100), Takes(2), Comes(201)], true).await;
        assert_eq!((result, passed), (Ok(201), vec![103, 100]));
        assert_eq!(done, ["the body is held", "the body goes"]);
        let (result, done, _) = play(&[Takes(9), Comes(417)], true).await;
        assert_eq!((result, done), (Ok(417), vec!["the body is held".to_owned()]));
    }

    #[tokio::test]
    async fn who_never_asks_for_it_gets_it_after_a_while() {
        let (result, done, _) = play(&[Takes(9), Silence(MOMENT), Takes(2), Comes(200)], true).await;
        assert_eq!((result, done.last().map(String::as_str)), (Ok(200), Some("the body goes")));
    }

    #[tokio::test]
    async fn patience_begins_anew_with_what_is_taken_and_while_the_client_is_waited_for() {
        let pause = Silence(MOMENT * 2);
        let (result, _, _) = play(&[Takes(1), pause, Takes(1), pause, Takes(1), pause, Comes(200)], false).await;
        assert_eq!(result, Ok(200));
        let (result, _, _) = play(&[Takes(1), ClientPauses, pause, pause, Comes(200)], false).await;
        assert_eq!(result, Ok(200));
        let (result, done, _) = play(&[Takes(1), pause, pause, Comes(200)], false).await;
        assert_eq!(result, Err("timed-out: sent no answer within 120ms".to_owned()));
        assert_eq!(done.last().map(String::as_str), Some("given up"));
    }

    #[tokio::test]
    async fn who_sends_interim_answers_and_nothing_else_is_not_waited_for() {
        let (result, _, passed) = play(&[Comes(102); INTERIM + 1], false).await;
        assert_eq!(result, Err(format!("broken-off: sent more than {INTERIM} interim answers and no other")));
        assert_eq!(passed.len(), 16, "no more are passed on at a time");
    }
}
