//! The codec against the bytes of a recorded exchange and against a plain model.

use proptest::prelude::*;

use super::*;

fn bytes_of(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let nibble = |digit: u8| (digit as char).to_digit(16).unwrap() as u8;
    digits
        .chunks(2)
        .map(|pair| nibble(pair[0]) << 4 | nibble(pair[1]))
        .collect()
}

/// Heads as the C library wrote them.
#[test]
fn recorded_heads_mean_what_they_meant() {
    let place = |id| Place {
        key: 1,
        address: 0x7f5b_f7df_f000,
        id,
    };
    let recorded = [
        (
            "54524d41 00000001 00000018 00000000 0000000000000000 0000000000000000",
            Frame::Send { length: 24 },
        ),
        (
            "54524d41 00000002 00000004 00000001 00007f5bf7dff000 0000000000000000 00001000",
            Frame::ReadRequest {
                place: place(0),
                wanted: 4096,
            },
        ),
        (
            "54524d41 00000003 00001000 00000001 00007f5bf7dff000 0000000000000000",
            Frame::ReadReply {
                place: place(0),
                length: 4096,
            },
        ),
        (
            "54524d41 00000004 00001000 00000001 00007f5bf7dff000 0000000000000001",
            Frame::WriteRequest {
                place: place(1),
                length: 4096,
            },
        ),
        (
            "54524d41 00000005 00000000 00000001 00007f5bf7dff000 0000000000000001",
            Frame::WriteReply { place: place(1) },
        ),
        (
            "54524d41 00000006 00000016 0000004d 00007f725fdff000 0000000000000005",
            Frame::Error {
                place: Place {
                    key: 77,
                    address: 0x7f72_5fdf_f000,
                    id: 5,
                },
                errno: 22,
            },
        ),
    ];
    for (text, frame) in recorded {
        let bytes = bytes_of(text);
        assert_eq!(Frame::decode(&bytes), Ok(Some((frame, bytes.len()))));
        assert_eq!(&*frame.encode(), &bytes[..]);
    }
}

#[test]
fn lengths_that_lie_are_refused() {
    let head = |opcode: u32, length: u32| {
        let mut bytes = [0; HEAD_LEN_MAX];
        bytes[..4].copy_from_slice(&MAGIC.to_be_bytes());
        bytes[4..8].copy_from_slice(&opcode.to_be_bytes());
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        Frame::decode(&bytes)
    };
    for opcode in [SEND, READ_REPLY, WRITE_REQUEST] {
        assert!(head(opcode, PAYLOAD_LEN_MAX).is_ok());
        for length in [PAYLOAD_LEN_MAX + 1, 1 << 31, 0xffff_ffe0, u32::MAX] {
            assert_eq!(
                head(opcode, length),
                Err(Malformed::Length { opcode, length })
            );
        }
    }
    for (opcode, wrong) in [(READ_REQUEST, [0, 3, 5]), (WRITE_REPLY, [1, 32, u32::MAX])] {
        for length in wrong {
            assert_eq!(
                head(opcode, length),
                Err(Malformed::Length { opcode, length })
            );
        }
    }
    assert!(head(ERROR, 0).is_err() && head(ERROR, 4096).is_err() && head(ERROR, 4095).is_ok());
    for opcode in [0, 7, u32::MAX] {
        assert_eq!(head(opcode, 0), Err(Malformed::Opcode(opcode)));
    }
}

