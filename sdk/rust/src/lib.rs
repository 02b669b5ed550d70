//! Modules for the web server Apus, in Rust.
//!
//! A module is a type that implements [`Module`]: it says which directives it has, and `attach` registers its hooks,
//! filters and providers as closures. [`export!`] makes the one symbol that the host looks for. Build it as a `cdylib`.
//!
//! ```
//! use apus::{Answer, Conf, Directive, Error, Host, Module, Order, Request, Status};
//!
//! #[derive(Default)]
//! struct Settings {
//!     name: Option<Vec<u8>>,
//! }
//!
//! impl Conf for Settings {
//!     fn merge(&self, outer: &Self) -> Self {
//!         Settings { name: self.name.clone().or_else(|| outer.name.clone()) }
//!     }
//! }
//!
//! struct Hello;
//!
//! impl Module for Hello {
//!     const NAME: &'static str = "hello_module";
//!     const VERSION: &'static str = "1.0";
//!     type Server = ();
//!     type Dir = Settings;
//!
//!     fn directives() -> Vec<Directive<Self>> {
//!         vec![Directive::<Self>::one("HelloName", "whom to greet", |command, words| {
//!             command.dir().name = Some(words[0].to_vec());
//!             Ok(())
//!         })]
//!     }
//!
//!     fn attach(host: &Host<Self>) -> Result<Self, Error> {
//!         host.handler(Order::MIDDLE, hello)?;
//!         Ok(Hello)
//!     }
//! }
//!
//! fn hello(request: &Request<Hello>) -> Answer {
//!     if request.handler() != b"hello" {
//!         return Ok(Status::DECLINED);
//!     }
//!     let name = request.dir_conf().name.as_deref().unwrap_or(b"world");
//!     request.reply(200, "text/plain", &[b"hello ", name, b"\n"].concat())
//! }
//!
//! apus::export!(Hello);
//! ```
//!
//! An error that a hook returns, and a panic that leaves it, are logged and become a 500; neither reaches the host.

#![warn(missing_docs)]

mod body;
mod config;
mod conn;
mod filters;
mod hooks;
mod host;
mod log;
mod module;
mod pool;
mod providers;
mod request;
mod status;
pub mod sys;
mod tables;
mod tasks;
#[cfg(feature = "draft")]
mod upgrade;

pub use body::{Chain, Segment};
pub use config::{Command, Conf, Directive, Words};
pub use conn::Connection;
pub use filters::{Filter, InputFilter, OutputFilter};
pub use hooks::Order;
pub use host::{Host, Lock, Server, Shared};
pub use log::Level;
pub use module::{describe, Module};
pub use pool::Pool;
pub use providers::{Cache, Passwords, Requirement, Users};
pub use request::{Fields, Request};
pub use status::{Answer, Error, Status};
pub use tasks::Task;
#[cfg(feature = "draft")]
pub use upgrade::Owner;

/// Exports the modules of an image: `apus::export!(Hello);`
#[macro_export]
macro_rules! export {
    ($($module:ty),+ $(,)?) => {
        /// What the host calls first.
        ///
        /// # Safety
        /// For the host only.
        #[no_mangle]
        pub unsafe extern "C" fn apus_module_entry(
            host: *const $crate::sys::apus_host,
            name: *const std::os::raw::c_char,
        ) -> *const $crate::sys::apus_module {
            $(
                if let Some(descriptor) = $crate::describe::<$module>(host, name) {
                    return descriptor;
                }
            )+
            std::ptr::null()
        }
    };
}
