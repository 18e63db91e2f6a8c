//! How forges are reached: composed from the plan's bounds and from what CI says of the run that canship is.

use std::sync::Arc;

use super::environment;
use crate::{
    drill::cut::Forges,
    forge::{self, Access},
    network::Network,
    plan::Timeouts,
    record::Place,
    secret::Secret,
};

/// What opens forges. `secrets` are kept out of every error, beside the token.
pub(super) fn forges(network: &Network, timeouts: Timeouts, secrets: Vec<Secret>) -> Forges {
    let network = network.clone();
    Arc::new(move |place: &Place, token: Secret| {
        let (own, secrets) = (environment::own_run(place), secrets.clone());
        forge::connect(&Access { place: place.clone(), token, secrets, own, timeouts, network: network.clone() })
    })
}
