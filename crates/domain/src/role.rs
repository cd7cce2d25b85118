/// What a member of an account is there to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Answers for the account. There is always one.
    Owner,
    /// Runs it from day to day: everything but owners.
    Admin,
    /// Builds on it: keys and templates.
    Developer,
    /// Helps its end users: deliveries and tickets.
    Support,
    /// Looks, and changes nothing.
    Viewer,
}

impl Role {
    /// Every role, the most powerful first.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Developer, Self::Support, Self::Viewer];

    /// The role's name in the API: `owner`, `admin`, `developer`, `support` or `viewer`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Support => "support",
            Self::Viewer => "viewer",
        }
    }

    /// Reads [`Role::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Whether a member of this role may do that.
    #[must_use]
    pub const fn may(self, permission: Permission) -> bool {
        use Permission::{
            ExportDeliveries, ManageKeys, ManageMembers, ManageTemplates, UseSandbox, ViewAudit, ViewDeliveries,
            ViewKeys, ViewMembers, ViewStatistics, ViewTemplates, ViewTickets, WriteTickets,
        };
        match permission {
            ViewDeliveries | ViewStatistics | ViewTemplates | ViewTickets | ViewMembers => true,
            ViewKeys | ManageKeys | ManageTemplates => matches!(self, Self::Owner | Self::Admin | Self::Developer),
            UseSandbox | WriteTickets => !matches!(self, Self::Viewer),
            ExportDeliveries => matches!(self, Self::Owner | Self::Admin | Self::Support),
            ManageMembers | ViewAudit => matches!(self, Self::Owner | Self::Admin),
        }
    }

    /// Whether a member of this role may make, change or remove one of that role: only an owner an owner.
    #[must_use]
    pub const fn may_manage(self, other: Self) -> bool {
        self.may(Permission::ManageMembers) && (matches!(self, Self::Owner) || !matches!(other, Self::Owner))
    }
}

/// One thing that some members may do in the console and others may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// See what was sent, with masked numbers.
    ViewDeliveries,
    /// See how much was sent and verified.
    ViewStatistics,
    /// See the templates.
    ViewTemplates,
    /// Read tickets.
    ViewTickets,
    /// See which API keys there are, never the keys.
    ViewKeys,
    /// Make, rotate and revoke API keys.
    ManageKeys,
    /// Make, change and submit templates.
    ManageTemplates,
    /// Send test messages and read the sandbox inbox.
    UseSandbox,
    /// Open, answer and close tickets.
    WriteTickets,
    /// Take deliveries out as a file.
    ExportDeliveries,
    /// See who else is a member.
    ViewMembers,
    /// Invite, change and remove members; see [`Role::may_manage`].
    ManageMembers,
    /// Read the audit log.
    ViewAudit,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 13] = [
        Self::ViewDeliveries,
        Self::ViewStatistics,
        Self::ViewTemplates,
        Self::ViewTickets,
        Self::ViewKeys,
        Self::ManageKeys,
        Self::ManageTemplates,
        Self::UseSandbox,
        Self::WriteTickets,
        Self::ExportDeliveries,
        Self::ViewMembers,
        Self::ManageMembers,
        Self::ViewAudit,
    ];

    /// The permission's name in the API, such as `manage_keys`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ViewDeliveries => "view_deliveries",
            Self::ViewStatistics => "view_statistics",
            Self::ViewTemplates => "view_templates",
            Self::ViewTickets => "view_tickets",
            Self::ViewKeys => "view_keys",
            Self::ManageKeys => "manage_keys",
            Self::ManageTemplates => "manage_templates",
            Self::UseSandbox => "use_sandbox",
            Self::WriteTickets => "write_tickets",
            Self::ExportDeliveries => "export_deliveries",
            Self::ViewMembers => "view_members",
            Self::ManageMembers => "manage_members",
            Self::ViewAudit => "view_audit",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_the_matrix_is_as_it_was_decided() {
        // owner, admin, developer, support, viewer
        let matrix = [
            (Permission::ViewDeliveries, "yes yes yes yes yes"),
            (Permission::ViewStatistics, "yes yes yes yes yes"),
            (Permission::ViewTemplates, "yes yes yes yes yes"),
            (Permission::ViewTickets, "yes yes yes yes yes"),
            (Permission::ViewKeys, "yes yes yes no no"),
            (Permission::ManageKeys, "yes yes yes no no"),
            (Permission::ManageTemplates, "yes yes yes no no"),
            (Permission::UseSandbox, "yes yes yes yes no"),
            (Permission::WriteTickets, "yes yes yes yes no"),
            (Permission::ExportDeliveries, "yes yes no yes no"),
            (Permission::ViewMembers, "yes yes yes yes yes"),
            (Permission::ManageMembers, "yes yes no no no"),
            (Permission::ViewAudit, "yes yes no no no"),
        ];
        assert_eq!(matrix.map(|(permission, _)| permission), Permission::ALL);
        for (permission, row) in matrix {
            let cells: Vec<&str> =
                Role::ALL.into_iter().map(|role| if role.may(permission) { "yes" } else { "no" }).collect();
            assert_eq!(cells.join(" "), row, "{}", permission.as_str());
        }
    }

    #[test]
    fn only_an_owner_manages_an_owner() {
        for (one, other) in Role::ALL.into_iter().flat_map(|one| Role::ALL.map(|other| (one, other))) {
            let expected = match one {
                Role::Owner => true,
                Role::Admin => other != Role::Owner,
                _ => false,
            };
            assert_eq!(one.may_manage(other), expected, "{one:?} {other:?}");
        }
    }

    #[test]
    fn names_are_read_back() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("Owner"), None);
    }
}
