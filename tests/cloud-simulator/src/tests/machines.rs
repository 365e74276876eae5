//! The metadata service in each of its kinds, and the agent beside a pod.

use super::agencies::key;
use super::*;

fn of(metadata: Metadata) -> Simulator {
    Simulator::start(World { metadata, ..World::sample() })
}

fn token(cloud: &Simulator, ttl: &str) -> Heard {
    let header = [("X-Metadata-Token-Ttl-Seconds".to_owned(), ttl.to_owned())];
    send(cloud, "PUT", "/meta-data/latest/api/token", &header, "")
}

fn keys(cloud: &Simulator, token: Option<&str>) -> Heard {
    let header = token.map(|token| ("X-Metadata-Token".to_owned(), token.to_owned()));
    send(cloud, "GET", "/openstack/latest/securitykey", header.as_slice(), "")
}

fn pod(cloud: &Simulator, token: &str, body: &str) -> Heard {
    send(cloud, "POST", "/pod-identity", &[("Authorization".to_owned(), token.to_owned())], body)
}

#[test]
fn each_kind_of_metadata_service_answers_in_its_way() {
    for (metadata, statuses) in [
        (Metadata::Off, [404, 404, 404]),
        (Metadata::V1Only, [405, 200, 200]),
        (Metadata::V2, [200, 200, 401]),
        (Metadata::V2Only, [200, 401, 401]),
        (Metadata::NoAgency, [200, 401, 401]),
        (Metadata::Html, [200, 200, 200]),
    ] {
        let cloud = of(metadata);
        let heard = [token(&cloud, "21600"), keys(&cloud, None), keys(&cloud, Some("wrong"))];
        assert_eq!(heard.each_ref().map(|it| it.status), statuses, "{metadata:?}");
        assert_eq!(heard[1].body.contains("configure Cloud Service Agency"), metadata == Metadata::NoAgency);
        assert_eq!(heard[0].body.starts_with("<html>"), metadata == Metadata::Html);
        assert_eq!((cloud.count(Route::MetadataToken), cloud.count(Route::MetadataKeys)), (1, 2));
    }
}

#[test]
fn a_machines_keys_act_for_its_agency() {
    for metadata in [Metadata::V2, Metadata::V2Only] {
        let cloud = of(metadata);
        let heard = keys(&cloud, Some(&token(&cloud, "21600").body));
        assert_eq!(signed(&cloud, &key(&heard), &links(cloud.world(), 0)).status, 200);
        let identity = signed(&cloud, &key(&heard), "/v5/caller-identity");
        assert!(identity.body.contains("assumed-agency:sample-machine/"), "{}", identity.body);
    }
}

#[test]
fn a_metadata_token_ends() {
    let cloud = of(Metadata::V2);
    let (brief, long) = (token(&cloud, "60").body, token(&cloud, "21600").body);
    cloud.set_clock_ahead(61);
    assert_eq!([&brief, &long].map(|token| keys(&cloud, Some(token)).status), [401, 200]);
    cloud.revoke_metadata_tokens();
    assert_eq!(keys(&cloud, Some(&long)).status, 401);
    for ttl in ["", "0", "21601", "an hour"] {
        assert_eq!(token(&cloud, ttl).status, 400, "{ttl:?}");
    }
    assert_eq!(send(&cloud, "PUT", "/meta-data/latest/api/token", &[], "").status, 400);
}

#[test]
fn a_silent_service_leaves_it_to_the_client_to_go() {
    let cloud = of(Metadata::Silent);
    let mut stream = TcpStream::connect(cloud.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    stream.write_all(b"GET /openstack/latest/securitykey HTTP/1.1\r\n\r\n").unwrap();
    let kind = stream.read(&mut [0]).unwrap_err().kind();
    assert!(matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{kind}");
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert_eq!(cloud.recorded()[0].status, None);
}

#[test]
fn a_pod_gets_the_keys_of_its_agency() {
    let cloud = Simulator::start(World::sample());
    assert!(cloud.pod_url().ends_with("/pod-identity"));
    let heard = pod(&cloud, "SAMPLEPODTOKEN01", "{}");
    assert_eq!((heard.status, heard.json()["subject"].is_object()), (200, true), "{}", heard.body);
    assert_eq!(signed(&cloud, &key(&heard), &links(cloud.world(), 0)).status, 200);
    assert_eq!(pod(&cloud, "wrong", "{}").status, 401);
    assert_eq!(pod(&cloud, "SAMPLEPODTOKEN01", "").status, 400);
    cloud.set_pod_token("NEWPODTOKEN");
    assert_eq!(["SAMPLEPODTOKEN01", "NEWPODTOKEN"].map(|token| pod(&cloud, token, "{}").status), [401, 200]);
    let alone = Simulator::start(World { agencies: Vec::new(), ..World::sample() });
    assert_eq!(pod(&alone, "SAMPLEPODTOKEN01", "{}").json()["error_message"], "not found");
}

#[test]
fn faults_come_on_every_new_route() {
    let cloud = Simulator::start(World::sample());
    let targets = [
        (Route::AssumeWithOidc, "POST", "/v5/agencies/assume-with-oidc"),
        (Route::FederatedTokens, "POST", "/v3.0/OS-AUTH/id-token/tokens"),
        (Route::MetadataToken, "PUT", "/meta-data/latest/api/token"),
        (Route::MetadataKeys, "GET", "/openstack/latest/securitykey"),
        (Route::PodKeys, "POST", "/pod-identity"),
    ];
    for (route, method, target) in targets {
        cloud.next(route, [Fault::Throttled { retry_after: None }]);
        assert_eq!(send(&cloud, method, target, &[], "{}").status, 429, "{target}");
        assert_ne!(send(&cloud, method, target, &[], "{}").status, 429, "{target}");
    }
    let guarded =
        [(Route::Assume, "/v5/agencies/assume"), (Route::AgencyKeys, "/v3.0/OS-CREDENTIAL/securitytokens")];
    for (route, target) in guarded {
        cloud.always(route, Fault::Html { status: 502 });
        assert_eq!(send(&cloud, "POST", target, &[], "{}").status, 401, "who is not believed meets no fault");
        assert_eq!(agencies::post(&cloud, &cloud.world().keys[0], target, &json!({})).status, 502);
    }
}
