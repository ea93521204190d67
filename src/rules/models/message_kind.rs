//! The messages whose contents the data models tell apart.

use crate::openbooking::{ParsedExchange, Stage};

macro_rules! message_kinds {
    ($($variant:ident $name:literal,)*) => {
        /// A kind of message. Its name is the one in the model files.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum MessageKind { $(#[doc = $name] $variant,)* }

        impl MessageKind {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The kind with a name; `None` if there is none.
            pub(super) fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

message_kinds! {
    C1Request "C1 request",
    C1Response "C1 response",
    C1Conflict "C1 conflict",
    C2Request "C2 request",
    C2Response "C2 response",
    C2Conflict "C2 conflict",
    PRequest "P request",
    PResponse "P response",
    PConflict "P conflict",
    BRequest "B request",
    BAfterPRequest "B-after-P request",
    BResponse "B response",
    BConflict "B conflict",
    ProposalUpdateRequest "proposal-update request",
    OrderCancelRequest "order-cancel request",
    OrdersFeed "orders-feed",
    OrderProposalsFeed "order-proposals-feed",
    OrderStatus "order-status",
    OpportunityFeed "opportunity-feed",
    BookableOpportunityFeed "opportunity-feed bookable",
    DatasetSite "dataset-site",
}

// Each kind has a bit of a set.
const _: () = assert!(MessageKind::ALL.len() <= u32::BITS as usize);

impl MessageKind {
    /// The kind of the request of a stage; `None` where the models say nothing of it.
    pub(super) fn of_request(stage: Stage) -> Option<Self> {
        Some(match stage {
            Stage::C1 => Self::C1Request,
            Stage::C2 => Self::C2Request,
            Stage::P => Self::PRequest,
            Stage::B => Self::BRequest,
            Stage::BAfterP => Self::BAfterPRequest,
            Stage::OrderCancel => Self::OrderCancelRequest,
            Stage::ProposalUpdate => Self::ProposalUpdateRequest,
            _ => return None,
        })
    }

    /// The kind of the response of an exchange; `None` where the models say nothing of it.
    pub(super) fn of_response(parsed: &ParsedExchange) -> Option<Self> {
        let is_conflict = parsed.status() == Some(409);
        Some(match (parsed.stage, is_conflict) {
            (Stage::C1, false) => Self::C1Response,
            (Stage::C1, true) => Self::C1Conflict,
            (Stage::C2, false) => Self::C2Response,
            (Stage::C2, true) => Self::C2Conflict,
            (Stage::P, false) => Self::PResponse,
            (Stage::P, true) => Self::PConflict,
            (Stage::B | Stage::BAfterP, false) => Self::BResponse,
            (Stage::B | Stage::BAfterP, true) => Self::BConflict,
            (Stage::OrderStatus, _) => Self::OrderStatus,
            (Stage::OrdersFeed, _) => Self::OrdersFeed,
            (Stage::OrderProposalsFeed, _) => Self::OrderProposalsFeed,
            (Stage::OpportunityFeed, _) => Self::OpportunityFeed,
            _ => return None,
        })
    }

    /// The kind whose profiles hold for a root of this type: a feed of both kinds has Orders and OrderProposals, and Order
    /// Status gives what is stored.
    pub(super) fn of_root(self, root_type: Option<&str>) -> Self {
        match (self, root_type) {
            (Self::OrdersFeed, Some("OrderProposal")) => Self::OrderProposalsFeed,
            (Self::OrderStatus, Some("OrderQuote")) => Self::C2Response,
            (Self::OrderStatus, Some("OrderProposal")) => Self::PResponse,
            (kind, _) => kind,
        }
    }
}

/// A set of kinds of messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct MessageKinds(u32);

impl MessageKinds {
    /// Every kind.
    pub(super) const ANY: Self = Self(u32::MAX);

    /// True if a kind is in the set.
    pub(super) fn contains(self, kind: MessageKind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

impl FromIterator<MessageKind> for MessageKinds {
    fn from_iter<I: IntoIterator<Item = MessageKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |set, kind| set | 1 << kind as u8))
    }
}
