use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Check that no entry was changed, added, moved or removed, and name the first that was.
    Verify,
    /// Show who did what, the newest last.
    List(ListAudit),
}

#[derive(Debug, Args)]
pub(crate) struct ListAudit {
    /// The newest so many.
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}
