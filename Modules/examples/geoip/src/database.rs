//! The database: a line for each network, "192.0.2.0/24 NL" or "2001:db8::/32 DE", `#` begins a comment.

use std::net::IpAddr;

/// Networks by their first address, which do not overlap; IPv4 as the part of IPv6 that stands for it.
#[derive(Default)]
pub struct Database {
    networks: Vec<Network>,
}

struct Network {
    first: u128,
    last: u128,
    country: [u8; 2],
}

impl Database {
    /// Reads the text of a database. An error names the line.
    pub fn parse(text: &[u8]) -> Result<Database, String> {
        let mut networks = Vec::new();
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = String::from_utf8_lossy(line);
            let line = line.split('#').next().unwrap_or("").trim();
            if line.is_empty() {
                continue;
            }
            networks.push(network(line).ok_or(format!("line {}: \"{}\" is not ADDRESS/BITS COUNTRY", index + 1, line))?);
        }
        networks.sort_by_key(|network| network.first);
        if let Some(pair) = networks.windows(2).find(|pair| pair[0].last >= pair[1].first) {
            let countries = [pair[0].country, pair[1].country].map(|country| String::from_utf8_lossy(&country).into_owned());
            return Err(format!("networks of {} and {} overlap", countries[0], countries[1]));
        }
        Ok(Database { networks })
    }

    /// The country of an address.
    pub fn country(&self, address: &[u8]) -> Option<[u8; 2]> {
        let address = number(std::str::from_utf8(address).ok()?.parse().ok()?);
        let index = self.networks.partition_point(|network| network.first <= address).checked_sub(1)?;
        let network = &self.networks[index];
        (address <= network.last).then(|| network.country)
    }

    pub fn len(&self) -> usize {
        self.networks.len()
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_ipv6_mapped()),
        IpAddr::V6(address) => u128::from(address),
    }
}

fn network(line: &str) -> Option<Network> {
    let mut words = line.split_whitespace();
    let (address, bits) = words.next()?.split_once('/')?;
    let country = words.next()?.as_bytes();
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= most)?;
    if words.next().is_some() || country.len() != 2 || !country.iter().all(u8::is_ascii_uppercase) {
        return None;
    }
    let mask = u128::MAX.checked_shr(128 - (most - bits)).unwrap_or(0);
    let first = number(address) & !mask;
    Some(Network { first, last: first | mask, country: [country[0], country[1]] })
}
