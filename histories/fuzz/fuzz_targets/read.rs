//! Fuzzes histories in the format that they look like, packed or not.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| common::read(bytes, None));
