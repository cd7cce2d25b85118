//! The commands about WhatsApp: senders, templates, events, and the simulator.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use whatotp_domain::{AccountId, Locale, OtpButton, SenderId, TemplateCategory, WabaId};

#[derive(Debug, Subcommand)]
pub(crate) enum Senders {
    /// List the senders, and which account uses which.
    List {
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Add a sender, or change the one with this id. Its token is sealed in the database.
    Add(Box<AddSender>),
    /// Forget a sender.
    Remove {
        /// Its phone number ID.
        #[arg(value_parser = sender)]
        id: SenderId,
    },
    /// Say which senders an account uses, first choice first. None: those that everybody shares.
    Use {
        /// The account.
        #[arg(long, value_name = "ID")]
        account: AccountId,
        /// Their phone number IDs.
        #[arg(value_parser = sender)]
        ids: Vec<SenderId>,
    },
    /// Ask WhatsApp how the senders do.
    Check,
}

#[derive(Debug, Args)]
pub(crate) struct AddSender {
    /// The number's id at Meta (digits; not the number itself).
    #[arg(long, value_name = "ID", value_parser = sender)]
    pub phone_number_id: SenderId,
    /// The id of the WhatsApp Business account it belongs to.
    #[arg(long, value_name = "ID", value_parser = waba)]
    pub waba_id: WabaId,
    /// A file that holds the access token and nothing else. `-` reads it from standard input.
    #[arg(long, value_name = "FILE")]
    pub access_token_file: PathBuf,
    /// What to call it.
    #[arg(long, default_value = "")]
    pub name: String,
    /// The authentication template that codes go out in. The setting `whatsapp.otp_template` if left out.
    #[arg(long, value_name = "NAME")]
    pub otp_template: Option<String>,
    /// The only account that uses it, after the senders it has (repeat it). Everybody shares it if left out.
    #[arg(long = "account", value_name = "ID")]
    pub accounts: Vec<AccountId>,
    /// Where it is reached. These take the place of the settings of the same names.
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// The path messages are sent to, with `{version}` and `{phone_number_id}`.
    #[arg(long, value_name = "PATH")]
    pub messages_path: Option<String>,
    /// The path of the templates, with `{version}` and `{waba_id}`.
    #[arg(long, value_name = "PATH")]
    pub templates_path: Option<String>,
    /// The header that carries the token.
    #[arg(long, value_name = "NAME")]
    pub auth_header: Option<String>,
    /// What stands before the token in it.
    #[arg(long, value_name = "TEXT")]
    pub auth_prefix: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Templates {
    /// List the templates that live keys can send.
    List {
        /// Whose. The oldest account if left out.
        #[arg(long, value_name = "ID")]
        account: Option<AccountId>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Read every template from WhatsApp now.
    Sync,
    /// Make, or change, an authentication template in several languages. WhatsApp writes its text.
    CreateOtp(OtpTemplate),
    /// Show what an authentication template would say.
    PreviewOtp(OtpTemplate),
    /// Hand in one language of a template of your own.
    Submit(SubmitTemplate),
}

#[derive(Debug, Args)]
pub(crate) struct OtpTemplate {
    /// Its name. The setting `whatsapp.otp_template` if left out.
    #[arg(long)]
    pub name: Option<String>,
    /// The languages, separated by commas: `en_US,es,pt_BR`.
    #[arg(long, value_delimiter = ',', required = true, value_parser = locale)]
    pub languages: Vec<Locale>,
    /// What the message says about how long a code lives.
    #[arg(long, default_value_t = 5, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=90))]
    pub expires_minutes: u32,
    /// What the button does.
    #[arg(long, value_enum, default_value_t = Button::CopyCode)]
    pub button: Button,
    /// An Android app that may take the code, as `PACKAGE=SIGNATURE_HASH` (repeat it). For one-tap and zero-tap.
    #[arg(long = "app", value_name = "PACKAGE=HASH")]
    pub apps: Vec<String>,
    /// Leave the warning against sharing the code out.
    #[arg(long)]
    pub without_security_recommendation: bool,
    /// Through which sender's business account. The first sender if left out.
    #[arg(long, value_name = "ID", value_parser = sender)]
    pub sender: Option<SenderId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Button {
    CopyCode,
    OneTap,
    ZeroTap,
}

impl From<Button> for OtpButton {
    fn from(button: Button) -> Self {
        match button {
            Button::CopyCode => Self::CopyCode,
            Button::OneTap => Self::OneTap,
            Button::ZeroTap => Self::ZeroTap,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct SubmitTemplate {
    /// Its name: lower-case letters, digits and underscores.
    #[arg(long)]
    pub name: String,
    /// The language: `en_US`.
    #[arg(long, value_parser = locale)]
    pub language: Locale,
    /// What it may say.
    #[arg(long, value_enum, default_value_t = Category::Utility)]
    pub category: Category,
    /// Its text, with `{{1}}` or `{{first_name}}` where a value goes.
    #[arg(long)]
    pub body: String,
    /// An example for each value, as `NAME=VALUE` (repeat it). WhatsApp's reviewers want to see them.
    #[arg(long = "example", value_name = "NAME=VALUE")]
    pub examples: Vec<String>,
    /// Through which sender's business account. The first sender if left out.
    #[arg(long, value_name = "ID", value_parser = sender)]
    pub sender: Option<SenderId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Category {
    Utility,
    Marketing,
}

impl From<Category> for TemplateCategory {
    fn from(category: Category) -> Self {
        match category {
            Category::Utility => Self::Utility,
            Category::Marketing => Self::Marketing,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// The newest so many.
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Simulator {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// Where webhooks go.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080/webhooks/whatsapp")]
    pub webhook_url: String,
    /// Print a configuration file for `whatotp --config` that uses it, and end.
    #[arg(long)]
    pub print_config: bool,
}

fn sender(text: &str) -> Result<SenderId, String> {
    SenderId::parse(text).ok_or_else(|| "a phone number ID has 1 to 32 digits; it is not the number itself".to_owned())
}

fn waba(text: &str) -> Result<WabaId, String> {
    WabaId::parse(text).ok_or_else(|| "a WhatsApp Business account ID has 1 to 32 digits".to_owned())
}

fn locale(text: &str) -> Result<Locale, String> {
    Locale::parse(text).ok_or_else(|| "write a language as en_US or pt-BR".to_owned())
}
