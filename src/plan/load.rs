//! From a file to a plan.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{
    de,
    model::Plan,
    problem::{Flaw, Invalid, Source},
    raw::RawPlan,
    resolve,
    settings::{self, Setting, SettingOrigin},
    token,
    tree::{self, Place},
    yaml_error,
};
use crate::record::Digest;

/// No plan that a person writes comes near.
const LARGEST: usize = 1024 * 1024;

/// A plan that was read, and where each of its values came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The plan with every default.
    pub plan: Plan,
    /// The digest of the file's bytes.
    pub digest: Digest,
    /// The folder that relative paths of the plan start from, absolute; empty for a plan that came from no file.
    pub folder: PathBuf,
    /// Every value of the plan.
    pub settings: Vec<Setting>,
    name: String,
}

impl Loaded {
    /// Every value and where it came from, aligned, a line for each.
    #[must_use]
    pub fn show(&self) -> String {
        settings::show(&self.settings, &self.name)
    }

    /// Where a value is written, as `canship.yaml:3:8`; the file's name alone if it is not.
    #[must_use]
    pub fn written_at(&self, path: &str) -> String {
        let setting = self.settings.iter().find(|setting| setting.path == path);
        match setting.map(|setting| setting.origin) {
            Some(SettingOrigin::Written { line, column }) => format!("{}:{line}:{column}", self.name),
            _ => self.name.clone(),
        }
    }

    /// The same for programs.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        settings::to_json(&self.settings, &self.name, &self.digest, &self.plan.unverified)
    }
}

/// Loads the plan from a file.
///
/// # Errors
/// The file cannot be read, or is no valid plan.
pub fn load(path: &Path) -> Result<Loaded, Invalid> {
    let name = path.to_string_lossy();
    let unreadable = |error: std::io::Error| {
        let help = (error.kind() == std::io::ErrorKind::NotFound)
            .then_some("a plan is a file `canship.yaml`: `canship init` writes one, and `--plan FILE` names another");
        Invalid::file(&name, format!("cannot read the plan: {error}"), help)
    };
    let mut bytes = Vec::new();
    // One byte more tells a file that is too large from one that just fits; /dev/zero ends here too.
    let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(unreadable)?;
    let absolute = std::path::absolute(path).map_err(unreadable)?;
    let mut loaded = parse_bytes(&bytes, &name)?;
    loaded.folder = absolute.parent().map(Path::to_path_buf).unwrap_or_default();
    Ok(loaded)
}

/// Reads a plan from its text; `name` stands for the file in messages.
///
/// # Errors
/// The text is no valid plan.
pub fn parse(text: &str, name: &str) -> Result<Loaded, Invalid> {
    parse_bytes(text.as_bytes(), name)
}

fn parse_bytes(bytes: &[u8], name: &str) -> Result<Loaded, Invalid> {
    if bytes.len() > LARGEST {
        return Err(Invalid::file(
            name,
            "the plan is larger than 1MiB",
            Some("a plan has a few dozen lines: is this the right file?"),
        ));
    }
    let text = text(bytes, name)?;
    let (plan, settings) = read(text, name)?;
    let digest = Digest::from_sha256(&Sha256::digest(bytes));
    Ok(Loaded { plan, digest, folder: PathBuf::new(), settings, name: name.to_owned() })
}

/// The bytes as text, without a byte order mark.
fn text<'b>(bytes: &'b [u8], name: &str) -> Result<&'b str, Invalid> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let at = |text: &str, offset: usize, message: &str, help: &str| {
        let flaw = Flaw::new(Place { start: offset, end: offset }, message).hidden().help(help);
        Err(Source::new(name, text).invalid(vec![flaw]))
    };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            return at(&valid, valid.len(), "the plan is not UTF-8 from here on", "save it as UTF-8");
        }
    };
    match text.find('\0') {
        Some(offset) => at(text, offset, "the plan has a NUL character here", "is this the right file? A plan is plain text"),
        None => Ok(text),
    }
}

fn read(text: &str, name: &str) -> Result<(Plan, Vec<Setting>), Invalid> {
    let mut source = Source::new(name, text);
    let root = match tree::read(text) {
        Ok(root) => root,
        Err(mut flaws) => {
            flaws.extend(token::flaws(text, None));
            source.withhold_blocks();
            return Err(source.invalid(flaws));
        }
    };
    source.withhold_secrets(&root);
    let mut flaws = token::flaws(text, Some(&root));
    let plan = (|| {
        if matches!(root.value, tree::Value::Null) {
            return Err(vec![yaml_error::empty()]);
        }
        resolve::version(&root).map_err(|flaw| vec![flaw])?;
        let raw: RawPlan = de::read(&root)?;
        resolve::plan(&raw, &root)
    })();
    match plan {
        Ok(plan) if flaws.is_empty() => {
            let settings = settings::list(&plan, &root, &source);
            Ok((plan, settings))
        }
        Ok(_) => Err(source.invalid(flaws)),
        Err(mut more) => {
            // That a literal is also no name needs no second mention.
            more.retain(|flaw| !(flaw.hidden && flaws.iter().any(|literal| literal.place.start == flaw.place.start)));
            flaws.extend(more);
            Err(source.invalid(flaws))
        }
    }
}
