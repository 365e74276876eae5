//! Numbers, which come as integers, floats or texts, and must lose nothing on their way back.

use serde_json::json;

use super::*;
use crate::protocol::{path, summaries};

/// A small number in every form that MessagePack has for one.
fn forms(number: u8) -> Vec<Vec<u8>> {
    let tagged = |tag: u8, bytes: &[u8]| [&[tag], bytes].concat();
    let text = number.to_string();
    let short = u8::try_from(text.len()).unwrap();
    vec![
        vec![number],
        tagged(0xcc, &[number]),
        tagged(0xcd, &u16::from(number).to_be_bytes()),
        tagged(0xce, &u32::from(number).to_be_bytes()),
        tagged(0xcf, &u64::from(number).to_be_bytes()),
        tagged(0xd0, &[number]),
        tagged(0xd1, &i16::from(number).to_be_bytes()),
        tagged(0xd2, &i32::from(number).to_be_bytes()),
        tagged(0xd3, &i64::from(number).to_be_bytes()),
        tagged(0xca, &f32::from(number).to_be_bytes()),
        tagged(0xcb, &f64::from(number).to_be_bytes()),
        tagged(0xa0 | short, text.as_bytes()),
        [&[0xd9, short], text.as_bytes()].concat(),
        [&[0xda, 0, short], text.as_bytes()].concat(),
    ]
}

fn text(digits: &str) -> Vec<u8> {
    [&[0xd9, u8::try_from(digits.len()).unwrap()], digits.as_bytes()].concat()
}

#[tokio::test]
async fn c45_a_number_is_read_in_every_form() {
    for offered in BOTH {
        let (_process, connection) = speaking(offered).await;
        let config = json!({ "region": "cn-north-4", "token": "t", "max_retries": HERE });
        let config = connection.complete_provider(config).await.unwrap();
        let configure = async |bytes: &[u8]| {
            let found = connection.configure_raw(Some(with_bytes(config.clone(), bytes))).await.unwrap();
            found.iter().map(|it| (it.summary.clone(), path(it))).collect::<Vec<_>>()
        };
        // 100 is the largest number that this setting takes, so both sides show that it was read for what it is.
        for bytes in forms(100) {
            assert_eq!(configure(&bytes).await, [], "{bytes:x?}");
        }
        let refused = [("Invalid Provider Setting".to_owned(), "max_retries".to_owned())];
        let long = format!("1{}", "0".repeat(100));
        let negative: [&[u8]; 3] = [&[0xff], &[0xd0, 0x80], &[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0]];
        let largest = [&[0xcf][..], &[0xff; 8]].concat();
        let fraction = [&[0xcb][..], &1.5f64.to_be_bytes()].concat();
        let others = [largest, fraction, text("0.1"), text("-0.00000015"), text(&long)];
        for bytes in forms(101).into_iter().chain(negative.map(<[u8]>::to_vec)).chain(others) {
            assert_eq!(configure(&bytes).await, refused, "{bytes:x?}");
        }
        for bytes in [text("abc"), text("NaN"), vec![0xc3], [&[0xcb][..], &f64::NAN.to_be_bytes()].concat()] {
            let found = connection.configure_raw(Some(with_bytes(config.clone(), &bytes))).await.unwrap();
            assert_eq!(summaries(&found), ["Unreadable Configuration"], "{bytes:x?}");
        }
    }
}

#[tokio::test]
async fn c46_a_number_comes_back_as_the_same_number() {
    let digits = format!("1{}", "0".repeat(100));
    for protocol in PROTOCOLS {
        let connection = fake::configured(protocol).await;
        let config = json!({ "number": HERE, "texts": { "a": "b" } });
        let config = connection.complete("dds_echo", config).await.unwrap();
        // As core writes 0.1, 2^53 + 1, its negative, 2^64 - 1, 1e100 and 3.25.
        for bytes in [
            b"\xa30.1".to_vec(),
            vec![0xcf, 0, 0x20, 0, 0, 0, 0, 0, 1],
            vec![0xd3, 0xff, 0xdf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            b"\xb418446744073709551615".to_vec(),
            text(&digits),
            [&[0xcb][..], &3.25f64.to_be_bytes()].concat(),
        ] {
            let config = with_bytes(config.clone(), &bytes);
            let reading = connection.read_raw("dds_echo", Some(config)).await.unwrap();
            let found = reading.state.unwrap()["number"].clone();
            // An integer may come in another form, a fraction must not.
            let same = match bytes[0] {
                0xb4 => found == json!(u64::MAX),
                _ => reading.bytes.unwrap().windows(bytes.len()).any(|window| window == bytes),
            };
            assert!(same, "{bytes:x?} became {found}");
        }
    }
}
