//! Each kind of place where something released can be.

use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;
use url::Url;

use super::{Against, DISK, Unmatched, result};
use crate::{
    compare::{Access, Bounds, Differences, Download, Fetched, FetchedImage, Tree, Unfetched, Unread, Wanted, differences},
    drill::Drill,
    plan::{Login, OciTarget, Release, ReleaseAccess, ReleasePlace, SecretName, Template},
    probe,
    record::{ComparisonResult, Difference, DifferenceKind, Digest, Phase},
    registry::{self, Base, Client, Fault, ImageName, RegistryError, Role},
    secret::Secret,
};

/// Endings of archives that are looked into.
const ARCHIVES: [&str; 4] = [".tar.gz", ".tgz", ".tar", ".zip"];

/// The label by which images tell the commit they were built from.
/// Source: <https://github.com/opencontainers/image-spec/blob/main/annotations.md>.
const REVISION: &str = "org.opencontainers.image.revision";

const NOT_RELEASED: &str = "it can be compared once the primary path has released this version; to compare now, drill the commit of a \
                            release (`source.ref`)";

/// One comparison under way.
#[derive(Clone)]
pub(super) struct Work<'w> {
    pub(super) drill: &'w Drill,
    pub(super) against: Against<'w>,
    pub(super) release: &'w Release,
    /// A folder of its own, with an empty folder `content` in it.
    pub(super) folder: &'w Path,
    pub(super) bounds: Bounds,
}

/// A place as a person reads it.
pub(super) fn shown(place: &ReleasePlace, version: Option<&str>) -> String {
    match place {
        ReleasePlace::Digest { digest, .. } => digest.to_string(),
        ReleasePlace::Url { url: template, .. } | ReleasePlace::Image { image: template, .. } => {
            template.fill(version).unwrap_or_else(|| template.as_str().to_owned())
        }
    }
}

pub(super) async fn compare(work: Work<'_>) -> Result<ComparisonResult, Unmatched> {
    match &work.release.place {
        ReleasePlace::Digest { digest, version } => work.with_digest(digest, version.as_deref()).await,
        ReleasePlace::Url { url, inside, access } => work.with_url(url, inside.as_ref(), access).await,
        ReleasePlace::Image { image, inside, login } => work.with_image(image, inside.as_ref(), login.as_ref()).await,
    }
}

