//! The regular-expression engine against answers recorded from the reference by gen_sre.py.

use krait_text::sre::{Env, How, LocaleTable, Matcher, Program, RunError, Unit};
use proptest::prelude::*;

fn dots(text: &str) -> Vec<u32> {
    text.split('.').filter(|t| !t.is_empty()).map(|t| u32::from_str_radix(t, 16).unwrap()).collect()
}

fn spans(m: &Matcher, groups: usize) -> String {
    let list: Vec<String> = (0..=groups).map(|g| m.group(g).map_or("-".into(), |(a, b)| format!("{a}:{b}"))).collect();
    format!("{}/{}", list.join(","), m.last_index().unwrap_or(0))
}

fn run<T: Unit>(p: &Program, m: &mut Matcher, text: &[T], how: How, start: usize, advance: bool) -> bool {
    let locale = LocaleTable::default();
    let mut env = Env { locale: &locale, check: &mut || false };
    p.run(m, text, how, start, text.len(), advance, &mut env).unwrap()
}

fn answers<T: Unit>(p: &Program, text: &[T]) -> [String; 3] {
    let mut m = Matcher::new();
    let (mut start, mut advance, mut found) = (0, false, Vec::new());
    while run(p, &mut m, text, How::Search, start, advance) {
        found.push(spans(&m, p.groups()));
        let (a, b) = m.group(0).unwrap();
        (start, advance) = (b, a == b);
    }
    let mut one = |how| if run(p, &mut m, text, how, 0, false) { spans(&m, p.groups()) } else { "none".into() };
    let rest = [one(How::Match), one(How::Full)];
    let all = if found.is_empty() { "none".into() } else { found.join(";") };
    let [a, b] = rest;
    [all, a, b]
}

fn check(data: &str) {
    let mut wrong = 0;
    for line in data.lines() {
        let f: Vec<&str> = line.split('\t').collect();
        let Ok(p) = Program::new(&dots(f[2]), f[1].parse().unwrap()) else {
            wrong += 1;
            println!("refused: {line}");
            continue;
        };
        let text = dots(f[3]);
        let mut got = vec![answers(&p, &text)];
        if text.iter().all(|&c| c < 0x10000) {
            got.push(answers(&p, &text.iter().map(|&c| c as u16).collect::<Vec<_>>()));
        }
        if text.iter().all(|&c| c < 256) {
            got.push(answers(&p, &text.iter().map(|&c| c as u8).collect::<Vec<_>>()));
        }
        for got in got {
            if got[..] != f[4..7] {
                wrong += 1;
                if wrong < 10 {
                    println!("{line}\n   got {got:?}");
                }
                break;
            }
        }
    }
    assert_eq!(wrong, 0);
}

#[test]
fn recorded_answers() {
    check(include_str!("data/sre.txt"));
}

/// More cases than are kept: set the variable to a file that gen_sre.py wrote.
#[test]
fn more_recorded_answers() {
    if let Ok(path) = std::env::var("KRAIT_SRE_CASES") {
        check(&std::fs::read_to_string(path).unwrap());
    }
}

#[test]
fn long_text_needs_no_native_stack() {
    // (a|b)*c, the branch not folded into a set.
    let m = u32::MAX;
    let code = [23, 19, 0, m, 17, 0, 7, 5, 16, 97, 15, 7, 5, 16, 98, 15, 2, 0, 17, 1, 18, 16, 99, 1];
    let p = Program::new(&code, 1).unwrap();
    let mut text = vec![b'a'; 2_000_000];
    text.push(b'c');
    let mut m = Matcher::new();
    assert!(run(&p, &mut m, &text, How::Match, 0, false));
    assert_eq!(m.group(1), Some((1_999_999, 2_000_000)));
}

#[test]
fn the_check_callback_stops_a_run() {
    // (?:(?:a*)*)*b, which takes exponential time.
    let m = u32::MAX;
    let code = [23, 15, 0, m, 23, 10, 0, m, 24, 6, 0, m, 16, 97, 1, 18, 18, 16, 98, 1];
    let p = Program::new(&code, 0).unwrap();
    let locale = LocaleTable::default();
    let mut calls = 0;
    let mut check = || {
        calls += 1;
        calls > 3
    };
    let mut env = Env { locale: &locale, check: &mut check };
    let text = [b'a'; 4000];
    let got = p.run(&mut Matcher::new(), &text, How::Match, 0, text.len(), false, &mut env);
    assert_eq!(got, Err(RunError::Interrupted));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    /// Damaged code is refused or runs; it never panics.
    #[test]
    fn damaged_code_does_no_harm(line in 0usize..1000, at: usize, value: u32, small in 0u32..45, pick: bool) {
        let line = include_str!("data/sre.txt").lines().nth(line).unwrap();
        let f: Vec<&str> = line.split('\t').collect();
        let mut code = dots(f[2]);
        let at = at % code.len();
        code[at] = if pick { value } else { small };
        if let Ok(p) = Program::new(&code, f[1].parse().unwrap()) {
            let text: Vec<u32> = dots(f[3]);
            let locale = LocaleTable::default();
            let mut env = Env { locale: &locale, check: &mut || true };
            let _ = p.run(&mut Matcher::new(), &text, How::Search, 0, text.len(), false, &mut env);
        }
    }
    #[test]
    fn noise_is_refused_or_runs(code in proptest::collection::vec(0u32..45, 0..40)) {
        if let Ok(p) = Program::new(&code, 3) {
            let locale = LocaleTable::default();
            let mut env = Env { locale: &locale, check: &mut || true };
            let _ = p.run(&mut Matcher::new(), b"abc", How::Search, 0, 3, false, &mut env);
        }
    }
}
