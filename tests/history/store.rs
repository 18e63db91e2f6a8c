//! Records in an object store: a real one that verifies signatures, and one that fails in known ways.
#![cfg(test)]

use std::{env, fs, path::PathBuf};

use canship::{
    history::{Access, Bucket, Folder, History as _, Key, Whereabouts},
    network::{Network, Proxies, Trust},
    plan::{Addressing, Store, Timeouts},
    record::{DrillId, Verdict},
    secret::{Known, Secret},
};
use object_store::{ObjectStoreExt as _, aws::AmazonS3Builder};
use serde_json::Value;

use crate::{
    far::{Answer, Far},
    shelf::{LONG, Shelf, Was},
    support::{
        Canship, Project, Services,
        project::{Plan, unique},
        run::Ran,
    },
};

/// The store that `ci/up` starts.
struct Real {
    address: String,
    key: (String, String),
    reader: (String, String),
}

impl Real {
    fn get() -> Self {
        let of = |name: &str| {
            let name = format!("CANSHIP_TEST_STORE{name}");
            env::var(&name).unwrap_or_else(|_| panic!("{name} is not set: run ci/test, or `ci/up` and `. target/ci/env`"))
        };
        Self { address: of(""), key: (of("_KEY_ID"), of("_KEY")), reader: (of("_READER_KEY_ID"), of("_READER_KEY")) }
    }

    /// Removes a record, as whoever keeps the store may.
    fn remove(&self, path: &str) {
        let (id, key) = &self.key;
        let store = AmazonS3Builder::new().with_endpoint(&self.address).with_allow_http(true).with_bucket_name("history");
        let store = store.with_access_key_id(id).with_secret_access_key(key).build().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(store.delete(&path.into())).unwrap();
    }

    fn call(&self, call: Canship) -> Canship {
        with_key(call, &self.key).variable("AWS_ENDPOINT_URL", &self.address)
    }
}

fn with_key(call: Canship, (id, key): &(String, String)) -> Canship {
    call.variable("AWS_ACCESS_KEY_ID", id).variable("AWS_SECRET_ACCESS_KEY", key)
}

fn plan(services: &Services, history: &str) -> Plan {
    Plan { more: format!("timeouts: {{ api: 30s }}\nhistory: {history}\n"), ..Plan::on_host(services) }
}

fn status(project: &Project) -> Canship {
    Canship::new(&["status", "--format", "json", "--plan"]).argument(project.plan_file())
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}{}", ran.stdout, ran.stderr))
}

/// What lies in the project's own folder of records.
fn here(project: &Project) -> Vec<PathBuf> {
    let folder = project.path().join(".canship/history");
    let paths = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect()
}

#[test]
fn a_record_goes_to_the_store_and_any_machine_reads_it_there() {
    let (services, real) = (Services::get(), Real::get());
    let place = format!("s3://history/{}", unique());
    let project = Project::new(&plan(&services, &place));
    let ran = real.call(Canship::drill(&project)).run().ends(0, "can-ship");
    assert!(ran.stderr.trim_end().ends_with(&format!("history: kept in {place}")), "{}{}", ran.stdout, ran.stderr);
    assert!(here(&project).is_empty(), "nothing waits here");
    let elsewhere = Project::new(&plan(&services, &place));
    let told = json(&real.call(status(&elsewhere)).run_as_is());
    // Its plan is another one.
    assert_eq!((&told["verdict"], &told["spares"][0]["last"]["drill"]), (&"degraded".into(), &ran.drill().into()), "{told:#}");
    assert!(!elsewhere.path().join(".canship").exists(), "a look back writes nothing");
    // The next machine's drill is there beside it.
    real.call(Canship::drill(&elsewhere)).run().ends(0, "can-ship");
    let told = json(&with_key(real.call(status(&project)), &real.reader).run_as_is());
    assert_eq!((&told["spares"][0]["drills_total"], &told["unread"]), (&2.into(), &0.into()));
}

