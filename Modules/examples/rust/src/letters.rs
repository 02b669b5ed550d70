//! letters_module: filters that stream, and what expressions can ask.
//!
//! `SetOutputFilter SHOUT` makes an answer's letters capital, `SetInputFilter ROT13` turns those of a request's body.
//! `%{LETTERS}` is how many letters the path has, `rot13("text")` turns a text.

use apus::{sys, Answer, Chain, Error, Filter, Host, InputFilter, Module, Order, OutputFilter, Request, Status};

pub struct Letters;

impl Module for Letters {
    const NAME: &'static str = "letters_module";
    const VERSION: &'static str = "1.0";
    const REQUIRES: &'static [&'static [u8]] = &[sys::APUS_EXT_FILTERS, sys::APUS_EXT_EXPR];
    type Server = ();
    type Dir = ();

    fn attach(host: &Host<Self>) -> Result<Self, Error> {
        host.output_filter::<Shout>("SHOUT", sys::APUS_STAGE_CONTENT)?;
        host.input_filter::<Rot13>("ROT13", sys::APUS_STAGE_CONTENT)?;
        host.variable("LETTERS", |request, _| {
            let letters = request.path().iter().filter(|byte| byte.is_ascii_alphabetic()).count();
            Some(letters.to_string().into_bytes())
        })?;
        host.expression_function("rot13", |_, text| Some(text.iter().map(|byte| turned(*byte)).collect()))?;
        host.handler(Order::MIDDLE.may_block(), mirror)?;
        Ok(Letters)
    }
}

/// Answers with the request's body. It may wait for it, because it runs on the pool.
fn mirror(request: &Request<Letters>) -> Answer {
    if request.handler() != b"mirror" {
        return Ok(Status::DECLINED);
    }
    let body = request.read_all(1 << 20)?;
    request.reply(200, "text/plain", &body)
}

fn turned(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => (byte - b'a' + 13) % 26 + b'a',
        b'A'..=b'Z' => (byte - b'A' + 13) % 26 + b'A',
        _ => byte,
    }
}

/// Takes one segment after the other from `from`, and puts what `change` makes of its bytes into `to`.
fn convert(from: &mut Chain, to: &mut Chain, change: fn(u8) -> u8) -> bool {
    while let Some(segment) = from.first() {
        if segment.length() == 0 {
            let copied = if segment.is_end() { to.append_end() } else { to.append_flush() };
            from.drop_first();
            if !copied {
                return false;
            }
            continue;
        }
        let bytes = match segment.read() {
            Ok(bytes) => bytes,
            Err(_) => return false,
        };
        from.drop_first();
        if !to.append_owned(bytes.into_iter().map(change).collect()) {
            return false;
        }
    }
    true
}

struct Shout;

impl OutputFilter<Letters> for Shout {
    fn begin(_filter: &Filter<Letters>) -> Option<Self> {
        Some(Shout)
    }

    fn process(&mut self, chain: &mut Chain, filter: &Filter<Letters>) -> Status {
        let mut loud = match filter.request().chain() {
            Ok(loud) => loud,
            Err(error) => return error.status,
        };
        if !convert(chain, &mut loud, |byte| byte.to_ascii_uppercase()) {
            return Status(sys::APUS_E_NOMEM);
        }
        filter.pass(&mut loud)
    }
}

struct Rot13;

impl InputFilter<Letters> for Rot13 {
    fn begin(_filter: &Filter<Letters>) -> Option<Self> {
        Some(Rot13)
    }

    fn fill(&mut self, chain: &mut Chain, max: usize, filter: &Filter<Letters>) -> Status {
        let mut plain = match filter.request().chain() {
            Ok(plain) => plain,
            Err(error) => return error.status,
        };
        let status = filter.pull(max, &mut plain);
        if !convert(&mut plain, chain, turned) {
            return Status(sys::APUS_E_NOMEM);
        }
        status
    }
}
