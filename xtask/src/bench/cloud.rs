//! The simulated cloud that the providers read from, and the variables of the mapping file.

use cloud_simulator::{CloudState, Simulator, TlsProxy};
use serde_json::{Map, Value};

use super::process::Candidate;

/// A simulated cloud over HTTP or HTTPS.
pub struct Cloud {
    simulator: Simulator,
    /// Only with HTTPS.
    proxy: Option<TlsProxy>,
}

impl Cloud {
    pub fn start(https: bool) -> Self {
        let simulator = Simulator::start(CloudState::sample());
        let proxy = https.then(|| simulator.tls_proxy());
        Self { simulator, proxy }
    }

    /// Replaces the variables in a configuration. A string can begin with a variable.
    pub fn configure(&self, config: &Map<String, Value>) -> Result<Value, String> {
        let member = |(name, value): (&String, &Value)| Ok((name.clone(), self.replace_variables(value)?));
        config.iter().map(member).collect()
    }

    fn replace_variables(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::String(text) if text.starts_with('$') => {
                let end = text.find(|character: char| !matches!(character, '$' | '_' | 'a'..='z'));
                let (name, rest) = text.split_at(end.unwrap_or(text.len()));
                Ok(match self.variable(name)? {
                    Some(value) => Value::String(value + rest),
                    None => Value::Null,
                })
            }
            Value::Array(items) => items.iter().map(|item| self.replace_variables(item)).collect(),
            Value::Object(members) => self.configure(members),
            value => Ok(value.clone()),
        }
    }

    /// The value of a variable. `$ca_certificate` has none over HTTP.
    fn variable(&self, name: &str) -> Result<Option<String>, String> {
        let state = self.simulator.cloud_state();
        let (project, key) = (&state.projects[0], &state.access_keys[0]);
        Ok(Some(match name {
            "$url" => self.proxy.as_ref().map_or_else(|| self.simulator.url(), TlsProxy::url),
            "$ca_certificate" => {
                return Ok(self.proxy.as_ref().map(|proxy| proxy.ca_certificate().to_owned()));
            }
            "$region" => project.region.clone(),
            "$project_id" => project.id.clone(),
            "$account_id" => state.account_id.clone(),
            "$access_key" => key.id.clone(),
            "$secret_key" => key.secret.clone(),
            "$instance_id" => state.instances[0].id.clone(),
            _ => return Err(format!("the mapping file has the unknown variable {name}")),
        }))
    }

    /// Checks that each read sent a request, and forgets the requests.
    pub fn check_requests(&self, candidate: &Candidate, reads: usize) -> Result<(), String> {
        let requests = self.simulator.recorded_requests().len();
        self.simulator.clear_recorded_requests();
        if candidate.uses_cloud() && requests < reads {
            return Err(format!("{reads} reads sent only {requests} requests to the cloud"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use serde_json::json;

    use super::*;

    fn configure(cloud: &Cloud, config: Value) -> Result<Value, String> {
        cloud.configure(config.as_object().unwrap())
    }

    #[test]
    fn variables_are_replaced_at_every_depth() {
        let cloud = Cloud::start(false);
        let url = cloud.simulator.url();
        let config = json!({ "endpoints": [{ "dds": "$url/v3" }], "region": "$region", "retries": 5, "text": "a$url" });
        let expected = json!({ "endpoints": [{ "dds": format!("{url}/v3") }], "region": "cn-north-4", "retries": 5, "text": "a$url" });
        assert_eq!(configure(&cloud, config), Ok(expected));
        let error = configure(&cloud, json!({ "a": ["$password"] })).unwrap_err();
        assert!(error.ends_with("unknown variable $password"), "{error}");
    }

    #[test]
    fn ca_certificate_is_null_over_http() {
        let config = json!({ "url": "$url", "ca": "$ca_certificate" });
        assert_eq!(configure(&Cloud::start(false), config.clone()).unwrap()["ca"], Value::Null);
        let configured = configure(&Cloud::start(true), config).unwrap();
        assert!(configured["url"].as_str().unwrap().starts_with("https://"));
        assert!(configured["ca"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    }

    #[test]
    fn read_without_a_request_is_an_error() {
        let cloud = Cloud::start(false);
        let candidate = |config: Value| Candidate {
            title: "x".to_owned(),
            binary: "x".into(),
            provider: serde_json::from_value(json!({
                "source": "a/x", "protocol": 6, "data_source": "x_y", "provider_config": config,
            }))
            .unwrap(),
            provider_config: Value::Null,
            data_source_config: Value::Null,
        };
        let (with_cloud, without) =
            (candidate(json!({ "endpoints": { "dds": "$url/" } })), candidate(json!({})));
        let error = cloud.check_requests(&with_cloud, 2).unwrap_err();
        assert_eq!(error, "2 reads sent only 0 requests to the cloud");
        assert_eq!(cloud.check_requests(&without, 2), Ok(()));
        let send = || {
            let address = cloud.simulator.url().replace("http://", "");
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /x HTTP/1.1\r\n\r\n").unwrap();
            stream.read_exact(&mut [0]).unwrap();
        };
        send();
        send();
        assert_eq!(cloud.check_requests(&with_cloud, 2), Ok(()));
        // Each request counts once.
        assert!(cloud.check_requests(&with_cloud, 1).is_err());
    }
}
