//! Files that nobody wrote: those of the rules' cases, cut up and put together again, read by both readers, all rules, all forms of
//! output and `init`. Nothing may panic, and what `init` drafts is a plan whatever the files say.
//!
//! `CANSHIP_MUTATIONS` says how many are tried; the same number tries the same ones. `ci/fuzz` makes up others, and has no end.

use std::{collections::BTreeMap, fs, panic};

use super::{fuzzed::look, rules::CASES};

/// What is put in: what YAML, both forges and shells give a meaning to.
const PIECES: &[&str] = &[
    "&a ",
    "*a",
    "<<: *a",
    "!reference [a, script]",
    "${{ ",
    " }}",
    "${{ secrets.X || env.Y }}",
    "$X",
    "${X}",
    "needs: [a]\n",
    "extends: a\n",
    "include: .gitlab-ci.yml\n",
    "uses: ./.github/workflows/release.yml\n",
    "uses: $/a",
    "secrets: inherit\n",
    "if: env.T != ''\n",
    "[",
    "]",
    "{",
    "}",
    "- ",
    "? ",
    ": ",
    "\n",
    "\t",
    "\r\n",
    "#",
    "'",
    "\"",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "\u{feff}",
    "\u{0}",
    "é",
    "\u{1b}[31m",
    "matrix: {a: [1, 2], include: [{a: 3}]}\n",
    "parallel: {matrix: [{A: [1, 2]}]}\n",
    "$(",
    "`",
    "<<EOF\n",
    "git push --tags origin main v1",
    "gh release create v1",
    "docker push a/b",
    "if [ -z \"$X\" ]; then exit 0; fi",
    "# canship: ignore[not-pinned] x",
    "canship recover",
    "- run: |\n",
    "spec: {inputs: {a: {}}}\n---\n",
    "publish: [{oci: a/b}]\n",
    "check: {ignore: [{rule: a, reason: b}]}\n",
    "99999999999999999999",
    "~",
    "null",
];

/// Numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(most.max(1)).unwrap()).unwrap()
    }

    fn place(&mut self, text: &str) -> usize {
        let at = self.below(text.len() + 1);
        text.floor_char_boundary(at)
    }
}

fn mutated(text: &str, other: &str, dice: &mut Dice) -> String {
    let mut text = text.to_owned();
    for _ in 0..=dice.below(6) {
        let (a, b) = (dice.place(&text), dice.place(&text));
        let (from, to) = (a.min(b), a.max(b));
        match dice.below(6) {
            0 => text.replace_range(from..to.min(text.ceil_char_boundary(from + 20)), ""),
            1 | 2 => text.insert_str(a, PIECES[dice.below(PIECES.len())]),
            3 => {
                let copy = text[from..to].to_owned();
                text.insert_str(a, &copy);
            }
            4 => {
                let (c, d) = (dice.place(other), dice.place(other));
                text.insert_str(a, &other[c.min(d)..c.max(d)]);
            }
            _ => {
                let piece = PIECES[dice.below(PIECES.len())].repeat(dice.below(300));
                text.insert_str(a, &piece);
            }
        }
        text.truncate(text.floor_char_boundary(20_000));
    }
    text
}

#[test]
fn whatever_becomes_of_the_files_nothing_panics_and_a_draft_is_a_plan() {
    let count: u64 = std::env::var("CANSHIP_MUTATIONS").ok().map_or(400, |count| count.parse().unwrap());
    let texts: Vec<(&str, &str)> = CASES.iter().flat_map(|case| case.fires.iter().chain(case.silent)).copied().collect();
    let folder = tempfile::tempdir().unwrap();
    for path in [".github/workflows", ".git"] {
        fs::create_dir_all(folder.path().join(path)).unwrap();
    }
    fs::write(folder.path().join(".git/config"), "[remote \"origin\"]\n\turl = git@github.com:acme/api.git\n").unwrap();
    for seed in 1..=count {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut made: BTreeMap<&str, String> = BTreeMap::new();
        for path in [".github/workflows/release.yml", ".gitlab-ci.yml", "canship.yaml", "Dockerfile"] {
            let alike: Vec<&str> =
                texts.iter().filter(|(name, _)| name.ends_with(path.rsplit('/').next().unwrap())).map(|(_, text)| *text).collect();
            let (one, other) = (alike[dice.below(alike.len())], texts[dice.below(texts.len())].1);
            made.insert(path, if dice.below(4) == 0 { one.to_owned() } else { mutated(one, other, &mut dice) });
            fs::write(folder.path().join(path), &made[path]).unwrap();
        }
        let ended = panic::catch_unwind(|| look(folder.path()));
        assert!(ended.is_ok(), "number {seed} of CANSHIP_MUTATIONS: {made:#?}");
    }
}
