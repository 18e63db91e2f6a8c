//! Records in an object store that speaks S3, so that machines that come and go share them.
//!
//! A record is one object, written once under a condition that nothing is there; a folder of this machine holds it until
//! then. Looking back takes a list, one index and as many records as the index does not know, up to a bound. The index
//! is derived and shared: each drill that brings a record adds to it what it lacks, and where two do so at once one of
//! them is lost, and made up for by the next.
//!
//! Invariant: if not all records were read, nothing is told that is older than one that was left out: of each spare the
//! last drill counts, and that may be the one. A record that the index names is looked for though the list lacks it.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use object_store::{
    ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion,
    aws::{AmazonS3, AmazonS3Builder},
    client::{HttpClient, HttpConnector},
    path::Path,
};

use super::{
    Delivery, Folder, History, HistoryError, Whereabouts,
    folder::WHOLE,
    index::Index,
    log,
    spool::Settled,
    store_error::{StoreError, StoreFault},
};
use crate::{
    network::Network,
    plan::{Addressing, Store, Timeouts},
    record::{Brief, Damaged, DrillId, Shelf, Sink, Text},
    secret::{Scrubber, Secret},
};

/// The index, beside the records.
const INDEX: &str = ".index";
/// So many records that no index knows are read at once, and in all.
const AT_ONCE: usize = 16;
const MOST_READ: usize = 256;
/// So many records are brought by one drill.
const MOST_BROUGHT: usize = 64;
/// A record or an index that is larger is none.
const LARGEST: u64 = 256 << 20;
/// Where buckets are if nobody says so.
const REGION: &str = "us-east-1";

/// Where a store is and what opens it, once plan and environment were asked.
#[derive(Debug)]
pub struct Access {
    /// Its address; none for AWS.
    pub endpoint: Option<String>,
    /// Its region.
    pub region: Option<String>,
    /// What opens it, or why that is not there.
    pub key: Result<Key, String>,
    /// How it is reached.
    pub network: Network,
}

/// What opens a store.
#[derive(Debug)]
pub struct Key {
    /// The key's id.
    pub id: Secret,
    /// The key.
    pub secret: Secret,
    /// The session's token.
    pub session: Option<Secret>,
}

/// Records in a bucket, and a folder of this machine for those that are not there yet.
#[derive(Debug)]
pub struct Bucket {
    store: Result<AmazonS3, StoreError>,
    place: String,
    prefix: Path,
    spool: Folder,
    scrubber: Scrubber,
}

/// All records of a bucket: what is known of them, and what the index should hold.
#[derive(Default)]
struct Catalog {
    drills: Vec<Brief>,
    damaged: Vec<Damaged>,
    unread: Vec<String>,
    index: Index,
    /// The version of the index that was found.
    found: Option<UpdateVersion>,
    /// How many records the index that was found does not know.
    new: usize,
}

impl Bucket {
    /// The bucket of the plan; `spool` holds what waits for it. Nothing is sent yet.
    #[must_use]
    pub fn new(plan: &Store, access: Access, spool: Folder, timeouts: &Timeouts) -> Self {
        let place = format!("s3://{}/{}", plan.bucket, plan.prefix).trim_end_matches('/').to_owned();
        let secrets = access.key.as_ref().map(|key| [Some(&key.id), Some(&key.secret), key.session.as_ref()]);
        let scrubber = Scrubber::new(secrets.into_iter().flatten().flatten());
        let store =
            open(plan, access, timeouts).map_err(|(fault, words)| StoreError::new(fault, format!("opening {place}"), words));
        Self { store, place, prefix: Path::from(plan.prefix.as_str()), spool, scrubber }
    }

    fn store(&self) -> Result<&AmazonS3, StoreError> {
        self.store.as_ref().map_err(Clone::clone)
    }

    fn seen(&self, error: &object_store::Error, what: &str) -> StoreError {
        StoreError::seen(error, &format!("{what} {}", self.place), &self.scrubber)
    }

