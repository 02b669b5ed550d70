//! Four modules in one file, each of which shows something.

mod cache;
mod echo;
mod letters;
mod reader;

apus::export!(letters::Letters, cache::Memory, reader::Reader, reader::Mistaken, echo::Echo);
