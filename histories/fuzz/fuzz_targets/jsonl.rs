//! Fuzzes any bytes read as one format.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| common::read(bytes, Some(witness_histories::Format::JsonLines)));
