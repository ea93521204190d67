//! Random keys over a hostile recording: no panic, and nothing on the screen that a terminal would obey.
//!
//! `seed → events, keys, mouse, pasted text, sizes from 20×5 to 200×60 → ScreenModel → every cell looked at`
//!
//! `UMPIRE_SCREEN_KEYS=100000 cargo test --lib random_keys` presses more. What would reach outside is answered, not done.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;

use super::command::TABLE;
use super::keys::MouseAction;
use super::model::{ScreenInput, ScreenModel};
use super::page::DetailPage;
use super::services::{Effect, EffectReply, FaultState};
use super::theme::Theme;
use super::{theme, view};
use crate::event::{Event, Progress, RecordingStatus, RequestUnderWay, RunContext, RunMode};
use crate::exchange::{Body, BodyEnd, Exchange, Failure, FailureKind, Response, Version};
use crate::finding::{EarlierExchange, Finding, RuleInfo, Scope, Severity, Side};
use crate::judged::{Judged, NotJudged};
use crate::openbooking::Stage;

/// What a terminal would obey, hide or reorder, and characters of two columns and of none.
const EVIL: &str = "a\u{1b}[2J\u{9b}31m\u{7}\u{202e}b\u{200b}👩‍👩‍👧🏳️‍🌈日本e\u{301}\r\n\t\u{0}z";

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        // Xorshift, by Marsaglia.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most.max(1) as u64) as usize
    }

    fn of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }
}

fn rule(id: &str, side: Side, severity: Severity) -> Arc<RuleInfo> {
    Arc::new(RuleInfo {
        id: id.to_owned(),
        aliases: Vec::new(),
        severity,
        side,
        scope: Scope::Exchange,
        stages: vec!["C2".to_owned()],
        title: EVIL.to_owned(),
        spec: format!("https://example.com/#{EVIL}"),
        feature: None,
        unusable_answer: false,
        superfluous: false,
        comparison: false,
        why: EVIL.repeat(40),
        fix: EVIL.to_owned(),
    })
}

fn finding(random: &mut Random, index: u64) -> Finding {
    let severity = *random.of(&Severity::ALL);
    let pointers = ["", "/request/body/a/0", "/response/status", "/response/body/k/3/x", EVIL, "/response/headers/x"];
    Finding {
        rule: rule(["a/b", "c/d", EVIL][random.below(3)], *random.of(&Side::ALL), severity),
        severity,
        stage: Stage::C2,
        exchange: Some(index),
        order_uuid: None,
        pointer: (*random.of(&pointers)).to_owned(),
        message: EVIL.to_owned(),
        seen: EVIL.to_owned(),
        expected: EVIL.to_owned(),
        because_of: (random.below(3) == 0).then(|| EarlierExchange {
            file: None,
            exchange: index.saturating_sub(1),
            stage: Stage::C1,
        }),
    }
}

fn body(random: &mut Random, large: bool) -> Body {
    let json = format!(
        r#"{{"a":[1,{{"b":"{}"}}],"k":{},"totalPaymentDue":{{"price":"1{EVIL2}"}}}}"#,
        "x".repeat(500),
        "[1.50,[],{}]",
        EVIL2 = r"\u001b[2J\u202e"
    );
    match random.below(7) {
        // Four million bytes.
        _ if large => Body::complete(format!("[{}]", vec!["[1]"; 1_000_000].join(","))),
        0 => Body::empty(),
        1 => Body::complete(EVIL.repeat(20)),
        2 => Body::complete([0, 255, 27, 155].repeat(300)),
        3 => Body::not_recorded(12),
        4 => Body::ended(json, BodyEnd::Truncated),
        _ => Body::complete(json),
    }
}

fn exchange(random: &mut Random, index: u64) -> Event {
    let mut exchange = Exchange::get("https://a.example", format!("/api/{EVIL}/orders/{index}"));
    exchange.started = Timestamp::from_second(random.below(4_000_000_000) as i64).unwrap();
    exchange.request.method = ["GET", "PUT", EVIL][random.below(3)].to_owned();
    exchange.request.headers.push(EVIL, EVIL);
    exchange.request.body = body(random, false);
    exchange.timing.total = std::time::Duration::from_micros(random.below(1_000_000_000) as u64);
    if random.below(5) == 0 {
        exchange.failure =
            Some(Failure { kind: *random.of(&FailureKind::ALL), detail: EVIL.to_owned(), answered: None });
    } else {
        exchange.response = Some(Response {
            status: [200, 204, 400, 503, 999][random.below(5)],
            reason: EVIL.to_owned(),
            version: Version::Http2,
            headers: [("content-type", EVIL.to_owned())].into_iter().collect(),
            body: body(random, index == 7),
        });
    }
    let uuid = (random.below(3) > 0).then(|| Arc::from(format!("14a19ffd-7278-4296-9c71-9666{:08x}", random.below(9))));
    let count = if index == 5 { 300 } else { random.below(4) };
    let mut judged = Judged::without_verdicts(index, Arc::new(exchange), *random.of(&Stage::ALL), uuid);
    judged.findings = (0..count).map(|_| finding(random, index)).collect();
    judged.passed = random.below(3) as u32;
    judged.not_judged = vec![NotJudged { rule: EVIL.into(), because: EVIL.into() }; random.below(3)];
    Event::Exchange(Arc::new(judged))
}

