//! A second look where git could not get through: it tells of a certificate neither names nor dates, and of a proxy
//! little more than a number.

use std::time::Duration;

use url::Url;

use super::SourceError;
use crate::network::Network;

/// The same failure, with what stands in the way if a second look within `limit` shows that.
pub async fn look_again(error: SourceError, network: &Network, limit: Duration) -> SourceError {
    // A proxy that asks for a login looks to git like a server that does.
    let (SourceError::Unreachable { url, words } | SourceError::Unauthorized { url, words }) = &error else { return error };
    let Ok(address) = Url::parse(url.as_str()) else { return error };
    match network.obstacle(&address, limit).await {
        Some(obstacle) => SourceError::Obstructed { url: url.clone(), obstacle: Box::new(obstacle), words: words.clone() },
        None => error,
    }
}
