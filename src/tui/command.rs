//! The one table of commands: what each is called, which keys it has, where it is there, and what it does in words.
//!
//! `TABLE ─► key map · hints in the footer · help of the current screen · palette · docs/screen.md`

use Command as C;
use CommandContext as P;

/// What a key can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Bookings,
    Exchanges,
    Findings,
    Coverage,
    Traffic,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Left,
    Right,
    Open,
    Back,
    Follow,
    NextFinding,
    PreviousFinding,
    Narrow,
    Comment,
    Filter,
    Sort,
    Find,
    NextTab,
    PreviousTab,
    NextView,
    Wrap,
    FoldAll,
    UnfoldAll,
    Arrange,
    Mark,
    Compare,
    Booking,
    RestsOn,
    SetAside,
    Copy,
    Specification,
    Export,
    Pager,
    Archive,
    EventLog,
    Faults,
    Help,
    Palette,
    Redraw,
    Suspend,
    Quit,
    Interrupt,
}

/// Where keys are pressed: a screen, or the part of it that has the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandContext {
    Bookings,
    Booking,
    Exchanges,
    Archive,
    Findings,
    Coverage,
    Traffic,
    Detail,
    Compare,
    EventLog,
    Faults,
}

impl CommandContext {
    /// Every place, in the order of the documentation.
    pub(super) const ALL: [Self; 11] = [
        P::Bookings,
        P::Booking,
        P::Exchanges,
        P::Archive,
        P::Findings,
        P::Coverage,
        P::Traffic,
        P::Detail,
        P::Compare,
        P::EventLog,
        P::Faults,
    ];

    /// Its name as a heading.
    pub(super) fn title(self) -> &'static str {
        match self {
            P::Bookings => "Bookings",
            P::Booking => "One booking",
            P::Exchanges => "Exchanges",
            P::Archive => "All exchanges",
            P::Findings => "Findings",
            P::Coverage => "Coverage",
            P::Traffic => "Traffic",
            P::Detail => "One exchange",
            P::Compare => "Comparison",
            P::EventLog => "Event log",
            P::Faults => "Faults",
        }
    }

    /// Its name and the key that leads to it, if it has a number.
    fn with_number(self) -> Option<String> {
        let command = match self {
            P::Bookings => C::Bookings,
            P::Exchanges => C::Exchanges,
            P::Findings => C::Findings,
            P::Coverage => C::Coverage,
            P::Traffic => C::Traffic,
            _ => return None,
        };
        let entry = TABLE.iter().find(|entry| entry.id == command)?;
        Some(format!("{} ({})", self.title(), entry.keys.first()?))
    }

    /// What is to be seen there, in a sentence or two.
    pub(super) fn about(self) -> &'static str {
        match self {
            P::Bookings => {
                "One row for each booking flow: its stages in order, what it costs, what is wrong on each side, its state."
            }
            P::Booking => {
                "The calls of one booking and the feed items that tell of it, in order; below or beside it the selected call."
            }
            P::Exchanges => "One row for each request and its answer; ✗ ! · + at the edge say what is wrong with it.",
            P::Archive => "Every exchange of the recording, also those that are not kept in memory any more.",
            P::Findings => "What is wrong, one row for each cause, rule and place, the weightiest first.",
            P::Coverage => {
                "What has been tried, by the features of OpenActive's test suite, and what nobody has tried."
            }
            P::Traffic => "How much passes, how long answers take at each stage, and how the booking system is.",
            P::Detail => {
                "One exchange: its findings, its request, its answer. What is wrong is marked where it stands."
            }
            P::Compare => "Two messages side by side: what was added, what went, what changed.",
            P::EventLog => "Every notice of this run, the newest last.",
            P::Faults => "The faults of --fault: those that are armed are made, the others wait.",
        }
    }
}

/// One command.
#[derive(Debug)]
pub(super) struct CommandEntry {
    pub(super) id: Command,
    /// Its name in the palette.
    pub(super) name: &'static str,
    /// Its keys, as they are written.
    pub(super) keys: &'static [&'static str],
    /// Where it is there.
    places: &'static [CommandContext],
    /// The word in the footer; empty where it has none.
    pub(super) hint: &'static str,
    /// What it does.
    pub(super) words: &'static str,
}

impl CommandEntry {
    /// True if the command is there.
    pub(super) fn is_at(&self, place: CommandContext) -> bool {
        self.places.contains(&place)
    }

    /// True if the command is there wherever one is.
    pub(super) fn is_everywhere(&self) -> bool {
        self.places.len() == ALL.len()
    }
}

const ALL: &[CommandContext] = &CommandContext::ALL;
const OF_EXCHANGE: &[CommandContext] = &[P::Booking, P::Exchanges, P::Archive, P::Findings, P::Detail];
const LISTS: &[CommandContext] =
    &[P::Bookings, P::Booking, P::Exchanges, P::Archive, P::Findings, P::Coverage, P::Traffic, P::Faults, P::Detail];