fn event(random: &mut Random, index: &mut u64) -> Event {
    match random.below(9) {
        8 => Event::Request(RequestUnderWay {
            id: random.below(20) as u64,
            started: Timestamp::UNIX_EPOCH,
            stage: *random.of(&Stage::ALL),
            order_uuid: Some(EVIL.into()),
        }),
        0 => Event::Notice(EVIL.to_owned()),
        1 => Event::Recording(RecordingStatus::Off { reason: EVIL.to_owned(), missed: 3 }),
        2 => Event::Recording(RecordingStatus::On { file: EVIL.to_owned(), missed: 0 }),
        3 => Event::Unread { authority: EVIL.to_owned(), count: 2 },
        4 => Event::Progress(Progress { recorded: *index, judged: *index, lag: std::time::Duration::from_secs(3) }),
        _ => {
            *index += 1;
            exchange(random, *index - 1)
        }
    }
}

fn message(random: &mut Random, index: &mut u64, size: Size) -> ScreenInput {
    let (x, y) = (random.below(size.width.into()) as u16, random.below(size.height.into()) as u16);
    let letters = ["y", "c", "e", "1", "3", "s", ":", "x", "Space", "Backspace", "Enter", "é", "日"];
    match random.below(40) {
        0 => ScreenInput::Event(event(random, index)),
        1 => ScreenInput::Pasted(EVIL.to_owned()),
        2 => ScreenInput::Pointer(MouseAction::Down { x, y }),
        3 => ScreenInput::Pointer(MouseAction::Drag { x, y }),
        4 => ScreenInput::Pointer(MouseAction::Wheel { x, y, rows: if random.below(2) == 0 { -3 } else { 3 } }),
        5 => ScreenInput::Pointer(MouseAction::Up),
        6..10 => ScreenInput::Key((*random.of(&letters)).to_owned()),
        _ => {
            let entry = random.of(TABLE);
            ScreenInput::Key((*random.of(entry.keys)).to_owned())
        }
    }
}

/// What would be done outside, answered at once.
fn answer(effect: Effect) -> Option<ScreenInput> {
    let reply = match effect {
        Effect::LayOut(request) => EffectReply::Page(Box::new(DetailPage::new(&request))),
        Effect::ListFaults | Effect::Arm(..) => {
            EffectReply::Faults(vec![FaultState { text: EVIL.to_owned(), armed: true, made: 1 }])
        }
        Effect::ReadPage(page) => EffectReply::PageRead(page, Err(EVIL.to_owned())),
        Effect::Fetch(index) => EffectReply::Fetched(index, Err(EVIL.to_owned())),
        Effect::Export(export) => EffectReply::Exported(export, EVIL.to_owned()),
        Effect::Open(_) | Effect::SetAside { .. } => EffectReply::Word(EVIL.to_owned()),
        _ => return None,
    };
    Some(ScreenInput::Reply(reply))
}

fn harmless(symbol: &str) -> bool {
    !symbol.chars().any(|character| character.is_control() || matches!(character, '\u{202a}'..='\u{202e}'))
}

#[test]
fn ten_thousand_random_keys_over_a_hostile_recording() {
    let keys = std::env::var("UMPIRE_SCREEN_KEYS").ok().and_then(|keys| keys.parse().ok()).unwrap_or(10_000);
    let mut random = Random(0x5eed);
    for mode in [RunMode::View, RunMode::Live] {
        let context = RunContext {
            mode,
            base_uri: Some(EVIL.to_owned()),
            upstream: Some(EVIL.to_owned()),
            capture: Some(EVIL.to_owned()),
            also: vec![],
            forward: None,
            warnings: vec![EVIL.to_owned()],
            settings: None,
        };
        let mut model = ScreenModel::new(context, true, Timestamp::UNIX_EPOCH);
        let (mut index, mut size) = (0, Size::new(80, 24));
        let mut terminal = Terminal::new(TestBackend::new(size.width, size.height)).unwrap();
        for _ in 0..12 {
            let first = exchange(&mut random, index);
            model.update(ScreenInput::Event(first));
            index += 1;
        }
        let mut screens = HashSet::new();
        for step in 0..keys / 2 {
            if step % 40 == 0 {
                size = Size::new(20 + random.below(181) as u16, 5 + random.below(56) as u16);
                terminal = Terminal::new(TestBackend::new(size.width, size.height)).unwrap();
            }
            let message = message(&mut random, &mut index, size);
            let mut effects = model.update(message);
            effects.extend(model.update(ScreenInput::Frame(size, Timestamp::from_second(60).unwrap())));
            for reply in effects.into_iter().filter_map(answer) {
                model.update(reply);
            }
            model.work();
            model.update(ScreenInput::Frame(size, Timestamp::from_second(60).unwrap()));
            screens.insert(model.place().title());
            let theme = *random.of(&Theme::ALL);
            terminal
                .draw(|frame| {
                    view::draw(&model, frame);
                    theme.apply(frame.buffer_mut());
                    if step % 7 == 0 {
                        theme::without_colours(frame.buffer_mut());
                    }
                })
                .unwrap();
            for cell in terminal.backend().buffer().content() {
                assert!(harmless(cell.symbol()), "{:?} at key {step} of {mode:?}", cell.symbol());
            }
        }
        assert!(screens.len() >= 8, "only {screens:?} were seen");
    }
}