impl Work<'_> {
    /// The names of the artifacts that are compared.
    fn names(&self) -> Vec<String> {
        let all = self.drill.plan.build.artifacts.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        match &self.release.artifact {
            Some(name) => vec![name.clone()],
            None => all.collect(),
        }
    }

    fn ours(&self, name: &str) -> PathBuf {
        self.against.built.artifacts.join(name)
    }

    fn fill(&self, template: &Template) -> Result<String, Unmatched> {
        let advice = "make `source.version` give the version; what is wrong with it is said above";
        template.fill(self.against.version).ok_or_else(|| Unmatched::new("the version is not known", advice))
    }

    fn wanted(&self, name: &str, inside: Option<&Template>) -> Result<Wanted, Unmatched> {
        let inside = inside.map(|inside| self.fill(inside)).transpose()?.map(PathBuf::from);
        Ok(Wanted { name: name.to_owned(), folder: self.ours(name).is_dir(), inside })
    }

    async fn with_digest(&self, digest: &Digest, version: Option<&str>) -> Result<ComparisonResult, Unmatched> {
        if let Some(theirs) = version
            && self.against.version != Some(theirs)
        {
            let ours = self.against.version.unwrap_or("an unknown one");
            return Err(Unmatched::new(
                format!("the digest is of version {theirs}, and {ours} was built"),
                "write the digest of the version that is drilled, or drill the commit of that release (`source.ref`)",
            ));
        }
        let names = self.names();
        let name = names.first().map(String::as_str).unwrap_or_default();
        let (ours, bounds) = (self.ours(name), self.bounds.clone());
        let ours = blocking(move || Ok(Tree::of(&ours, &bounds)?)).await?;
        let Some((size, own)) = ours.single_file() else {
            let reason = "it is a folder, of which there is no one digest";
            return Err(Unmatched::new(reason, "name where the release can be fetched instead: `url:` or `image:`"));
        };
        if own == digest {
            return Ok(ComparisonResult::Same { files: 1, bytes: size });
        }
        let kind = DifferenceKind::Content {
            ours: size,
            theirs: None,
            offset: None,
            hint: Some(format!("it is {own} here").as_str().into()),
        };
        Ok(ComparisonResult::Differs { differences: vec![Difference { path: name.into(), kind }], total: 1 })
    }

    async fn with_url(
        &self,
        url: &Template,
        inside: Option<&Template>,
        access: &ReleaseAccess,
    ) -> Result<ComparisonResult, Unmatched> {
        let text = self.fill(url)?;
        let url = Url::parse(&text).map_err(|reason| Unmatched::new(format!("it is no URL: {reason}"), "correct `url:`"))?;
        let names = self.names();
        let name = names.first().map(String::as_str).unwrap_or_default();
        let is_archive = |path: &str| ARCHIVES.iter().any(|ending| path.to_ascii_lowercase().ends_with(ending));
        let looked_into = inside.is_some() || (is_archive(url.path()) && !is_archive(name));
        let wanted = self.wanted(name, inside)?;
        let access = self.access(access)?;
        let (patience, network) = (self.drill.plan.timeouts.api, self.drill.network.clone());
        let download = Download { url, access, patience, network };
        let fetched = download.fetch(self.folder, &self.bounds).await.map_err(|error| unfetched(&error))?;
        self.compare_each(vec![name.to_owned()], move |_, store, bounds| {
            let Fetched { at, size, digest } = &fetched;
            if looked_into {
                fetched.look_into(&wanted, store, bounds)
            } else {
                Ok(Tree::of_file(at.clone(), *size, digest.clone()))
            }
        })
        .await
    }

    async fn with_image(
        &self,
        image: &Template,
        inside: Option<&Template>,
        login: Option<&Login>,
    ) -> Result<ComparisonResult, Unmatched> {
        let text = self.fill(image)?;
        let image: ImageName =
            text.parse().map_err(|reason| Unmatched::new(format!("it is no image: {reason}"), "correct `image:`"))?;
        let client = self.client(&image, login).await?;
        let platform = self.against.built.platform.clone();
        let base = Base::resolve(&client, &image.which, platform).await.map_err(|error| unpulled(&error, login))?;
        if let Some(revision) = base.label(REVISION).filter(|revision| *revision != self.against.checkout.commit()) {
            let reason =
                format!("it says that it is built from the commit {revision}, and {} was built", self.against.checkout.commit());
            return Err(Unmatched::new(reason, "drill the commit that was released: name its tag as `source.ref`"));
        }
        let names = self.names();
        if self.is_published(base.digest()).await {
            return self.compare_each(names, |ours, _, bounds| Ok(Tree::of(ours, bounds)?)).await;
        }
        let layers = self.folder.join("layers");
        tokio::fs::create_dir(&layers).await.map_err(|reason| Unmatched::new(reason.to_string(), DISK))?;
        let fetched = FetchedImage::fetch(&base, &layers, &self.bounds).await.map_err(|error| unpulled(&error, login))?;
        let wanted: Vec<_> = names.iter().map(|name| self.wanted(name, inside)).collect::<Result<_, _>>()?;
        self.compare_each(names, move |ours, store, bounds| {
            let name = ours.file_name().unwrap_or_default();
            let wanted = wanted.iter().find(|wanted| wanted.name.as_str() == name);
            let wanted = wanted.ok_or_else(|| Unread::NotFound("it was not looked for".to_owned()))?;
            fetched.look_into(wanted, store, bounds)
        })
        .await
    }

    /// Whether this drill has published the image of this digest: then nothing in it can differ.
    async fn is_published(&self, digest: &Digest) -> bool {
        self.drill.board.published.wait().await;
        let record = self.drill.bus.record();
        record.is_some_and(|record| record.published.iter().any(|published| published.pushed.digest == *digest))
    }

    async fn client(&self, image: &ImageName, login: Option<&Login>) -> Result<Client, Unmatched> {
        let repository = &image.repository;
        let target = OciTarget { repository: repository.to_string(), login: login.cloned(), scratch: None, base: None };
        let password = login.map(|login| self.secret(&login.password)).transpose()?;
        let credentials = probe::credentials(repository, &target, password, self.drill.keys()).await;
        let credentials = credentials.map_err(|finding| Unmatched::new(finding.summary.one_line(), finding.advice.one_line()))?;
        let (timeouts, network) = (&self.drill.plan.timeouts, &self.drill.network);
        Client::new(repository.clone(), credentials, timeouts, network).map_err(|error| unpulled(&error, login))
    }

    fn access(&self, access: &ReleaseAccess) -> Result<Access, Unmatched> {
        Ok(match access {
            ReleaseAccess::Anyone => Access::Anyone,
            ReleaseAccess::Login(login) => Access::Password(login.username.clone(), self.secret(&login.password)?.clone()),
            ReleaseAccess::Token(token) => Access::Token(self.secret(token)?.clone()),
        })
    }

    fn secret(&self, name: &SecretName) -> Result<&Secret, Unmatched> {
        let advice = format!("provide the secret `{name}`");
        self.against
            .vault
            .get(name)
            .ok_or_else(|| Unmatched::new(format!("the secret `{name}`, which gives access, was not read"), advice))
    }

    /// Compares each of these artifacts with the tree that `theirs` gives for it, in a thread that may block. `theirs` is
    /// given the artifact's path, a new folder for content, and the bounds.
    async fn compare_each(
        &self,
        names: Vec<String>,
        theirs: impl Fn(&Path, &Path, &Bounds) -> Result<Tree, Unread> + Send + 'static,
    ) -> Result<ComparisonResult, Unmatched> {
        let (artifacts, store, bounds) = (self.against.built.artifacts.clone(), self.folder.join("content"), self.bounds.clone());
        blocking(move || {
            let (mut found, mut extent) = (Differences::default(), (0, 0));
            for (at, name) in names.iter().enumerate() {
                let own_store = store.join(at.to_string());
                std::fs::create_dir(&own_store)?;
                let path = artifacts.join(name);
                let ours = Tree::of(&path, &bounds)?;
                found.add_below(Path::new(name), differences(&ours, &theirs(&path, &own_store, &bounds)?, &bounds)?);
                let (files, bytes) = ours.extent();
                extent = (extent.0 + files, extent.1 + bytes);
            }
            Ok(result(extent, found))
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Unread> + Send + 'static) -> Result<T, Unmatched> {
    let done = spawn_blocking(work).await.map_err(|stopped| Unmatched::new(stopped.to_string(), "drill again"))?;
    done.map_err(|unread| {
        let advice = match &unread {
            Unread::NotFound(_) => "say with `inside:` where the artifact is in it",
            Unread::Kind(_) => "release it in another form as well, or name its `digest:`",
            Unread::Broken(_) => "fetch it by hand and look at it: users get the same",
        };
        Unmatched::new(unread.to_string(), advice)
    })
}

fn unfetched(error: &Unfetched) -> Unmatched {
    let advice = match error {
        Unfetched::NotThere(_) => NOT_RELEASED,
        Unfetched::Refused { .. } => "give it a `login:` or `token:` that may fetch it",
        Unfetched::TooLong { .. } => "raise `build.limits.disk`, which also bounds what is fetched, or see what is served there",
        Unfetched::Redirected { .. } => "name the address that it is served at: only https is followed",
        Unfetched::Disk(_) => DISK,
        Unfetched::Answer { .. } | Unfetched::Broken { .. } | Unfetched::Stalled { .. } => {
            "see whether it can be fetched from here (status page, proxy, firewall), then drill again"
        }
    };
    Unmatched::new(error.to_string(), advice)
}

fn unpulled(error: &RegistryError, login: Option<&Login>) -> Unmatched {
    let advice = match error.fault() {
        Fault::NotFound { .. } => NOT_RELEASED.to_owned(),
        _ => registry::finding(error, Phase::Compare, Role::Target(login)).advice.one_line(),
    };
    Unmatched::new(error.to_string(), advice)
}
