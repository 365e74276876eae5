//! Mutual TLS with exactly one client.

use plugin_host::{Identity, Tls, connect, tls_stream};

use super::*;
use crate::process::{right, start};

#[tokio::test]
async fn c12_a_client_with_a_p_521_certificate_comes_in_by_tls_1_3() {
    for offered in BOTH {
        let process = start(launch(offered)).await;
        let stream = tls_stream(&process, Identity::Right, Tls::Any).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
        let shown = session.peer_certificates().unwrap();
        assert_eq!(shown.len(), 1);
        assert_eq!(Some(shown[0].to_vec()), process.handshake.certificate);
        connect(&process, Identity::Right, Tls::Only13).await.expect("a connection");
    }
}

#[tokio::test]
async fn c13_a_client_that_knows_only_tls_1_2_comes_in() {
    for offered in BOTH {
        let process = start(launch(offered)).await;
        let stream = tls_stream(&process, Identity::Right, Tls::Only12).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
        connect(&process, Identity::Right, Tls::Only12).await.expect("a connection");
    }
}

#[tokio::test]
async fn c14_http_2_is_agreed_on_in_both_versions_of_tls() {
    for offered in BOTH {
        let process = start(launch(offered)).await;
        for tls in [Tls::Only12, Tls::Only13] {
            let stream = tls_stream(&process, Identity::Right, tls).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "{tls:?}");
        }
    }
}

async fn refused(identity: Identity) {
    for offered in BOTH {
        let process = start(launch(offered)).await;
        for tls in [Tls::Only12, Tls::Only13] {
            let error = connect(&process, identity, tls).await.err();
            assert!(error.is_some(), "{identity:?} came in with {tls:?}");
        }
        // The host itself is not kept out by that.
        right(&process).await;
    }
}

#[tokio::test]
async fn c15_a_client_without_a_certificate_is_refused() {
    refused(Identity::None).await;
}

#[tokio::test]
async fn c16_a_client_with_another_certificate_is_refused() {
    refused(Identity::Other).await;
}

#[tokio::test]
async fn c17_a_client_with_the_certificate_but_not_its_key_is_refused() {
    refused(Identity::RightCertificateOtherKey).await;
}

#[tokio::test]
async fn c18_without_a_client_certificate_the_channel_is_plain() {
    for offered in BOTH {
        let process = start(launch(offered).without_tls()).await;
        assert_eq!(process.handshake.certificate, None);
        assert!(right(&process).await.schema().await.is_ok());
    }
}

/// A guard for what holds.
#[tokio::test]
async fn a_client_with_p_256_and_tls_1_3_only_gets_in() {
    for offered in BOTH {
        let process = start(launch(offered)).await;
        let stream = tls_stream(&process, Identity::Right, Tls::OnlyP256).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
        let group = session.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, rustls::NamedGroup::secp256r1);
        let connection = connect(&process, Identity::Right, Tls::OnlyP256).await.expect("a connection");
        connection.schema().await.unwrap();
    }
}
