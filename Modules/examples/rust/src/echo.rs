//! echo_module: a protocol of its own on a connection, after `Upgrade: echo`. Every line comes back.

use apus::{sys, Answer, Connection, Error, Host, Module, Order, Owner, Status};

pub struct Echo;

impl Module for Echo {
    const NAME: &'static str = "echo_module";
    const VERSION: &'static str = "1.0";
    const REQUIRES: &'static [&'static [u8]] = &[sys::draft::APUS_EXT_UPGRADE, sys::APUS_EXT_CONN];
    type Server = ();
    type Dir = ();

    fn attach(host: &Host<Self>) -> Result<Self, Error> {
        host.handler(Order::MIDDLE, |request| {
            if request.handler() != b"echo" {
                return Ok(Status::DECLINED);
            }
            if !request.asks_for("echo") {
                request.error_headers_out().set("Upgrade", "echo")?;
                return Ok(Status::http(426));
            }
            request.switch_to("echo", Lines { rest: Vec::new() })
        })?;
        Ok(Echo)
    }
}

struct Lines {
    rest: Vec<u8>,
}

impl Owner<Echo> for Lines {
    fn receive(&mut self, bytes: &[u8], connection: &Connection<Echo>) -> Answer {
        if bytes.is_empty() {
            connection.close();
            return Ok(Status::OK);
        }
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            connection.send(&line);
        }
        if self.rest.len() > 4096 {
            return Err(Error::from("a line is too long"));
        }
        Ok(Status::OK)
    }
}
