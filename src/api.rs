use crate::auth::Credential;
use crate::outside::Clock;
pub struct Client; impl Client { pub fn new(_:Settings)->Self{Self} pub fn region(&self)->&str{""}
 pub async fn ssl_cert_download_links(&self, _: Option<&str>, _: &str) -> Result<Vec<Certificate>, Error> { todo!() } }
pub struct Certificate { pub category: String, pub download_link: String }
pub struct Error;
pub struct Settings { pub region: String, pub cloud: String, pub endpoints: Endpoints, pub project: Project, pub credential: Credential, pub insecure: bool, pub max_retries: u32, pub user_agent: String, pub clock: Clock }
pub struct Endpoints { pub dds: Option<String>, pub iam: Option<String>, pub auth: Option<String> }
pub enum Project { Id(String), Name(String), OfRegion }