#[test]
fn a_key_of_the_plans_secrets_opens_the_store_and_is_in_no_output() {
    let (services, real) = (Services::get(), Real::get());
    let history = format!(
        "{{ store: \"s3://history/{}\", endpoint: \"{}\", key_id: STORE_ID, secret_key: STORE_KEY }}",
        unique(),
        real.address
    );
    let plan = plan(&services, &history).secret("STORE_ID", "{ env: STORE_ID }").secret("STORE_KEY", "{ env: STORE_KEY }");
    let project = Project::new(&plan);
    let leak = project.beside("leak");
    fs::write(&leak, format!("{} {}\n", real.key.0, real.key.1)).unwrap();
    let step = format!("mkdir -p dist; cp tool.sh dist/tool; chmod +x dist/tool; cat '{}'", leak.display());
    project.plan(&plan.run(&[&step]));
    let call = Canship::drill(&project).variable("STORE_ID", &real.key.0).variable("STORE_KEY", &real.key.1);
    let ran = call.run().ends(0, "can-ship");
    assert!(ran.log.contains("***"), "what the step printed is masked: {}", ran.log);
    let call = status(&project).variable("STORE_ID", &real.key.0).variable("STORE_KEY", &real.key.1);
    let told = call.run_as_is();
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    for text in [ran.stdout, ran.stderr, ran.log, told.stdout, told.stderr] {
        assert!(!text.contains(&real.key.1) && !text.contains(&real.key.0), "{text}");
    }
    // Without it a release could still be made, so it is no finding; the record waits.
    let ran = Canship::drill(&project).run();
    assert_eq!((ran.code, ran.json["findings"].as_array().map(Vec::len)), (Some(0), Some(0)), "{}", ran.stderr);
    assert!(ran.stderr.contains("the secret `STORE_ID`: the environment variable `STORE_ID` is not there"), "{}", ran.stderr);
    assert_eq!(here(&project).len(), 1);
}

