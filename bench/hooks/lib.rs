//! As many empty hooks of requests as HOOKS in the environment says.

use apus::{Error, Host, Module, Order, Status};

struct Empty;

impl Module for Empty {
    const NAME: &'static str = "empty_module";
    const VERSION: &'static str = "1.0";
    type Server = ();
    type Dir = ();

    fn attach(host: &Host<Self>) -> Result<Self, Error> {
        let count = std::env::var("HOOKS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        for _ in 0..count {
            host.fixups(Order::MIDDLE, |_| Ok(Status::DECLINED))?;
        }
        Ok(Empty)
    }
}

apus::export!(Empty);
