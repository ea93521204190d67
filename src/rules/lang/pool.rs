//! A list of nodes of one kind, equal ones kept once, with what each depends on.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::{Index, IndexMut};

/// The last variable of a macro that has a bit of its own.
const FURTHEST: u32 = 63;

/// Nodes of one kind, equal ones kept once.
#[derive(Debug)]
pub(crate) struct NodePool<N> {
    nodes: Vec<N>,
    depends: Vec<FreeVariables>,
    places: HashMap<N, u32>,
}

impl<N> Default for NodePool<N> {
    fn default() -> Self {
        Self { nodes: Vec::new(), depends: Vec::new(), places: HashMap::new() }
    }
}

impl<N: Copy + Eq + Hash> NodePool<N> {
    /// The place of an equal node.
    pub(crate) fn find(&self, node: &N) -> Option<u32> {
        self.places.get(node).copied()
    }

    /// Adds a node that isn't there; gives its place.
    pub(crate) fn push(&mut self, node: N, depends: FreeVariables) -> u32 {
        let at = self.push_unnamed(node, depends);
        self.places.insert(node, at);
        at
    }

    /// Puts another node in the place of one, which moves behind all others.
    pub(crate) fn put_before(&mut self, at: u32, node: impl FnOnce(u32) -> N) {
        let behind = self.push_unnamed(self[at], self.depends(at));
        self[at] = node(behind);
    }

    fn push_unnamed(&mut self, node: N, depends: FreeVariables) -> u32 {
        self.nodes.push(node);
        self.depends.push(depends);
        u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
    }

    /// What a node depends on.
    pub(crate) fn depends(&self, at: u32) -> FreeVariables {
        self.depends[at as usize]
    }
}

impl<N> Index<u32> for NodePool<N> {
    type Output = N;

    fn index(&self, at: u32) -> &N {
        &self.nodes[at as usize]
    }
}

impl<N> IndexMut<u32> for NodePool<N> {
    fn index_mut(&mut self, at: u32) -> &mut N {
        &mut self.nodes[at as usize]
    }
}

/// What the value of a part depends on, beside the exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FreeVariables {
    item: bool,
    /// The words of a finding, `seen` and `expected`.
    words: bool,
    /// Other exchanges than the judged one.
    earlier: bool,
    /// Variables of macros around it, a bit for each, the innermost one first; the last bit stands for all further ones too.
    locals: u64,
}

impl FreeVariables {
    pub(crate) fn item() -> Self {
        Self { item: true, ..Self::default() }
    }

    pub(crate) fn words() -> Self {
        Self { words: true, ..Self::default() }
    }

    pub(crate) fn earlier() -> Self {
        Self { earlier: true, ..Self::default() }
    }

    /// The variable of a macro around, counted from the innermost one.
    pub(crate) fn local(steps: u32) -> Self {
        Self { locals: 1 << steps.min(FURTHEST), ..Self::default() }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            item: self.item || other.item,
            words: self.words || other.words,
            earlier: self.earlier || other.earlier,
            locals: self.locals | other.locals,
        }
    }

    /// True if the value may rest on other exchanges than the judged one.
    pub(crate) fn may_rest_on_earlier(self) -> bool {
        self.earlier || self.locals != 0
    }

    pub(crate) fn has_item(self) -> bool {
        self.item
    }

    pub(crate) fn has_locals(self) -> bool {
        self.locals != 0
    }

    /// False where the value changes within one exchange or item.
    pub(crate) fn can_be_kept(self) -> bool {
        !self.words && self.locals == 0
    }

    /// What a macro depends on whose body depends on this: its own variable is no longer one of those around.
    pub(crate) fn bound(self) -> Self {
        // Beyond the last bit no variable can be told from another.
        Self { locals: self.locals >> 1 | self.locals & 1 << FURTHEST, ..self }
    }
}