#[test]
fn a_store_that_is_out_changes_no_answer_and_the_next_drill_brings_what_waits() {
    let (services, real) = (Services::get(), Real::get());
    let place = format!("s3://history/{}", unique());
    let project = Project::new(&plan(&services, &place));
    let out = with_key(Canship::drill(&project), &real.key).variable("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let ran = out.run().ends(0, "can-ship");
    assert!(ran.stderr.trim_end().ends_with("1 waiting on this machine, for the next drill here to bring"), "{}", ran.stdout);
    assert!(ran.stderr.contains(&format!("warning: the history {place} does not have all records")), "{}", ran.stderr);
    assert!(ran.stderr.contains("no connection") && ran.stderr.contains("check the store's address"), "{}", ran.stderr);
    let told = json(&real.call(status(&project)).run_as_is());
    assert_eq!((&told["waiting"], &told["verdict"]), (&1.into(), &"can-ship".into()), "it counts here: {told:#}");
    let told = json(&with_key(status(&project), &real.key).variable("AWS_ENDPOINT_URL", "http://127.0.0.1:9").run_as_is());
    assert_eq!((&told["waiting"], &told["verdict"], &told["exit_code"]), (&1.into(), &"unknown".into(), &20.into()), "{told:#}");
    assert_eq!(told["spares"][0]["drills_total"], 1, "what is known here is told: {told:#}");
    assert!(told["closed"].as_str().is_some_and(|reason| reason.contains("no connection")), "{told:#}");
    // Also where what waits says no: what else is in the store is not known.
    project.plan(&plan(&services, &place).run(&["exit 1"]));
    with_key(Canship::drill(&project), &real.key).variable("AWS_ENDPOINT_URL", "http://127.0.0.1:9").run().ends(10, "cannot-ship");
    let told = json(&with_key(status(&project), &real.key).variable("AWS_ENDPOINT_URL", "http://127.0.0.1:9").run_as_is());
    assert_eq!((&told["waiting"], &told["verdict"], &told["exit_code"]), (&2.into(), &"unknown".into(), &20.into()), "{told:#}");
    project.plan(&plan(&services, &place));
    real.call(Canship::drill(&project)).run().ends(0, "can-ship");
    assert!(here(&project).is_empty());
    let told = json(&real.call(status(&project)).run_as_is());
    assert_eq!((&told["waiting"], &told["spares"][0]["drills_total"]), (&0.into(), &3.into()));
}

#[test]
fn a_record_that_a_store_lists_no_more_still_counts_and_one_that_was_removed_does_not() {
    let (services, real) = (Services::get(), Real::get());
    let prefix = unique();
    let project = Project::new(&plan(&services, &format!("s3://history/{prefix}")));
    real.call(Canship::drill(&project)).run().ends(0, "can-ship");
    project.plan(&plan(&services, &format!("s3://history/{prefix}")).run(&["exit 1"]));
    let broken = real.call(Canship::drill(&project)).run().ends(10, "cannot-ship");
    let record = format!("{}.jsonl", broken.drill());
    let far = Far::start(Answer::Lacks { store: real.address.clone(), record: record.clone() });
    let told = || json(&with_key(status(&project), &real.key).variable("AWS_ENDPOINT_URL", far.address()).run_as_is());
    let last = told();
    assert_eq!((&last["verdict"], &last["spares"][0]["drills_total"]), (&"cannot-ship".into(), &2.into()), "{last:#}");
    real.remove(&format!("{prefix}/{record}"));
    let last = told();
    assert_eq!(
        (&last["verdict"], &last["spares"][0]["drills_total"]),
        (&"degraded".into(), &1.into()),
        "of another plan: {last:#}"
    );
}

#[test]
fn each_fault_of_a_store_is_told_with_what_to_do_and_without_a_key() {
    let real = Real::get();
    let shelf = Shelf::of_laptop();
    let text = fs::read_to_string(shelf.plan()).unwrap();
    let history =
        |bucket: &str| fs::write(shelf.plan(), format!("{text}timeouts: {{ api: 1s }}\nhistory: s3://{bucket}/x\n")).unwrap();
    let key = &real.key;
    let fails = |call: Canship, told: &[&str]| {
        let ran = call.run_as_is();
        assert_eq!(ran.code, Some(20), "{}", ran.stderr);
        assert!(ran.stdout.contains("exit code 20: unknown: the history cannot be read"), "{}", ran.stdout);
        for told in told {
            assert!(ran.stderr.contains(told), "`{told}` is missing in {}", ran.stderr);
        }
        for text in [&ran.stderr, &ran.stdout] {
            assert!(!text.contains(&key.1) && !text.contains(&key.0), "{text}");
        }
    };
    history("history");
    fails(shelf.call(&[]), &["opening s3://history/x: there is no key; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"]);
    let wrong = (key.0.clone(), "wrong-key-wrong-key".to_owned());
    fails(
        with_key(real.call(shelf.call(&[])), &wrong),
        &["listing the records in s3://history/x", "SignatureDoesNotMatch", "check the key"],
    );
    let unknown = ("AKIANOBODYKNOWSTHIS0".to_owned(), key.1.clone());
    fails(with_key(real.call(shelf.call(&[])), &unknown), &["InvalidAccessKeyId", "check the key"]);
    history("nowhere");
    fails(real.call(shelf.call(&[])), &["NoSuchBucket", "make the bucket, or correct `history:`"]);
    let error = |code: &str| format!("<Error><Code>{code}</Code><Message>Words of {code}.</Message></Error>");
    for (answer, told) in [
        (Answer::Status(403, error("AccessDenied")), &["AccessDenied", "the right to list, read and write"][..]),
        (Answer::Status(403, error("RequestTimeTooSkewed")), &["Words of RequestTimeTooSkewed", "set this machine's clock right"]),
        (Answer::Status(400, error("ExpiredToken")), &["ExpiredToken", "has not expired"]),
        (Answer::Status(301, error("PermanentRedirect")), &["a redirect", "name the bucket's region"]),
        (Answer::Status(500, error("InternalError")), &["InternalError", "try again"]),
        (Answer::Status(503, "busy".into()), &["status 503", "try again"]),
        (Answer::Never, &["no answer in time", "try again"]),
    ] {
        let far = Far::start(answer);
        fails(real.call(shelf.call(&[])).variable("AWS_ENDPOINT_URL", far.address()), told);
    }
}

#[test]
fn ten_thousand_records_are_not_read_one_by_one() {
    let mut shelf = Shelf::of_laptop();
    let text = fs::read_to_string(shelf.plan()).unwrap();
    fs::write(shelf.plan(), format!("{text}history: s3://history/x\n")).unwrap();
    let log = fs::read_to_string(shelf.add(Verdict::CanShip, "laptop", 2)).unwrap();
    let far = Far::start(Answer::Records { log, count: 10_000 });
    let call = with_key(shelf.call(&["--format", "json"]), &("id-id-id".into(), "key-key-key".into()));
    let told = json(&call.variable("AWS_ENDPOINT_URL", far.address()).run_as_is());
    assert_eq!((&told["verdict"], &told["unread"]), (&"can-ship".into(), &9744.into()), "{:#}", told["damaged"]);
    assert!(far.asked() < 300, "{} requests", far.asked());
}

/// A bucket that a test speaks to itself.
fn bucket(real: &Real, prefix: &str, spool: PathBuf) -> Bucket {
    let store = Store {
        bucket: "history".into(),
        prefix: prefix.into(),
        endpoint: None,
        region: None,
        addressing: Some(Addressing::Path),
        key: None,
    };
    let key = Key { id: Secret::new(real.key.0.clone()), secret: Secret::new(real.key.1.clone()), session: None };
    let network = Network { trust: Trust::new(&[]), proxies: Proxies::default(), known: Known::default() };
    let access = Access { endpoint: Some(real.address.clone()), region: None, key: Ok(key), network };
    Bucket::new(&store, access, Folder::new(spool), &Timeouts { api: LONG, retry_after_max: LONG })
}

#[tokio::test]
async fn nothing_in_a_store_is_written_over_and_nothing_that_waits_is_lost() {
    let real = Real::get();
    let mut shelf = Shelf::of_laptop();
    let prefix = unique();
    let bucket = bucket(&real, &prefix, shelf.records());
    let events = shelf.events(&Was { verdict: Verdict::CanShip, spare: "laptop", days_ago: 1 });
    let path = shelf.put(&events, ".jsonl");
    let id = DrillId::try_from(path.file_stem().unwrap().to_str().unwrap().to_owned()).unwrap();
    let whole = fs::read(&path).unwrap();
    assert_eq!(bucket.deliver(&id).await.record, Whereabouts::InPlace);
    assert!(!path.exists());
    // The same once more, as after a crash between bringing and removing.
    fs::write(&path, &whole).unwrap();
    assert_eq!((bucket.deliver(&id).await.record, path.exists()), (Whereabouts::InPlace, false));
    // Another one of that name stays here, and is said.
    let other = shelf.events(&Was { verdict: Verdict::CannotShip, spare: "laptop", days_ago: 1 });
    fs::rename(shelf.put(&other, ".jsonl"), &path).unwrap();
    let delivery = bucket.deliver(&id).await;
    assert_eq!((delivery.record, delivery.waiting, path.exists()), (Whereabouts::Waiting, 1, true));
    assert!(delivery.problems[0].contains("look at both"), "{:?}", delivery.problems);
    fs::remove_file(&path).unwrap();
    // One that is damaged stays, one of a killed drill goes along, one of a drill that runs does not.
    fs::write(shelf.records().join("29990101-000000-cut.jsonl"), &whole[..whole.len() / 2]).unwrap();
    let killed = shelf.events(&Was { verdict: Verdict::CanShip, spare: "laptop", days_ago: 0 });
    let killed = shelf.put(&killed[..12], ".live.jsonl");
    let running = shelf.events(&Was { verdict: Verdict::CanShip, spare: "laptop", days_ago: 0 });
    let running = shelf.put(&running[..12], ".live.jsonl");
    let lock = fs::File::open(&running).unwrap();
    lock.lock().unwrap();
    let delivery = bucket.deliver(&id).await;
    assert_eq!((delivery.record, delivery.waiting), (Whereabouts::Lost, 1), "{:?}", delivery.problems);
    assert_eq!((killed.exists(), running.exists()), (false, true));
    let there = bucket.read(jiff::Timestamp::now()).await.unwrap();
    assert_eq!(
        there.drills.iter().map(|drill| (drill.verdict, drill.finished)).collect::<Vec<_>>(),
        [(Verdict::CanShip, true), (Verdict::Unknown, false)]
    );
    assert_eq!((there.running.len(), there.damaged.len()), (1, 1));
}
