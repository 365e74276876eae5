//! What keys sign by, in `signing_algorithm`. The simulated gateway verifies each signature by the algorithm that it names.

use cloud_simulator::{Recorded, Route};

use super::*;

/// By the setting's values, the word with which an `Authorization` names the algorithm.
const LABELS: [(&str, &str); 4] = [
    ("HmacSHA256", "SDK-HMAC-SHA256"),
    ("HmacSM3", "SDK-HMAC-SM3"),
    ("EcdsaP256SHA256", "SDK-ECDSA-P256-SHA256"),
    ("SM2SM3", "SDK-SM2-SM3"),
];

/// Each request that was answered with 200 or 201, and the algorithm that it was signed by.
fn signed(scene: &Scene) -> Vec<(Route, String)> {
    let recorded = scene.cloud.recorded().into_iter();
    let of = |recorded: &Recorded| {
        assert!(matches!(recorded.status, Some(200 | 201)), "{recorded:?}");
        let authorization = recorded.request.header("authorization").unwrap();
        (recorded.route, authorization.split(' ').next().unwrap().to_owned())
    };
    recorded.map(|recorded| of(&recorded)).collect()
}

#[test]
fn every_algorithm_signs_the_look_up_and_the_read() {
    for (name, label) in LABELS {
        let scene = Scene::new();
        scene.configure(&format!("signing_algorithm = {name:?}"), &data(INSTANCE)).apply();
        let expected = [Route::Projects, Route::Links].map(|route| (route, label.to_owned()));
        assert_eq!(signed(&scene), expected);
        scene.is_settled();
    }
}

#[test]
fn the_environment_names_an_algorithm_and_a_wrong_secret_fails_by_it() {
    for (name, label) in LABELS {
        let mut scene = Scene::new();
        let key = &scene.cloud.cloud_state().keys[0];
        let wrong = format!("access_key = {:?}\n  secret_key = \"wrong\"", key.id);
        scene.workspace.set("HW_SIGNING_ALGORITHM", name);
        let text = joined(&scene.configure_as(&wrong, &data(INSTANCE)).plan().stderr);
        assert!(text.contains("verify aksk signature fail"), "{text}");
        let recorded = scene.cloud.recorded();
        let authorization = recorded[0].request.header("authorization").unwrap();
        assert!(authorization.starts_with(&format!("{label} Access=")), "{authorization}");
    }
}

#[test]
fn the_key_of_an_agency_signs_by_the_algorithm_as_that_of_its_caller_does() {
    let cloud_state = CloudState::sample();
    let accounts = [
        (vec![Route::Assume], format!("domain_id = {:?}", cloud_state.account_id)),
        (vec![Route::Account, Route::AgencyKeys], format!("domain_name = {:?}", cloud_state.account_name)),
    ];
    for (mut routes, account) in accounts {
        let own = routes.len();
        let scene = Scene::new();
        let role = format!("assume_role {{\n    agency_name = \"sample-agency\"\n    {account}\n  }}");
        scene.configure(&format!("signing_algorithm = \"HmacSM3\"\n  {role}"), &data(INSTANCE)).apply();
        routes.extend([Route::Projects, Route::Links]);
        let expected: Vec<_> = routes.into_iter().map(|route| (route, "SDK-HMAC-SM3".to_owned())).collect();
        assert_eq!(signed(&scene), expected);
        for (index, recorded) in scene.cloud.recorded().iter().enumerate() {
            let temporary = recorded.request.header("x-security-token").is_some();
            assert_eq!(temporary, index >= own, "the agency's key is a temporary one");
        }
        scene.is_settled();
    }
}
