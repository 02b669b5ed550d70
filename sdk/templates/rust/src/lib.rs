//! Answers with a greeting that a directive sets.

use apus::{Answer, Conf, Directive, Error, Host, Module, Order, Request, Status};

/// What holds in a server or a section; None: not said here.
#[derive(Default)]
struct Settings {
    greeting: Option<Vec<u8>>,
}

impl Conf for Settings {
    fn merge(&self, outer: &Self) -> Self {
        Settings { greeting: self.greeting.clone().or_else(|| outer.greeting.clone()) }
    }
}

struct @Name@;

impl Module for @Name@ {
    const NAME: &'static str = "@NAME@_module";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type Server = ();
    type Dir = Settings;

    fn directives() -> Vec<Directive<Self>> {
        vec![Directive::<Self>::one("@Name@Greeting", "what the answer begins with", |command, words| {
            if words[0].is_empty() {
                return Err(Error::from("the greeting is empty"));
            }
            command.dir().greeting = Some(words[0].to_vec());
            Ok(())
        })]
    }

    fn attach(host: &Host<Self>) -> Result<Self, Error> {
        host.handler(Order::MIDDLE, handle)?;
        Ok(@Name@)
    }
}

fn handle(request: &Request<@Name@>) -> Answer {
    if request.handler() != b"@NAME@" {
        return Ok(Status::DECLINED);
    }
    if request.method() != b"GET" && request.method() != b"HEAD" {
        return Ok(Status::http(405));
    }
    let greeting = request.dir_conf().greeting.as_deref().unwrap_or(b"Hello");
    request.reply(200, "text/plain; charset=utf-8", &[greeting, b" from @NAME@\n"].concat())
}

apus::export!(@Name@);