macro_rules! table {
    ($($id:ident $name:literal [$($key:literal)+] $places:expr, $hint:literal, $words:literal;)+) => {
        &[$(CommandEntry {
            id: C::$id, name: $name, keys: &[$($key),+], places: $places, hint: $hint, words: $words,
        }),+]
    };
}

/// Every command, in the order of the help. The footer's hints come in this order, too.
pub(super) const TABLE: &[CommandEntry] = table! {
    Open "open" ["Enter"] LISTS, "open", "Open it; in a message fold it; on a finding go to its place";
    Back "back" ["Esc"] ALL, "back", "Back to the list, or to the screen before";
    NextFinding "next-finding" ["n"] &[P::Bookings, P::Booking, P::Exchanges, P::Archive, P::Detail], "next finding", "The next, the previous finding, or row with findings";
    PreviousFinding "previous-finding" ["N"] &[P::Bookings, P::Booking, P::Exchanges, P::Archive, P::Detail], "", "The next, the previous finding, or row with findings";
    Narrow "narrow" ["F"] &[P::Exchanges, P::Archive, P::Findings], "narrow", "All; with findings; the booking system's, the broker's failures";
    Filter "filter" ["/"] &[P::Exchanges, P::Archive], "filter", "Filter the list; an empty filter lists all";
    Sort "sort" ["s"] &[P::Exchanges], "sort", "By number; the slowest first; the weightiest findings first";
    Find "find" ["/"] &[P::Detail], "find", "Find a text on this page; Enter alone finds it again";
    NextTab "next-tab" ["Tab"] OF_EXCHANGE, "next tab", "Findings, request, answer";
    PreviousTab "previous-tab" ["Shift-Tab"] OF_EXCHANGE, "", "Findings, request, answer";
    NextView "view" ["v"] &[P::Detail], "tree/raw/hex", "Show a message as a tree, as text, in hexadecimal";
    Wrap "wrap" ["w"] &[P::Detail], "wrap", "Break long lines, or scroll them";
    FoldAll "fold-all" ["-"] &[P::Detail], "", "Fold everything below the first level";
    UnfoldAll "unfold-all" ["+"] &[P::Detail], "", "Unfold everything";
    Compare "compare" ["d"] &[P::Booking, P::Exchanges, P::Archive, P::Detail], "compare", "Compare: of a booking C2 with B, else request with answer, or what is marked";
    Copy "copy" ["y"] OF_EXCHANGE, "copy", "Copy: curl, raw HTTP, JSON, finding, pointer, UUID";
    Specification "specification" ["o"] OF_EXCHANGE, "spec", "Open the specification of the selected finding";
    SetAside "set-aside" ["m"] OF_EXCHANGE, "set aside", "Set the finding aside into the baseline, with reason and expiry";
    RestsOn "rests-on" ["r"] OF_EXCHANGE, "", "Go to the other exchange that the finding rests on";
    Booking "booking" ["b"] &[P::Exchanges, P::Archive, P::Findings, P::Detail], "booking", "Open the booking of this exchange";
    Export "export" ["x"] &[P::Bookings, P::Booking, P::Exchanges, P::Archive, P::Findings, P::Detail], "export", "Export: this exchange, what is listed or marked, a bundle";
    Pager "pager" ["e"] OF_EXCHANGE, "", "Open the exchange in $PAGER or $EDITOR";
    Mark "mark" ["Space"] &[P::Booking, P::Exchanges, P::Archive], "", "Mark, for comparing and exporting, or unmark";
    Comment "comment" ["c"] OF_EXCHANGE, "", "Write a comment on the exchange, for this session";
    Follow "follow" ["f"] &[P::Bookings, P::Exchanges], "follow", "Follow the newest, or stop";
    Up "up" ["↑" "k"] ALL, "", "One row up; stops following";
    Down "down" ["↓" "j"] ALL, "", "One row down";
    PageUp "page-up" ["PgUp" "Ctrl-U" "Ctrl-B"] ALL, "", "One page up";
    PageDown "page-down" ["PgDn" "Ctrl-D" "Ctrl-F"] ALL, "", "One page down";
    First "first" ["Home" "g"] ALL, "", "The first row";
    Last "last" ["End" "G"] ALL, "", "The last row; where something comes in, follow it";
    Left "left" ["←" "h"] ALL, "", "Scroll long lines to the left";
    Right "right" ["→" "l"] ALL, "", "Scroll long lines to the right";
    Arrange "arrange" ["|"] OF_EXCHANGE, "", "List and detail side by side, stacked, or as there is room";
    Bookings "bookings" ["1"] ALL, "", "Bookings";
    Exchanges "exchanges" ["2"] ALL, "", "Exchanges";
    Findings "findings" ["3"] ALL, "", "Findings";
    Coverage "coverage" ["4"] ALL, "", "Coverage";
    Traffic "traffic" ["5"] ALL, "", "Traffic";
    Archive "all" ["A"] ALL, "", "Every exchange of the recording, from the first to the last";
    EventLog "event-log" ["E"] ALL, "", "The event log: every notice of this run";
    Faults "faults" ["!"] ALL, "", "The faults of --fault, to be armed and disarmed";
    Palette "palette" [":"] ALL, "go to", "Go to: number, beginning of an Order UUID, name of a command";
    Help "help" ["?"] ALL, "help", "The keys of this screen";
    Quit "quit" ["q"] ALL, "quit", "Leave what is open, then quit; a proxy asks first";
    Redraw "redraw" ["Ctrl-L"] ALL, "", "Draw the whole screen anew";
    Suspend "suspend" ["Ctrl-Z"] ALL, "", "To the shell until fg, where no traffic depends on it";
    Interrupt "interrupt" ["Ctrl-C"] ALL, "", "Quit at once";
};

