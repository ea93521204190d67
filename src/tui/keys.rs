//! Keys and what they mean.
//!
//! `crossterm event → Message`

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::model::{Action, Message, Tab};

/// Every key in the order of the help screen: how it is written, and what it does.
pub(super) const HELP: [(&str, &str); 13] = [
    ("↑ ↓  k j", "move by one; moving up stops following the newest"),
    ("PgUp PgDn", "one page up or down"),
    ("Home g", "the oldest"),
    ("End G  f", "the newest, and follow what comes"),
    ("n  N", "next, previous exchange with findings"),
    ("Enter  Esc", "into the detail and back; on a finding: to its place"),
    ("Tab  1 2 3", "Findings, Request, Response"),
    ("m  M", "next, previous finding of this exchange"),
    ("← →  h l", "scroll long lines sideways"),
    ("F", "filter: all, with findings, broker's, booking system's"),
    ("c", "coverage: what has been tried, and what nobody has tried"),
    ("?  Ctrl-Z", "this help; to the shell until fg, where no traffic passes"),
    ("q  Ctrl-C", "quit; the recording stays"),
];

/// What an input event asks for; `None` for what means nothing here.
pub(super) fn message(event: &Event) -> Option<Message> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => action(key).map(Message::Action),
        // The frame asks for the size; any message leads to a frame.
        Event::Resize(..) => Some(Message::Action(Action::Redraw)),
        _ => None,
    }
}

fn action(key: &KeyEvent) -> Option<Action> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Some(Action::Interrupt),
            KeyCode::Char('z') => Some(Action::Suspend),
            KeyCode::Char('u' | 'b') => Some(Action::PageUp),
            KeyCode::Char('d' | 'f') => Some(Action::PageDown),
            _ => None,
        };
    }
    Some(match key.code {
        KeyCode::Char('q') => Action::Quit,
        KeyCode::Char('?') => Action::Help,
        KeyCode::Up | KeyCode::Char('k') => Action::Up,
        KeyCode::Down | KeyCode::Char('j') => Action::Down,
        KeyCode::PageUp => Action::PageUp,
        KeyCode::PageDown | KeyCode::Char(' ') => Action::PageDown,
        KeyCode::Home | KeyCode::Char('g') => Action::First,
        KeyCode::End | KeyCode::Char('G') => Action::Last,
        KeyCode::Left | KeyCode::Char('h') => Action::Left,
        KeyCode::Right | KeyCode::Char('l') => Action::Right,
        KeyCode::Char('c') => Action::Coverage,
        KeyCode::Char('f') => Action::Follow,
        KeyCode::Char('F') => Action::Filter,
        KeyCode::Char('n') => Action::NextWithFindings,
        KeyCode::Char('N') => Action::PreviousWithFindings,
        KeyCode::Char('m') => Action::NextFinding,
        KeyCode::Char('M') => Action::PreviousFinding,
        KeyCode::Enter => Action::Enter,
        KeyCode::Esc => Action::Back,
        KeyCode::Tab => Action::NextTab,
        KeyCode::BackTab => Action::PreviousTab,
        KeyCode::Char('1') => Action::Show(Tab::Findings),
        KeyCode::Char('2') => Action::Show(Tab::Request),
        KeyCode::Char('3') => Action::Show(Tab::Response),
        _ => return None,
    })
}
