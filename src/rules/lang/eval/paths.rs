//! Nodes of messages, found by the names that lead to them.

use super::{Evaluation, Interrupted};
use crate::json::Value;
use crate::rules::lang::memo::KnownNode;
use crate::rules::lang::messages::body_of;
use crate::rules::lang::node::{MessageSide, PathId, PathStart};
use crate::rules::lang::value::Val;

impl<'a> Evaluation<'_, 'a> {
    /// The node that a path leads to; `None` if it leads nowhere. Fails where the message can't be looked at.
    pub(super) fn path(&mut self, at: PathId) -> Result<Option<Value<'a>>, Interrupted> {
        let program = self.context.program;
        let path = program.path(at);
        let memo = path.slot.and_then(|slot| Some((self.context.memo(path.start.scope()?)?, slot)));
        if let Some((memo, slot)) = memo
            && let Some(known) = memo.node(slot)
        {
            return Ok(match known {
                KnownNode::Nowhere => None,
                KnownNode::At(place) => self.node_at(path.start, place),
            });
        }
        let mut found = match path.from {
            Some(from) => self.path(from)?,
            None => self.start(path.start)?,
        };
        for name in program.names_of(path.names) {
            let Some(node) = found else { break };
            found = node.get_named(name);
        }
        if let Some((memo, slot)) = memo {
            memo.keep_node(slot, found.map(Value::place));
        }
        Ok(found)
    }

    fn start(&mut self, start: PathStart) -> Result<Option<Value<'a>>, Interrupted> {
        match start {
            PathStart::Body(message) => self.or_halt(body_of(self.context.parsed, message)),
            PathStart::Item => Ok(self.context.item),
            PathStart::Local(steps) => Ok(self.local(steps).and_then(Val::as_json)),
        }
    }

    /// The node with a place in the document that paths from a start lead into.
    fn node_at(&self, start: PathStart, place: u32) -> Option<Value<'a>> {
        let parsed = self.context.parsed;
        match start {
            PathStart::Body(MessageSide::Request) => parsed.request.json()?.value_at(place),
            PathStart::Body(MessageSide::Response) => parsed.response.json()?.value_at(place),
            PathStart::Item => self.context.item?.document().value_at(place),
            PathStart::Local(_) => None,
        }
    }
}
