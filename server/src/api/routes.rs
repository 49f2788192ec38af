//! The routes of a resource: handlers with who may call them, served and described from this one list.
//!
//! There is no way to add a handler but by [`endpoints!`], which takes its method and path from its description
//! (`#[utoipa::path]`), and none without saying who may call it: what the reference says of both is what is
//! served. The permission goes with the request to [`Caller`](super::caller::Caller), which asks for it.

use super::App;
use axum::{Extension, Router, extract::DefaultBodyLimit};
use common::permission::Permission;
use utoipa::openapi::{OpenApi, OpenApiBuilder, SecurityRequirement, tag::TagBuilder};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};

/// The security scheme of everything that brings a token.
pub(super) const TOKEN: &str = "token";

/// The callers who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Anybody: it is how one gets a token.
    Anybody,
    /// Every caller with a token or a key of the account. What it shows or changes is theirs, or everybody's, or the
    /// handler looks closer.
    AnyCaller,
    /// Callers who have the permission.
    Needs(Permission),
    /// People and programs need different ones.
    NeedsByKind { person: Permission, program: Permission },
}

/// Handlers of one resource, with its name and what it is for the reference.
pub(super) struct Routes {
    tag: &'static str,
    router: OpenApiRouter<App>,
}

/// The handlers of this name, for [`Routes`].
macro_rules! endpoints {
    ($($handler:path),* $(,)?) => { [$(utoipa_axum::routes!($handler)),*] };
}
pub(super) use endpoints;

impl Routes {
    /// No routes yet, of the resource `tag`: its word in paths.
    pub(super) fn of(tag: &'static str, description: &'static str) -> Self {
        let tags = [TagBuilder::new().name(tag).description(Some(description)).build()];
        let document = OpenApiBuilder::new().tags(Some(tags)).build();
        Self { tag, router: OpenApiRouter::with_openapi(document) }
    }

    /// Adds handlers that need this permission.
    pub(super) fn needs<const N: usize>(
        self,
        permission: Permission,
        endpoints: [UtoipaMethodRouter<App>; N],
    ) -> Self {
        self.add(Access::Needs(permission), endpoints)
    }

    /// Handlers for people with the one permission and programs with the other.
    pub(super) fn needs_by_kind<const N: usize>(
        self,
        person: Permission,
        program: Permission,
        endpoints: [UtoipaMethodRouter<App>; N],
    ) -> Self {
        self.add(Access::NeedsByKind { person, program }, endpoints)
    }

    /// Handlers for whoever has a token or a key.
    pub(super) fn any_caller<const N: usize>(self, endpoints: [UtoipaMethodRouter<App>; N]) -> Self {
        self.add(Access::AnyCaller, endpoints)
    }

    /// Handlers for anybody.
    pub(super) fn anybody<const N: usize>(self, endpoints: [UtoipaMethodRouter<App>; N]) -> Self {
        self.add(Access::Anybody, endpoints)
    }

    /// Another limit for the bodies of all routes so far.
    pub(super) fn body_bytes_max(self, bytes: usize) -> Self {
        Self { router: self.router.layer(DefaultBodyLimit::max(bytes)), ..self }
    }

    /// The router, and the document of the same routes.
    pub(super) fn split(self) -> (Router<App>, OpenApi) {
        self.router.split_for_parts()
    }

    fn add<const N: usize>(self, access: Access, endpoints: [UtoipaMethodRouter<App>; N]) -> Self {
        let Self { tag, mut router } = self;
        for (schemas, mut paths, methods) in endpoints {
            for item in paths.paths.values_mut() {
                let operations = [
                    &mut item.get,
                    &mut item.put,
                    &mut item.post,
                    &mut item.delete,
                    &mut item.patch,
                    &mut item.options,
                ];
                for operation in operations.into_iter().flatten() {
                    operation.tags = Some(vec![tag.to_owned()]);
                    operation.security = Some(access.requirements());
                }
            }
            router = router.routes((schemas, paths, methods).layer(Extension(access)));
        }
        Self { tag, router }
    }
}

impl Access {
    /// The security requirements for the reference: the permission as a role, which OpenAPI 3.1 allows for every
    /// scheme.
    fn requirements(self) -> Vec<SecurityRequirement> {
        let token =
            |roles: &[Permission]| SecurityRequirement::new(TOKEN, roles.iter().map(|role| role.as_str()));
        match self {
            Self::Anybody => Vec::new(),
            Self::AnyCaller => vec![token(&[])],
            Self::Needs(permission) => vec![token(&[permission])],
            Self::NeedsByKind { person, program } => vec![token(&[person]), token(&[program])],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_reference_says_who_may_call_as_roles_of_the_token() {
        let said = |access: Access| serde_json::to_value(access.requirements()).unwrap();
        assert_eq!(said(Access::Anybody), json!([]));
        assert_eq!(said(Access::AnyCaller), json!([{ "token": [] }]));
        assert_eq!(said(Access::Needs(Permission::LabelsManage)), json!([{ "token": ["labels.manage"] }]));
        let (person, program) = (Permission::RoomsRead, Permission::RoomsManage);
        let either = json!([{ "token": ["rooms.read"] }, { "token": ["rooms.manage"] }]);
        assert_eq!(said(Access::NeedsByKind { person, program }), either);
    }
}
