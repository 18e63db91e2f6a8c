//! Records that are not what was written.

use std::{fs, os::unix::fs::symlink};

use canship::{
    history::{Folder, History as _, log},
    record::{Brief, Verdict},
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::shelf::{Shelf, Was};

#[test]
fn what_is_damaged_is_named_with_what_is_wrong_and_hides_nothing() {
    let mut shelf = Shelf::of_laptop();
    let good = fs::read_to_string(shelf.add(Verdict::CanShip, "laptop", 2)).unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(shelf.records().join(name), bytes).unwrap();
    put("30000101-000000-truncated.jsonl", &good.as_bytes()[..good.len() / 2]);
    put("30000101-000000-between.jsonl", &good.as_bytes()[..=good[..good.len() - 1].rfind('\n').unwrap()]);
    put("30000101-000000-binary.jsonl", &[0xff, 0xfe, 0x00, 0x80].repeat(1000));
    put("30000101-000000-nul.jsonl", good.replacen("phase", "ph\0se", 3).as_bytes());
    put("30000101-000000-newer.jsonl", good.replacen("\"log\":1", "\"log\":99", 1).as_bytes());
    put("30000101-000000-huge.jsonl", format!("{good}{}", "x".repeat(3 << 20)).as_bytes());
    put("30000101-000000-empty.jsonl", b"");
    put("30000101-000000-twice.jsonl", good.repeat(2).as_bytes());
    put("30000101-000000-nothing.live.jsonl", b"");
    fs::create_dir(shelf.records().join("30000101-000000-folder.jsonl")).unwrap();
    symlink("30000101-000000-loop.jsonl", shelf.records().join("30000101-000000-loop.jsonl")).unwrap();
    symlink("/dev/zero", shelf.records().join("30000101-000000-endless.jsonl")).unwrap();
    let pipe = shelf.records().join("30000101-000000-pipe.jsonl");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    put("notes.txt", b"not a record");

    let json = shelf.json(&["--max-age", "30d"]);
    assert_eq!((&json["exit_code"], &json["spares"][0]["drills_total"]), (&0.into(), &1.into()), "{json:#}");
    let damaged = json["damaged"].as_array().unwrap();
    for (name, reason) in [
        ("truncated", "cut off before its last event"),
        ("between", "cut off before its last event"),
        ("binary", "does not begin with the start of a drill"),
        ("nul", "damaged: "),
        ("newer", "event log of version 99"),
        ("huge", "damaged: "),
        ("empty", "does not begin with the start of a drill"),
        ("twice", "belongs to another drill"),
        ("nothing.live", "does not begin with the start of a drill"),
        ("folder", "no regular file"),
        ("loop", "symbolic links"),
        ("endless", "no regular file"),
        ("pipe", "no regular file"),
    ] {
        let of_it = damaged.iter().find(|one| one["name"].as_str().unwrap().ends_with(&format!("-{name}.jsonl")));
        let told = of_it.unwrap_or_else(|| panic!("{name} is not named in {damaged:#?}"))["reason"].as_str().unwrap();
        assert!(told.contains(reason) && told.contains(name), "{name}: {told}");
    }
    assert_eq!(damaged.len(), 13, "{damaged:#?}");
    let text = shelf.status(&[]).stdout;
    assert!(text.contains("damaged: ") && text.contains("3 more, which `--format json` names"), "{text}");
}

#[test]
fn a_record_that_has_lost_any_of_its_lines_is_no_proof() {
    let mut shelf = Shelf::of_laptop();
    let path = shelf.add(Verdict::CanShip, "laptop", 2);
    let log = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = log.split_inclusive('\n').collect();
    for at in 0..lines.len() {
        fs::write(&path, [&lines[..at], &lines[at + 1..]].concat().concat()).unwrap();
        let ran = shelf.status(&[]);
        assert_eq!(ran.code, Some(20), "line {}: {}{}", at + 1, ran.stdout, ran.stderr);
        let is_told = ran.stdout.contains("[log-incomplete]") || ran.stdout.contains("damaged: ");
        assert!(is_told, "line {}: {}", at + 1, ran.stdout);
    }
    fs::write(&path, &log).unwrap();
    assert_eq!(shelf.status(&[]).code, Some(0));
}

#[tokio::test]
async fn what_was_read_once_never_outlives_its_log() {
    let mut shelf = Shelf::of_laptop();
    let path = shelf.add(Verdict::CanShip, "laptop", 2);
    let folder = Folder::new(shelf.records());
    // Long after the file was written, so that it counts as settled.
    let later = || Timestamp::now() + SignedDuration::from_hours(1);
    let verdict = async || folder.read(later()).await.unwrap().drills.iter().map(|drill| drill.verdict).collect::<Vec<_>>();
    assert_eq!(verdict().await, [Verdict::CanShip]);
    let index = shelf.records().join(".index");
    let written = fs::read(&index).unwrap();
    // It is read from there now: with another entry for the very same file, that is what is told.
    assert_eq!(verdict().await, [Verdict::CanShip]);
    // The same length and the same time of modification, another content.
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let changed =
        fs::read_to_string(&path).unwrap().replace("\"smoke\",\"outcome\":\"passed\"", "\"smoke\",\"outcome\":\"failed\"");
    fs::write(&path, &changed).unwrap();
    fs::File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert_eq!(verdict().await, [Verdict::Unknown]);
    // An index that was changed, cut or replaced is none.
    for odd in [written.len() / 2, written.len() - 1, 0] {
        fs::write(&index, &written[..odd]).unwrap();
        assert_eq!(verdict().await, [Verdict::Unknown]);
    }
    let lying = String::from_utf8(fs::read(&index).unwrap()).unwrap().replace("\"unknown\"", "\"can-ship\"");
    fs::write(&index, lying).unwrap();
    assert_eq!(verdict().await, [Verdict::Unknown]);
    fs::remove_file(&path).unwrap();
    assert_eq!(verdict().await, []);
}

#[tokio::test]
async fn a_copy_of_a_record_is_no_second_drill() {
    let mut shelf = Shelf::of_laptop();
    let path = shelf.add(Verdict::CanShip, "laptop", 2);
    fs::copy(&path, shelf.records().join("copy.jsonl")).unwrap();
    let read = Folder::new(shelf.records()).read(Timestamp::now()).await.unwrap();
    assert_eq!((read.drills.len(), read.damaged.len()), (1, 0));
}

/// One way to damage a log.
#[derive(Clone, Debug)]
enum Damage {
    Cut(usize),
    Put(usize, u8),
    Insert(usize, Vec<u8>),
    Drop(usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = 0_usize..7000;
    prop_oneof![
        at.clone().prop_map(Damage::Cut),
        (at.clone(), any::<u8>()).prop_map(|(at, byte)| Damage::Put(at, byte)),
        (at.clone(), prop::collection::vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (at, 1_usize..200).prop_map(|(at, count)| Damage::Drop(at, count)),
    ]
}

fn apply(mut log: Vec<u8>, damage: &Damage) -> Vec<u8> {
    let within = |at: usize| at % log.len().max(1);
    match damage {
        Damage::Cut(at) => log.truncate(within(*at)),
        Damage::Put(at, byte) => {
            let at = within(*at);
            if let Some(place) = log.get_mut(at) {
                *place = *byte;
            }
        }
        Damage::Insert(at, bytes) => {
            let at = within(*at);
            log.splice(at..at, bytes.iter().copied());
        }
        Damage::Drop(at, count) => {
            let at = within(*at);
            let end = (at + count).min(log.len());
            log.drain(at..end);
        }
    }
    log
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_record_is_named_or_is_what_its_log_says(
        kind in prop::sample::select(vec![Verdict::CanShip, Verdict::Degraded, Verdict::CannotShip, Verdict::Unknown]),
        damages in prop::collection::vec(damage(), 0..4),
    ) {
        let mut shelf = Shelf::of_laptop();
        let path = {
            let events = shelf.events(&Was { verdict: kind, spare: "laptop", days_ago: 1 });
            shelf.put(&events, ".jsonl")
        };
        let log = damages.iter().fold(fs::read(&path).unwrap(), apply);
        fs::write(&path, &log).unwrap();
        let read = tokio::runtime::Builder::new_current_thread().build().unwrap()
            .block_on(Folder::new(shelf.records()).read(Timestamp::now())).unwrap();
        let full = log::read("log", log.as_slice());
        match (full, read.drills.as_slice()) {
            (Ok(record), [brief]) => prop_assert_eq!(brief, &Brief::from(record)),
            (Ok(record), []) => prop_assert!(!record.finished && read.damaged.len() == 1),
            (Err(_), []) => prop_assert_eq!(read.damaged.len(), 1),
            (full, drills) => prop_assert!(false, "{full:?}: {drills:?}"),
        }
    }
}