    /// Puts a record there, unless it is there already.
    async fn bring(&self, drill: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        const WHAT: &str = "putting a record into";
        let store = self.store()?;
        let path = self.prefix.clone().join(format!("{drill}{WHOLE}"));
        let size = bytes.len() as u64;
        let payload = PutPayload::from(bytes);
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match store.put_opts(&path, payload.clone(), create).await {
            // Either it was put there now, or an earlier answer was lost, or two drills have brought it.
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => self.is_there(&path, size).await,
            // A store that knows no conditions: look first, and go on if nothing is there.
            Err(error) if knows_no_conditions(&error) => match store.head(&path).await {
                Ok(_) => self.is_there(&path, size).await,
                Err(object_store::Error::NotFound { .. }) => {
                    store.put(&path, payload).await.map_err(|error| self.seen(&error, WHAT))?;
                    self.is_there(&path, size).await
                }
                Err(error) => Err(self.seen(&error, WHAT)),
            },
            Err(error) => Err(self.seen(&error, WHAT)),
        }
    }

    /// Reads back that what is there is the record.
    async fn is_there(&self, path: &Path, size: u64) -> Result<(), StoreError> {
        let there = self.store()?.head(path).await.map_err(|error| self.seen(&error, "looking at a record in"))?;
        if there.size == size {
            return Ok(());
        }
        let words = format!("`{path}` is there with {} bytes, and the one on this machine has {size}", there.size);
        Err(StoreError::new(StoreFault::Differs, format!("putting a record into {}", self.place), words))
    }

    /// Everything that is there.
    async fn catalog(&self) -> Result<Catalog, StoreError> {
        let store = self.store()?;
        let prefix = Some(&self.prefix).filter(|prefix| !prefix.as_ref().is_empty());
        let listed = store.list_with_delimiter(prefix).await.map_err(|error| self.seen(&error, "listing the records in"))?;
        let mut catalog = Catalog::default();
        let mut known = self.read_index(&mut catalog).await?;
        let mut objects: Vec<ObjectMeta> = listed.objects;
        objects.retain(|object| name(object).ends_with(WHOLE));
        objects.append(&mut self.unlisted(&known, &objects).await?);
        // The newest ones first: what cannot be read in time is old.
        objects.sort_unstable_by(|a, b| b.location.cmp(&a.location));
        let mut unknown = Vec::new();
        for object in objects {
            match known.take(name(&object), &stamp(&object)) {
                Some(brief) => {
                    catalog.index.add(name(&object), &stamp(&object), &brief);
                    catalog.drills.push(brief);
                }
                None => unknown.push(object),
            }
        }
        let rest = unknown.split_off(unknown.len().min(MOST_READ));
        catalog.unread = rest.iter().map(|object| name(object).to_owned()).collect();
        let mut read = stream::iter(unknown).map(|object| self.read_one(object)).buffered(AT_ONCE);
        while let Some(one) = read.next().await {
            match one? {
                Some((object, Ok(brief))) => {
                    catalog.new += 1;
                    catalog.index.add(name(&object), &stamp(&object), &brief);
                    catalog.drills.push(brief);
                }
                Some((object, Err(reason))) => {
                    let reason = Text::new(&format!("`{}/{}`: {reason}", self.place, name(&object)));
                    catalog.damaged.push(Damaged { name: Text::new(name(&object)), reason });
                }
                None => {}
            }
        }
        Ok(catalog)
    }

