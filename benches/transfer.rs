//! Copies one image between an OCI image layout and a registry, verified: what `ci/bench` sets against `skopeo copy`.
//!
//! `transfer push REPOSITORY[:TAG] FOLDER` or `transfer pull REPOSITORY[:TAG|@DIGEST] FOLDER`.

use std::{
    error::Error,
    io::{self, Write as _},
    path::Path,
    time::Duration,
};

use canship::{
    network::{Network, Proxies, Trust},
    plan::Timeouts,
    registry::{Client, Credentials, Image, ImageName, Which},
    secret::Known,
};

const TIMEOUTS: Timeouts = Timeouts { api: Duration::from_mins(1), retry_after_max: Duration::from_secs(10) };

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["push", name, folder] => push(&name.parse()?, Path::new(folder)).await,
        ["pull", name, folder] => pull(&name.parse()?, Path::new(folder)).await,
        // `cargo bench` and `cargo test --benches` run it without arguments.
        _ => Ok(writeln!(io::stderr(), "transfer push|pull REPOSITORY FOLDER")?),
    }
}

async fn client(name: &ImageName) -> Result<Client, Box<dyn Error>> {
    let folder = std::env::var_os("DOCKER_CONFIG").unwrap_or_default();
    let credentials = Credentials::from_docker(&Path::new(&folder).join("config.json"), &name.repository, TIMEOUTS.api).await?;
    let network = Network { trust: Trust::new(&[]), proxies: Proxies::default(), known: Known::default() };
    Ok(Client::new(name.repository.clone(), credentials, &TIMEOUTS, &network)?)
}

async fn push(name: &ImageName, folder: &Path) -> Result<(), Box<dyn Error>> {
    let Which::Tag(tag) = &name.which else { return Err("a push needs a tag".into()) };
    let image = Image::from_layout(folder).await?;
    let pushed = client(name).await?.push(&image, tag, &|_| {}).await?;
    Ok(writeln!(io::stderr(), "{} {} bytes", pushed.digest, pushed.bytes_sent)?)
}

async fn pull(name: &ImageName, folder: &Path) -> Result<(), Box<dyn Error>> {
    let (digest, _) = client(name).await?.pull_layout(&name.which, folder, u64::MAX, &|_| {}).await?;
    Ok(writeln!(io::stderr(), "{digest}")?)
}
