//! Keys and what they mean.
//!
//! `crossterm event, KeyMode → Message`: pasted text is one message of its own, never keys

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::model::{Action, Message, Tab};
use super::prompt::KeyMode;

/// Every key in the order of the help screen: how it is written, and what it does.
pub(super) const HELP: [(&str, &str); 15] = [
    ("↑ ↓  k j", "move by one; moving up stops following the newest"),
    ("PgUp PgDn", "one page up or down"),
    ("Home g", "the oldest"),
    ("End G  f", "the newest, and follow what comes"),
    ("n  N", "next, previous exchange with findings"),
    (":12", "go to exchange 12"),
    ("Enter  Esc", "into the detail and back; on a finding: to its place"),
    ("Tab  1 2 3", "Findings, Request, Response"),
    ("m  M", "next, previous finding of this exchange"),
    ("← →  h l", "scroll long lines sideways"),
    ("F", "filter: all, with findings, broker's, booking system's"),
    ("c", "coverage: what has been tried, and what nobody has tried"),
    ("?  Ctrl-L", "this help; draw the screen anew"),
    ("Ctrl-Z", "to the shell until fg, where no traffic passes"),
    ("q  Ctrl-C", "leave a page, then quit (a proxy asks); quit at once"),
];

/// What an input event asks for; `None` for what means nothing here.
pub(super) fn message(event: Event, mode: KeyMode) -> Option<Message> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => action(key, mode).map(Message::Action),
        Event::Paste(text) => Some(Message::Pasted(text)),
        // The frame asks for the size; any message leads to a frame.
        Event::Resize(..) => Some(Message::Action(Action::Redraw)),
        _ => None,
    }
}

fn action(key: KeyEvent, mode: KeyMode) -> Option<Action> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Some(Action::Interrupt),
            KeyCode::Char('z') => Some(Action::Suspend),
            KeyCode::Char('l') => Some(Action::Wipe),
            _ if mode != KeyMode::Commands => None,
            KeyCode::Char('u' | 'b') => Some(Action::PageUp),
            KeyCode::Char('d' | 'f') => Some(Action::PageDown),
            _ => None,
        };
    }
    match mode {
        KeyMode::Commands => command(key.code),
        KeyMode::YesOrNo => match key.code {
            KeyCode::Char('y' | 'Y') => Some(Action::Enter),
            _ => Some(Action::Back),
        },
        KeyMode::Line => match key.code {
            KeyCode::Char(character) => Some(Action::Type(character)),
            KeyCode::Backspace => Some(Action::Erase),
            KeyCode::Enter => Some(Action::Enter),
            KeyCode::Esc => Some(Action::Back),
            _ => None,
        },
    }
}

fn command(key: KeyCode) -> Option<Action> {
    Some(match key {
        KeyCode::Char('q') => Action::Quit,
        KeyCode::Char(':') => Action::GoTo,
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