/// The command of a key at a place.
pub(super) fn of_key(key: &str, place: CommandContext) -> Option<Command> {
    at(place).find(|entry| entry.keys.contains(&key)).map(|entry| entry.id)
}

/// Where a key that means nothing at a place has a meaning, in words.
pub(super) fn elsewhere(key: &str) -> Option<String> {
    let entry = TABLE.iter().find(|entry| entry.keys.contains(&key))?;
    let mut places: Vec<String> = entry.places.iter().filter_map(|place| place.with_number()).collect();
    if places.is_empty() {
        places = entry.places.iter().map(|place| place.title().to_owned()).collect();
    }
    let last = places.pop()?;
    let places = if places.is_empty() { last } else { format!("{} and {last}", places.join(", ")) };
    Some(format!("{key} works on {places}"))
}

/// The commands that are there, in the order of the table.
pub(super) fn at(place: CommandContext) -> impl Iterator<Item = &'static CommandEntry> {
    TABLE.iter().filter(move |entry| entry.is_at(place))
}

/// Commands with their keys; those that say the same, such as the next and the previous, are one.
pub(super) fn joined<'e>(entries: impl Iterator<Item = &'e CommandEntry>) -> Vec<(&'e CommandEntry, Vec<&'e str>)> {
    let mut joined: Vec<(&CommandEntry, Vec<&str>)> = Vec::new();
    for entry in entries {
        match joined.last_mut() {
            Some((before, keys)) if before.words == entry.words => keys.extend(entry.keys),
            _ => joined.push((entry, entry.keys.to_vec())),
        }
    }
    joined
}

/// The keys of every screen as Markdown, for the documentation.
pub(super) fn markdown() -> String {
    let mut page = String::from("### Everywhere\n\n| key | command | what it does |\n|---|---|---|\n");
    let row = |(entry, keys): (&CommandEntry, Vec<&str>)| {
        let keys: Vec<String> = keys.iter().map(|key| format!("`{}`", key.replace('|', "\\|"))).collect();
        format!("| {} | {} | {} |\n", keys.join(" "), entry.name, entry.words)
    };
    let everywhere = TABLE.iter().filter(|entry| entry.is_everywhere());
    page.extend(joined(everywhere).into_iter().map(row));
    for place in CommandContext::ALL {
        let own = joined(at(place).filter(|entry| !entry.is_everywhere()));
        if own.is_empty() {
            continue;
        }
        let about = place.about().replace("--fault", "`--fault`");
        page.extend(["\n### ", place.title(), "\n\n", &about, "\n\n"]);
        page.push_str("| key | command | what it does |\n|---|---|---|\n");
        page.extend(own.into_iter().map(row));
    }
    page
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_key_has_two_meanings_at_one_place() {
        for place in CommandContext::ALL {
            let keys: Vec<&str> = at(place).flat_map(|entry| entry.keys.iter().copied()).collect();
            let different: BTreeSet<&str> = keys.iter().copied().collect();
            assert_eq!(keys.len(), different.len(), "{place:?}");
        }
    }

    #[test]
    fn every_command_has_one_entry_with_a_name_of_its_own() {
        let names: BTreeSet<&str> = TABLE.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), TABLE.len());
        for (index, entry) in TABLE.iter().enumerate() {
            assert!(TABLE[..index].iter().all(|other| other.id != entry.id), "{}", entry.name);
            assert!(!entry.places.is_empty() && !entry.words.is_empty(), "{}", entry.name);
            assert!(entry.name.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'-'), "{}", entry.name);
        }
    }
}
