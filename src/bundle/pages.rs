//! The texts of a bundle: `README.md`, and `requests.sh`, with a line for curl for each request.
//!
//! `BookingReport ─► README.md, requests.sh`

use crate::report::{BookingReport, Secrets, curl};
use crate::text::{self, SafeText, quoted, safe};

/// A script with a line for each request.
pub(super) fn requests(booking: &BookingReport) -> SafeText {
    let mut secrets = Secrets::default();
    let mut lines = SafeText::default();
    for judged in &booking.exchanges {
        let number = booking.words(judged.index);
        let status = judged.exchange.response.as_ref();
        let status = status.map_or("no answer".into(), |answer| SafeText::from(answer.status));
        let line = curl(&judged.exchange, &mut secrets);
        lines.push(safe!["\n# ", number, ". ", judged.stage.as_str(), ", answered ", status, "\n", line, "\n"]);
    }
    let origin = booking.exchanges.first().map_or("", |judged| judged.exchange.origin.as_str());
    safe![
        "#!/bin/sh\n# The requests of booking ",
        text::visible(&booking.uuid),
        ", in order. Set the variables first; run it as a whole or copy a line.\n[ -n \"${ORIGIN-}\" ] || ORIGIN=",
        quoted(origin),
        "\n",
        secrets.checks(),
        lines,
    ]
}

/// What the files are, for whoever opens the bundle.
pub(super) fn readme(booking: &BookingReport, more: usize, left_out: usize) -> SafeText {
    let more = match more {
        0 => SafeText::default(),
        more => safe![" and ", more, " more that findings rest on (open data, pages of feeds, other bookings)"],
    };
    let left_out = match left_out {
        0 => SafeText::default(),
        left_out => safe!["\nIt had ", text::count(left_out as u64, "further exchange"), ", left out here.\n"],
    };
    safe![
        "# Booking ",
        text::visible(&booking.uuid),
        "\n\n\
         What a broker and a booking system said to each other over the Open Booking API, and where that departs from the \
         specification. Nothing but a browser and curl is needed to look at it.\n\n\
         - `findings.md`: what was found, ",
        text::count(booking.findings.len() as u64, "finding"),
        ": who is at fault, what was seen, what was expected, how to mend it, with links \
         to the specification.\n\
         - `booking.har`: ",
        text::count(booking.exchanges.len() as u64, "exchange"),
        more,
        ", as they were on the wire. Browsers open it (network panel, import HAR), and so do other \
         proxies.\n\
         - `requests.sh`: each request as a line for curl. Secrets are variables: `TOKEN=… sh requests.sh`; `ORIGIN=…` \
         sends them to another system.\n",
        left_out,
        "\nCredentials, keys and tokens were replaced by fingerprints (`umpire:…`), ",
        text::visible(&booking.redaction),
        ". Equal things are still equal.\nWritten by ",
        text::visible(&booking.creator),
        ".\n",
    ]
}
