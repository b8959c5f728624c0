//! The head of a frame from any bytes: it decodes as the table in docs/tcp-rdma.md says, or does not, and what decodes
//! encodes to the same bytes.

#![no_main]

use ::evpl::transport::tcp_rdma::wire::{Frame, HEAD_LEN_MAX, Malformed};
use evpl_fuzz::rdma::{Head, head};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Mostly a header whose first fields are likely.
    let mut bytes = data.to_vec();
    if let Some(choice) = data.get(32..).and_then(|rest| rest.last())
        && choice % 4 > 0
    {
        bytes[..4].copy_from_slice(b"TRMA");
        bytes[4..7].fill(0);
        bytes[7] %= 9;
        if choice % 4 > 1 {
            bytes[8..10].fill(0);
        }
    }
    match (Frame::decode(&bytes), head(&bytes)) {
        (Ok(None), None) => {}
        (
            Err(Malformed::Magic(_) | Malformed::Opcode(_) | Malformed::Length { .. }),
            Some(Err(())),
        ) => {}
        (Ok(Some((frame, len))), Some(Ok(found))) => {
            let Head {
                opcode,
                length,
                len: found_len,
                ..
            } = found;
            assert_eq!(len, found_len);
            assert!(len <= HEAD_LEN_MAX);
            assert_eq!(
                frame.payload_len(),
                if matches!(opcode, 1 | 3 | 4) {
                    length
                } else {
                    0
                }
            );
            if opcode != 1 {
                assert_eq!(&*frame.encode(), &bytes[..len]);
            }
        }
        (ours, found) => panic!("{ours:?} is not {found:?}"),
    }
});
