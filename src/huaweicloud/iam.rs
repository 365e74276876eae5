//! Project lookup in Identity and Access Management (IAM).

use super::auth::{Credential, ProjectRef, Scope};
use super::client::Client;
use super::error::{DecodeError, ErrorKind, Operation};
use super::signer::canonical::encode;
use super::strings::is_identifier;
use super::transport::{Deadline, Response};

impl Operation {
    pub(crate) const PROJECT_LOOKUP: Self = Self {
        description: "looking up the project",
        // The two policy models have different names for this action.
        permission: "to list projects in IAM",
    };
}

impl Client {
    /// Returns a project's ID: the configured one, or the one that a token contains, or the result of a lookup that all
    /// readers share.
    pub(super) async fn project_id(
        &self,
        deadline: Deadline,
        project: &ProjectRef,
    ) -> Result<String, ErrorKind> {
        match (project, &self.settings.credential) {
            (ProjectRef::Id(id), _) => Ok(id.clone()),
            (ProjectRef::Name(_), Credential::TokenProvider(provider)) => {
                let (context, scope) = (self.auth_context(deadline), Scope::Project(project.clone()));
                let token = provider.token(context, scope, None).await?;
                token.project_id.ok_or(ErrorKind::Decode(DecodeError::MissingField("project")))
            }
            (
                ProjectRef::Name(name),
                Credential::Key(_) | Credential::Token(_) | Credential::KeyProvider(_),
            ) => {
                let timed_out = || ErrorKind::lookup_queue_timed_out(deadline);
                let look_up = || self.look_up_project(deadline, name);
                self.project_ids.get(name.clone(), deadline, |_| true, timed_out, look_up).await
            }
        }
    }

    /// Looks up a project: `GET /v3/projects` (IAM API reference). IAM belongs to the account, so a key that IAM
    /// rejects is rejected for every project.
    async fn look_up_project(&self, deadline: Deadline, name: &str) -> Result<String, ErrorKind> {
        let url = format!("{}/v3/projects?name={}", self.settings.iam_endpoint(), encode(name));
        let result =
            self.get(deadline, &url, None, &Scope::Account, |response| project_id(response, name)).await;
        result.map_err(ErrorKind::into_project_lookup)
    }
}

/// Decodes the project's ID. Without a serde struct, so that the error can name the missing field.
pub(super) fn project_id(response: &Response, name: &str) -> Result<String, ErrorKind> {
    let body = DecodeError::json(response).map_err(ErrorKind::Decode)?;
    let projects = DecodeError::list(&body, "projects").map_err(ErrorKind::Decode)?;
    // The documentation describes the filter as exact. Without this check, a service that ignores it could return any
    // project.
    let found = projects.iter().enumerate().find(|(_, project)| project["name"] == name);
    let Some((index, project)) = found else {
        return Err(ErrorKind::ProjectNotFound { name: name.to_owned() });
    };
    // Accept only a valid ID, because it becomes part of a path and of messages.
    let id = project["id"].as_str().filter(|id| is_identifier(id)).map(str::to_owned);
    let missing = DecodeError::MissingItemField { list: "projects", index, name: "id" };
    let id = id.ok_or(ErrorKind::Decode(missing))?;
    if project["enabled"] == false {
        Err(ErrorKind::ProjectDisabled { name: name.to_owned(), id })
    } else {
        Ok(id)
    }
}
