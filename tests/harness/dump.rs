//! The footer of a DUMP payload: two bytes of RDB version, then the CRC-64 of everything before it.
//!
//! A damaged payload only reaches the module behind a correct checksum, so tests seal what they have damaged.

/// CRC-64 as Redis uses it (the Jones polynomial, reflected, no inversion).
pub fn crc64(bytes: &[u8]) -> u64 {
    const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ u64::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 })
    })
}

/// Cuts the footer off: the value's bytes, and the RDB version to seal them with again.
pub fn unseal(dump: &[u8]) -> (Vec<u8>, [u8; 2]) {
    let (rest, checksum) = dump.split_at(dump.len() - 8);
    assert_eq!(checksum, crc64(rest).to_le_bytes(), "the footer's checksum");
    let (value, version) = rest.split_at(rest.len() - 2);
    (value.to_vec(), [version[0], version[1]])
}

/// Appends a footer that RESTORE accepts.
pub fn reseal(value: &[u8], version: [u8; 2]) -> Vec<u8> {
    let mut dump = value.to_vec();
    dump.extend_from_slice(&version);
    dump.extend_from_slice(&crc64(&dump).to_le_bytes());
    dump
}
