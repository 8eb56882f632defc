//! Packed and unpacked, whole, in parts, cut and damaged.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::Source;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// All that is read, and whether it was cut short.
fn read(source: impl Read) -> io::Result<(Vec<u8>, bool)> {
    let mut source = Source::new(source);
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes)?;
    Ok((bytes, source.is_cut_short()))
}

/// Text that can be packed, of several blocks.
fn text(lines: usize) -> Vec<u8> {
    (0..lines)
        .flat_map(|n| format!("{{\"index\":{n},\"time\":{}}}\n", n * n).into_bytes())
        .collect()
}

#[test]
fn parts_that_were_packed_one_by_one_are_read_as_one() {
    let text = text(20_000);
    for pack in [gzip, zstd] {
        let (first, second) = text.split_at(100_000);
        let packed = [pack(first), pack(second), pack(b"")].concat();
        assert!(packed.len() < text.len() / 2);
        assert_eq!(read(&*packed).unwrap(), (text.clone(), false));
    }
}

#[test]
fn frames_of_zstd_may_be_skipped() {
    let skipped = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    let packed = [&*skipped, &zstd(b"x"), &skipped, &zstd(b"y"), &skipped].concat();
    assert_eq!(read(&*packed).unwrap(), (b"xy".to_vec(), false));
    assert_eq!(
        read(&packed[..packed.len() - 1]).unwrap(),
        (b"xy".to_vec(), true)
    );
}

#[test]
fn what_is_cut_is_read_as_far_as_it_goes() {
    let text = text(20_000);
    for pack in [gzip, zstd] {
        let packed = pack(&text);
        let mut most = 0;
        for cut in (4..packed.len())
            .step_by(packed.len() / 20)
            .chain([packed.len() - 1])
        {
            let (read, cut_short) = read(&packed[..cut]).unwrap();
            assert!(cut_short, "{cut} of {}", packed.len());
            assert!(text.starts_with(&read));
            most = most.max(read.len());
        }
        assert!(most > text.len() / 2, "{most}");
    }
}

#[test]
fn what_is_damaged_is_an_error_or_cut_short_but_never_whole() {
    let text = text(2_000);
    for pack in [gzip, zstd] {
        let packed = pack(&text);
        let mut errors = 0;
        for at in (12..packed.len()).step_by(211).chain([packed.len() - 2]) {
            let mut damaged = packed.clone();
            damaged[at] ^= 0x55;
            match read(&*damaged) {
                Ok((_, cut_short)) => assert!(cut_short, "byte {at} of {}", packed.len()),
                Err(_) => errors += 1,
            }
        }
        assert!(errors > 0);
    }
}

#[test]
fn as_much_is_read_before_the_damage_however_it_is_asked_for() {
    let text = text(200);
    for pack in [gzip, zstd] {
        let packed = pack(&text);
        for at in (12..packed.len()).step_by(5) {
            let mut damaged = packed.clone();
            damaged[at] ^= 0x55;
            let mut read = [1, 7, 100, 1 << 20].map(|most| {
                let mut source = Source::new(&*damaged);
                let (mut bytes, mut piece) = (Vec::new(), vec![0; most]);
                while let Ok(read @ 1..) = source.read(&mut piece) {
                    bytes.extend_from_slice(&piece[..read]);
                }
                bytes
            });
            read.sort();
            assert_eq!(read[0], read[3], "byte {at}");
        }
    }
}

#[test]
fn a_window_that_is_too_large_is_refused() {
    // A frame header with a window of 2 TiB or so.
    let bomb = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0, 0, 0, 0, 0, 0];
    assert!(
        read(&bomb[..])
            .unwrap_err()
            .to_string()
            .starts_with("zstd: ")
    );
}

proptest! {
    #[test]
    fn bytes_are_what_they_were(bytes in prop::collection::vec(any::<u8>(), 0..5_000), step in 1_usize..50) {
        let plain = !bytes.starts_with(&[0x1f, 0x8b]) && !super::is_zstd(&bytes[..bytes.len().min(4)]);
        prop_assume!(plain);
        for packed in [bytes.clone(), gzip(&bytes), zstd(&bytes)] {
            prop_assert_eq!(read(&*packed).unwrap(), (bytes.clone(), false));
            let trickle = packed.chunks(step).fold(
                Box::new(io::empty()) as Box<dyn Read>,
                |before, chunk| Box::new(before.chain(chunk)),
            );
            if packed.len() / step < 200 {
                prop_assert_eq!(read(trickle).unwrap(), (bytes.clone(), false));
            }
        }
    }

    #[test]
    fn any_bytes_end(
        magic in prop::sample::select(vec![&[0x1f, 0x8b, 8][..], &[0x28, 0xb5, 0x2f, 0xfd], &[0x50, 0x2a, 0x4d, 0x18]]),
        rest in prop::collection::vec(any::<u8>(), 0..500),
    ) {
        let bytes = [magic, &rest].concat();
        let mut source = Source::new(&*bytes).take(1 << 20);
        let _ = source.read_to_end(&mut Vec::new());
    }
}