    /// What is there though the list lacks it: a list may be older than the index, and a record that is left out of it could
    /// be the last *no*. What was removed from the store is not.
    async fn unlisted(&self, known: &Index, listed: &[ObjectMeta]) -> Result<Vec<ObjectMeta>, StoreError> {
        let store = self.store()?;
        let listed: BTreeSet<&str> = listed.iter().map(name).collect();
        let lacking = known.names().rev().filter(|named| !listed.contains(*named)).take(MOST_READ);
        let lacking: Vec<String> = lacking.map(str::to_owned).collect();
        let look = |named: String| async move {
            match store.head(&self.prefix.clone().join(named)).await {
                Ok(there) => Ok(Some(there)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(self.seen(&error, "looking at a record in")),
            }
        };
        let looked: Vec<Option<ObjectMeta>> = stream::iter(lacking).map(look).buffered(AT_ONCE).try_collect().await?;
        Ok(looked.into_iter().flatten().collect())
    }

    /// The index that is there; an empty one if there is none that can be used.
    async fn read_index(&self, catalog: &mut Catalog) -> Result<Index, StoreError> {
        let store = self.store()?;
        let what = "reading the index of";
        match store.get(&self.prefix.clone().join(INDEX)).await {
            Ok(found) if found.meta.size > LARGEST => Ok(Index::default()),
            Ok(found) => {
                catalog.found = Some(UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() });
                let bytes = found.bytes().await.map_err(|error| self.seen(&error, what))?;
                Ok(Index::from_bytes(&bytes))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(Index::default()),
            Err(error) => Err(self.seen(&error, what)),
        }
    }

    /// One record: what it says, or what is wrong with it; none if it has gone meanwhile.
    async fn read_one(&self, object: ObjectMeta) -> Result<Option<(ObjectMeta, Result<Brief, String>)>, StoreError> {
        if object.size > LARGEST {
            return Ok(Some((object, Err("is larger than any record".to_owned()))));
        }
        let got = async { self.store()?.get(&object.location).await.map_err(Seen::Store)?.bytes().await.map_err(Seen::Store) };
        let bytes = match got.await {
            Ok(bytes) => bytes,
            Err(Seen::Store(object_store::Error::NotFound { .. })) => return Ok(None),
            Err(Seen::Store(error)) => return Err(self.seen(&error, "reading a record in")),
            Err(Seen::Closed(error)) => return Err(error),
        };
        // An object is there whole or not at all: a log without an end is that of a drill that was killed.
        let read = log::read_without_output(name(&object), &*bytes);
        Ok(Some((object, read.map(Brief::from).map_err(|reason| reason.to_string()))))
    }

    /// Adds to the shared index what it lacks. It is derived, so nothing is lost where that fails.
    async fn update_index(&self) -> Result<(), StoreError> {
        let catalog = self.catalog().await?;
        if catalog.new == 0 {
            return Ok(());
        }
        let mode = catalog.found.map_or(PutMode::Create, PutMode::Update);
        let (path, options) = (self.prefix.clone().join(INDEX), PutOptions { mode, ..PutOptions::default() });
        let put = self.store()?.put_opts(&path, PutPayload::from(catalog.index.to_bytes()), options).await;
        put.map(drop).map_err(|error| self.seen(&error, "writing the index of"))
    }

    /// The records that wait here, the one of this drill first.
    async fn waiting(&self, drill: &DrillId) -> Vec<Settled> {
        let spool = self.spool.clone();
        let settled = tokio::task::spawn_blocking(move || spool.settled()).await;
        let mut settled = settled.unwrap_or_else(|stopped| Err(stopped.into())).unwrap_or_default();
        settled.sort_by_key(|log| log.drill != drill.as_str());
        settled
    }
}

/// Why a record was not read.
enum Seen {
    Store(object_store::Error),
    Closed(StoreError),
}

impl From<StoreError> for Seen {
    fn from(error: StoreError) -> Self {
        Self::Closed(error)
    }
}

/// The last part of an object's name.
fn name(object: &ObjectMeta) -> &str {
    object.location.filename().unwrap_or_default()
}

/// What changes with an object's content.
fn stamp(object: &ObjectMeta) -> String {
    format!("{}-{}", object.size, object.e_tag.as_deref().unwrap_or_default())
}

fn knows_no_conditions(error: &object_store::Error) -> bool {
    let text = error.to_string();
    matches!(error, object_store::Error::NotImplemented { .. })
        || text.contains("<Code>NotImplemented</Code>")
        || text.contains("code: 501")
}

/// A client that is ready already, rather than one of the store's own making.
#[derive(Debug)]
struct Ready(reqwest::Client);

impl HttpConnector for Ready {
    fn connect(&self, _: &object_store::ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

/// A client of the store; nothing is sent.
fn open(plan: &Store, access: Access, timeouts: &Timeouts) -> Result<AmazonS3, (StoreFault, String)> {
    let key = access.key.map_err(|reason| (StoreFault::NoKey, reason))?;
    let broken = |reason: &dyn std::error::Error| (StoreFault::Broken, reason.to_string());
    let in_path = plan.addressing.map_or(access.endpoint.is_some(), |addressing| addressing == Addressing::Path);
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&plan.bucket)
        .with_region(access.region.as_deref().unwrap_or(REGION))
        .with_access_key_id(key.id.expose())
        .with_secret_access_key(key.secret.expose())
        .with_virtual_hosted_style_request(!in_path)
        .with_retry(object_store::RetryConfig {
            max_retries: 2,
            retry_timeout: timeouts.api,
            backoff: object_store::BackoffConfig { init_backoff: Duration::from_millis(200), ..Default::default() },
        })
        .with_http_connector(Ready(client(&access.network, timeouts).map_err(|reason| broken(&*reason))?));
    if let Some(session) = &key.session {
        builder = builder.with_token(session.expose());
    }
    if let Some(endpoint) = &access.endpoint {
        let endpoint =
            if in_path { endpoint.clone() } else { with_bucket(endpoint, &plan.bucket).map_err(|reason| broken(&reason))? };
        builder = builder.with_allow_http(endpoint.starts_with("http:")).with_endpoint(endpoint);
    }
    builder.build().map_err(|reason| broken(&reason))
}

/// The address with the bucket in its host's name.
fn with_bucket(endpoint: &str, bucket: &str) -> Result<String, url::ParseError> {
    let mut url = url::Url::parse(endpoint)?;
    let host = format!("{bucket}.{}", url.host_str().unwrap_or_default());
    url.set_host(Some(&host))?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A client that follows no redirect: a session's token would go along.
fn client(network: &Network, timeouts: &Timeouts) -> Result<reqwest::Client, Box<dyn std::error::Error>> {
    let client = network
        .client()?
        .user_agent(concat!("canship/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(timeouts.api)
        .read_timeout(timeouts.api);
    Ok(client.build()?)
}

#[async_trait]
impl History for Bucket {
    fn place(&self) -> Text {
        Text::new(&self.place)
    }

    fn prepare(&self) -> Result<(), HistoryError> {
        self.spool.prepare()
    }

    fn sink(&self) -> Box<dyn Sink> {
        self.spool.sink()
    }

    async fn deliver(&self, drill: &DrillId) -> Delivery {
        let mut settled = self.waiting(drill).await;
        let lost = !settled.iter().any(|log| log.drill == drill.as_str());
        let mut delivery = Delivery { record: Whereabouts::Waiting, waiting: settled.len(), problems: Vec::new() };
        if lost {
            delivery.record = Whereabouts::Lost;
        }
        for log in settled.iter_mut().take(MOST_BROUGHT) {
            let brought = match log.read() {
                Ok(Some((bytes, _))) => self.bring(&log.drill, bytes).await,
                Ok(None) => {
                    delivery.problems.push(format!("the log of {} on this machine is damaged, and stays where it is", log.drill));
                    continue;
                }
                Err(reason) => {
                    delivery.problems.push(format!("the log of {} on this machine cannot be read: {reason}", log.drill));
                    continue;
                }
            };
            match brought {
                Ok(()) => {
                    delivery.waiting -= 1;
                    if log.drill == drill.as_str() {
                        delivery.record = Whereabouts::InPlace;
                    }
                    // What cannot be removed is brought again, which is found out there.
                    drop(self.spool.remove(log));
                }
                Err(reason) => {
                    delivery.problems.push(reason.to_string());
                    if reason.is_of_the_whole_store() {
                        break;
                    }
                }
            }
        }
        if delivery.record == Whereabouts::InPlace {
            // Without it the next look back takes longer.
            drop(self.update_index().await);
        }
        delivery
    }

    async fn read(&self, now: Timestamp) -> Result<Shelf, HistoryError> {
        let (catalog, here) = tokio::join!(self.catalog(), self.spool.read(now));
        let here = here?;
        let mut catalog = match catalog {
            Ok(catalog) => catalog,
            Err(reason) => {
                let closed = Some(Text::new(&HistoryError::from(reason).to_string()));
                return Ok(Shelf { waiting: here.drills.len(), closed, ..here });
            }
        };
        let mut all = Shelf { running: here.running, damaged: here.damaged, waiting: here.drills.len(), ..Shelf::default() };
        all.damaged.append(&mut catalog.damaged);
        all.unread = catalog.unread.len();
        if let Some(newest) = catalog.unread.iter().max() {
            let before = catalog.drills.len();
            catalog.drills.retain(|drill| drill.drill.as_str() > newest.as_str());
            all.unread += before - catalog.drills.len();
        }
        all.drills = catalog.drills;
        let there: BTreeSet<_> = all.drills.iter().map(|drill| drill.drill.clone()).collect();
        all.drills.extend(here.drills.into_iter().filter(|drill| !there.contains(&drill.drill)));
        all.drills.sort_by(|a, b| (a.started, &a.drill).cmp(&(b.started, &b.drill)));
        Ok(all)
    }
}