#[test]
fn numbers_are_those_of_a_ring_that_doubles() {
    let mut ids = Ids::default();
    // One at a time: round and round.
    let seen: Vec<u64> = (0..18).map(|_| ids.take(0)).collect();
    assert_eq!(seen[..17], (0..16).chain([0]).collect::<Vec<_>>());
    // Many at once: the fifteen that fit, then on from their count in a ring twice as long.
    let mut ids = Ids::default();
    let seen: Vec<u64> = (0..40).map(|pending| ids.take(pending)).collect();
    assert_eq!(seen, (0..40).collect::<Vec<_>>());
    // Growth moves what is pending to the beginning.
    let mut ids = Ids::default();
    for _ in 0..10 {
        ids.take(0);
    }
    let seen: Vec<u64> = (0..17).map(|pending| ids.take(pending)).collect();
    assert_eq!(seen[..6], [10, 11, 12, 13, 14, 15]);
    assert_eq!(seen[6..15], [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(seen[15..], [15, 16]);
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let place = (any::<u32>(), any::<u64>(), any::<u64>()).prop_map(|(key, address, id)| Place {
        key,
        address,
        id,
    });
    (
        place,
        0..=PAYLOAD_LEN_MAX,
        any::<u32>(),
        1..=ERRNO_MAX,
        1u32..=6,
    )
        .prop_map(|(place, length, wanted, errno, opcode)| match opcode {
            SEND => Frame::Send { length },
            READ_REQUEST => Frame::ReadRequest { place, wanted },
            READ_REPLY => Frame::ReadReply { place, length },
            WRITE_REQUEST => Frame::WriteRequest { place, length },
            WRITE_REPLY => Frame::WriteReply { place },
            _ => Frame::Error { place, errno },
        })
}

/// What the protocol's table says, field by field, in the plainest way.
fn model(bytes: &[u8]) -> Option<(u32, u32, u32, u64, u64)> {
    let field = |from: usize, to: usize| {
        bytes[from..to]
            .iter()
            .fold(0u64, |value, byte| value * 256 + u64::from(*byte))
    };
    (bytes.len() >= 32 && &bytes[..4] == b"TRMA").then(|| {
        (
            field(4, 8) as u32,
            field(8, 12) as u32,
            field(12, 16) as u32,
            field(16, 24),
            field(24, 32),
        )
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_and_nothing_shorter_does(frame in any_frame(), behind in any::<[u8; 8]>()) {
        let head = frame.encode();
        prop_assert_eq!(Frame::decode(&head), Ok(Some((frame, head.len()))));
        for len in 0..head.len() {
            prop_assert_eq!(Frame::decode(&head[..len]), Ok(None));
        }
        let more = [&head[..], &behind[..]].concat();
        prop_assert_eq!(Frame::decode(&more), Ok(Some((frame, head.len()))));
    }

    #[test]
    fn decoding_agrees_with_the_table(mut bytes in proptest::collection::vec(any::<u8>(), 0..48), magic in any::<bool>(), opcode in 0u32..9, short in any::<bool>()) {
        if magic && bytes.len() >= 12 {
            bytes[..4].copy_from_slice(b"TRMA");
            bytes[4..8].copy_from_slice(&opcode.to_be_bytes());
            if short {
                bytes[8..11].fill(0);
            }
        }
        match (Frame::decode(&bytes), model(&bytes)) {
            (Ok(None), Some(_)) => prop_assert!(bytes.len() < 36 && bytes[7] == 2),
            (Ok(None), None) => prop_assert!(bytes.len() < 32),
            (Err(Malformed::Magic(_)), found) => prop_assert!(found.is_none()),
            (Err(Malformed::Opcode(opcode)), Some(found)) => {
                prop_assert_eq!(opcode, found.0);
                prop_assert!(!(1..=6).contains(&opcode));
            }
            (Err(Malformed::Length { .. }), Some((opcode, length, ..))) => {
                let wrong = match opcode {
                    2 => length != 4,
                    5 => length != 0,
                    6 => length == 0 || length > 4095,
                    _ => length > 64 << 20,
                };
                prop_assert!(wrong);
            }
            (Ok(Some((frame, len))), Some((opcode, length, key, address, id))) => {
                prop_assert_eq!(frame.payload_len(), if matches!(opcode, 1 | 3 | 4) { length } else { 0 });
                prop_assert_eq!(len, if opcode == 2 { 36 } else { 32 });
                if opcode != 1 {
                    prop_assert_eq!(&*frame.encode(), &bytes[..len]);
                }
                let place = Place { key, address, id };
                if let Frame::Error { place: found, errno } = frame {
                    prop_assert_eq!((found, errno), (place, length));
                }
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
