//! geoip_module: the country of a client, by a database file that all workers share.
//!
//! ```text
//! GeoDatabase conf/countries.txt
//! <Location "/local">
//!     Require country NL BE
//! </Location>
//! LogFormat "%h %{GEO_COUNTRY}e"
//! ```
//!
//! The leader reads the file before it forks, so workers have it without a copy. When it changes, the leader reads it again
//! and tells them all; a file that is wrong changes nothing.

mod database;

use apus::{sys, Answer, Conf, Directive, Error, Host, Level, Module, Order, Request, Requirement, Status};
use database::Database;
use std::sync::{Arc, RwLock};

const NAME: &str = "GEO_COUNTRY";

#[derive(Default)]
struct Settings {
    file: Option<String>,
}

impl Conf for Settings {
    fn merge(&self, outer: &Self) -> Self {
        Settings { file: self.file.clone().or_else(|| outer.file.clone()) }
    }
}

struct Geo {
    _database: Shared,
}

type Shared = Arc<RwLock<Database>>;

impl Module for Geo {
    const NAME: &'static str = "geoip_module";
    const VERSION: &'static str = "1.0";
    const REQUIRES: &'static [&'static [u8]] =
        &[sys::APUS_EXT_LEADER, sys::APUS_EXT_PROVIDERS, sys::APUS_EXT_EXPR, sys::APUS_EXT_SERVER];
    type Server = Settings;
    type Dir = ();

    fn directives() -> Vec<Directive<Self>> {
        let database = Directive::<Self>::one("GeoDatabase", "a file of networks and countries", |command, words| {
            let path = command.resolve(words[0]);
            let text = std::fs::read(std::path::Path::new(&*String::from_utf8_lossy(path)))
                .map_err(|error| format!("{}: {}", String::from_utf8_lossy(path), error))?;
            Database::parse(&text)?;
            command.server_conf().file = Some(String::from_utf8_lossy(path).into_owned());
            Ok(())
        });
        vec![database.scopes(sys::APUS_IN_GLOBAL)]
    }

    fn attach(host: &Host<Self>) -> Result<Self, Error> {
        let database = Shared::default();
        let (own, kept) = (*host, database.clone());
        host.open_config(move |reason, _| open(own, &kept, reason))?;
        let kept = database.clone();
        host.on_message(move |_, text| {
            if let Ok(fresh) = Database::parse(text) {
                replace(&kept, fresh);
            }
        })?;
        let kept = database.clone();
        host.post_read_request(Order::EARLY, move |request| note(request, &kept))?;
        let kept = database.clone();
        host.variable(NAME, move |request, _| country(request, &kept).map(|country| country.to_vec()))?;
        let kept = database.clone();
        host.requirement("country", codes, move |request, codes: &Vec<[u8; 2]>| {
            let known = country(request, &kept);
            Ok(match known.map_or(false, |country| codes.contains(&country)) {
                true => Requirement::Granted,
                false => Requirement::Denied,
            })
        })?;
        Ok(Geo { _database: database })
    }
}

/// Reads the file, and has it watched. From the leader, before there are workers.
fn open(host: Host<Geo>, database: &Shared, reason: u32) -> Result<(), Error> {
    let main = host.servers().into_iter().next();
    let file = match main.and_then(|server| server.conf(&host).file.clone()) {
        Some(file) if reason != sys::APUS_OPEN_CHECK => file,
        _ => return Ok(()),
    };
    replace(database, Database::parse(&std::fs::read(&file)?)?);
    let path = file.clone();
    host.watch_file(&file, move || match std::fs::read(&path).map_err(|error| error.to_string()).and_then(|text| {
        let fresh = Database::parse(&text)?;
        Ok((text, fresh.len()))
    }) {
        Ok((text, count)) => {
            host.log(Level::Notice, || format!("{} networks were read again from {}", count, path));
            if let Err(error) = host.broadcast("database", &text) {
                host.log(Level::Error, || format!("the workers cannot be told: {}", error));
            }
        }
        Err(problem) => host.log(Level::Error, || format!("{} stays as it was: {}", path, problem)),
    })
}

fn replace(database: &Shared, fresh: Database) {
    if let Ok(mut place) = database.write() {
        *place = fresh;
    }
}

fn country(request: &Request<Geo>, database: &Shared) -> Option<[u8; 2]> {
    database.read().ok()?.country(request.peer_address())
}

/// For logs, programs and conditions.
fn note(request: &Request<Geo>, database: &Shared) -> Answer {
    if let Some(country) = country(request, database) {
        request.environment().set(NAME, country)?;
    }
    Ok(Status::DECLINED)
}

fn codes(words: &[u8]) -> Result<Vec<[u8; 2]>, Error> {
    let text = String::from_utf8_lossy(words).into_owned();
    let codes: Option<Vec<[u8; 2]>> = text
        .split_whitespace()
        .map(|word| word.as_bytes().try_into().ok().filter(|code: &[u8; 2]| code.iter().all(u8::is_ascii_uppercase)))
        .collect();
    match codes {
        Some(codes) if !codes.is_empty() => Ok(codes),
        _ => Err(Error::from(format!("Require country needs codes of two capital letters, not \"{}\"", text))),
    }
}

apus::export!(Geo);
