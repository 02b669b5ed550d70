//! memory_module: a provider of group socache/1 that keeps objects in the worker's own memory.
//!
//! `AuthnCacheSOCache memory:100` keeps at most a hundred.

use apus::{sys, Cache, Error, Host, Module};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

pub struct Memory;

impl Module for Memory {
    const NAME: &'static str = "memory_module";
    const VERSION: &'static str = "1.0";
    const REQUIRES: &'static [&'static [u8]] = &[sys::APUS_EXT_PROVIDERS];
    type Server = ();
    type Dir = ();

    fn attach(host: &Host<Self>) -> Result<Self, Error> {
        host.cache("memory", 0, Objects::new)?;
        Ok(Memory)
    }
}

struct Objects {
    most: usize,
    kept: Mutex<HashMap<Vec<u8>, (i64, Vec<u8>)>>,
}

impl Objects {
    fn new(argument: &[u8]) -> Result<Self, Error> {
        let text = String::from_utf8_lossy(argument);
        let most = if text.is_empty() { Ok(1000) } else { text.parse() };
        match most {
            Ok(most) if most > 0 => Ok(Objects { most, kept: Mutex::new(HashMap::new()) }),
            _ => Err(Error::from(format!("\"{}\" is not a number of objects above 0", text))),
        }
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as i64)
}

impl Cache for Objects {
    fn store(&self, id: &[u8], expires: i64, data: &[u8]) -> Result<(), Error> {
        let mut kept = self.kept.lock().map_err(|_| "the cache is broken")?;
        if kept.len() >= self.most && !kept.contains_key(id) {
            let now = now();
            kept.retain(|_, object| object.0 > now);
            // Whatever comes first has to go.
            if kept.len() >= self.most {
                if let Some(any) = kept.keys().next().cloned() {
                    kept.remove(&any);
                }
            }
        }
        kept.insert(id.to_vec(), (expires, data.to_vec()));
        Ok(())
    }

    fn retrieve(&self, id: &[u8]) -> Option<Vec<u8>> {
        let kept = self.kept.lock().ok()?;
        let (expires, data) = kept.get(id)?;
        if *expires <= now() {
            return None;
        }
        Some(data.clone())
    }

    fn remove(&self, id: &[u8]) {
        if let Ok(mut kept) = self.kept.lock() {
            kept.remove(id);
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![("objects", self.kept.lock().map_or(0, |kept| kept.len()).to_string())]
    }
}
