//! What drives the targets.
//!
//! `seed → a few random changes → target` · a panic or a hang → the input in `target/fuzz/`, the test fails
#![expect(clippy::disallowed_macros, reason = "what is printed is for whoever runs the test")]

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use cpu_time::ThreadTime;

/// Most processor time that one input may take, unoptimised.
const PATIENCE: Duration = Duration::from_secs(20);

/// Largest input that is made, in bytes.
const MOST: usize = 1 << 20;

/// xorshift64*: all that is needed of chance.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_of<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }

    /// A range of `length`; short ones are likelier.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = [4, 16, 64, 4096, length][self.below(5)];
        let end = (start + self.below(most + 1)).min(length);
        start..end
    }

    /// A seed with a few changes.
    fn input(&mut self, seeds: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
        let mut input = self.one_of(seeds).clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input, seeds, words);
        }
        input.truncate(MOST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&str]) {
        let range = self.range(input.len());
        match self.below(8) {
            0 => drop(input.drain(range)),
            1 => {
                let again = input[range.clone()].repeat(1 + self.below(20));
                drop(input.splice(range.end..range.end, again));
            }
            2 if !input.is_empty() => {
                let place = self.below(input.len());
                input[place] ^= 1 << self.below(8);
            }
            3 if !input.is_empty() => {
                let place = self.below(input.len());
                input[place] = *self.one_of(b"\0\"\\{}[],:0-.eE \n\xff\xc3\x80/'()=&|!<>");
            }
            4 => {
                let other = self.one_of(seeds).clone();
                let part = self.range(other.len());
                drop(input.splice(range, other[part].iter().copied()));
            }
            5 => input.truncate(range.start),
            _ => {
                let word = *self.one_of(words);
                let range = if self.below(2) == 0 { range.start..range.start } else { range };
                drop(input.splice(range, word.bytes()));
            }
        }
    }
}

/// Feeds changed seeds to a target until the time is over.
pub fn fuzz(name: &str, seeds: &[Vec<u8>], words: &[&str], mut target: impl FnMut(&[u8])) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seconds = number("UMPIRE_FUZZ_SECONDS");
    // With every `cargo test` the same inputs; a longer run tries others.
    let by_the_clock = || {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970");
        now.as_nanos() as u64
    };
    let seed = number("UMPIRE_FUZZ_SEED").unwrap_or_else(|| seconds.map_or(1, |_| by_the_clock()));
    let mut chance = Chance(seed.max(1));
    let mut runs = 0_u64;
    let mut feed = |input: &[u8]| {
        let begun = ThreadTime::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| target(input)));
        if outcome.is_err() || begun.elapsed() > PATIENCE {
            let mut hasher = DefaultHasher::new();
            input.hash(&mut hasher);
            let folder = Path::new("target/fuzz");
            std::fs::create_dir_all(folder).expect("a folder");
            let file = folder.join(format!("{name}-{:016x}", hasher.finish()));
            std::fs::write(&file, input).expect("the input is kept");
            let what = if outcome.is_err() { "panicked" } else { "took too long" };
            panic!("{name} {what} on {} (UMPIRE_FUZZ_SEED={seed})", file.display());
        }
    };
    for seed in seeds {
        feed(seed);
    }
    let until = Instant::now() + seconds.map_or(Duration::from_millis(500), Duration::from_secs);
    while Instant::now() < until {
        feed(&chance.input(seeds, words));
        runs += 1;
    }
    eprintln!("{name}: {runs} inputs");
}

/// The texts of all files below a folder with an ending.
pub fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(folder).to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found.iter().map(|path| std::fs::read_to_string(path).expect("a text")).collect()
}

pub fn bytes(texts: Vec<String>) -> Vec<Vec<u8>> {
    texts.into_iter().map(String::into_bytes).collect()
}
