use super::*;

fn proxies<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Proxies {
    Proxies::of(&Environment::given(variables))
}

fn choice(proxies: &Proxies, url: &str) -> String {
    match proxies.choose(&Url::parse(url).unwrap()) {
        Ok(Some(proxy)) => proxy.to_string(),
        Ok(None) => "direct".to_owned(),
        Err(TransportError::Proxy { variable, .. }) => format!("{variable} refused"),
        Err(failure) => panic!("{failure:?}"),
    }
}

/// The rows on which we do not decide as it stands there.
fn differing(table: &str) -> (usize, Vec<&str>) {
    let rows: Vec<&str> = table.lines().filter(|row| !row.starts_with('#')).collect();
    let differs = |row: &&str| {
        let [none, url, cgi, expected] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row:?}") };
        let set = [
            ("HTTP_PROXY", "http://p:1"),
            ("HTTPS_PROXY", "p:1"),
            ("NO_PROXY", none),
            ("REQUEST_METHOD", cgi),
        ];
        let found = choice(&proxies(set), url);
        found.replace("http://p:1/", "proxy").replace("HTTP_PROXY ", "") != expected
    };
    (rows.len(), rows.into_iter().filter(differs).collect())
}

#[test]
fn proxies_are_chosen_as_go_chooses_them() {
    let (rows, differing) = differing(include_str!("../../../../tests/data/proxies.tsv"));
    assert!(rows > 150 && differing.is_empty(), "{} of {rows}: {differing:#?}", differing.len());
}

#[test]
fn the_first_variable_that_is_not_blank_counts() {
    let url = "https://example.com/";
    for (set, expected) in [
        (vec![("HTTPS_PROXY", ""), ("https_proxy", "http://lower:1")], "http://lower:1/"),
        (vec![("HTTPS_PROXY", "http://upper:1"), ("https_proxy", " ")], "http://upper:1/"),
        (vec![("HTTPS_PROXY", "http://upper:1"), ("https_proxy", "http://lower:1")], "http://upper:1/"),
        (vec![("HTTP_PROXY", "http://p:1"), ("ALL_PROXY", "http://all:1")], "direct"),
        (vec![("https_proxy", "p:1"), ("no_proxy", ""), ("NO_PROXY", "example.com")], "direct"),
        (vec![], "direct"),
    ] {
        assert_eq!(choice(&proxies(set.clone()), url), expected, "{set:?}");
    }
}

#[test]
fn a_proxy_is_a_url_or_a_host() {
    for (text, expected) in [
        ("proxy.example.com", "http://proxy.example.com/"),
        ("proxy.example.com:3128", "http://proxy.example.com:3128/"),
        ("10.0.0.1:3128", "http://10.0.0.1:3128/"),
        ("[::1]:3128", "http://[::1]:3128/"),
        ("https://proxy.example.com", "https://proxy.example.com/"),
        ("socks5://proxy.example.com:1080", "socks5://proxy.example.com:1080"),
        ("socks5h://proxy.example.com", "socks5h://proxy.example.com"),
        ("user:pass@proxy.example.com:3128", "http://user:pass@proxy.example.com:3128/"),
        ("http://", "https_proxy refused"),
        ("http://proxy:port", "https_proxy refused"),
        ("htp://proxy.example.com", "https_proxy refused"),
        ("proxy example", "https_proxy refused"),
        ("http:\\\\proxy", "https_proxy refused"),
        ("http:/proxy", "https_proxy refused"),
        ("://x", "https_proxy refused"),
    ] {
        assert_eq!(choice(&proxies([("https_proxy", text)]), "https://example.com/"), expected, "{text}");
    }
    // One that is not needed is no fault.
    let broken = proxies([("HTTPS_PROXY", "http://"), ("NO_PROXY", "example.com")]);
    assert_eq!(choice(&broken, "https://example.com/"), "direct");
    assert_eq!(choice(&broken, "http://other.example/"), "direct");
    assert_eq!(choice(&broken, "https://other.example/"), "HTTPS_PROXY refused");
}

#[test]
fn a_proxy_s_credentials_are_secrets() {
    for (text, echoed) in [
        ("http://user:p%40ssword@p:1", "p@ssword or p%40ssword or dXNlcjpwQHNzd29yZA=="),
        ("http://user:pw@p:1", "pw or dXNlcjpwdw=="),
        ("http://long-token@p:1", "long-token or bG9uZy10b2tlbjo="),
    ] {
        let _proxies = proxies([("HTTPS_PROXY", text)]);
        let shown = crate::system::secret::redact(echoed);
        assert!(shown.split(" or ").all(|word| word == "***"), "{shown}");
    }
}
