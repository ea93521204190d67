//! Nodes of messages, found without a value being made of each member on the way.

use super::{Evaluation, Interrupted};
use crate::rules::lang::memo::{NotAPath, Place, root_of};
use crate::rules::lang::messages::{answered, body};
use crate::rules::lang::path::Message;
use crate::rules::lang::program::{Node, NodeId, Root, Start, TextId};
use crate::rules::lang::value::Val;

/// The node behind a value that is one, or is known not to be there.
fn json_of<'a>(value: &Val<'a>) -> Place<'a> {
    match value {
        Val::Json(value) => Ok(Some(**value)),
        Val::Absent => Ok(None),
        _ => Err(NotAPath),
    }
}

impl<'a> Evaluation<'_, 'a> {
    /// The node of a message that a chain of members names.
    pub(super) fn place(&self, at: NodeId) -> Place<'a> {
        let program = self.context.program;
        match *program.node(at) {
            Node::Member(operand, name) => Ok(self.place(operand)?.and_then(|value| value.get(program.text(name)))),
            Node::Found(start, slot, part) => self.found(start, slot, part),
            Node::Body(message) => root_of(self.context.reading, message),
            Node::Root(Root::Item) => Ok(self.context.item),
            Node::Local(steps) => self.local(steps).map_or(Err(NotAPath), json_of),
            Node::Shared(keeper, slot, _) => match self.context.memo(keeper).and_then(|memo| memo.known(slot)) {
                Some(known) => json_of(&known),
                None => Err(NotAPath),
            },
            _ => Err(NotAPath),
        }
    }

    /// The node that a chain of members led to, or leads to now.
    pub(super) fn found(&self, start: Start, slot: u16, part: NodeId) -> Place<'a> {
        let (memo, in_response) = match start {
            Start::Body(message) => (self.context.memo, message == Message::Response),
            Start::Item => (self.context.item_memo, false),
        };
        match memo {
            Some(memo) => memo.found(in_response, slot, || self.place(part)),
            None => self.place(part),
        }
    }

    #[inline(never)]
    pub(super) fn body(&mut self, message: Message) -> Result<Val<'a>, Interrupted> {
        let reading = self.context.reading;
        let found = match message {
            Message::Request => body(&reading.request, true),
            Message::Response => answered(reading).and_then(|_| body(&reading.response, false)),
        };
        self.or_halt(found).map(|found| self.context.arena.node(found))
    }

    pub(super) fn has(&mut self, operand: NodeId, name: TextId) -> Result<bool, Interrupted> {
        let name = self.context.program.text(name);
        match self.place(operand) {
            Ok(found) => Ok(found.is_some_and(|value| value.get(name).is_some())),
            Err(NotAPath) => {
                let operand = self.value(operand)?;
                let found = self.or_halt((self.context.builtins.member)(operand, name, self.context))?;
                Ok(!matches!(found, Val::Absent))
            }
        }
    }
}
