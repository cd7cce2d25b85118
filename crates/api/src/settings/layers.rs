use std::collections::BTreeMap;
use std::path::Path;

use config::{Config, ConfigError, File, FileFormat, Map, Source, Value};

use super::{DEFAULTS, SettingsError};

/// The environment.
pub type Variables = BTreeMap<String, String>;

/// Variables with our prefix that are no settings: `whatotp try` reads the one, the tests the others.
const NOT_SETTINGS: [&str; 2] = ["WHATOTP_API_KEY", "WHATOTP_TEST_"];

/// One line of `whatotp config`.
#[derive(Debug, PartialEq, Eq)]
pub struct Explained {
    /// The setting's name, `section.name`.
    pub key: String,
    /// Its value; a password in it is not shown.
    pub value: String,
    /// Where it comes from.
    pub origin: String,
}

/// Every setting, its value, and where it comes from.
pub fn explain(file: Option<&Path>, variables: Variables) -> Result<Vec<Explained>, SettingsError> {
    let layers = Layers::read(file, variables)?;
    let explained = layers.defaults.iter().map(|(key, default)| {
        let (value, origin) = match (layers.environment.get(key), layers.file.get(key)) {
            (Some((variable, value)), _) => (value.clone(), variable.clone()),
            (None, Some(value)) => (written(value), file.map_or(String::new(), |path| path.display().to_string())),
            (None, None) => (written(default), "default".to_owned()),
        };
        Explained { key: key.clone(), value: without_secret(key, &value), origin }
    });
    Ok(explained.collect())
}

/// A value as it would be written in the environment.
fn written(value: &Value) -> String {
    match value.clone().into_array() {
        Ok(items) => items.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        Err(_) => value.to_string(),
    }
}

/// The settings that are secret from the first letter to the last.
const SECRETS: [&str; 4] =
    ["whatsapp.access_token", "whatsapp.app_secret", "whatsapp.previous_app_secret", "whatsapp.verify_token"];

fn without_secret(key: &str, value: &str) -> String {
    if SECRETS.contains(&key) && !value.is_empty() { "[REDACTED]".to_owned() } else { without_password(value) }
}

pub(super) fn without_password(value: &str) -> String {
    match value.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
        Some((scheme, (_, host))) => format!("{scheme}://[REDACTED]@{host}"),
        None => value.to_owned(),
    }
}

/// Where settings come from, each flattened to `section.name`.
pub(super) struct Layers {
    defaults: BTreeMap<String, Value>,
    file: BTreeMap<String, Value>,
    /// With the variable that each came in.
    environment: BTreeMap<String, (String, String)>,
}

impl Layers {
    pub(super) fn read(file: Option<&Path>, variables: Variables) -> Result<Self, SettingsError> {
        let defaults = flat(&File::from_str(DEFAULTS, FileFormat::Toml)).map_err(|error| unusable(&error))?;
        let file = match file {
            None => BTreeMap::new(),
            Some(path) => {
                let broken = |reason: String| SettingsError::File { path: path.to_owned(), reason };
                let text = std::fs::read_to_string(path).map_err(|error| broken(error.to_string()))?;
                let values =
                    flat(&File::from_str(&text, FileFormat::Toml)).map_err(|error| broken(error.to_string()))?;
                if let Some(unknown) = values.keys().find(|key| !defaults.contains_key(*key)) {
                    return Err(broken(format!("{unknown} is not a setting; `whatotp config` lists them all")));
                }
                values
            }
        };
        let mut environment = BTreeMap::new();
        for (variable, value) in variables {
            if !variable.starts_with("WHATOTP_") || NOT_SETTINGS.iter().any(|other| variable.starts_with(other)) {
                continue;
            }
            let (key, value) = setting_of(&variable, value, &defaults)?;
            environment.insert(key, (variable, value));
        }
        Ok(Self { defaults, file, environment })
    }

    pub(super) fn merged(&self) -> Result<Config, ConfigError> {
        let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        for (key, value) in &self.file {
            builder = builder.set_override(key, value.clone())?;
        }
        for (key, (_, value)) in &self.environment {
            builder = builder.set_override(key, value.as_str())?;
        }
        builder.build()
    }
}

/// `WHATOTP_LIMITS__KEY_PER_MINUTE=700` is `limits.key_per_minute = 700`; `WHATOTP_DATABASE_URL_FILE=/run/secret` is
/// `database_url` with what the file holds.
fn setting_of(
    variable: &str,
    value: String,
    known: &BTreeMap<String, Value>,
) -> Result<(String, String), SettingsError> {
    let name = variable.trim_start_matches("WHATOTP_").to_lowercase().replace("__", ".");
    if known.contains_key(&name) {
        return Ok((name, value));
    }
    match name.strip_suffix("_file") {
        Some(base) if known.contains_key(base) => {
            let broken = |error: std::io::Error| SettingsError::SecretFile {
                variable: variable.to_owned(),
                reason: error.to_string(),
            };
            let content = std::fs::read_to_string(value).map_err(broken)?;
            Ok((base.to_owned(), content.trim_end_matches(['\r', '\n']).to_owned()))
        }
        _ => Err(SettingsError::UnknownVariable { variable: variable.to_owned() }),
    }
}

fn flat(source: &impl Source) -> Result<BTreeMap<String, Value>, ConfigError> {
    let mut flat = BTreeMap::new();
    for (key, value) in source.collect()? {
        match value.clone().into_table() {
            Ok(section) => flatten_section(&key, section, &mut flat),
            Err(_) => drop(flat.insert(key, value)),
        }
    }
    Ok(flat)
}

fn flatten_section(name: &str, section: Map<String, Value>, flat: &mut BTreeMap<String, Value>) {
    for (key, value) in section {
        flat.insert(format!("{name}.{key}"), value);
    }
}

/// config's own message, which names the key and not the value.
pub(super) fn unusable(error: &ConfigError) -> SettingsError {
    SettingsError::Value(error.to_string())
}
