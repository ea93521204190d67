//! What the screen asks in place of the keys: whether to stop, or the number of an exchange.
//!
//! `Prompt, Action or pasted text → Prompt, and at its end what was asked for`

use super::log::Destination;
use super::model::{Action, Command, Message, Model};
use crate::event::Mode;

/// Most characters of a line that is typed; what is typed or pasted past it is left out.
const MAX_LINE: usize = 40;

/// Something that the screen asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Whether to end a run that carries traffic.
    StopRun,
    /// The number of the exchange to go to, as far as it was typed.
    ExchangeNumber(String),
}

/// What keys mean at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyMode {
    /// Each key is a command.
    Commands,
    /// A question waits: `y` is yes, every other key is no.
    YesOrNo,
    /// A line is being typed.
    Line,
}

impl Model {
    pub(super) fn key_mode(&self) -> KeyMode {
        // Any key takes the help away.
        let prompt = self.prompt.as_ref().filter(|_| !self.help);
        match prompt {
            None => KeyMode::Commands,
            Some(Prompt::StopRun) => KeyMode::YesOrNo,
            Some(Prompt::ExchangeNumber(_)) => KeyMode::Line,
        }
    }

    /// The prompt in words.
    pub(super) fn prompt_words(&self) -> Option<String> {
        self.prompt.as_ref().map(|prompt| match prompt {
            Prompt::StopRun if self.context.mode == Mode::Replay => "Stop the replay? y/n".to_owned(),
            Prompt::StopRun => "Stop the proxy? y/n".to_owned(),
            Prompt::ExchangeNumber(line) => format!("Go to exchange :{line}▏ (Enter goes there, Esc does not)"),
        })
    }

    /// Takes pasted text into the line that is being typed. Anywhere else it means nothing.
    pub(super) fn paste(&mut self, text: &str) {
        match &mut self.prompt {
            Some(Prompt::ExchangeNumber(line)) => {
                text.trim().chars().take_while(|character| !character.is_control()).for_each(|one| append(line, one));
            }
            _ => {
                self.update(Message::Word("pasted text is ignored: no line is being typed"));
            }
        }
    }

    /// What a key means for the prompt.
    pub(super) fn answer(&mut self, action: Action) -> Option<Command> {
        match (&mut self.prompt, action) {
            (Some(Prompt::ExchangeNumber(line)), Action::Type(character)) => append(line, character),
            (Some(Prompt::ExchangeNumber(line)), Action::Erase) => {
                let was_empty = line.pop().is_none();
                // With nothing left to erase, the prompt goes.
                self.prompt.take_if(|_| was_empty);
            }
            (prompt, Action::Enter) => match prompt.take() {
                Some(Prompt::StopRun) => return Some(Command::Quit),
                Some(Prompt::ExchangeNumber(line)) => self.go_to(line.trim()),
                None => {}
            },
            (prompt, Action::Back) => *prompt = None,
            _ => {}
        }
        None
    }

    fn go_to(&mut self, line: &str) {
        if line.is_empty() {
            return;
        }
        let Ok(number) = line.parse::<u64>() else {
            self.word = Some(format!("{line} is no number of an exchange"));
            return;
        };
        let mut destination = Destination::Unknown;
        self.keeping_detail(|log| destination = log.select_number(number));
        match destination {
            Destination::Selected => self.coverage_page = None,
            Destination::Unknown => self.word = Some(format!("no exchange {number}")),
            Destination::Evicted => {
                self.word = Some(format!("exchange {number} is no longer listed: `umpire capture show FILE {number}`"));
            }
        }
    }
}

fn append(line: &mut String, character: char) {
    if line.chars().count() < MAX_LINE {
        line.push(character);
    }
}
