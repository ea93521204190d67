//! Keys and the mouse, named as in the table of commands.
//!
//! `crossterm event → ScreenInput`: pasted text is one message of its own, never keys

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::model::ScreenInput;

/// Rows of one turn of the wheel.
const WHEEL: isize = 3;

/// What the mouse did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MouseAction {
    Down { x: u16, y: u16 },
    Drag { x: u16, y: u16 },
    Up,
    Wheel { x: u16, y: u16, rows: isize },
}

/// What an input event asks for; `None` for what means nothing here.
pub(super) fn message(event: Event) -> Option<ScreenInput> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => name(key).map(ScreenInput::Key),
        Event::Paste(text) => Some(ScreenInput::Pasted(text)),
        Event::Mouse(mouse) => pointer(mouse).map(ScreenInput::Pointer),
        // The frame asks for the size; any message leads to a frame.
        Event::Resize(..) => Some(ScreenInput::Redraw),
        _ => None,
    }
}

fn pointer(MouseEvent { kind, column: x, row: y, .. }: MouseEvent) -> Option<MouseAction> {
    Some(match kind {
        MouseEventKind::Down(MouseButton::Left) => MouseAction::Down { x, y },
        MouseEventKind::Drag(MouseButton::Left) => MouseAction::Drag { x, y },
        MouseEventKind::Up(MouseButton::Left) => MouseAction::Up,
        MouseEventKind::ScrollUp => MouseAction::Wheel { x, y, rows: -WHEEL },
        MouseEventKind::ScrollDown => MouseAction::Wheel { x, y, rows: WHEEL },
        _ => return None,
    })
}

/// The name of a key.
fn name(key: KeyEvent) -> Option<String> {
    let name = match key.code {
        KeyCode::Char(letter) if key.modifiers.contains(KeyModifiers::CONTROL) => {
            return Some(format!("Ctrl-{}", letter.to_ascii_uppercase()));
        }
        KeyCode::Char(' ') => "Space",
        KeyCode::Char(letter) => return Some(letter.to_string()),
        KeyCode::Up => "↑",
        KeyCode::Down => "↓",
        KeyCode::Left => "←",
        KeyCode::Right => "→",
        KeyCode::PageUp => "PgUp",
        KeyCode::PageDown => "PgDn",
        KeyCode::Home => "Home",
        KeyCode::End => "End",
        KeyCode::Enter => "Enter",
        KeyCode::Esc => "Esc",
        KeyCode::Tab => "Tab",
        KeyCode::BackTab => "Shift-Tab",
        KeyCode::Backspace => "Backspace",
        KeyCode::Delete => "Delete",
        _ => return None,
    };
    Some(name.to_owned())
}
