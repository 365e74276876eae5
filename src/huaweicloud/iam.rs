//! Which project a call takes place in: given, known from a login, or looked up by name
//! (`GET /v3/projects` of the IAM API reference).

use super::client::{Client, Kind, Project};
use super::endpoints;
use super::error::DecodeError;
use crate::huaweicloud::auth::{Credential, ProjectRef, Scope};
use crate::huaweicloud::signer::canonical::encode;
use crate::huaweicloud::text_form::is_identifier;
use crate::huaweicloud::transport::{Deadline, Response};

impl Client {
    /// The provider's own project belongs to the provider's region; any other region has one of its name.
    pub(super) fn project(&self, region: &str) -> ProjectRef {
        match &self.settings.project {
            Project::Id(id) if region == self.settings.region => ProjectRef::Id(id.clone()),
            Project::Name(name) if region == self.settings.region => ProjectRef::Name(name.clone()),
            _ => ProjectRef::Name(region.to_owned()),
        }
    }

    /// Asks the cloud only where it has to, and then once for all readers.
    pub(super) async fn project_id(&self, deadline: Deadline, project: &ProjectRef) -> Result<String, Kind> {
        match (project, &self.settings.credential) {
            (ProjectRef::Id(id), _) => Ok(id.clone()),
            (ProjectRef::Name(_), Credential::TokenProvider(login)) => {
                let session =
                    login.session(self.calls(deadline), Scope::Project(project.clone()), None).await?;
                session.project_id.ok_or(Kind::Undecodable(DecodeError::Lacks("project")))
            }
            (
                ProjectRef::Name(name),
                Credential::Key(_) | Credential::Token(_) | Credential::KeyProvider(_),
            ) => {
                let waited = || Kind::waited_for_lookup(deadline);
                let find = || self.find(deadline, name);
                self.projects.get(name.clone(), deadline, |_| true, waited, find).await
            }
        }
    }

    /// A call of IAM, which is a service of the account: a key that it refuses is refused for every name.
    async fn find(&self, deadline: Deadline, name: &str) -> Result<String, Kind> {
        let url = format!("{}/v3/projects?name={}", endpoints::lookups(&self.settings), encode(name));
        self.get(deadline, &url, None, &Scope::Account, |response| project_id(response, name))
            .await
            .map_err(Kind::of_lookup)
    }
}

/// Read by hand instead of into a struct, so that the error can say which part is missing.
pub fn project_id(response: &Response, name: &str) -> Result<String, Kind> {
    let flawed = |flaw| Kind::of_lookup(Kind::Undecodable(flaw));
    let body = DecodeError::json(response).map_err(flawed)?;
    let projects = DecodeError::list(&body, "projects").map_err(flawed)?;
    // The filter is an exact one by the documentation; a service that ignored it would give any project.
    let found = projects.iter().enumerate().find(|(_, project)| project["name"] == name);
    let Some((index, project)) = found else { return Err(Kind::NoProject { name: name.to_owned() }) };
    // What is no ID would end up in a path and in messages.
    let id = project["id"].as_str().filter(|id| is_identifier(id)).map(str::to_owned);
    let id = id.ok_or_else(|| flawed(DecodeError::ItemLacks { list: "projects", index, name: "id" }))?;
    if project["enabled"] == false {
        Err(Kind::ProjectDisabled { name: name.to_owned(), id })
    } else {
        Ok(id)
    }
}
