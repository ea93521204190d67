//! Functions of callers and their credentials.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::openbooking::ParsedExchange;
use crate::rules::lang::context::RuleContext;
use crate::rules::lang::function::{Function, function};
use crate::rules::lang::types::Type;
use crate::rules::lang::value::{EvalError, Val};
use crate::rules::state::credentials;

/// Those of callers and their credentials.
pub(crate) static FUNCTIONS: &[Function] = &[
    function(
        "credential",
        [1, 1],
        Type::Plain,
        "credential(x)",
        "the credential of an exchange or request: `Authorization`, or else a header or parameter that is named like an API key; absent if there is none. In recordings it is a fingerprint",
        |call| {
            let message = message(call.first(), call.context);
            Ok(match message.map(credentials::known_credential).transpose()?.flatten() {
                None => Val::Absent,
                Some(Cow::Borrowed(text)) => call.arena().str(text),
                Some(Cow::Owned(text)) => call.arena().text(&text),
            })
        },
    ),
    function(
        "same_caller",
        [2, 2],
        Type::Bool,
        "same_caller(a, b)",
        "true if two exchanges or requests come from the same caller; not judged for two different bearer tokens, and for credentials that were taken out",
        |call| match (message(call.first(), call.context), message(call.second(), call.context)) {
            (Some(a), Some(b)) => Ok(Val::bool(credentials::same_caller(a, b)?)),
            _ => Err(EvalError::failed("same_caller compares two exchanges or requests")),
        },
    ),
    function(
        "secret_kind",
        [1, 1],
        Type::Plain,
        "secret_kind(s)",
        r#"what kind of secret a text is: `"jwt"`, `"basic"`, `"private-key"`, or `"bearer"` for any other token behind that word; absent if it isn't known to be one. A secret and its fingerprint say the same"#,
        |call| Ok(call.arena().maybe(call.text().and_then(credentials::secret_kind))),
    ),
    function(
        "holds_secret",
        [1, 1],
        Type::Bool,
        "holds_secret(s)",
        "true if a text is a secret of a known kind (`secret_kind`), or has a JSON Web Token or the password of a URL in it. A secret and its fingerprint say the same",
        |call| Ok(Val::bool(call.text().is_some_and(credentials::holds_secret))),
    )
    .costs(|call| call.first().weight()),
    function(
        "token_expiry",
        [1, 1],
        Type::Plain,
        "token_expiry(s)",
        "when a JSON Web Token expires, as an instant; absent if that isn't known. Also of the token behind `Bearer`, and of a fingerprint",
        |call| {
            let expires = call.text().and_then(credentials::secret_traits).and_then(|traits| traits.expires);
            Ok(call.instant(expires.and_then(|seconds| Timestamp::from_second(seconds).ok())))
        },
    ),
    function(
        "token_issuer",
        [1, 1],
        Type::Plain,
        "token_issuer(s)",
        "the host that issued a JSON Web Token, likewise",
        |call| Ok(call.owned(call.text().and_then(credentials::secret_traits).and_then(|traits| traits.issuer))),
    ),
];

/// The exchange that an exchange or request of an expression belongs to; the judged one for `call`.
fn message<'a>(value: &Val<'a>, context: &RuleContext<'a>) -> Option<&'a ParsedExchange> {
    match value {
        Val::Exchange(parsed) | Val::Request(parsed) | Val::Response(parsed) => Some(parsed),
        Val::Call(_) => Some(context.parsed),
        _ => None,
    }
}
