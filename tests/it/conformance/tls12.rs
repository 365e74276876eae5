//! A host of 2019: Terraform 0.12, which is built with Go 1.12. It knows protocol 5 and TLS 1.2 without the extended
//! master secret, which no TLS library of today can be told to leave out; so the client's first message is made here.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::process::{SOON, start};

const TLS_1_2: [u8; 2] = [3, 3];
const ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: [u8; 2] = [0xc0, 0x2b];
const EXTENDED_MASTER_SECRET: u16 = 23;

fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length[..], bytes].concat()
}

fn extension(number: u16, content: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &sized(content)].concat()
}

/// What Go 1.12 sends, with one suite. It offers X25519 and P-256, and signs by P-521 among others.
fn client_hello() -> Vec<u8> {
    let extensions = [
        extension(0, &sized(&[&[0][..], &sized(b"localhost")].concat())),
        extension(10, &sized(&[0, 29, 0, 23, 0, 24, 0, 25])),
        extension(11, &[1, 0]),
        extension(13, &sized(&[4, 3, 5, 3, 6, 3])),
        extension(16, &sized(b"\x02h2")),
        extension(0xff01, &[0]),
    ];
    let body = [
        &TLS_1_2[..],
        &[7; 32],
        &[0],
        &sized(&ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
        &[1, 0],
        &sized(&extensions.concat()),
    ]
    .concat();
    let handshake = [&[1, 0][..], &sized(&body)].concat();
    [&[22, 3, 1][..], &sized(&handshake)].concat()
}

/// The handshake messages of the server's first flight, by their kinds.
async fn first_flight(process: &Process) -> Vec<(u8, Vec<u8>)> {
    let mut stream = tokio::net::UnixStream::connect(process.socket()).await.unwrap();
    stream.write_all(&client_hello()).await.unwrap();
    let (mut bytes, mut messages) = (Vec::new(), Vec::new());
    while messages.last().is_none_or(|(kind, _)| *kind != 14) {
        let mut head = [0; 5];
        stream.read_exact(&mut head).await.unwrap();
        let mut record = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut record).await.unwrap();
        assert_eq!(head[0], 22, "not a handshake message but {record:?}");
        bytes.extend(record);
        while let [kind, _, high, low, rest @ ..] = &bytes[..] {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if rest.len() < length {
                break;
            }
            messages.push((*kind, rest[..length].to_vec()));
            bytes.drain(..4 + length);
        }
    }
    messages
}

#[tokio::test]
async fn c13_tls_1_2_without_the_extended_master_secret_is_agreed_on() {
    let process = start(launch("5")).await;
    let messages = tokio::time::timeout(SOON, first_flight(&process)).await.expect("an answer");
    // Hello, certificate, key exchange, request for the client's certificate, done.
    assert_eq!(messages.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [2, 11, 12, 13, 14]);

    let hello = &messages[0].1;
    assert_eq!(hello[..2], TLS_1_2);
    let rest = &hello[35 + usize::from(hello[34])..];
    assert_eq!(rest[..2], ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
    let (mut extensions, mut numbers) = (&rest[5..], Vec::new());
    while let [a, b, c, d, after @ ..] = extensions {
        numbers.push(u16::from_be_bytes([*a, *b]));
        extensions = &after[usize::from(u16::from_be_bytes([*c, *d]))..];
    }
    assert!(!numbers.contains(&EXTENDED_MASTER_SECRET) && numbers.contains(&16), "{numbers:?}");

    assert!(messages[1].1.ends_with(process.handshake.certificate.as_deref().unwrap()));
    // Without ecdsa_secp521r1_sha512 in the request a Go client shows no certificate.
    let request = &messages[3].1;
    let schemes = &request[1 + usize::from(request[0])..];
    assert!(schemes[2..].chunks(2).any(|scheme| scheme == [6, 3]), "{schemes:?}");
}
